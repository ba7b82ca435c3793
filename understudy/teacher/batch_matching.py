"""Which result of a batch belongs to which request, and which can be trusted; by id, never by order. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from understudy.records import Batch, BatchState, Failure
from understudy.teacher.batch_service import Look, Result, Results
from understudy.teacher.provider import CallError


@dataclass(frozen=True, slots=True)
class Matched:
    """What came of the requests of a batch that has ended.

    Attributes
    ----------
    is_ours : whether any result is about one of the batch's requests.
    bodies : of replies, by request key.
    failures : one for each request without a reply that can be trusted.
    errors : by request key, where the provider said why there is no reply.
    remark : what is odd about the results, in words; "" if nothing.
    """

    is_ours: bool
    bodies: Mapping[str, str]
    failures: tuple[Failure, ...]
    errors: Mapping[str, CallError]
    remark: str


def match(batch: Batch, look: Look, results: Results) -> Matched:
    """Sort results by request.

    Of requests with several results that contradict each other none is trusted. Results of unknown requests are left
    out. A request without a result may have been charged if its batch was completed or lines of it cannot be read.
    """
    by_key: dict[str, list[Result]] = {key: [] for key in batch.request_keys}
    n_unknown = 0
    for result in results.items:
        if result.custom_id in by_key:
            by_key[result.custom_id].append(result)
        else:
            n_unknown += 1
    trusted = {key: found[0] for key, found in by_key.items() if len({each.body for each in found}) == 1}
    is_lost = look.state is BatchState.COMPLETED or results.n_unreadable > 0
    return Matched(
        is_ours=any(by_key.values()),
        bodies={key: result.body for key, result in trusted.items() if result.body is not None},
        failures=tuple(
            _failure(key, trusted.get(key), look, is_maybe_billed=is_lost or bool(found))
            for key, found in by_key.items()
            if key not in trusted or trusted[key].body is None
        ),
        errors={key: result.error for key, result in trusted.items() if result.error is not None},
        remark=_remark(batch, by_key, n_unknown, results.n_unreadable),
    )


def _failure(key: str, result: Result | None, look: Look, *, is_maybe_billed: bool) -> Failure:
    """An error that the provider states is not charged for."""
    if result is None or result.error is None:
        return Failure(key, f"batch {look.state}", "no result that could be used", is_maybe_billed)
    return Failure(key, result.error.kind, result.error.message)


def _remark(batch: Batch, by_key: Mapping[str, list[Result]], n_unknown: int, n_unreadable: int) -> str:
    n_missing = sum(not found for found in by_key.values())
    n_double = sum(len(found) > 1 for found in by_key.values())
    n_doubtful = sum(len({each.body for each in found}) > 1 for found in by_key.values())
    found = [
        f"results of {n_unknown:,} unknown requests, ignored" if n_unknown else "",
        f"several results for {n_double:,} requests, contradictory and not used for {n_doubtful:,}" if n_double else "",
        f"{n_unreadable:,} unreadable lines" if n_unreadable else "",
        f"no result for {n_missing:,} requests" if n_missing else "",
    ]
    return f"warning: batch {batch.provider_id}: {'; '.join(filter(None, found))}" if any(found) else ""
