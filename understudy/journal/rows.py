"""Records to rows and back; knows neither files nor threads.

A string with half of a surrogate pair cannot be UTF-8: it is kept as a blob, so that every string comes back as it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from sys import intern
from typing import Any

from understudy.records import (
    Annotation,
    Batch,
    BatchState,
    Failure,
    HumanLabel,
    Outcome,
    Provenance,
    Reply,
    Request,
    Round,
    Selection,
    Span,
    Trial,
    ValidationRecord,
    Value,
)

Encode = Callable[[Value], object]
Decode = Callable[[Any], Value | None]

ANNOTATION_COLUMNS = (
    "document_id, text_sha256, outcome, value, teacher, model, codebook, prompt, request_keys, demonstrations, "
    "created_at, answers, n_asked, consistency, confidence, trust, cost_usd, reason, flags, uncertain"
)
VALIDATION_COLUMNS = "codebook, contents, teacher, prompt, documents, n, f1, low, high, at"
HUMAN_LABEL_COLUMNS = "document_id, text_sha256, value, annotator, source, created_at"
BATCH_COLUMNS = "id, teacher, url, request_keys, at_most_usd, created_at"
ROUND_COLUMNS = "loop, number, strategy, seed, n_candidates, selections, at"
TRIAL_COLUMNS = "search, arm, run, parameters, f1, train_s, reason, at"
REPLY_COLUMNS = (
    "request_key, body, model, prompt_tokens, completion_tokens, cost_usd, latency_s, received_at, cached_tokens"
)


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def stored(text: str) -> str | bytes:
    """A string as a column holds it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def read(column: str | bytes) -> str:
    """The string that `stored` was given."""
    return column if isinstance(column, str) else column.decode("utf-8", "surrogatepass")


def request_row(request: Request, at_most_usd: float | None) -> tuple[object, ...]:
    """Values for `requests` without the attempt."""
    texts = (request.key, request.document_id, request.teacher, request.body)
    key, document_id, teacher, body = map(stored, texts)
    return key, document_id, request.replicate, request.turn, teacher, body, at_most_usd, now()


def failure_row(failure: Failure) -> tuple[object, ...]:
    """Key, key, kind, message, whether it is maybe billed, and now."""
    key = stored(failure.request_key)
    return key, key, failure.kind, stored(failure.message), failure.is_maybe_billed, now()


def batch_row(batch: Batch) -> tuple[object, ...]:
    """Values for `BATCH_COLUMNS`."""
    keys = json.dumps(batch.request_keys)
    return batch.id, stored(batch.teacher), stored(batch.url), keys, batch.at_most_usd, batch.created_at or now()


def batch_of(row: Sequence[Any]) -> Batch:
    """The record of `BATCH_COLUMNS`, the latest state, and the provider's id."""
    identifier, teacher, url, keys, at_most_usd, at, state, provider_id = row
    return Batch(
        identifier, read(teacher), read(url), tuple(json.loads(keys)), at_most_usd, at, BatchState(state),
        read(provider_id),
    )  # fmt: skip


def reply_row(reply: Reply) -> tuple[object, ...]:
    """Values for `REPLY_COLUMNS`."""
    return (
        stored(reply.request_key), stored(reply.body), stored(reply.model), reply.prompt_tokens,
        reply.completion_tokens, reply.cost_usd, reply.latency_s, reply.received_at or now(), reply.cached_tokens,
    )  # fmt: skip


def reply_of(row: Sequence[Any]) -> Reply:
    """The record of `REPLY_COLUMNS`."""
    key, body, model, *numbers = row
    return Reply(read(key), read(body), read(model), *numbers)


def annotation_row(annotation: Annotation, encode: Encode) -> tuple[object, ...]:
    """Values for `ANNOTATION_COLUMNS`."""
    who = annotation.provenance
    return (
        stored(annotation.document_id), annotation.text_sha256, annotation.outcome.value,
        _value(annotation.value, encode), stored(who.teacher), stored(who.model), who.codebook, who.prompt,
        json.dumps(who.request_keys), json.dumps(who.demonstrations), who.created_at or now(),
        json.dumps([encode(answer) for answer in annotation.answers]), annotation.n_asked, annotation.consistency,
        annotation.confidence, annotation.trust, annotation.cost_usd, stored(annotation.reason),
        json.dumps(annotation.flags), json.dumps([astuple(span) for span in annotation.uncertain]),
    )  # fmt: skip


