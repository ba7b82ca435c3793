"""Gives every text of a public set its role: pool, demo, dev or test. Reads and writes no file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from understudy.study.public import FILES_OF_PART, Item

MANY = 3000
MOST_TEST, MOST_DEMO, MOST_DEV, DEV_WHEN_TEST_HAS_NO_ANSWERS = 1000, 1000, 250, 500
SMALLEST_DEV_SHARE = 8


@dataclass(frozen=True)
class Roles:
    """Which text becomes what."""

    pool: tuple[Item, ...]
    demo: tuple[Item, ...]
    dev: tuple[Item, ...]
    test: tuple[Item, ...]
    left_out: tuple[Item, ...]

    def taught_by(self, model: str) -> Roles:
        """The same texts with the answers of one model."""
        named = ("pool", "demo", "dev", "test", "left_out")
        return Roles(*(tuple(item.taught_by(model) for item in getattr(self, name)) for name in named))

    def counts(self) -> dict[str, int]:
        """Texts of each role."""
        return {name: len(getattr(self, name)) for name in ("pool", "demo", "dev", "test", "left_out")}


def assign(items: Sequence[Item], rng: np.random.Generator) -> Roles:
    """Roles by file name where it says so, else by a stratified draw of whole groups."""
    parts = {part: [item for item in items if item.part == part] for part in (*FILES_OF_PART, "unlabelled")}
    answered = [item for item in parts["main"] if item.answers]
    human = [item for item in (*parts["train"], *parts["main"]) if not item.answers]
    test, val = parts["test"], parts["val"]
    if not (answered or human):
        human, val = val, []
    if not human and not answered:
        human, test = test, []
    n_answered = len(answered)
    if not test:
        source = answered or human
        n = len(source)
        test, rest = _draw(source, MOST_TEST if n >= MANY else 2 * n // 5, rng)
        answered, human = (rest, human) if answered else (answered, rest)
    dev = _dev_for_the_gate(test, val, answered, n_answered, rng)
    answered = _without(answered, dev)
    demo, human = _draw(human, min(MOST_DEMO, _two_thirds(human) if not answered else len(human)), rng)
    if not demo:
        demo, answered = _draw(answered, min(MOST_DEMO, 9 * len(answered) // 10), rng)
    human_dev, val = _draw(_without(val, dev), MOST_DEV, rng)
    if not human_dev and (human or not dev):
        human_dev, human = _draw(human, min(MOST_DEV, len(human) // 2), rng)
    dev = dev + human_dev
    pool = [*answered, *(item for item in parts["unlabelled"] if item.answers)] or human
    kept = {item.id for item in (*pool, *demo, *dev, *test)}
    left_out = tuple(item for item in items if item.id not in kept)
    return Roles(tuple(pool), tuple(demo), tuple(dev), tuple(test), left_out)


def assign_paired(items: Sequence[Item], rng: np.random.Generator) -> Roles:
    """Roles such that people and every model label the same texts: demo to learn from, dev, test; the pool is empty.

    Only texts with a human label that some model was asked about take part, two fifths of them (1,000 of 3,000 or more)
    as test, an eighth (at most 250) as dev, stratified and in whole groups. The split does not depend on who teaches.
    """
    both = [item for item in items if item.label is not None and item.said]
    test, rest = _draw(both, MOST_TEST if len(both) >= MANY else 2 * len(both) // 5, rng)
    dev, demo = _draw(rest, min(MOST_DEV, len(both) // SMALLEST_DEV_SHARE), rng)
    return Roles((), tuple(demo), tuple(dev), tuple(test), tuple(_without(items, both)))


def assign_pool(items: Sequence[Item], n_gold: int, seed: int) -> Roles:
    """Roles for a teacher whose texts are chosen: `n_gold` human labels as demo, test, and a pool of all it answered.

    Test is the set's own test part; else 1,000 of the texts that only people labelled, where there are 3,000 of them;
    else two fifths (1,000 of 3,000 or more) of those that people and models labelled. The gold texts have models'
    answers, too, from the set's validation part where that has enough. Test does not depend on `n_gold`.
    """
    both = [item for item in items if item.label is not None and item.said]
    test = [item for item in items if item.part == "test" and item.label is not None]
    if not test:
        only_human = [item for item in items if item.label is not None and not item.said]
        source = only_human if len(only_human) >= MANY else both
        size = MOST_TEST if len(source) >= MANY else 2 * len(source) // 5
        test = _draw(source, size, np.random.default_rng([seed, 1]))[0]
    free = _without(both, test)
    from_val = [item for item in free if item.part == "val"]
    source = from_val if len(from_val) >= n_gold else free
    gold = _draw(source, n_gold, np.random.default_rng([seed, 2]))[0]
    judged = {item.group for item in (*test, *gold) if item.group}
    pool = _without([item for item in items if item.said and item.group not in judged], [*test, *gold])
    kept = [*test, *gold, *pool]
    return Roles(tuple(pool), tuple(gold), (), tuple(test), tuple(_without(items, kept)))


def drawn_pool(roles: Roles, size: int | None, seed: int) -> Roles:
    """The roles with those of the pool alone that the teacher answered, at most `size` of them, drawn by lot."""
    answered = [item for item in roles.pool if item.answers]
    order = np.random.default_rng([seed, 3]).permutation(len(answered))[:size]
    pool = [answered[row] for row in sorted(order)]
    left_out = (*roles.left_out, *_without(roles.pool, pool))
    return Roles(tuple(pool), roles.demo, roles.dev, roles.test, left_out)


def _two_thirds(items: Sequence[Item]) -> int:
    return 2 * len(items) // 3


def _dev_for_the_gate(
    test: Sequence[Item], val: Sequence[Item], answered: Sequence[Item], n: int, rng: np.random.Generator
) -> list[Item]:
    """Texts with human label and teacher's answer, so that the teacher can be judged before the test."""
    most = MOST_DEV if any(item.answers for item in test) else DEV_WHEN_TEST_HAS_NO_ANSWERS
    from_val = [item for item in val if item.answers]
    source, wanted = (from_val, most) if from_val else (answered, min(most, n // SMALLEST_DEV_SHARE))
    return _draw(source, wanted, rng)[0]


def _without(items: Iterable[Item], taken: Iterable[Item]) -> list[Item]:
    ids = {item.id for item in taken}
    return [item for item in items if item.id not in ids]


def _draw(items: Sequence[Item], n: int, rng: np.random.Generator) -> tuple[list[Item], list[Item]]:
    """About `n` items (exactly `n` without groups) in their label proportions, and the rest; whole groups only."""
    if n <= 0 or not items:
        return [], list(items)
    units: dict[str, list[Item]] = {}
    for item in items:
        units.setdefault(item.group or " ".join(item.text.split()), []).append(item)
    keys = sorted(units)
    order = sorted(rng.permutation(len(keys)), key=lambda i: units[keys[i]][0].labels)
    n_units = min(len(keys), max(1, round(n * len(keys) / len(items))))
    spots = np.floor((np.arange(n_units) + rng.random()) * len(keys) / n_units).astype(int)
    chosen = {item.id for spot in spots for item in units[keys[order[spot]]]}
    return [item for item in items if item.id in chosen], [item for item in items if item.id not in chosen]
