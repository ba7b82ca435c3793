"""How readily words become spans: what O loses in log-odds before tags are decoded. Fits no probabilities.

Most words are O, and a regression that is unsure of a rare label says O; a span counts only if all of its words are
right. Lipton, Elkan and Naryanaswamy (2014, Optimal thresholding of classifiers to maximize F1 measure): the decision
with the best F1 favours the rare label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from understudy.student.spans.tags import TaggedSpan, TagScheme

FloatArray = NDArray[np.float64]

LENIENCES = (0.0, 0.5, 1.0, 1.5, 2.0)


def choose_lenience(
    tags: TagScheme, said: Sequence[FloatArray], spans: Sequence[Sequence[TaggedSpan]], weights: FloatArray
) -> float:
    """The lenience whose decoded spans have the largest micro F1; the smallest of equals, 0 without texts.

    Parameters
    ----------
    said : per text, probabilities of shape (words, layers, tags) by a model that has not seen it.
    spans : what is right.
    weights : of the texts, shape (n,).
    """
    scores = [_f1([tags.decode(each, lenience) for each in said], spans, weights) for lenience in LENIENCES]
    return LENIENCES[int(np.argmax(scores))]


def _f1(found: Sequence[Sequence[TaggedSpan]], right: Sequence[Sequence[TaggedSpan]], weights: FloatArray) -> float:
    """Micro F1 of exact spans; 0 where there is none on either side."""
    agreed = sum(w * len({*ours} & {*theirs}) for w, ours, theirs in zip(weights, found, right, strict=True))
    either = sum(w * (len(ours) + len(theirs)) for w, ours, theirs in zip(weights, found, right, strict=True))
    return float(2 * agreed / either) if either else 0.0
