"""Files whose rows get spans, and files whose rows hold a head and a tail."""

import csv
import json

import pytest
from pyarrow import parquet
from scoring.fake_student import NameStudent, PairStudent

from understudy.errors import UserError
from understudy.scoring import score_file

TEXTS = ("👩‍🔧 Zoe met Ann", "nobody", " ", "e\u0301tait Paul")
EXPECTED = (["Zoe", "Ann"], [], None, ["Paul"])


@pytest.fixture
def source(tmp_path):
    lines = [json.dumps({"id": str(i), "text": text}, ensure_ascii=False) for i, text in enumerate(TEXTS)]
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def quotes(text, spans):
    return None if spans is None else [text[span["start"] : span["end"]] for span in spans]


@pytest.mark.parametrize("batch_rows", [1, 100])
def test_spans_are_objects_in_jsonl(source, tmp_path, batch_rows):
    score_file(NameStudent(), source, tmp_path / "out.jsonl", batch_rows=batch_rows)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [quotes(row["text"], row["label"]) for row in rows] == list(EXPECTED)
    assert rows[0]["label"][0] == {"start": 4, "end": 7, "label": "name", "text": "Zoe"}
    assert [row["outcome"] for row in rows] == ["labelled", "labelled", "skipped", "labelled"]
    # of two decisions the less certain one: 1 - 0.125 and 0.9; then 1 - 0.2
    assert [row["confidence"] for row in rows] == [0.875, 0.8, None, 0.875]


def test_spans_are_json_in_a_cell_of_csv(source, tmp_path):
    score_file(NameStudent(), source, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    read = [quotes(row["text"], json.loads(row["label"]) if row["label"] else None) for row in rows]
    assert read == list(EXPECTED)


def test_spans_are_structures_in_parquet(source, tmp_path):
    score_file(NameStudent(), source, tmp_path / "out.parquet")
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [quotes(row["text"], row["label"]) for row in rows] == list(EXPECTED)


def pairs(tmp_path, *rows):
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_head_and_tail_reach_the_student(tmp_path):
    source = pairs(
        tmp_path,
        {"text": "Ann left Rome", "head": [0, 3], "tail": [9, 13]},
        {"text": "Ann left Rome", "head": [9, 13], "tail": [0, 3]},
        {"text": " ", "head": None, "tail": None},
    )
    score_file(PairStudent(), source, tmp_path / "out.jsonl", pair=("head", "tail"))
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["label"] for row in rows] == ["before", "after", None]


def test_a_pair_that_does_not_fit_is_refused_before_anything_is_written(tmp_path):
    source = pairs(
        tmp_path,
        {"text": "Ann left Rome", "head": [0, 3], "tail": [9, 13]},
        {"text": "Ann left", "head": [0, 3], "tail": [9, 13]},
    )
    with pytest.raises(UserError, match=r"pairs.jsonl.*`tail`.*outside"):
        score_file(PairStudent(), source, tmp_path / "out.jsonl", pair=("head", "tail"))
    assert not list(tmp_path.glob("out*"))
