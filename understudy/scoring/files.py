"""Labels every row of a file with a student: streamed, resumable, nothing lost and nothing twice.

Reads with `corpus`, writes parts beside the target, and merges them at the end. Does not load the student.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from understudy.codebook import Task
from understudy.corpus import Row, is_blank, read_rows
from understudy.errors import UserError
from understudy.records import Document, Value
from understudy.scoring.columns import Added, AddedColumns, confidences
from understudy.scoring.fingerprint import source_state, student_digest
from understudy.scoring.formats import Format, format_of, refuse_unknown_suffix
from understudy.scoring.parts import Parts
from understudy.scoring.survey import Columns, Survey, document_of, survey

MANIFEST_VERSION = 1

FloatArray = NDArray[np.float64]


class Scorer(Protocol):
    """What scoring needs of a student."""

    @property
    def task(self) -> Task:
        """What it labels; columns are in `task.labels` order."""

    def predict_proba(self, documents: Sequence[Document]) -> FloatArray:
        """Probabilities of shape (n, K), in [0, 1]."""

    def decode(self, probabilities: FloatArray) -> list[Value]:
        """Values from probabilities, with the student's own thresholds; never asked of a task that marks spans."""


@runtime_checkable
class Marker(Protocol):
    """What scoring needs besides where values are spans, which probabilities do not hold."""

    def label(self, documents: Sequence[Document]) -> tuple[list[Value], FloatArray]:
        """Values, and probabilities of shape (n, K) that the text has a span of each label."""


@dataclass(frozen=True)
class ScoreSummary:
    """What was written.

    Attributes
    ----------
    source, target : the files.
    n_rows : rows of the source, which are the rows of the target.
    n_scored, n_skipped : rows with a label, and rows whose text is blank; they add up to `n_rows`.
    resumed_from : rows that an interrupted run had finished.
    seconds : of this run.
    """

    source: Path
    target: Path
    n_rows: int
    n_scored: int
    n_skipped: int
    resumed_from: int
    seconds: float

    @property
    def rows_per_s(self) -> float:
        """Rows of this run per second."""
        return (self.n_rows - self.resumed_from) / self.seconds

    def to_json(self) -> dict[str, Any]:
        """The summary as a JSON object."""
        paths = {"source": str(self.source), "target": str(self.target)}
        return asdict(self) | paths | {"rows_per_s": self.rows_per_s}

    def lines(self) -> list[str]:
        """The summary in words."""
        resumed = f", resumed after row {self.resumed_from:,}" if self.resumed_from else ""
        return [
            f"{self.target}: {self.n_rows:,} rows: labelled {self.n_scored:,} · skipped (no text) {self.n_skipped:,}",
            f"{self.seconds:.1f} s, {self.rows_per_s:,.0f} rows/s{resumed}",
        ]


@dataclass(frozen=True)
class _Job:
    """One file to score, checked."""

    student: Scorer
    source: Path
    columns: Columns
    encoding: str
    batch_rows: int
    added: AddedColumns
    format: Format


def score_file(
    student: Scorer,
    source: Path,
    target: Path,
    *,
    text_column: str = "text",
    encoding: str = "utf-8",
    prefix: str = "",
    pair: tuple[str, str] | None = None,
    batch_rows: int = 2048,
    on_progress: Callable[[int, int], None] | None = None,
) -> ScoreSummary:
    """Write every row of `source` to `target` with the student's label, confidence, outcome and probabilities.

    The source is read twice: first to count and check it, then to score it. Finished parts stand in
    ``<target>.parts/``; the same call resumes after the last one and writes the same bytes as an uninterrupted run.
    Memory does not grow with the file. A finished target of the same name is replaced.

    Parameters
    ----------
    student : anything with `task`, `predict_proba` and `decode`; where values are spans, with `label`.
    source : CSV, TSV, JSONL, Parquet, a saved dataset folder or a hub id.
    target : the ending says the format: .csv, .tsv, .jsonl, .ndjson or .parquet; its folder must exist.
    text_column : column of the text; a row with a blank text gets the outcome `skipped` and no label.
    encoding : of the source if it is CSV, TSV or JSONL; the target is UTF-8.
    prefix : stands before the names of the added columns `label`, `confidence`, `outcome` and `p_<label>`.
    pair : columns of head and tail, where the student needs them.
    batch_rows : rows scored and stored at once; an interruption loses at most that many.
    on_progress : is told rows finished and rows in all.

    Raises
    ------
    ValueError
        If `batch_rows` is below 1.
    UserError
        If the source cannot be read to its end, an added column exists already, the target cannot be written,
        the student answers something else than probabilities, or an interrupted run had other inputs.
    """
    started = time.perf_counter()
    if batch_rows < 1:
        raise ValueError(f"batch_rows must be at least 1, found {batch_rows}")
    _check_target(source, target)
    columns = Columns(text_column, *(pair or (None, None)))
    found = survey(source, encoding, columns)
    added = AddedColumns(student.task, prefix)
    added.refuse_clash(found.columns)
    form = format_of(target, source, found.columns, added)
    job = _Job(student, source, columns, encoding, batch_rows, added, form)
    parts = Parts(target)
    state = source_state(source)
    n_finished = parts.open(_manifest(job, state))
    _score_parts(job, parts, n_finished, found, on_progress)
    _refuse_changed(source, state)
    parts.finish(math.ceil(found.n_rows / batch_rows), form.merge)
    resumed_from = min(n_finished * batch_rows, found.n_rows)
    n_scored = found.n_rows - found.n_blank
    seconds = time.perf_counter() - started
    return ScoreSummary(source, target, found.n_rows, n_scored, found.n_blank, resumed_from, seconds)


