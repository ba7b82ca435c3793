"""When to stop labelling: the budget, students that no longer change, or a plateau on gold `dev`. Trains nothing.

Each rule returns why to stop, or None. None of them looks at documents that a strategy chose. How far two students
agree (Cohen's kappa) is handed in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from understudy.acquisition.uncertainty import Scores

AGREEMENT = 0.99
WINDOW = 3
PLATEAU_ROUNDS = 4
PLATEAU_GAIN = 0.005
PLATEAU_LABELS = 500
ONE_SIDED = 0.95


@dataclass(frozen=True, slots=True)
class Stop:
    """Which rule says stop, and the sentence for the report."""

    rule: Literal["budget", "agreement", "plateau"]
    reason: str


def stop_by_budget(
    n_labels: int, cost_usd: float, *, max_labels: int | None = None, max_cost_usd: float | None = None
) -> Stop | None:
    """Stop once either limit is reached; without limits never.

    Raises
    ------
    ValueError
        If a cost limit stands and the cost is nan: an unknown price cannot be held to it.
    """
    if max_cost_usd is not None and math.isnan(cost_usd):
        raise ValueError("cost_usd: expected a number because a cost limit is set, found nan.")
    if max_labels is not None and n_labels >= max_labels:
        return Stop("budget", f"{n_labels} of at most {max_labels} documents are labelled.")
    if max_cost_usd is not None and cost_usd >= max_cost_usd:
        return Stop("budget", f"{cost_usd:.2f} of at most {max_cost_usd:.2f} USD are spent.")
    return None


def f1_change_bound(kappa: float) -> float:
    """By how much F1 can differ between two students that agree with this kappa on the stop set: ``4 (1 - k) / k``.

    Capped at 1, which is also the answer for kappa <= 0; nan for nan. 0.0404 at 0.99. It speaks of the stop set's two
    labellings only, not of the distance to the best student.

    References
    ----------
    Bloodgood and Grothendieck (2013), CoNLL.
    """
    if math.isnan(kappa):
        return math.nan
    return 1.0 if kappa <= 0 else min(1.0, 4 * (1 - kappa) / kappa)


def stop_by_agreement(kappas: Sequence[float], threshold: float = AGREEMENT, window: int = WINDOW) -> Stop | None:
    """Stop when the mean of the last `window` kappas reaches `threshold`; a nan among them says nothing, so go on.

    References
    ----------
    Bloodgood and Vijay-Shanker (2009), CoNLL.
    """
    if not (0 < threshold <= 1 and window >= 1):
        raise ValueError(f"expected a threshold in (0, 1] and a window >= 1, found {threshold} and {window}.")
    last = kappas[-window:]
    mean = float(np.mean(last)) if len(last) == window else math.nan
    if not mean >= threshold:
        return None
    return Stop(
        "agreement",
        f"The last {window} students agreed with their predecessors (mean kappa {mean:.3f}); "
        f"F1 changed by at most {f1_change_bound(min(last)):.3f} from one to the next.",
    )


def stop_by_plateau(n_labels: Sequence[int], f1: Sequence[float], rounds: int = PLATEAU_ROUNDS) -> Stop | None:
    """Stop when the last `rounds` >= 3 results on gold `dev` rule out a gain of 0.005 per 500 labels.

    A straight line is fitted to them; its slope's one-sided 95% upper limit (t with rounds - 2 degrees of freedom) is
    compared. Undefined results (nan) are left out and fewer than `rounds` results never stop. Repeated looks at one dev
    set make this a hint, not a test.

    Parameters
    ----------
    n_labels : rising, one per round.
    f1 : on gold `dev`, one per round.
    """
    if len(n_labels) != len(f1) or rounds < 3 or (np.diff(n_labels) <= 0).any():
        raise ValueError(
            f"expected rising label counts, one per result, and rounds >= 3, found {n_labels}, {f1}, {rounds}."
        )
    known = [(x, y) for x, y in zip(n_labels, f1, strict=True) if not math.isnan(y)][-rounds:]
    if len(known) < rounds:
        return None
    gain = PLATEAU_LABELS * _upper_slope(*np.array(known).T)
    if gain >= PLATEAU_GAIN:
        return None
    return Stop("plateau", f"Another {PLATEAU_LABELS} labels would add at most {gain:.4f} F1 on gold dev.")


def _upper_slope(x: Scores, y: Scores) -> float:
    """One-sided 95% upper limit of the slope of a least-squares line through n >= 3 points with different x."""
    across = x - x.mean()
    slope = float(across @ y / (across @ across))
    left = y - y.mean() - slope * across
    error = math.sqrt(float(left @ left) / (len(x) - 2) / float(across @ across))
    return slope + float(stats.t.ppf(ONE_SIDED, len(x) - 2)) * error
