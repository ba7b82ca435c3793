"""What every teacher offers: asked about documents, it ends each of them in exactly one annotation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

from understudy.codebook import Task
from understudy.corpus import document_digest
from understudy.records import Annotation, Answer, Document, Outcome, Provenance, Span, Value


class Teacher(Protocol):
    """Whoever labels at scale."""

    @property
    def name(self) -> str:
        """How reports call the teacher."""

    def annotate(self, documents: Sequence[Document]) -> Iterator[Annotation]:
        """One annotation for each document, each as soon as it is finished, in any order.

        Closing the iterator stops the teacher.

        Raises
        ------
        TeacherError
            If the teacher cannot go on; what has been yielded stays true.
        """


def conclude(
    task: Task,
    document: Document,
    answers: Sequence[Answer],
    provenance: Provenance,
    *,
    cost_usd: float | None = 0.0,
    remark: str = "",
) -> Annotation:
    """One annotation from all answers about one document, at least one.

    Labelled if any answer has a value: the most frequent one, with its share of the readable answers and their mean
    stated confidence among those that state one for it. Otherwise the outcome that most answers had, failures last.
    """
    values = [answer.value for answer in answers if answer.value is not None]
    if not values:
        return _without_value(document, answers, provenance, cost_usd, remark)
    vote = task.vote(values)
    remarks = [remark, "several answers are equally frequent" if vote.is_tied else "", _share_unread(answers)]
    return Annotation(
        document_id=document.id,
        text_sha256=document_digest(document),
        outcome=Outcome.LABELLED,
        value=vote.value,
        provenance=provenance,
        answers=tuple(values),
        n_asked=len(answers),
        consistency=vote.consistency,
        confidence=_confidence(answers, vote.value),
        cost_usd=cost_usd,
        reason="; ".join(filter(None, [*remarks, *_how_spans_were_read(answers)])),
        uncertain=_uncertain(answers, vote.value),
    )


def skip(document: Document, reason: str, provenance: Provenance) -> Annotation:
    """The annotation of a document that nobody is asked about."""
    return _without_value(document, [Answer(Outcome.SKIPPED, reason=reason)], provenance, 0.0, "")


def utc_now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


_PREFERENCE = (Outcome.ABSTAINED, Outcome.REFUSED, Outcome.UNPARSED, Outcome.SKIPPED, Outcome.FAILED)


def _without_value(
    document: Document, answers: Sequence[Answer], provenance: Provenance, cost_usd: float | None, remark: str
) -> Annotation:
    outcomes = [answer.outcome for answer in answers]
    most = max(_PREFERENCE, key=lambda outcome: (outcomes.count(outcome), -_PREFERENCE.index(outcome)))
    reasons = dict.fromkeys(answer.reason for answer in answers if answer.outcome is most and answer.reason)
    return Annotation(
        document_id=document.id,
        text_sha256=document_digest(document),
        outcome=most,
        value=None,
        provenance=provenance,
        n_asked=0 if most is Outcome.SKIPPED else len(answers),
        cost_usd=cost_usd,
        reason="; ".join(filter(None, [*reasons, remark])),
    )


def _confidence(answers: Sequence[Answer], value: Value) -> float | None:
    stated = [answer.confidence for answer in answers if answer.value == value and answer.confidence is not None]
    return sum(stated) / len(stated) if stated else None


def _how_spans_were_read(answers: Sequence[Answer]) -> Iterator[str]:
    """Remarks on answers with spans; once each."""
    yield from dict.fromkeys(a.reason for a in answers if a.reason and _has_spans(a))


def _has_spans(answer: Answer) -> bool:
    return any(isinstance(each, Span) for each in answer.value or ())


def _uncertain(answers: Sequence[Answer], value: Value) -> tuple[Span, ...]:
    """What any answer leaves uncertain and the vote does not hold, in order."""
    found = {span for answer in answers for span in answer.uncertain}.difference(value)
    return tuple(sorted(found, key=lambda span: (span.start, span.end, span.label)))


def _share_unread(answers: Sequence[Answer]) -> str:
    reasons = dict.fromkeys(f"{a.outcome.value}: {a.reason}" for a in answers if a.value is None)
    n_unread = sum(answer.value is None for answer in answers)
    return f"{n_unread} of {len(answers)} answers without a value ({', '.join(reasons)})" if n_unread else ""
