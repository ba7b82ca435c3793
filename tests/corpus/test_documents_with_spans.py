"""Human spans out of a JSON lines file."""

import json

import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.corpus import read_documents, read_recorded
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


@pytest.mark.parametrize(
    ("cell", "n_spans"), [([{"a": 1}], ["dict"]), ([[{"a": 1}], [], None], ["dict", "none", None]), ([[]], ["none"])]
)
def test_recorded_spans_are_one_answer_or_a_list_of_answers(tmp_path, cell, n_spans):
    path = tmp_path / "pool.jsonl"
    path.write_text(json.dumps({"id": "1", "text": "x", "teacher": cell}), encoding="utf-8")
    answers = read_recorded([path], DataSettings(), "teacher")["1"]
    names = {'[{"a": 1}]': "dict", "[]": "none", None: None}
    assert [names[answer] for answer in answers] == n_spans


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ([0, 3], Span(0, 3, "", "Ana")),
        ({"start": 8, "end": 10, "label": "person"}, Span(8, 10, "person", "Li")),
        ({"start": 8, "end": 10, "text": "Bo"}, None),
        ([8, 11], None),
        ([3, 3], None),
        ([-3, 3], None),
        ("Ana", None),
        (None, None),
    ],
)
def test_head_and_tail_are_read_or_refused_with_their_row(tmp_path, cell, found):
    path = tmp_path / "gold.jsonl"
    row = {"id": "1", "text": "Ana and Li", "label": "x", "head": cell, "tail": [0, 3]}
    path.write_text(json.dumps(row), encoding="utf-8")
    documents = read_documents([path], DataSettings(head="head", tail="tail"), str)
    if found is None:
        with pytest.raises(UserError, match=r"gold\.jsonl row 1"):
            list(documents)
    else:
        assert next(documents).head == found
