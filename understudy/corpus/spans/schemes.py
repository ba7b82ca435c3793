"""Schemes of tags: which one a file is in, and tags out of spans in any of them. Reading tags is up to `tags`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from understudy.corpus.spans.tags import TagSpan, split_tag, tag_spans

Scheme = Literal["bio", "iob1", "bioes", "bmes", "bilou"]

_SYNONYMS = {"L": "E", "U": "S"}
_LETTERS: dict[Scheme, tuple[str, str, str, str]] = {
    "bio": ("B", "I", "I", "B"),
    "iob1": ("I", "I", "I", "I"),
    "bioes": ("B", "I", "E", "S"),
    "bmes": ("B", "M", "E", "S"),
    "bilou": ("B", "I", "L", "U"),
}
"""Prefix of a span's first, inner, last and only token."""


@dataclass(frozen=True)
class Detected:
    """The scheme of some sentences.

    Attributes
    ----------
    n_irregular : sentences whose tags the scheme would write in another way; they are read as conlleval reads them.
    """

    scheme: Scheme
    n_irregular: int


def is_tag(tag: str) -> bool:
    """Whether it is ``O`` or a prefix and a label."""
    prefix, label = split_tag(tag)
    return tag == "O" or (prefix in tuple("BIESMLU") and bool(label))


def read_tags(tags: Sequence[str]) -> tuple[TagSpan, ...]:
    """The spans of one sentence's tags in any of the schemes."""
    return tag_spans([_SYNONYMS.get(tag[:1], tag[:1]) + tag[1:] for tag in tags])


def write_tags(spans: Iterable[TagSpan], n_tokens: int, scheme: Scheme) -> list[str]:
    """The tags of a sentence.

    Raises
    ------
    ValueError
        If spans overlap, which tags cannot say.
    """
    tags = ["O"] * n_tokens
    first, inner, last, only = _LETTERS[scheme]
    for start, end, label in sorted(spans):
        if any(tag != "O" for tag in tags[start:end]):
            raise ValueError(f"spans: {start}:{end} `{label}` overlaps another span.")
        letters = [only] if end - start == 1 else [first, *[inner] * (end - start - 2), last]
        if scheme == "iob1" and start and tags[start - 1] in (f"I-{label}", f"B-{label}"):
            letters[0] = "B"
        tags[start:end] = [f"{letter}-{label}" for letter in letters]
    return tags


def detect_scheme(sentences: Sequence[Sequence[str]]) -> Detected:
    """The scheme that the tags are in; ``bio`` where there is no span to tell by."""
    prefixes = {tag[:1] for tags in sentences for tag in tags}
    candidates: tuple[Scheme, ...] = ("bio", "iob1")
    if prefixes & set("M"):
        candidates = ("bmes",)
    elif prefixes & set("LU"):
        candidates = ("bilou",)
    elif prefixes & set("ES"):
        candidates = ("bioes", "bmes")
    counts = {scheme: sum(not _is_regular(tags, scheme) for tags in sentences) for scheme in candidates}
    best = min(candidates, key=lambda scheme: counts[scheme])
    return Detected(best, counts[best])


def _is_regular(tags: Sequence[str], scheme: Scheme) -> bool:
    return write_tags(read_tags(tags), len(tags), scheme) == list(tags)