def annotation_of(row: Sequence[Any], decode: Decode) -> Annotation:
    """The record of `ANNOTATION_COLUMNS`."""
    document_id, sha, outcome, value, teacher, model, codebook, prompt, keys, shown, at, answers, *rest = row
    n_asked, consistency, confidence, trust, cost_usd, reason, flags, uncertain = rest
    return Annotation(
        document_id=read(document_id),
        text_sha256=sha,
        outcome=Outcome(outcome),
        value=_decoded(value, decode),
        provenance=Provenance(
            intern(read(teacher)),
            intern(read(model)),
            intern(codebook),
            intern(prompt),
            _items(keys),
            _items(shown),
            at,
        ),
        answers=tuple(answer for each in _items(answers) if (answer := decode(each)) is not None),
        n_asked=n_asked,
        consistency=consistency,
        confidence=confidence,
        trust=trust,
        cost_usd=cost_usd,
        reason=read(reason),
        flags=_items(flags),
        uncertain=tuple(Span(*span) for span in _items(uncertain)),
    )


def validation_row(record: ValidationRecord) -> tuple[object, ...]:
    """Values for `VALIDATION_COLUMNS`."""
    return (
        record.codebook, stored(record.contents), stored(record.teacher), record.prompt, record.documents, record.n,
        record.f1, record.low, record.high, record.at or now(),
    )  # fmt: skip


def validation_of(row: Sequence[Any]) -> ValidationRecord:
    """The record of `VALIDATION_COLUMNS`."""
    codebook, contents, teacher, *rest = row
    return ValidationRecord(codebook, read(contents), read(teacher), *rest)


def round_row(chosen: Round) -> tuple[object, ...]:
    """Values for `ROUND_COLUMNS`."""
    selections = json.dumps([[one.document_id, one.arm, one.probability] for one in chosen.selections])
    return (
        chosen.loop, chosen.number, chosen.strategy, chosen.seed, chosen.n_candidates, selections, chosen.at or now(),
    )  # fmt: skip


def round_of(row: Sequence[Any]) -> Round:
    """The record of `ROUND_COLUMNS`."""
    loop, number, strategy, seed, n_candidates, selections, at = row
    chosen = tuple(Selection(*each) for each in json.loads(selections))
    return Round(loop, number, strategy, seed, n_candidates, chosen, at)


def trial_row(trial: Trial) -> tuple[object, ...]:
    """Values for `TRIAL_COLUMNS`."""
    return (
        trial.search, trial.arm, trial.run, stored(trial.parameters), trial.f1, trial.train_s, stored(trial.reason),
        trial.at or now(),
    )  # fmt: skip


def trial_of(row: Sequence[Any]) -> Trial:
    """The record of `TRIAL_COLUMNS`."""
    search, arm, run, parameters, f1, train_s, reason, at = row
    return Trial(search, arm, run, read(parameters), f1, train_s, read(reason), at)


def human_label_row(label: HumanLabel, encode: Encode) -> tuple[object, ...]:
    """Values for `HUMAN_LABEL_COLUMNS`."""
    return (
        stored(label.document_id), label.text_sha256, _value(label.value, encode), stored(label.annotator),
        stored(label.source), label.created_at or now(),
    )  # fmt: skip


def human_label_of(row: Sequence[Any], decode: Decode) -> HumanLabel:
    """The record of `HUMAN_LABEL_COLUMNS`."""
    document_id, sha, value, annotator, source, at = row
    return HumanLabel(read(document_id), sha, _decoded(value, decode), read(annotator), read(source), at)


def _items(column: str) -> tuple[Any, ...]:
    """The items of a JSON list, which most often is empty."""
    return () if column == "[]" else tuple(json.loads(column))


def _value(value: Value | None, encode: Encode) -> str | None:
    return None if value is None else json.dumps(encode(value))


def _decoded(column: str | None, decode: Decode) -> Value | None:
    return None if column is None else decode(json.loads(column))