def _check_target(source: Path, target: Path) -> None:
    refuse_unknown_suffix(target)
    if not target.parent.is_dir():
        raise UserError(f"`{target}`: the folder `{target.parent}` does not exist.", "Make it first.")
    if target.is_dir():
        raise UserError(f"`{target}` is a folder.", "Name a file to write.")
    if target.exists() and source.exists() and target.samefile(source):
        raise UserError(f"`{target}` is the file that is read.", "Name another file to write.")


def _manifest(job: _Job, source: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": MANIFEST_VERSION,
        **source,
        "student": student_digest(
            job.student.task, partial(_answers, job.student), job.student.decode, has_pairs=job.columns.head is not None
        ),
        "text_column": job.columns.text,
        "encoding": job.encoding,
        "prefix": job.added.prefix,
        "batch_rows": job.batch_rows,
    }


def _score_parts(
    job: _Job, parts: Parts, n_finished: int, found: Survey, on_progress: Callable[[int, int], None] | None
) -> None:
    for number, rows in enumerate(_batches(job, n_finished), n_finished):
        parts.add(number, partial(job.format.write_part, rows=rows, added=_score(job, rows)))
        if on_progress is not None:
            on_progress(min((number + 1) * job.batch_rows, found.n_rows), found.n_rows)


def _batches(job: _Job, first: int) -> Iterator[list[Row]]:
    rows = islice(read_rows(job.source, job.encoding), first * job.batch_rows, None)
    while batch := list(islice(rows, job.batch_rows)):
        yield batch


def _score(job: _Job, rows: Sequence[Row]) -> list[Added]:
    documents = [document_of(row, job.columns, job.source) for row in rows]
    blank = [is_blank(document.text) for document in documents]
    readable = [document for document, skip in zip(documents, blank, strict=True) if not skip]
    labelled = iter(_label(job, readable) if readable else ())
    return [job.added.skipped() if skip else next(labelled) for skip in blank]


def _label(job: _Job, documents: Sequence[Document]) -> list[Added]:
    values, probabilities = _answers(job.student, documents)
    sure = confidences(job.added.task, values, probabilities)
    return [job.added.labelled(*answer) for answer in zip(values, sure.tolist(), probabilities, strict=True)]


def _answers(student: Scorer, documents: Sequence[Document]) -> tuple[list[Value], FloatArray]:
    if student.task.marks_spans:
        if not isinstance(student, Marker):
            raise TypeError(f"{type(student).__name__} has no `label`, which a task of spans needs.")
        values, found = student.label(documents)
        probabilities = np.asarray(found, dtype=np.float64)
        _refuse_no_probabilities(probabilities, documents, len(student.task.labels))
        return values, probabilities
    probabilities = np.asarray(student.predict_proba(documents), dtype=np.float64)
    _refuse_no_probabilities(probabilities, documents, len(student.task.labels))
    return student.decode(probabilities), probabilities


def _refuse_no_probabilities(probabilities: FloatArray, documents: Sequence[Document], n_labels: int) -> None:
    if probabilities.shape != (len(documents), n_labels):
        raise UserError(
            f"the student answered an array of shape {probabilities.shape} to {len(documents)} texts and "
            f"{n_labels} labels.",
            "Train it again with this codebook.",
        )
    broken = ~np.isfinite(probabilities).all(axis=1)
    if broken.any():
        first = documents[int(broken.argmax())].id
        raise UserError(f"the student answered no probabilities to {first}.", "Its training diverged: train it again.")


def _refuse_changed(source: Path, state: dict[str, Any]) -> None:
    if source_state(source) != state:
        raise UserError(
            f"`{source}` was changed while it was read.", "Wait until it is written, delete the parts and start again."
        )
