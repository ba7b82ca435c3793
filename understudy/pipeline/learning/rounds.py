"""The rounds of the learning loop as the journal has them: which loop it is, what it chose, what is left to choose.

Chooses nothing and trains nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from understudy.acquisition import linear, quadratic
from understudy.corpus import text_digest
from understudy.records import Document, Role, Round
from understudy.report.data import LearningRound, PayoffTest

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.settings import LearnSettings

LOOP_VERSION = 1
CHOICE_DEPENDS_ON = {
    "strategy", "start", "random_share", "test_every", "student", "sub_pool", "keywords", "reduce", "reweight",
    "tune_threshold",
}  # fmt: skip
"""Settings of which another value begins another loop; budgets and rules to stop only end it sooner or later."""


def loop_of(project: Project) -> str:
    """The fingerprint of all that the choice of texts depends on."""
    from understudy.pipeline.teachers import open_teacher

    settings = project.settings
    opened = open_teacher(project, texts_at_once=1)
    state = hashlib.sha256(
        json.dumps([
            LOOP_VERSION, opened.name, project.codebook_digest, opened.prompt_digest, settings.project.seed,
            settings.learn.model_dump(include=CHOICE_DEPENDS_ON), settings.student.model_dump(),
            settings.embedding.model_dump(),
        ]).encode()
    )  # fmt: skip
    for document in (*project.candidates, *project.gold_of(Role.DEV)):
        pair = (document.head, document.tail)
        contents = f"{document.id}\n{text_digest(document.text)}\n{document.value}\n{pair}\n"
        state.update(contents.encode("utf-8", "surrogatepass"))
    return state.hexdigest()


def sizes(learn: LearnSettings, n_candidates: int) -> tuple[int, ...]:
    """How many texts each round asks about, the seed set first; they add up to `learn.labels` or to the whole pool."""
    most = min(learn.labels, n_candidates)
    if learn.schedule == "quadratic":
        totals = list(accumulate(quadratic(learn.labels, learn.rounds)))
    else:
        n_rounds = -(-max(0, most - learn.first) // learn.batch)
        totals = list(accumulate(linear(learn.first, learn.batch, n_rounds)))
    ends = dict.fromkeys(min(total, most) for total in totals)
    return tuple(int(size) for size in np.diff([0, *ends]))


def next_size(learn: LearnSettings, rounds: Sequence[Round], n_candidates: int) -> int:
    """How many texts the next round asks about: up to where the schedule is after it; 0 at its end."""
    n_chosen = sum(len(one.selections) for one in rounds)
    totals = list(accumulate(sizes(learn, n_candidates)))
    return next((total - n_chosen for total in totals[len(rounds) :] if total > n_chosen), 0)


def stored_rounds(project: Project) -> tuple[Round, ...]:
    """The rounds of the present loop so far."""
    with project.journal_to_read() as journal:
        return () if journal is None else tuple(journal.rounds(project.loop))


def stored_results(project: Project) -> tuple[LearningRound, ...]:
    """How the students of the present loop did so far."""
    with project.journal_to_read() as journal:
        return () if journal is None else tuple(map(result_of, journal.round_results(project.loop)))


def stored_reason(project: Project) -> str:
    """Why the present loop stopped; "" while it has not."""
    with project.journal_to_read() as journal:
        return "" if journal is None else journal.recall(stopped_name(project.loop)) or ""


def stopped_name(loop: str) -> str:
    """Under which name the journal remembers why a loop stopped."""
    return f"loop {loop} stopped"


def result_of(stored: str) -> LearningRound:
    """A finished round from the JSON that the journal keeps."""
    contents = json.loads(stored)
    payoff = contents.pop("payoff")
    return LearningRound(**contents, payoff=None if payoff is None else PayoffTest(**payoff))


def chosen_documents(project: Project) -> list[Document]:
    """The pool texts that the present loop has chosen so far, in that order."""
    by_id = {document.id: document for document in project.candidates}
    return [by_id[one.document_id] for chosen in stored_rounds(project) for one in chosen.selections]


def control_documents(project: Project) -> list[Document]:
    """As many texts as the loop has chosen, drawn by lot alone, where asking about them is free; else none.

    They show what the same number of labels would have been worth without choosing.
    """
    if project.teacher_costs_money:
        return []
    n_chosen = sum(len(one.selections) for one in stored_rounds(project))
    return list(_drawn(project, set()))[:n_chosen]


def stand_ins(project: Project) -> list[Document]:
    """As many texts, drawn by lot, as the loop may still choose: plans count and price them in their place."""
    chosen = {document.id for document in chosen_documents(project)}
    return list(_drawn(project, chosen))[: max(0, project.settings.learn.labels - len(chosen))]


def _drawn(project: Project, chosen: set[str]) -> Iterator[Document]:
    order = np.random.default_rng([project.settings.project.seed, 1]).permutation(len(project.candidates))
    return (project.candidates[i] for i in order if project.candidates[i].id not in chosen)
