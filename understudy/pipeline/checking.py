"""The step that looks at codebook and data before anything is spent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from understudy.codebook import lint
from understudy.corpus import check_corpus
from understudy.corpus.spans.reading import remark_on
from understudy.records import Remark
from understudy.settings import FILE_NAME

if TYPE_CHECKING:
    from understudy.pipeline.project import Project


def check(project: Project) -> tuple[Remark, ...]:
    """Remarks on the codebook, then on pool and gold."""
    return tuple(remark for look in (_on_keys, _on_codebook, _on_formats, _on_corpus) for remark in look(project))


def _on_keys(project: Project) -> Iterator[Remark]:
    from understudy.teacher.keys import looks_like_key

    if looks_like_key((project.folder / FILE_NAME).read_text(encoding="utf-8", errors="replace")):
        details = ("remove it, revoke it at the provider, and run `understudy keys set`: this file is shared and kept",)
        yield Remark("warning", f"{FILE_NAME} holds something that looks like an API key", details)


def _on_codebook(project: Project) -> Iterator[Remark]:
    findings = lint(project.settings.codebook)
    for finding in findings:
        yield Remark("error" if finding.is_error else "note", f"codebook: {finding.message}")
    if not findings:
        yield Remark("ok", f"codebook: {len(project.task.labels)} labels, all defined")


def _on_formats(project: Project) -> Iterator[Remark]:
    data = project.settings.data
    for path in project.paths((*data.pool, *data.gold)):
        remark = remark_on(path, data)
        if remark is not None:
            yield remark


def _on_corpus(project: Project) -> Iterator[Remark]:
    labels = project.task.labels
    for finding in check_corpus(project.pool, project.gold_rows, project.ledger, labels, project.settings.data):
        yield Remark(finding.level, finding.title, finding.details)
