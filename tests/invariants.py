"""What must hold after every fault, whatever it was: checked on the journal that a pass of a teacher has left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from understudy.corpus import text_digest
from understudy.journal import Journal
from understudy.records import Annotation, Document, Outcome


def check_invariants(
    path: Path, asked: Sequence[Document], annotations: Iterable[Annotation], secrets: Sequence[str] = ()
) -> None:
    """Assert I1 (answers are stored), I6 (one outcome each), I7 (texts as they were), I8 (no key in a file)."""
    annotations = list(annotations)
    texts = {document.id: document.text for document in asked}
    assert sorted(a.document_id for a in annotations) == sorted(texts), "I6: every document in exactly one outcome"
    assert all((a.value is not None) == (a.outcome is Outcome.LABELLED) for a in annotations), "I6"
    assert all(a.text_sha256 == text_digest(texts[a.document_id]) for a in annotations), "I7"
    with Journal.open(path, read_only=True) as journal:
        journal.check()
        keys = {key for a in annotations for key in a.provenance.request_keys}
        assert all(journal.reply_to(key) is not None for key in keys), "I1: every answer that is used is stored"
        assert all(a.provenance.request_keys for a in annotations if a.outcome is Outcome.LABELLED), "I1"
    for file in path.parent.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(secret and secret.encode() in content for secret in secrets), f"I8: a key in {file.name}"
