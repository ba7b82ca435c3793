"""Writes the report's files, whole or not at all: figures, then numbers, then the page."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from understudy.errors import UserError
from understudy.report.as_json import report_json
from understudy.report.data import ReportData
from understudy.report.figures import FIGURE_NAMES, draw_figures
from understudy.report.page import render


@dataclass(frozen=True)
class ReportFiles:
    """Where the report stands.

    Attributes
    ----------
    html : the self-contained page.
    json : the same numbers.
    figures : the page's figures, one SVG file each, for papers.
    """

    html: Path
    json: Path
    figures: tuple[Path, ...]


def write_report(data: ReportData, folder: Path, name: str) -> ReportFiles:
    """Write ``<name>.html``, ``<name>.json`` and ``<name>-figures/*.svg``, replacing those of an earlier run.

    Each file is replaced in one step, the page last, so that a reader never meets half a file. A figure of an earlier
    run that this report does not have is removed. The same data give the same bytes.

    Parameters
    ----------
    folder : made if it is missing.
    name : file name without ending.

    Raises
    ------
    ValueError
        If `name` is not a plain file name.
    UserError
        If the files cannot be written.
    """
    if not name or name != Path(name).name or name in {".", ".."}:
        raise ValueError(f"name: expected a plain file name, found {name!r}.")
    figures = draw_figures(data)
    beside = folder / f"{name}-figures"
    files = ReportFiles(
        folder / f"{name}.html",
        folder / f"{name}.json",
        tuple(beside / f"{figure.name}.svg" for figure in figures),
    )
    numbers = json.dumps(report_json(data), indent=2, allow_nan=False) + "\n"
    page = render(data, figures, files.json.name, beside.name)
    try:
        beside.mkdir(parents=True, exist_ok=True)
        for path, figure in zip(files.figures, figures, strict=True):
            _replace(path, figure.svg)
        _remove_stale(beside, {figure.name for figure in figures})
        _replace(files.json, numbers)
        _replace(files.html, page)
    except OSError as exc:
        raise UserError(
            f"The report cannot be written to {folder}: {exc.strerror or exc}.", "Check the folder and the disk."
        ) from exc
    return files


def _replace(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with scratch.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def _remove_stale(folder: Path, current: set[str]) -> None:
    for name in FIGURE_NAMES:
        if name not in current:
            (folder / f"{name}.svg").unlink(missing_ok=True)
