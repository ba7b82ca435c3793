"""What travels between the rooms: plain frozen records without behaviour that needs a library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Outcome(StrEnum):
    """How the question about one document ended. Every document asked about has exactly one."""

    LABELLED = "labelled"
    ABSTAINED = "abstained"
    REFUSED = "refused"
    UNPARSED = "unparsed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Role(StrEnum):
    """What a human-labelled document may be used for; the three are disjoint."""

    DEMO = "demo"
    DEV = "dev"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Span:
    """A labelled stretch of text: code points ``[start, end)`` of the stored original, with its quote."""

    start: int
    end: int
    label: str
    text: str


Value = str | tuple[str, ...] | tuple[Span, ...]
"""What an annotator says: a label, a tuple of labels in codebook order, or a tuple of spans."""

NO_META: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Document:
    """One text.

    Attributes
    ----------
    id : verbatim identifier, unique within the project.
    text : the original, never altered.
    value : what a human said, or None.
    group : documents of one group (author, thread, source) stay on one side of a split; None if ungrouped.
    role : the gold role a column asked for, or None.
    head, tail : the two marked spans of a relation document, else None.
    meta : further declared columns, as text.
    source : ``file:row`` it was read from, for messages.
    """

    id: str
    text: str
    value: Value | None = None
    group: str | None = None
    role: Role | None = None
    head: Span | None = None
    tail: Span | None = None
    meta: Mapping[str, str] = field(default_factory=lambda: NO_META)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply, read.

    Attributes
    ----------
    value : what it says; None unless it is `labelled`.
    reason : why it is not `labelled`, or a remark on how it was read.
    uncertain : of spans, stretches in which it names one whose place or type is not certain; label "" for none of ours.
    """

    outcome: Outcome
    value: Value | None = None
    confidence: float | None = None
    reason: str = ""
    uncertain: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a teacher, complete enough to be sent again.

    Attributes
    ----------
    key : hash of everything that is sent (endpoint, model, messages, parameters, replicate).
    document_id : the document asked about.
    replicate : 0-based number of the repetition.
    turn : 0 for the question, 1 for the repair.
    teacher : the teacher's name.
    body : canonical JSON of what is sent, without credentials.
    """

    key: str
    document_id: str
    replicate: int
    turn: int
    teacher: str
    body: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request, stored before anyone reads it.

    Attributes
    ----------
    request_key : the request it answers.
    body : the reply's raw body.
    model : the model that the server says it is, or "".
    prompt_tokens, completion_tokens : as billed, or None if the server does not say.
    cost_usd : in US dollars, or None if the price is unknown.
    latency_s : seconds from sending to the last byte.
    received_at : UTC, ISO 8601.
    cached_tokens : of `prompt_tokens`, those that the server had in its cache, or None if it does not say.
    """

    request_key: str
    body: str
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    latency_s: float = 0.0
    received_at: str = ""
    cached_tokens: int | None = None


