"""Labels 500 texts with a model and a journal, in processes that can be killed.

``python annotating_child.py URL`` loads everything once; for each line ``JOURNAL POINT`` it forks a child that labels,
and prints the child process id, then its exit status. At the 50th call a child kills itself at POINT, if it is one of
`after_intent`, `after_reply` and `after_commit`.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from understudy.codebook import Codebook, Label, task_of
from understudy.journal import Journal
from understudy.records import Document
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import LanguageModelTeacher, OpenAICompatible, PromptPlan

LABELS = ("pos", "neg", "unclear")
CONCURRENCY = 8
DOCUMENTS = tuple(Document(f"d{i}", f"text number {i}") for i in range(500))
TASK = task_of(Codebook(labels=tuple(Label(name=name) for name in LABELS)))


class FatalStore:
    """A journal that kills its process at a named point of the 50th call."""

    def __init__(self, journal, point):
        self._journal, self._point, self._n = journal, point, 0

    def __getattr__(self, name):
        return getattr(self._journal, name)

    def intend(self, *arguments):
        intended = self._journal.intend(*arguments)
        self._n += 1
        if self._point == "after_intent":
            self._die(intended)
        return intended

    def settle(self, reply):
        if self._point == "after_reply":
            self._die()
        settled = self._journal.settle(reply)
        if self._point == "after_commit":
            self._die(settled)
        return settled

    def _die(self, *writes):
        if self._n >= 50:
            for write in writes:
                write.result()
            os.kill(os.getpid(), signal.SIGKILL)


def annotate(url: str, path: Path, point: str) -> None:
    settings = TeacherSettings(
        kind="openai", model="fake", base_url=url, concurrency=CONCURRENCY, price_in_usd=1.0, price_out_usd=1.0
    )
    provider = OpenAICompatible(url, "fake")
    plan = PromptPlan("5f0c9a77e2b1d304", lambda documents: [()] * len(documents), True, "codebook", "prompt")
    with Journal.open(path) as journal:
        teacher = LanguageModelTeacher(
            TASK, provider, FatalStore(journal, point), plan, settings, DataSettings(), np.random.default_rng(0)
        )
        known = journal.annotations(teacher.name, "codebook", "prompt", TASK.from_json)
        missing = [document for document in DOCUMENTS if document.id not in known]
        for annotation in teacher.annotate(missing):
            journal.add_annotations([annotation], TASK.to_json)


def main(url: str) -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            path, point = line.split()
            annotate(url, Path(path), point)
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        sys.stdout.write(f"{os.waitpid(child, 0)[1]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
