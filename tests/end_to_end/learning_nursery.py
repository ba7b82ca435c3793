"""Learns in rounds in forked children that are killed after a while; one line in, one line out.

    python learning_nursery.py ENCODER_FOLDER TRACE

Each line on stdin is ``FOLDER DELAY``. The child that learns there writes the id of every document that the teacher is
asked about to TRACE, and dies by SIGKILL after DELAY seconds (0: never). Its status comes out, ``ready`` before it.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).parents[1]))

from small_project import SmallProject

from understudy.teacher import RecordedTeacher

N_POOL, N_ROUNDS = 80, 10
LEARN = {
    "learn.enabled": "true", "learn.first": "6", "learn.batch": "4", "learn.labels": str(6 + 4 * (N_ROUNDS - 1)),
    "learn.stop": "[]", "learn.test_every": "4", "learn.strategy": "badge", "student.linear.ngrams": "false",
    "trust.enabled": "false",
}  # fmt: skip


def project_in(folder, encoder):
    """The project in which everybody learns; every fifth answer is wrong and every eleventh is none."""
    project = SmallProject(Path(folder), Path(encoder), n_pool=N_POOL, n_gold=24)
    for number, row in enumerate(project.pool):
        row["answer"] = None if number % 11 == 0 else ("pos", "neg")[number % 5 == 0 or row["label"] == "neg"]
    answers = {row["id"]: row["answer"] for row in project.pool} | {row["id"]: row["label"] for row in project.gold}
    project.write_recorded(answers)
    project.settings |= LEARN
    return project


def trace_questions(trace):
    """Have every question to the teacher written down before it is answered, and answered slowly enough to be hit."""
    ask = RecordedTeacher.annotate

    def annotate(self, documents):
        for document in documents:
            with trace.open("a") as file:
                file.write(json.dumps(document.id) + "\n")
            time.sleep(0.0002)
            yield from ask(self, [document])

    RecordedTeacher.annotate = annotate


def main():
    torch.set_num_threads(1)
    encoder, trace = sys.argv[1], Path(sys.argv[2])
    project_in(trace.parent / "warm-up", encoder).open().learn()  # so that children need not import anything
    trace_questions(trace)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        folder, delay_s = line.split()
        child = os.fork()
        if child == 0:
            project_in(folder, encoder).open().learn()
            os._exit(0)
        if float(delay_s):
            time.sleep(float(delay_s))
            os.kill(child, signal.SIGKILL)
        sys.stdout.write(f"{os.waitpid(child, 0)[1]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
