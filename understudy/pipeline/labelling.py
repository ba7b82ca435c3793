"""Tells how labelling goes: the progress line, pauses with their end, and what a careful person would notice at once.

It changes nothing and stops nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from understudy.records import Annotation, Outcome, Value

if TYPE_CHECKING:
    from understudy.pipeline.listener import Listener
    from understudy.teacher import Activity

SHORT_PAUSE_S = 2.0
"""Shorter pauses are not worth a line."""

QUIET_S = 30.0
"""A line at least so often, also where no progress bar is drawn."""

ENOUGH_REPLIES = 50
WORRYING_CUT_SHARE = 0.02
SAME_IN_A_ROW = 200
"""So many labels that are all the same: the teacher may not be reading."""


class Labelling:
    """One pass of a teacher over documents, as a listener hears of it.

    Parameters
    ----------
    total : documents to ask about.
    n_labels : in the codebook; a codebook of one label cannot collapse.
    models : that have answered before this pass.
    """

    def __init__(self, listener: Listener, total: int, n_labels: int, models: Iterable[str] = ()) -> None:
        self._listener = listener
        self._total = total
        self._n_labels = n_labels
        self._models = [model for model in dict.fromkeys(models) if model]
        self._counts: Counter[Outcome] = Counter()
        self._money = ""
        self._in_flight = ""
        self._first_value: Value | None = None
        self._n_same = 0
        self._paused_until = 0.0
        self._is_cut_said = False
        self._is_no_schema_said = False
        self._n_remarks = 0
        self._heard_at = time.monotonic()

    def tell(self, annotation: Annotation, money: str) -> None:
        """One more document is finished; `money` is what has been spent in words, "" for a free teacher."""
        self._counts[annotation.outcome] += 1
        self._money = money
        for warning in (*self._other_model(annotation.provenance.model), *self._collapse(annotation)):
            self._listener.say(warning)
        self._progress()

    def watch(self, activity: Activity) -> None:
        """What the teacher is doing, about once a second."""
        oldest = f", oldest {activity.oldest_s:,.0f} s" if activity.n_in_flight else ""
        self._in_flight = activity.batches or f"{activity.n_in_flight:,} in flight{oldest}"
        for line in (
            *self._remarks(activity),
            *self._pause(activity),
            *self._many_cut(activity),
            *self._no_schema(activity),
        ):
            self._listener.say(line)
            self._heard_at = time.monotonic()
        if time.monotonic() - self._heard_at > QUIET_S:
            self._heard_at = time.monotonic()
            self._listener.say(f"{self._counts.total():,}/{self._total:,} · {self._detail()}")
        if self._counts.total() < self._total:
            self._listener.progress("labelling", self._counts.total(), self._total, self._detail())

    def stopped(self) -> None:
        """No more annotations come, although not all documents have one."""
        n = self._counts.total()
        left = f"{n:,} of {self._total:,} texts are finished, {self._total - n:,} are left"
        self._listener.say(" · ".join(filter(None, [f"stopped: {left}", self._money])))

    def _progress(self) -> None:
        self._heard_at = time.monotonic()
        self._listener.progress("labelling", self._counts.total(), self._total, self._detail())

    def _detail(self) -> str:
        others = [f"{outcome.value} {n:,}" for outcome, n in self._counts.items() if outcome is not Outcome.LABELLED]
        return " · ".join(filter(None, [*others, self._money, self._in_flight]))

    def _remarks(self, activity: Activity) -> Sequence[str]:
        """Those that were not said yet."""
        unsaid = activity.remarks[self._n_remarks :]
        self._n_remarks = len(activity.remarks)
        return unsaid

    def _pause(self, activity: Activity) -> Iterator[str]:
        until = time.monotonic() + activity.pause_s
        if activity.pause_s < SHORT_PAUSE_S or until < self._paused_until + SHORT_PAUSE_S:
            return
        self._paused_until = until
        ends_at = datetime.now().astimezone() + timedelta(seconds=activity.pause_s)
        yield (
            f"paused by the provider until {ends_at:%Y-%m-%d %H:%M:%S} ({activity.pause_s:,.0f} s): "
            f"{activity.pause_reason}; {activity.n_places:,} calls at once after that"
        )

    def _many_cut(self, activity: Activity) -> Iterator[str]:
        is_many = activity.n_cut > WORRYING_CUT_SHARE * activity.n_replies
        if activity.n_replies >= ENOUGH_REPLIES and is_many and not self._is_cut_said:
            self._is_cut_said = True
            yield (
                f"warning: {activity.n_cut:,} of {activity.n_replies:,} answers were cut at `teacher.max_tokens`; each "
                "is paid for and asked again with more room. Raise it, or ask for the label alone."
            )

    def _no_schema(self, activity: Activity) -> Iterator[str]:
        if activity.no_schema_reason and not self._is_no_schema_said:
            self._is_no_schema_said = True
            yield (
                f"the endpoint cannot hold answers to a schema ({activity.no_schema_reason}); it is asked for plain "
                'text instead. `teacher.structured = "off"` asks so from the start.'
            )

    def _other_model(self, model: str) -> Iterator[str]:
        if model and model not in self._models:
            self._models.append(model)
            if len(self._models) > 1:
                yield (
                    f"warning: the server now says it is `{model}`, before it was `{self._models[-2]}`; labels of "
                    "different models are mixed. The report lists both; a dated model name keeps them apart."
                )

    def _collapse(self, annotation: Annotation) -> Iterator[str]:
        if annotation.outcome is not Outcome.LABELLED or self._n_labels < 2:
            return
        if self._n_same == 0:
            self._first_value = annotation.value
        is_same = annotation.value == self._first_value
        self._n_same = self._n_same + 1 if is_same and self._n_same >= 0 else -1
        if self._n_same == SAME_IN_A_ROW:
            yield (
                f"warning: the first {SAME_IN_A_ROW} labels are all the same ({_named(self._first_value)}); "
                "is the codebook read? `understudy plan` shows a real prompt."
            )


def _named(value: Value | None) -> str:
    return f"`{value}`" if isinstance(value, str) else "nothing" if not value else "the same spans or labels"
