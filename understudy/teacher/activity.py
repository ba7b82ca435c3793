"""What a teacher is doing at this moment, for whoever waits for it; decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Activity:
    """A moment of a run.

    Attributes
    ----------
    n_in_flight : calls sent and not yet answered; `oldest_s` is the age of the first of them.
    n_places : calls that may be in flight now.
    pause_s : seconds until calls are sent again; 0 if they are.
    pause_reason : why, in the server's words.
    n_replies : replies that came in this run; `n_cut` of them ended at the ceiling of tokens.
    models : replies in this run by the model that the server said it was.
    batches : how batches stand that are waited for; "" if none are.
    remarks : what was odd about batches, in words; only ever more.
    no_schema_reason : why answers are no longer held to a schema, in the server's words; "" if they are, or never were.
    """

    n_in_flight: int = 0
    oldest_s: float = 0.0
    n_places: int = 0
    pause_s: float = 0.0
    pause_reason: str = ""
    n_replies: int = 0
    n_cut: int = 0
    models: Mapping[str, int] = field(default_factory=dict)
    no_schema_reason: str = ""
    batches: str = ""
    remarks: tuple[str, ...] = ()


Watch = Callable[[Activity], None]
"""Is told, about once a second and in the caller's thread, what goes on."""
