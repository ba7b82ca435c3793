"""Evidence that a document is of a rare class, as a score for the strategy `evidence`. Chooses nothing.

A search engine's score or a zero-shot probability is such evidence too; this module has the one that needs no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from understudy.acquisition.uncertainty import Scores

WORD = r"[^\W\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
"""A word character, but for Thai, kana, Han and Hangul."""


def keyword_scores(texts: Iterable[str], keywords: Sequence[str]) -> Scores:
    """How many of the keywords each text contains, shape (n,), in 0..len(keywords); how often does not matter.

    Case is folded. A keyword is a literal string, found only where no letter or digit touches its own first or last
    letter: `tax` does not find `taxi`, `tax*` finds both. Scripts that do not divide words by spaces are searched as
    they are.

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
    before = f"(?<!{WORD})" if re.match(WORD, stem[0]) else ""
    after = f"(?!{WORD})" if re.match(WORD, stem[-1]) and not keyword.strip().endswith("*") else ""
    return re.compile(before + re.escape(stem) + after)
