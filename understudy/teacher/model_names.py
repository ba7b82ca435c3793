"""Which model was probably meant where an endpoint does not know the one that is set; asks the endpoint, once.

It prices nothing and changes nothing: it only finds names to suggest.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from understudy.teacher.prices import built_in_prices
from understudy.teacher.provider import CallError

LISTING_TIMEOUT_S = 10.0
MOST_NAMED = 3
LEAST_SIMILARITY = 0.6
"""As `difflib` counts it, case ignored."""

UNKNOWN_MODEL = "unknown model"
NOT_FOUND = (UNKNOWN_MODEL, "status 404")
"""The kinds of failure behind which a wrong name of a model may stand."""


@runtime_checkable
class ListsModels(Protocol):
    """A provider that can say which models it offers."""

    @property
    def model(self) -> str:
        """The model that is asked."""

    async def models(self) -> list[str]:
        """Names of the models on offer; raises `CallError`. Nothing is charged."""


async def meant_model(provider: object) -> str:
    """A question that names models like the provider's, from its own list or else from the table of prices; or ""."""
    if not isinstance(provider, ListsModels):
        return ""
    offered = await _offered(provider)
    known = offered or [price.model for price in built_in_prices() if not set("*?[") & set(price.model)]
    close = close_names(provider.model, known)
    if close:
        where = "the endpoint offers" if offered else "there are prices for"
        return f"Did you mean {' or '.join(f'`{name}`' for name in close)}, which {where}?"
    some = ", ".join(f"`{name}`" for name in sorted(offered)[:MOST_NAMED])
    more = f" and {len(offered) - MOST_NAMED:,} more" if len(offered) > MOST_NAMED else ""
    return f"The endpoint offers {some}{more}." if offered else ""


def close_names(name: str, known: Sequence[str]) -> list[str]:
    """The most similar names, best first; none if `name` itself is known."""
    by_folded = {each.casefold(): each for each in known}
    if name in known:
        return []
    close = difflib.get_close_matches(name.casefold(), by_folded, n=MOST_NAMED, cutoff=LEAST_SIMILARITY)
    return [by_folded[each] for each in close]


async def _offered(provider: ListsModels) -> list[str]:
    """None where the endpoint does not say."""
    try:
        async with asyncio.timeout(LISTING_TIMEOUT_S):
            return [name for name in await provider.models() if name]
    except (CallError, TimeoutError):
        return []
