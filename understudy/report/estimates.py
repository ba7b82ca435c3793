"""What may be concluded from the labels, cell by cell and in words, with what it assumes; computes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.evaluation.inference import Estimate
from understudy.report import words
from understudy.report.data import Estimated, EstimatedRow, Flips, Multiverse


@dataclass(frozen=True)
class Cell:
    """A figure in print: number, interval and how it was made, or why there is none."""

    number: str
    interval: str = ""
    how: str = ""


@dataclass(frozen=True)
class EstimateLine:
    """One share or contrast: machine labels alone (not to be used), corrected by gold, gold alone."""

    what: str
    naive: Cell
    corrected: Cell
    gold_only: Cell
    p_value: str
    verdict: str
    refusal: str


@dataclass(frozen=True)
class EstimateView:
    """One declared estimate; nothing but a `refusal` where it cannot be made."""

    labeller: str
    command: str
    basis: str
    shares: tuple[EstimateLine, ...]
    contrasts: tuple[EstimateLine, ...]
    multiverse: tuple[str, ...]
    labellers: str
    refusal: str


def estimate_views(found: Sequence[Estimated]) -> tuple[EstimateView, ...]:
    """The estimates, ready for print."""
    return tuple(
        EstimateView(
            each.labeller,
            each.command,
            _basis(each),
            tuple(_line(row, "{:.3f}") for row in each.shares),
            tuple(_line(row, "{:+.3f}") for row in each.contrasts),
            tuple(_flips_sentences(each.multiverse)),
            words.listed(list(each.multiverse[0].labellers), most=20) if each.multiverse else "",
            each.refusal,
        )
        for each in found
    )


def assumptions(found: Sequence[Estimated]) -> Iterator[str]:
    """What a reader has to believe for the corrected figures to hold; nothing without estimates."""
    if not any(each.shares or each.contrasts for each in found):
        return
    yield (
        "The gold texts are a random sample of the same texts that the machine labelled. Nothing on this page can "
        "check that; where gold was picked by hand, the corrected figures are no better than the naive ones."
    )
    yield (
        "The human labels are the truth that is meant. The machine's mistakes may be as many and as one-sided as they "
        "like: they make the intervals wider, not wrong."
    )
    yield (
        "Labeller, codebook and question were settled before anyone looked at these figures; their fingerprints stand "
        "under Provenance. Trying several and keeping the one that shows something undoes every p-value."
    )
    yield (
        "Where gold is too small, nothing is corrected: a share needs 12 gold texts with and 12 without the label, in "
        "every group; a regression needs 100. In simulations that keep to this, 95 % intervals hold the truth 93 to "
        "97 % of the time."
    )
    if any(each.contrasts for each in found):
        yield "p-values are corrected for the number of contrasts of a label (Holm); an association is not a cause."
    if any(each.labeller != "teacher" and not each.refusal for each in found):
        yield "A student is corrected by gold test alone, because thresholds were chosen on gold dev."


def estimates_json(found: Sequence[Estimated]) -> list[dict[str, Any]]:
    """The estimates as strict JSON."""
    return [
        {
            "command": each.command, "labeller": each.labeller, "n_gold": each.n_gold, "n_machine": each.n_machine,
            "n_silent": each.n_silent, "refusal": each.refusal,
            "shares": [_row_json(row) for row in each.shares],
            "contrasts": [_row_json(row) for row in each.contrasts],
            "multiverse": [
                {"what": one.what, "labellers": list(one.labellers), "naive": _flips_json(one.naive),
                 "corrected": _flips_json(one.corrected)}
                for one in each.multiverse
            ],
        }
        for each in found
    ]  # fmt: skip


def _basis(found: Estimated) -> str:
    silent = ""
    if found.n_silent:
        texts = words.counted(found.n_silent, "text")
        silent = f" {texts} without a usable answer count with the mean of the others."
    return f"{found.n_machine:,} texts with machine labels only, corrected by {found.n_gold:,} gold texts.{silent}"


def _line(row: EstimatedRow, form: str) -> EstimateLine:
    return EstimateLine(
        row.what,
        _cell(row.naive, form),
        _cell(row.corrected, form),
        _cell(row.gold_only, form),
        _p_in_words(row.p_value),
        "the naive figure would have led to another conclusion" if row.is_overturned else "",
        row.refusal,
    )


def _p_in_words(p_value: float) -> str:
    if not math.isfinite(p_value):
        return ""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _cell(found: Estimate | None, form: str) -> Cell:
    if found is None or not math.isfinite(found.value):
        return Cell(words.UNDEFINED)
    return Cell(form.format(found.value), words.brackets(found.interval), found.interval.method)


def _flips_sentences(found: Sequence[Multiverse]) -> Iterator[str]:
    """Where a conclusion hangs on the labeller, then where it does not."""
    flipping = [one for one in found if any(flips.signs or flips.significances for flips in (one.naive, one.corrected))]
    yield from (_flips_sentence(one) for one in flipping)
    if len(flipping) < len(found):
        n = words.counted(len(found) - len(flipping), "contrast")
        yield f"In {n} no sign and no significance differs."


def _flips_sentence(one: Multiverse) -> str:
    corrected = "no corrected figure was possible"
    if one.corrected.n:
        corrected = f"of {one.corrected.n} corrected {one.corrected.signs} and {one.corrected.significances}"
    return (
        f"{one.what}: of {one.naive.n} naive figures {one.naive.signs} with another sign and "
        f"{one.naive.significances} with another significance than most; {corrected}."
    )


def _row_json(row: EstimatedRow) -> dict[str, Any]:
    return {
        "what": row.what,
        "naive": row.naive.to_json(),
        "corrected": None if row.corrected is None else row.corrected.to_json(),
        "gold_only": None if row.gold_only is None else row.gold_only.to_json(),
        "p_value": row.p_value if math.isfinite(row.p_value) else None,
        "is_overturned": row.is_overturned,
        "refusal": row.refusal,
    }


def _flips_json(flips: Flips) -> dict[str, int]:
    return {"n": flips.n, "signs": flips.signs, "significances": flips.significances}
