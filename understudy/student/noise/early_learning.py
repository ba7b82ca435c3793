"""Early-learning regularisation: stay near what was learned before noise was learned by heart.

References
----------
Liu, Niles-Weed, Razavian and Fernandez-Granda (2020), NeurIPS.
"""

from __future__ import annotations

import numpy as np

from understudy.student.noise.labels import FloatArray, normalised

STRENGTH = 3.0
MEMORY = 0.7
FARTHEST = 0.99
"""Largest agreement of prediction and memory that divides: towards 1 the gradient grows without bound."""


def early_learning_targets(
    targets: FloatArray, probabilities: FloatArray, memory: FloatArray, strength: float = STRENGTH
) -> FloatArray:
    """Targets under which cross-entropy has the gradient of ``CE + strength * log(1 - <p, t>)``, shape (n, K).

    The regulariser's derivative by the scores is ``-strength * p * (t - <p, t>) / (1 - <p, t>)``; the target moves by
    its opposite, and what is then no distribution is cut to one.

    Parameters
    ----------
    targets, probabilities, memory : shape (n, K), rows add up to 1; `memory` is t, a moving average of p.
    strength : >= 0.

    Raises
    ------
    ValueError
        If strength is negative.
    """
    if strength < 0:
        raise ValueError(f"strength: expected a number >= 0, found {strength}.")
    agreement = (probabilities * memory).sum(axis=1, keepdims=True)
    pull = probabilities * (memory - agreement) / (1 - np.minimum(agreement, FARTHEST))
    moved = targets + strength * pull
    return normalised(moved, is_exclusive=True)


def remembered(memory: FloatArray, probabilities: FloatArray, share: float = MEMORY) -> FloatArray:
    """The moving average after another round: ``share * memory + (1 - share) * probabilities``."""
    return share * memory + (1 - share) * probabilities
