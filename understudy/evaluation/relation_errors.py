"""What is wrong with relations: their direction, the relation itself, or that there is one. The score is apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from understudy.records import Document, Span, Value

DIRECTION = re.compile(r"(.*)\((\w+),\s*(\w+)\)", re.DOTALL)


class RelationVerdict(StrEnum):
    """How an answer about one pair stands to the truth; each answer is exactly one."""

    RIGHT = "right"
    DIRECTION = "direction"
    OTHER = "other"
    MISSED = "missed"
    SPURIOUS = "spurious"
    UNANSWERED = "unanswered"


@dataclass(frozen=True)
class RelationErrors:
    """How many pairs have each verdict; they add up to the pairs.

    Attributes
    ----------
    right : the same label, the null label included.
    direction : the relation holds the other way round.
    other : one relation for another.
    missed, spurious : the null label for a relation, a relation for the null label.
    unanswered : no answer.
    """

    right: int = 0
    direction: int = 0
    other: int = 0
    missed: int = 0
    spurious: int = 0
    unanswered: int = 0

    def to_json(self) -> dict[str, int]:
        """Strict JSON."""
        return asdict(self)


def relation_errors(
    documents: Sequence[Document], answers: Sequence[Value | None], null: str | None = None
) -> RelationErrors:
    """Compare answers with human labels, pair by pair.

    A direction error is an answer whose label is the reverse of the true one by name (see `reverse_of`), or that is
    the human label of the same two spans with head and tail swapped.

    Parameters
    ----------
    documents : with a human label, head and tail.
    answers : one for each, None where there is none.
    null : the label that says that there is no relation.

    Raises
    ------
    ValueError
        If there are not as many answers as documents.
    """
    verdicts = list(judge_relations(documents, answers, null))
    return RelationErrors(**{verdict.value: verdicts.count(verdict) for verdict in RelationVerdict})


def judge_relations(
    documents: Sequence[Document], answers: Sequence[Value | None], null: str | None = None
) -> Iterator[RelationVerdict]:
    """The verdict on each answer, in order; arguments as for `relation_errors`."""
    known = {_pair(document): document.value for document in documents}
    for document, answer in zip(documents, answers, strict=True):
        yield _verdict(document, answer, null, known)


def reverse_of(label: str) -> str | None:
    """The label whose two arguments are swapped, ``Cause-Effect(e2,e1)`` for ``Cause-Effect(e1,e2)``.

    None for a label whose name states no direction.
    """
    found = DIRECTION.fullmatch(label)
    return f"{found[1]}({found[3]},{found[2]})" if found and found[2] != found[3] else None


_Pair = tuple[str, Span | None, Span | None]


def _pair(document: Document) -> _Pair:
    return document.text, document.head, document.tail


def _verdict(
    document: Document, answer: Value | None, null: str | None, known: Mapping[_Pair, Value | None]
) -> RelationVerdict:
    truth = document.value
    if answer is None:
        return RelationVerdict.UNANSWERED
    if answer == truth:
        return RelationVerdict.RIGHT
    if answer == null and null is not None:
        return RelationVerdict.MISSED
    swapped = known.get((document.text, document.tail, document.head)) if document.head != document.tail else None
    if answer == swapped or _are_reverse(truth, answer):
        return RelationVerdict.DIRECTION
    return RelationVerdict.SPURIOUS if truth == null and null is not None else RelationVerdict.OTHER


def _are_reverse(truth: Value | None, answer: Value) -> bool:
    if not isinstance(truth, str) or not isinstance(answer, str):
        return False
    return reverse_of(answer) == truth or reverse_of(truth) == answer