class BatchState(StrEnum):
    """Where requests stand that were handed to a provider together; the first four are open, the others have ended.

    `presumed`: the provider's id was found again, but only the results can tell whether it is the right one.
    """

    INTENDED = "intended"
    SUBMITTED = "submitted"
    PRESUMED = "presumed"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    NOT_SENT = "not sent"
    GONE = "gone"

    @property
    def is_open(self) -> bool:
        """Whether the provider may still be at work on it."""
        return self in (BatchState.INTENDED, BatchState.SUBMITTED, BatchState.PRESUMED, BatchState.CANCELLING)


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests handed to a provider together.

    Attributes
    ----------
    id : ours; stands in the provider's metadata where it keeps any.
    teacher : the teacher's name.
    url : where the same requests go one by one.
    request_keys : in the order of the batch; all different.
    at_most_usd : what all of them can cost at most, or None if the price is unknown.
    created_at : when it was intended, UTC, ISO 8601.
    state : the latest that is known.
    provider_id : the provider's own name for it; "" as long as it is not known.
    """

    id: str
    teacher: str
    url: str
    request_keys: tuple[str, ...]
    at_most_usd: float | None = None
    created_at: str = ""
    state: BatchState = BatchState.INTENDED
    provider_id: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt ended that brought no reply; `is_maybe_billed` if it may be charged all the same."""

    request_key: str
    kind: str
    message: str
    is_maybe_billed: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What the calls of a teacher took.

    Attributes
    ----------
    n_replies, n_failures : attempts that brought a reply, and that did not.
    prompt_tokens, completion_tokens, cached_tokens : of the replies whose server counts them.
    n_uncounted : replies without a count.
    cost_usd : of the replies; None if the price of any is unknown.
    """

    n_replies: int = 0
    n_failures: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    n_uncounted: int = 0
    cost_usd: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who annotated, from what, with which settings.

    Attributes
    ----------
    teacher : the teacher's name as the report prints it.
    model : the model as answered, or "".
    codebook : digest of the codebook.
    prompt : digest of prompt template and demonstrations settings, or "".
    request_keys : the requests whose replies were used, in order.
    demonstrations : ids of the demonstrations shown, nearest last.
    created_at : UTC, ISO 8601.
    """

    teacher: str
    model: str = ""
    codebook: str = ""
    prompt: str = ""
    request_keys: tuple[str, ...] = ()
    demonstrations: tuple[str, ...] = ()
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a teacher finally says about one document.

    Attributes
    ----------
    document_id, text_sha256 : which document, and the digest of the text, with head and tail, that it was at the time.
    outcome : how it ended; `value` is None unless it is `labelled`.
    answers : the values of all readable answers, in replicate order (one without replicates).
    n_asked : how many answers were asked for.
    consistency : share of the readable answers equal to `value`, in (0, 1]; None without an answer.
    confidence : what the teacher itself states, in [0, 1]; None if it does not.
    trust : calibrated probability of being right, in [0, 1]; None before calibration.
    cost_usd : paid for this document; None if the price is unknown, 0.0 if free.
    reason : why it is not `labelled`, or a remark such as a declared tie.
    flags : what is suspicious about the text, as `prompts.suspicions` names it.
    uncertain : as in `Answer`, of all answers; nothing should be learnt there.
    """

    document_id: str
    text_sha256: str
    outcome: Outcome
    value: Value | None
    provenance: Provenance
    answers: tuple[Value, ...] = ()
    n_asked: int = 1
    consistency: float | None = None
    confidence: float | None = None
    trust: float | None = None
    cost_usd: float | None = None
    reason: str = ""
    flags: tuple[str, ...] = ()
    uncertain: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class HumanLabel:
    """What a person said about one document; never overwritten.

    Attributes
    ----------
    value : the label; None if the person declined to decide.
    annotator : who, as the project names people.
    source : ``file:row`` or ``review``.
    """

    document_id: str
    text_sha256: str
    value: Value | None
    annotator: str
    source: str
    created_at: str


@dataclass(frozen=True, slots=True)
class ValidationRecord:
    """One version of a codebook as a teacher was validated with it.

    Attributes
    ----------
    codebook : its digest; `contents` is its canonical JSON.
    teacher, prompt : as in `Provenance`.
    documents : digest of the ids judged, so that scores on the same texts can be told from others.
    n : documents judged.
    f1, low, high : headline F1 with its interval; None where undefined.
    at : UTC, ISO 8601.
    """

    codebook: str
    contents: str
    teacher: str
    prompt: str
    documents: str
    n: int
    f1: float | None = None
    low: float | None = None
    high: float | None = None
    at: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """One pool document that the learning loop chose.

    Attributes
    ----------
    arm : ``random`` if it was drawn by lot, ``chosen`` if a strategy picked it.
    probability : how likely it was to be drawn into its round's random arm; None for one that a strategy picked.
    """

    document_id: str
    arm: str
    probability: float | None


@dataclass(frozen=True, slots=True)
class Round:
    """One batch of the learning loop, stored before the teacher is asked about it.

    Attributes
    ----------
    loop : fingerprint of all that the choice depends on.
    number : 0 for the seed set.
    strategy : that picked the documents which were not drawn by lot.
    seed : of the project; with the number it gives every draw of the round.
    n_candidates : documents that had not been chosen before.
    at : UTC, ISO 8601.
    """

    loop: str
    number: int
    strategy: str
    seed: int
    n_candidates: int
    selections: tuple[Selection, ...]
    at: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One training run of a search over hyper-parameters.

    Attributes
    ----------
    search : fingerprint of all that its result depends on beside parameters and run.
    arm : whose labels it learned from.
    run : number of the draw and of the seed.
    parameters : names and values as JSON, names sorted.
    f1 : headline F1 on the texts that judge; None if it failed or is undefined.
    reason : why there is no F1, or "".
    at : UTC, ISO 8601.
    """

    search: str
    arm: str
    run: int
    parameters: str
    f1: float | None
    train_s: float
    reason: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """One finding about codebook, data or machine; `level` is ok, note, warning or error."""

    level: str
    title: str
    details: tuple[str, ...] = ()
