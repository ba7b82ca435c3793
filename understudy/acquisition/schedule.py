"""How many documents each round labels. Decides nothing about which."""

from __future__ import annotations

from itertools import pairwise


def linear(first: int = 50, batch: int = 50, rounds: int = 9) -> tuple[int, ...]:
    """A seed set and then `rounds` equal batches; every number >= 1, `rounds` >= 0.

    The defaults are LLMaAA's: 50 and 9 x 50, 500 labels (Zhang et al. 2023, Findings of EMNLP).
    """
    _at_least(1, first=first, batch=batch)
    _at_least(0, rounds=rounds)
    return (first, *(batch,) * rounds)


def quadratic(budget: int = 500, rounds: int = 9) -> tuple[int, ...]:
    """A seed set and `rounds` growing batches: after batch t of T = rounds + 1, ``budget * (t / T)**2`` are labelled.

    Totals are rounded half up and end at `budget`. LLMaAA's `quadratic_selection`: 5, 15, 25, ... 95 for the defaults.

    Raises
    ------
    ValueError
        If `rounds` is negative or the budget so small that a batch would be empty.
    """
    _at_least(0, rounds=rounds)
    n_batches = rounds + 1
    totals = [(2 * budget * t * t + n_batches**2) // (2 * n_batches**2) for t in range(n_batches + 1)]
    batches = tuple(after - before for before, after in pairwise(totals))
    if min(batches) < 1:
        raise ValueError(f"budget: {budget} over {n_batches} batches leaves one empty. Raise it or plan fewer rounds.")
    return batches


def _at_least(least: int, **numbers: int) -> None:
    for name, number in numbers.items():
        if number < least:
            raise ValueError(f"{name}: expected at least {least}, found {number}.")
