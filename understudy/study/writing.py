"""Writes what a study found: tables, figures, and the page last. Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.errors import UserError
from understudy.study.page import draw_figures, render
from understudy.study.results import StudyResults
from understudy.study.tables import table_rows, write_tables


@dataclass(frozen=True)
class StudyFiles:
    """Where the results stand, and the rows of the tables."""

    page: Path
    tables: tuple[Path, ...]
    figures: tuple[Path, ...]
    rows: dict[str, list[dict[str, Any]]]
    missing: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Paths and tables as a JSON object."""
        return {
            "page": str(self.page),
            "tables": [str(path) for path in self.tables],
            "missing": self.missing,
            **self.rows,
        }


def write_study(results: StudyResults, folder: Path) -> StudyFiles:
    """Write ``*.csv``, ``*.parquet``, ``figures/*.svg`` and ``NAME.html``, replacing those of an earlier run.

    Raises
    ------
    UserError
        If the folder cannot be written.
    """
    name = results.file.study.name
    drawn = draw_figures(results)
    pictures = [picture for of_teacher in drawn.values() for picture in of_teacher]
    figures = tuple(folder / "figures" / f"{picture.name}.svg" for picture in pictures)
    page = folder / f"{name}.html"
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        tables = write_tables(results, folder)
        for path, picture in zip(figures, pictures, strict=True):
            path.write_text(picture.svg, encoding="utf-8", newline="\n")
        page.write_text(render(results, drawn, f"understudy study {name}.toml"), encoding="utf-8", newline="\n")
    except OSError as exc:
        raise UserError(f"The results cannot be written to {folder}: {exc.strerror or exc}.") from exc
    return StudyFiles(page, tables, figures, table_rows(results), results.missing)
