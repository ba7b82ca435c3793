"""Human spans out of a JSON lines file."""

import json

import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.corpus import read_documents
from understudy.errors import UserError
from understudy.records import Span
from understudy.settings import DataSettings

TASK = task_of(Codebook(kind="entities", labels=(Label(name="person"),)))
TEXT = "👩‍👩‍👧 é\u200bفاطمة\r\nAnna"
ANNA = Span(TEXT.index("Anna"), len(TEXT), "person", "Anna")


def read(path, start):
    span = {"start": start, "end": start + 4, "label": "person", "text": "Anna"}
    rows = [
        {"id": "1", "text": TEXT, "label": [span]},
        {"id": "2", "text": TEXT, "label": []},
        {"id": "3", "text": "x"},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return list(read_documents([path], DataSettings(), TASK.read, TASK.check_in))


def test_spans_are_read_with_their_offsets(tmp_path):
    assert [document.value for document in read(tmp_path / "gold.jsonl", ANNA.start)] == [(ANNA,), (), None]


def test_a_shifted_span_is_refused_with_its_row(tmp_path):
    with pytest.raises(UserError, match=r"(?s)the text there is.*gold\.jsonl"):
        read(tmp_path / "gold.jsonl", ANNA.start - 1)
