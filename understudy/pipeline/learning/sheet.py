"""A table of texts for a person to label: written in one step, read back as gold. Chooses no texts."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from understudy.corpus.spans.marks import write_mark
from understudy.records import Document

if TYPE_CHECKING:
    from pathlib import Path

    from understudy.pipeline.project import Project


def write_sheet(
    project: Project, path: Path, further: Sequence[str], rows: Iterable[tuple[Document, Sequence[str]]]
) -> None:
    """Write texts with an empty label column; a killed process leaves no file.

    Parameters
    ----------
    further : names of columns behind those of the project's data.
    rows : each text with what stands in these columns.
    """
    columns, unfinished = project.settings.data, path.with_suffix(".unfinished")
    marks = [name for name in (columns.head, columns.tail) if name is not None]
    with unfinished.open("w", encoding=columns.encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow([columns.id, columns.text, columns.label, *marks, *further])
        writer.writerows([document.id, document.text, "", *_pair(document), *cells] for document, cells in rows)
    unfinished.replace(path)


def _pair(document: Document) -> list[str]:
    """Head and tail of a relation."""
    marks = (document.head, document.tail)
    return [json.dumps(write_mark(mark), ensure_ascii=False) for mark in marks if mark is not None]
