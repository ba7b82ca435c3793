"""Evidence that a document is of a rare class, as a score for the strategy `evidence`. Chooses nothing.

A search engine's score or a zero-shot probability is such evidence too; this module has the one that needs no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from understudy.acquisition.uncertainty import Scores


def keyword_scores(texts: Iterable[str], keywords: Sequence[str]) -> Scores:
    """How many of the keywords each text contains, shape (n,), in 0..len(keywords); how often does not matter.

    Case is folded. A keyword is a literal string, found only where no word character touches its own first or last
    word character: `tax` does not find `taxi`, `tax*` finds both.

    Raises
    ------
    ValueError
        If there is no keyword or one is empty.

    Examples
    --------
    >>> keyword_scores(["A tax on taxis", "Taxis"], ["tax", "taxi*"]).tolist()
    [2.0, 1.0]
    """
    patterns = [_pattern(keyword) for keyword in keywords]
    if not patterns:
        raise ValueError("keywords: expected at least one, found none.")
    folded = (text.casefold() for text in texts)
    return np.array([sum(1 for p in patterns if p.search(text)) for text in folded], dtype=np.float64)


def _pattern(keyword: str) -> re.Pattern[str]:
    stem = keyword.strip().casefold().removesuffix("*")
    if not stem:
        raise ValueError(f"keywords: expected words, found {keyword!r}.")
    before = r"(?<!\w)" if _is_word(stem[0]) else ""
    after = r"(?!\w)" if _is_word(stem[-1]) and not keyword.strip().endswith("*") else ""
    return re.compile(before + re.escape(stem) + after)


def _is_word(character: str) -> bool:
    return re.match(r"\w", character) is not None
