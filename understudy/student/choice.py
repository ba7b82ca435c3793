"""Which of several students is the best, from their losses on the same texts; trains nothing.

A text's loss is its log-loss: steadier between few texts than F1, and not fooled by a student that always says the
positive label. Texts that were held out of the training set join the gold dev texts; together they count at most as
much, because their labels may be a teacher's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from understudy.settings import Table

FloatArray = NDArray[np.float64]

N_RESAMPLES = 2000


@dataclass(frozen=True)
class Evidence:
    """How one student did.

    Attributes
    ----------
    name : of the student.
    dev : shape (n_dev,), losses on gold dev.
    held_out : shape (n,), losses on training texts that were held out; nan where none was. Empty if never.
    dev_accuracy : share of dev texts whose value is right; nan without dev.
    """

    name: str
    dev: FloatArray
    held_out: FloatArray
    dev_accuracy: float


class Rated(Table):
    """A student among those compared, as it is kept.

    Attributes
    ----------
    loss : mean log-loss over dev and held-out texts; None if there was nothing to compare on.
    behind, behind_interval : its loss minus the chosen one's, and the 95 % interval of a paired bootstrap over texts.
    dev_accuracy : share of dev texts whose value is right; None without dev.
    """

    name: str
    loss: float | None
    behind: float | None
    behind_interval: tuple[float, float] | None
    dev_accuracy: float | None


class Choice(Table):
    """What was compared and taken.

    Attributes
    ----------
    name : of the chosen student.
    shares : of the students that answer for it, > 0, sum 1: several where a joint answer was chosen, else its own.
    n_dev, n_held_out : texts that it was chosen on.
    rated : every student, the cheapest first.
    """

    name: str
    shares: dict[str, float]
    n_dev: int = Field(ge=0)
    n_held_out: int = Field(ge=0)
    rated: tuple[Rated, ...]

    def sentence(self) -> str:
        """What a person reads about it."""
        if not self.n_dev + self.n_held_out:
            return f"`{self.name}` was taken unseen: there was no text to compare students on."
        others = ", ".join(_in_words(rated) for rated in self.rated if rated.name != self.name)
        chosen = next(rated for rated in self.rated if rated.name == self.name)
        return (
            f"{self._taken()}: log-loss {chosen.loss:.3f} on {self.n_dev:,} gold dev texts and "
            f"{self.n_held_out:,} held-out training texts" + (f"; behind it {others}." if others else ".")
        )

    def _taken(self) -> str:
        if self.name in self.shares:
            return f"`{self.name}` was taken"
        together = ", ".join(f"`{name}` ({share:.2f})" for name, share in self.shares.items())
        return f"a joint answer was taken, the mean of {together}"


def choose(
    evidence: Sequence[Evidence],
    fallback: str,
    rng: np.random.Generator,
    joint: Mapping[str, Mapping[str, float]] | None = None,
) -> Choice:
    """The student with the smallest loss; of equal ones the cheapest.

    Parameters
    ----------
    evidence : of at least one student, the cheapest first; `dev` and `held_out` are about the same texts for all.
    fallback : the name to take if there is nothing to compare on.
    rng : of the bootstrap.
    joint : shares behind those that are joint answers, by name.
    """
    alone = {student.name: {student.name: 1.0} for student in evidence}
    shares = alone | {name: dict(of_each) for name, of_each in (joint or {}).items()}
    dev = np.stack([student.dev for student in evidence])
    held_out = _held_out(evidence)
    n_dev, n_held_out = dev.shape[1], held_out.shape[1]
    if not n_dev + n_held_out:
        rated = [_unrated(e) for e in evidence]
        return Choice(name=fallback, shares=shares[fallback], n_dev=0, n_held_out=0, rated=tuple(rated))
    weight = held_out_weight(n_dev, n_held_out)
    total = n_dev + weight * n_held_out
    means = (dev.sum(axis=1) + weight * held_out.sum(axis=1)) / total
    resampled = (_resampled_sums(dev, rng) + weight * _resampled_sums(held_out, rng)) / total
    taken = int(means.argmin())
    rated = [_rate(e, means, resampled, i, taken) for i, e in enumerate(evidence)]
    name = evidence[taken].name
    return Choice(name=name, shares=shares[name], n_dev=n_dev, n_held_out=n_held_out, rated=tuple(rated))


def held_out_weight(n_dev: int, n_held_out: int) -> float:
    """What a held-out training text counts where a gold dev text counts 1: in (0, 1], all together at most as much."""
    return min(1.0, n_dev / n_held_out) if n_dev and n_held_out else 1.0


def _held_out(evidence: Sequence[Evidence]) -> FloatArray:
    """Losses on the texts that every student held out, shape (students, n)."""
    if any(not len(student.held_out) for student in evidence):
        return np.zeros((len(evidence), 0))
    losses = np.stack([student.held_out for student in evidence])
    common: FloatArray = losses[:, np.isfinite(losses).all(axis=0)]
    return common


def _resampled_sums(losses: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Sums over the same resampled texts for each student, shape (N_RESAMPLES, students)."""
    n = losses.shape[1]
    if not n:
        return np.zeros((N_RESAMPLES, len(losses)))
    times = rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES)
    sums: FloatArray = times @ losses.T
    return sums


def _rate(evidence: Evidence, means: FloatArray, resampled: FloatArray, row: int, taken: int) -> Rated:
    low, high = np.quantile(resampled[:, row] - resampled[:, taken], [0.025, 0.975])
    return Rated(
        name=evidence.name,
        loss=float(means[row]),
        behind=float(means[row] - means[taken]),
        behind_interval=(float(low), float(high)),
        dev_accuracy=_finite(evidence.dev_accuracy),
    )


def _unrated(evidence: Evidence) -> Rated:
    return Rated(name=evidence.name, loss=None, behind=None, behind_interval=None, dev_accuracy=None)


def _in_words(rated: Rated) -> str:
    low, high = rated.behind_interval or (float("nan"), float("nan"))
    return f"`{rated.name}` by {rated.behind:.3f} (95 % interval {low:.3f} to {high:.3f})"


def _finite(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
