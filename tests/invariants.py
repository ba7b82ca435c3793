"""What must hold after every fault, whatever it was: checked on the journal that a pass of a teacher has left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from understudy.corpus import text_digest
from understudy.journal import Journal
from understudy.records import Annotation, Document, Outcome, Span


def check_invariants(
    path: Path,
    asked: Sequence[Document],
    annotations: Iterable[Annotation],
    secrets: Sequence[str] = (),
    cap_usd: float | None = None,
) -> None:
    """Assert what must hold of a journal and of what a teacher has said about documents.

    I1 (answers are stored), I4 (no more is spent than the cap), I6 (one outcome each), I7 (texts as they were, spans
    quote them), I8 (no key in a file). The others need a second run, or the server's ledger: tests look at those.
    """
    annotations = list(annotations)
    texts = {document.id: document.text for document in asked}
    assert sorted(a.document_id for a in annotations) == sorted(texts), "I6: every document in exactly one outcome"
    assert all((a.value is not None) == (a.outcome is Outcome.LABELLED) for a in annotations), "I6"
    assert all(a.text_sha256 == text_digest(texts[a.document_id]) for a in annotations), "I7"
    for annotation in annotations:
        _check_quotes(texts[annotation.document_id], annotation)
    with Journal.open(path, read_only=True) as journal:
        assert cap_usd is None or journal.spent_usd() <= cap_usd + 1e-9, "I4: more was spent than allowed"
        journal.check()
        keys = {key for a in annotations for key in a.provenance.request_keys}
        assert all(journal.reply_to(key) is not None for key in keys), "I1: every answer that is used is stored"
        assert all(a.provenance.request_keys for a in annotations if a.outcome is Outcome.LABELLED), "I1"
    for file in path.parent.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(secret and secret.encode() in content for secret in secrets), f"I8: a key in {file.name}"


def _check_quotes(text: str, annotation: Annotation) -> None:
    values = [value for value in (annotation.value, *annotation.answers, annotation.uncertain) if value is not None]
    for span in (each for value in values for each in value if isinstance(each, Span)):
        assert text[span.start : span.end] == span.text, f"I7: {span} does not quote its text"
