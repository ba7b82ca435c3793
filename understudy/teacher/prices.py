"""What models cost, from a dated table that comes along and one that the project may add; knows no budget."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Any

from understudy.errors import UserError, did_you_mean

OWN_TABLE = "prices.toml"
BUILT_IN = "the table that came with this version"
_SNAPSHOT = re.compile(r"[-@](\d{4}-\d\d-\d\d|\d{8}|latest)$")
_REQUIRED: dict[str, type | tuple[type, ...]] = {"model": str, "in_usd": (int, float), "out_usd": (int, float)}
_OPTIONAL: dict[str, type | tuple[type, ...]] = {
    "provider": str,
    "cached_usd": (int, float),
    "date": str,
    "source": str,
}


@dataclass(frozen=True, slots=True)
class Price:
    """One row of a table, in US dollars per million tokens.

    Attributes
    ----------
    provider : host of the endpoint, or the kind of teacher with its own protocol; "*" for any.
    model : name, in which * and ? stand for anything.
    in_usd, out_usd : of prompt and answer; `cached_usd` of prompt tokens read from the provider's cache, None if the
        table does not say.
    date, source : when and where it was read.
    """

    provider: str
    model: str
    in_usd: float
    out_usd: float
    cached_usd: float | None
    date: str
    source: str

    def __str__(self) -> str:
        """The price with its date and source."""
        return f"${self.in_usd:g} in, ${self.out_usd:g} out per million tokens ({self.source}, {self.date})"


def find_price(provider: str, model: str, project: Path) -> Price | None:
    """The price of a model: the project's own table first, then the one that comes along; None if neither has it.

    Parameters
    ----------
    provider : host of the endpoint, or the kind of teacher with its own protocol.
    project : folder that may hold a `prices.toml`.

    Raises
    ------
    UserError
        If the project's table cannot be read.
    """
    return _first(own_prices(project), provider, model) or _first(built_in_prices(), provider, model)


def own_prices(project: Path) -> tuple[Price, ...]:
    """The rows of a project's `prices.toml`; none if there is no such file."""
    path = project / OWN_TABLE
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as exc:
        raise UserError(f"`{path}` cannot be read: {exc}.") from exc
    return tuple(_rows(text, OWN_TABLE, "the project's prices.toml"))


def built_in_prices() -> tuple[Price, ...]:
    """The rows that come along."""
    text = files("understudy.teacher").joinpath(OWN_TABLE).read_text(encoding="utf-8")
    return tuple(_rows(text, BUILT_IN, BUILT_IN))


def _first(prices: Iterable[Price], provider: str, model: str) -> Price | None:
    """The row with the longest matching pattern."""
    names = {model.casefold(), _SNAPSHOT.sub("", model.casefold())}
    matching = [
        price
        for price in prices
        if price.provider in ("*", provider.casefold())
        and any(fnmatchcase(name, price.model.casefold()) for name in names)
    ]
    return max(matching, key=lambda price: len(price.model), default=None)


def _rows(text: str, where: str, source: str) -> Iterator[Price]:
    try:
        rows = tomllib.loads(text).get("price", [])
    except tomllib.TOMLDecodeError as exc:
        raise UserError(f"{where} is not valid TOML: {exc}.") from exc
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{where}: `price` is no list of tables.", "Write `[[price]]` above each row.")
    for number, row in enumerate(rows, 1):
        yield _row(row, f"{where} row {number}", source)


def _row(row: dict[str, Any], where: str, source: str) -> Price:
    known = _REQUIRED | _OPTIONAL
    for name, value in row.items():
        if name not in known:
            raise UserError(f"{where}: unknown field `{name}`.", did_you_mean(name, known))
        if not isinstance(value, known[name]) or isinstance(value, bool):
            raise UserError(f"{where}: `{name}` is {value!r}.", "Prices are numbers, everything else is text.")
        if isinstance(value, int | float) and not 0 <= value < float("inf"):
            raise UserError(f"{where}: `{name}` is {value!r}, not a price.", "Prices are 0 or more.")
    missing = [f"`{name}`" for name in _REQUIRED if name not in row]
    if missing:
        raise UserError(f"{where}: {', '.join(missing)} is missing.")
    cached = row.get("cached_usd")
    return Price(
        provider=row.get("provider", "*").casefold(),
        model=row["model"],
        in_usd=float(row["in_usd"]),
        out_usd=float(row["out_usd"]),
        cached_usd=None if cached is None else float(cached),
        date=row.get("date", "undated"),
        source=row.get("source", source),
    )
