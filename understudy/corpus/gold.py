"""Which human label may be used for what: the split into demo, dev and test, and the refusal to mix them.

Knows documents and roles; does not know what a value means.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from understudy.corpus.text import same_text_key
from understudy.errors import GoldMisuse, UserError
from understudy.records import Document, Role, Span, Value
from understudy.settings import GoldSettings

MAX_NAMED = 5
MIN_IN_STRATUM = 3
MAX_GOLD = 1_000_000
RARE = "other sets of labels"


@dataclass(frozen=True)
class GoldLedger:
    """The gold documents and the one role that each has.

    Attributes
    ----------
    gold : documents with a human label, ordered by id.
    roles : id -> role, one entry per document of `gold`; with a shared set every document of it is `demo`.
    shares_demo_dev : whether `demo` and `dev` are one set.
    moved : ids whose role column said `dev` or `test` although the same text has an earlier role.
    """

    gold: tuple[Document, ...]
    roles: Mapping[str, Role]
    shares_demo_dev: bool = False
    moved: tuple[str, ...] = ()

    def documents(self, role: Role) -> tuple[Document, ...]:
        """The documents of a role, ordered by id."""
        stored = Role.DEMO if self.shares_demo_dev and role is Role.DEV else role
        return tuple(document for document in self.gold if self.roles[document.id] is stored)

    def role_of(self, document_id: str) -> Role | None:
        """The role of a document; None if it is not gold."""
        return self.roles.get(document_id)

    def judge(self, ids: Iterable[str]) -> None:
        """Refuse to report on anything but `test`.

        Raises
        ------
        GoldMisuse
            If an id has another role, or none; names up to 5 of them.
        """
        wrong = [identifier for identifier in ids if self.roles.get(identifier) is not Role.TEST]
        if wrong:
            named = ", ".join(
                f"`{identifier}` ({self.roles.get(identifier, 'no gold')})" for identifier in wrong[:MAX_NAMED]
            )
            more = f" and {len(wrong) - MAX_NAMED} more" if len(wrong) > MAX_NAMED else ""
            raise GoldMisuse(
                f"{len(wrong)} documents are not gold `test` and cannot judge: {named}{more}.",
                "Something may have learned from them; report on documents of role `test` only.",
            )


def split_gold(documents: Iterable[Document], gold: GoldSettings, seed: int, fixed: Mapping[str, Role]) -> GoldLedger:
    """Give every document with a human label one role.

    If a document has a role of its own, all must, and they are kept. Otherwise the split is stratified by value (for
    several labels: by the set of them, rare sets together), with exact counts by largest remainders; documents of
    one group or with the same text stay together, so that with groups the counts are as near as whole groups allow.
    The result does not depend on the order of the documents.

    Parameters
    ----------
    documents : those without a value are left out.
    gold : counts, or shares of all documents with a value; the rest is `test`. A shared demo and dev set has the
        larger of the two sizes.
    seed : of the draw.
    fixed : roles from earlier runs; they are kept, and further documents are added around them.

    Raises
    ------
    UserError
        If `test` would be empty, or only some documents have a role of their own.
    GoldMisuse
        If a role column says `test` for a document that was `demo` or `dev` before.
    """
    labelled = sorted((document for document in documents if document.value is not None), key=lambda d: d.id)
    if any(document.role for document in labelled):
        roles, moved = _roles_from_column(labelled, fixed)
    else:
        roles, moved = _drawn_roles(labelled, gold, seed, fixed), ()
    if gold.share_demo_dev:
        roles = {identifier: Role.DEMO if role is Role.DEV else role for identifier, role in roles.items()}
    if Role.TEST not in roles.values():
        raise _no_test(len(labelled), gold)
    return GoldLedger(tuple(labelled), MappingProxyType(roles), gold.share_demo_dev, moved)


@dataclass
class _Unit:
    """Documents that must have one role."""

    documents: list[Document] = field(default_factory=list)
    role: Role | None = None

    @property
    def size(self) -> int:
        return len(self.documents)


def _roles_from_column(
    labelled: Sequence[Document], fixed: Mapping[str, Role]
) -> tuple[dict[str, Role], tuple[str, ...]]:
    without = [document for document in labelled if document.role is None]
    if without:
        raise UserError(
            f"{len(without)} of {len(labelled)} documents with a label have no role: {_named(without)}.",
            "Fill the role column everywhere (demo, dev or test), or remove `data.role`.",
        )
    asked = {document.id: document.role for document in labelled if document.role is not None}
    roles = {
        document.id: _most_used(asked[member.id] for member in unit)
        for unit in _same_texts(labelled)
        for document in unit
    }
    _refuse_used(labelled, roles, fixed)
    return roles, tuple(identifier for identifier in asked if roles[identifier] is not asked[identifier])


def _refuse_used(labelled: Sequence[Document], roles: Mapping[str, Role], fixed: Mapping[str, Role]) -> None:
    used = [d for d in labelled if roles[d.id] is Role.TEST and fixed.get(d.id, Role.TEST) is not Role.TEST]
    if used:
        raise GoldMisuse(
            f"the role column now says `test` for {len(used)} documents that were used before: {_named(used)}.",
            "Give them their old role; only texts that nothing has learned from may judge.",
        )


def _named(documents: Sequence[Document]) -> str:
    more = ", …" if len(documents) > MAX_NAMED else ""
    return ", ".join(f"`{document.id}` ({document.source})" for document in documents[:MAX_NAMED]) + more


def _same_texts(documents: Iterable[Document]) -> Iterable[list[Document]]:
    by_text: defaultdict[str, list[Document]] = defaultdict(list)
    for document in documents:
        by_text[same_text_key(document.text)].append(document)
    return by_text.values()


def _most_used(roles: Iterable[Role]) -> Role:
    """The role that claims most: what the teacher has seen cannot tune, what has tuned cannot judge."""
    return min(roles, key=list(Role).index)


def _drawn_roles(
    labelled: Sequence[Document], gold: GoldSettings, seed: int, fixed: Mapping[str, Role]
) -> dict[str, Role]:
    units = _units(labelled, fixed)
    rng = np.random.default_rng(seed)
    shuffled = [units[position] for position in rng.permutation(len(units))]
    _assign(_strata(shuffled), *_sizes(len(labelled), gold))
    return {document.id: unit.role for unit in units for document in unit.documents if unit.role is not None}


def _units(labelled: Sequence[Document], fixed: Mapping[str, Role]) -> list[_Unit]:
    """Documents tied by equal text or group, ordered by their first id; a unit takes its most used fixed role."""
    parent = {document.id: document.id for document in labelled}
    first: dict[tuple[str, str], str] = {}
    for document in labelled:
        ties = [("text", same_text_key(document.text))]
        if document.group is not None:
            ties.append(("group", document.group))
        for tie in ties:
            parent[_root(parent, document.id)] = _root(parent, first.setdefault(tie, document.id))
    units: defaultdict[str, _Unit] = defaultdict(_Unit)
    for document in labelled:
        units[_root(parent, document.id)].documents.append(document)
    for unit in units.values():
        known = [fixed[document.id] for document in unit.documents if document.id in fixed]
        unit.role = _most_used(known) if known else None
    return list(units.values())


def _root(parent: dict[str, str], identifier: str) -> str:
    while parent[identifier] != identifier:
        parent[identifier] = parent[parent[identifier]]
        identifier = parent[identifier]
    return identifier


def _sizes(n: int, gold: GoldSettings) -> tuple[int, int]:
    """How many documents `demo` and `dev` get; a shared set is all demo."""
    demo, dev = (_count(amount, n) for amount in (gold.demo, gold.dev))
    if gold.share_demo_dev:
        demo, dev = max(demo, dev), 0
    if demo + dev >= n:
        raise _no_test(n, gold)
    return demo, dev


def _count(amount: int | float, n: int) -> int:
    return amount if isinstance(amount, int) else int(amount * n + 0.5)


def _strata(units: Sequence[_Unit]) -> list[list[_Unit]]:
    """The units by most frequent value; sets of labels in fewer than 3 documents are one stratum."""
    keys = [_stratum(unit) for unit in units]
    sizes = Counter[str]()
    for key, unit in zip(keys, units, strict=True):
        sizes[key] += unit.size
    strata: defaultdict[str, list[_Unit]] = defaultdict(list)
    for key, unit in zip(keys, units, strict=True):
        is_set = not isinstance(unit.documents[0].value, str)
        strata[RARE if is_set and sizes[key] < MIN_IN_STRATUM else key].append(unit)
    return [strata[key] for key in sorted(strata)]


def _stratum(unit: _Unit) -> str:
    counts = Counter(_value_key(document.value) for document in unit.documents)
    return min(counts, key=lambda key: (-counts[key], key))


def _value_key(value: Value | None) -> str:
    if value is None or isinstance(value, str):
        return repr(value)
    return repr(sorted({part.label if isinstance(part, Span) else part for part in value}))


def _assign(strata: Sequence[Sequence[_Unit]], n_demo: int, n_dev: int) -> None:
    """Fill `demo`, then `dev`, stratum by stratum; what whole units leave over or under goes to the next stratum."""
    sizes = [sum(unit.size for unit in stratum) for stratum in strata]
    used = largest_remainders(n_demo + n_dev, sizes)
    demo = largest_remainders(n_demo, used)
    due = {Role.DEMO: 0, Role.DEV: 0}
    for stratum, used_here, demo_here in zip(strata, used, demo, strict=True):
        due[Role.DEMO] += demo_here - _already(stratum, Role.DEMO)
        due[Role.DEV] += used_here - demo_here - _already(stratum, Role.DEV)
        for unit in stratum:
            if unit.role is None:
                unit.role = next((role for role, n in due.items() if n >= unit.size / 2), Role.TEST)
                if unit.role is not Role.TEST:
                    due[unit.role] -= unit.size


def _already(stratum: Iterable[_Unit], role: Role) -> int:
    return sum(unit.size for unit in stratum if unit.role is role)


def largest_remainders(total: int, sizes: Sequence[int]) -> list[int]:
    """Divide `total` in proportion to `sizes`: whole numbers that add up to it, none above its size.

    Hamilton's method; equal remainders go to the larger, then the earlier one. All 0 if `sizes` are.
    """
    everything = sum(sizes)
    if everything == 0:
        return [0] * len(sizes)
    shares = [total * size // everything for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda i: (-(total * sizes[i] % everything), -sizes[i], i))
    for position in by_remainder[: total - sum(shares)]:
        shares[position] += 1
    return shares


def _no_test(n: int, gold: GoldSettings) -> UserError:
    needed = next((m for m in range(n + 1, MAX_GOLD) if _count(gold.demo, m) + _count(gold.dev, m) < m), None)
    enough = f" at least {needed} are needed" if needed else " no number would do"
    return UserError(
        f"{n} documents with a human label leave none for `test`: demo = {gold.demo}, dev = {gold.dev};{enough}.",
        "Label more texts, or lower `gold.demo` and `gold.dev` in understudy.toml.",
    )
