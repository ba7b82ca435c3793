"""Chooses the texts of one round and how likely each was; asks nobody about them.

A strategy looks at a part of the pool that was drawn by lot, so that a round costs the same however large the pool is;
what is drawn by lot from that part is drawn by lot from the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.acquisition import (
    Arm,
    Batch,
    PoolView,
    entropy,
    find_strategy,
    keyword_scores,
    least_confidence,
    margin,
    reduce_tokens,
    select_batch,
)
from understudy.errors import UserError
from understudy.pipeline.learning.opinions import teacher_shares
from understudy.pipeline.learning.vectors import blocks, pool_vectors
from understudy.records import Document, Round, Selection

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.student import Student

FROM_STUDENT = "probabilities"
UNCERTAINTY = {"least_confidence": least_confidence, "margin": margin, "entropy": entropy}
"""Strategies that score each decision a student makes in a text, such as that about a word, and put these together."""

N_DRAWS = 10
"""Of dropout, for `bald`."""

FEWEST_LOOKED_AT = 10
"""Texts that a strategy looks at for each that it may choose, also where `learn.sub_pool` is smaller."""

Rows = NDArray[np.intp]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Chooser:
    """Chooses batches for one loop.

    Attributes
    ----------
    loop : its fingerprint.
    candidates : the texts of the pool; every row here is a place among them.
    """

    project: Project
    loop: str
    candidates: Sequence[Document]

    def choose(self, number: int, n: int, strategy: str, taken: Rows, student: Student | None) -> Round:
        """The documents of a round; the same for the same labels, settings and seed.

        Parameters
        ----------
        number : of the round, 0 for the seed set.
        strategy : for the documents that are not drawn by lot; needs a student unless it looks at embeddings only.
        taken : rows chosen in earlier rounds.
        """
        seed = self.project.settings.project.seed
        rng = np.random.default_rng([seed, 30, number])
        free = np.setdiff1d(np.arange(len(self.candidates)), taken)
        looked_at = self._looked_at(free, n, rng)
        rows = np.concatenate([np.sort(taken), looked_at]).astype(np.intp)
        batch = select_batch(
            "evidence" if strategy in UNCERTAINTY else strategy,
            n,
            self._view(strategy, rows, student),
            np.arange(len(taken)),
            rng,
            self.project.settings.learn.random_share,
        )
        return Round(self.loop, number, strategy, seed, len(free), tuple(self._selections(batch, rows, len(free))))

    def _looked_at(self, free: Rows, n: int, rng: np.random.Generator) -> Rows:
        most = max(self.project.settings.learn.sub_pool, FEWEST_LOOKED_AT * n)
        return free if len(free) <= most else np.sort(rng.choice(free, size=most, replace=False))

    def _selections(self, batch: Batch, rows: Rows, n_free: int) -> list[Selection]:
        n_random = sum(arm == Arm.RANDOM for arm in batch.arms)
        return [
            Selection(self.candidates[rows[i]].id, arm.value, n_random / n_free if arm == Arm.RANDOM else None)
            for i, arm in zip(batch.indices, batch.arms, strict=True)
        ]

    def _view(self, strategy: str, rows: Rows, student: Student | None) -> PoolView:
        """What the strategy needs to know about these rows."""
        needs = find_strategy(strategy).needs
        needs_student = FROM_STUDENT in needs and strategy not in UNCERTAINTY
        probabilities = self._probabilities(rows, student) if needs_student else None
        return PoolView(
            embeddings=pool_vectors(self.project)[rows] if "embeddings" in needs else None,
            probabilities=probabilities,
            draws=self._draws(rows, student) if "draws" in needs else None,
            teacher=self._teacher(rows, probabilities) if "teacher" in needs and probabilities is not None else None,
            scores=self._scores(strategy, rows, student),
            is_exclusive=self.project.task.is_exclusive,
        )

    def _probabilities(self, rows: Rows, student: Student | None) -> FloatArray:
        found = np.empty((len(rows), len(self.project.task.labels)), dtype=np.float64)
        for block in blocks(len(rows)):
            found[block] = _taught(student).predict_proba([self.candidates[row] for row in rows[block]])
            self.project.listener.progress("scoring the pool", block.stop, len(rows))
        return found

    def _draws(self, rows: Rows, student: Student | None) -> FloatArray:
        """Several opinions of the student on each text, shape (N_DRAWS, n, K)."""
        from understudy.student.dropout import dropout_draws

        found = np.empty((N_DRAWS, len(rows), len(self.project.task.labels)), dtype=np.float64)
        for number, block in enumerate(blocks(len(rows))):
            documents = [self.candidates[row] for row in rows[block]]
            seed = self.project.settings.project.seed + number
            found[:, block] = dropout_draws(_taught(student), documents, N_DRAWS, seed)
            self.project.listener.progress("scoring the pool", block.stop, len(rows))
        return found

    def _teacher(self, rows: Rows, probabilities: FloatArray) -> FloatArray:
        return teacher_shares(self.project, [self.candidates[row] for row in rows], probabilities)

    def _scores(self, strategy: str, rows: Rows, student: Student | None) -> FloatArray:
        if strategy in UNCERTAINTY:
            return self._uncertainty(strategy, rows, _taught(student))
        return self._keyword_scores(rows) if strategy == "evidence" else np.zeros(len(rows))

    def _uncertainty(self, strategy: str, rows: Rows, student: Student) -> FloatArray:
        """Of each text: its decisions' uncertainties, reduced; 0 for a text in which there is nothing to decide."""
        task, how = self.project.task, self.project.settings.learn.reduce
        found = np.zeros(len(rows))
        for block in blocks(len(rows)):
            decisions = student.token_scores([self.candidates[row] for row in rows[block]])
            lengths = np.array([len(each) for each in decisions])
            scores = UNCERTAINTY[strategy](
                np.concatenate(decisions), is_exclusive=task.is_exclusive or task.marks_spans
            )
            found[np.arange(len(rows))[block][lengths > 0]] = reduce_tokens(scores, lengths[lengths > 0], how)
            self.project.listener.progress("scoring the pool", block.stop, len(rows))
        return found

    def _keyword_scores(self, rows: Rows) -> FloatArray:
        keywords = self.project.settings.learn.keywords
        if not keywords:
            raise UserError("the strategy `evidence` needs words of the rare class.", "Set `learn.keywords`.")
        return keyword_scores((self.candidates[row].text for row in rows), keywords)


def _taught(student: Student | None) -> Student:
    if student is None:
        raise ValueError("student: expected one that was trained on earlier rounds, found none.")
    return student
