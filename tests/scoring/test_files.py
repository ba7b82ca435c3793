import csv
import hashlib
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

sys.path.insert(0, str(Path(__file__).parent))
from fake_student import LengthStudent, TopicStudent

from understudy.errors import UserError
from understudy.scoring import score_file

SCRIPT = Path(__file__).with_name("killed_runs.py")

UGLY_CSV = (
    '\ufeffid,text,note\r\n01,"a ""quoted"", text",NA\r\n02,,=1+1\r\n02,"two\nlines",None\r\n3.0,"lone\rreturn", x \r\n'
    "5,\u200b \u3000,\r\n6,\u2028end,\t\r\n"
)


def write(path, text):
    path.write_bytes(text.encode())
    return path


def many_rows(path, n=60):
    rows = "".join(f'{i},"{"" if i % 11 == 3 else "word " * (i % 9 + 1)}"\n' for i in range(n))
    return write(path, "id,text\n" + rows)


def read_csv(path, delimiter=","):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter, strict=True))


@pytest.fixture
def ugly(tmp_path):
    return write(tmp_path / "in.csv", UGLY_CSV)


def test_original_cells_stay_verbatim_and_columns_are_added(ugly, tmp_path):
    score_file(LengthStudent(), ugly, tmp_path / "out.csv")
    rows = read_csv(tmp_path / "out.csv")
    assert list(rows[0]) == ["id", "text", "note", "label", "confidence", "outcome", "p_neg", "p_pos"]
    assert [row["id"] for row in rows] == ["01", "02", "02", "3.0", "5", "6"]
    assert [row["note"] for row in rows] == ["NA", "=1+1", "None", " x ", "", "\t"]
    assert [row["text"] for row in rows] == [
        'a "quoted", text',
        "",
        "two\nlines",
        "lone\rreturn",
        "\u200b \u3000",
        "\u2028end",
    ]


def test_label_confidence_and_probabilities_are_the_students(ugly, tmp_path):
    score_file(LengthStudent(), ugly, tmp_path / "out.csv")
    row = read_csv(tmp_path / "out.csv")[2]
    # "two\nlines" has 9 characters, 9 mod 7 = 2: weights 1 and 2 + 2 = 4, so p = 0.2 and 0.8
    assert (row["label"], row["confidence"], row["p_neg"], row["p_pos"]) == ("pos", "0.800000", "0.200000", "0.800000")
    assert row["outcome"] == "labelled"


def test_confidence_belongs_to_the_label_that_a_threshold_chose(tmp_path):
    source = write(tmp_path / "in.csv", "text\nabcdefg\n")
    score_file(LengthStudent(threshold=0.7), source, tmp_path / "out.csv")
    row = read_csv(tmp_path / "out.csv")[0]
    # 7 mod 7 = 0: p = 1/3 and 2/3; 2/3 < 0.7, so the label is neg although it is the less probable one
    assert (row["label"], row["confidence"]) == ("neg", "0.333333")


def test_blank_texts_are_rows_without_label_and_never_reach_the_student(ugly, tmp_path):
    student = LengthStudent()
    summary = score_file(student, ugly, tmp_path / "out.csv")
    rows = read_csv(tmp_path / "out.csv")
    blank = [row for row in rows if row["outcome"] == "skipped"]
    assert [row["id"] for row in blank] == ["02", "5"]
    assert all(row[name] == "" for row in blank for name in ("label", "confidence", "p_neg", "p_pos"))
    assert "" not in student.asked
    assert (summary.n_rows, summary.n_scored, summary.n_skipped) == (6, 4, 2)


def test_file_of_blank_texts_only(tmp_path):
    source = write(tmp_path / "in.csv", "id,text\n1,\n2, \n")
    summary = score_file(LengthStudent(), source, tmp_path / "out.csv")
    assert (summary.n_rows, summary.n_scored) == (2, 0)


def test_json_lines_keep_numbers_as_written_and_rows_their_own_keys(tmp_path):
    lines = [
        '{"text": "abc", "x": 1.0, "big": 12345678901234567890, "deep": {"a": [1e5, null, true]}}',
        '{"text": null}',
    ]
    source = write(tmp_path / "in.jsonl", "\n".join(lines))
    score_file(LengthStudent(), source, tmp_path / "out.jsonl")
    written = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert written[0].startswith(lines[0].removesuffix("}") + ', "label": "pos", "confidence": 0.833333')
    assert json.loads(written[1]) == {
        "text": None, "label": None, "confidence": None, "outcome": "skipped", "p_neg": None, "p_pos": None,
    }  # fmt: skip


def test_parquet_to_parquet_keeps_types_and_nulls(tmp_path):
    table = pa.table({"n": pa.array([1, None], pa.int32()), "text": ["abc", "de"], "tags": [["a"], []]})
    parquet.write_table(table, tmp_path / "in.parquet")
    score_file(LengthStudent(), tmp_path / "in.parquet", tmp_path / "out.parquet")
    found = parquet.read_table(tmp_path / "out.parquet")
    assert found.select(["n", "text", "tags"]).equals(table)
    assert found.schema.field("p_pos").type == pa.float64()


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_format_says_the_same(ugly, tmp_path, suffix):
    score_file(LengthStudent(), ugly, tmp_path / "first.jsonl", batch_rows=2)
    score_file(LengthStudent(), ugly, tmp_path / f"second{suffix}", batch_rows=4)
    score_file(LengthStudent(), tmp_path / f"second{suffix}", tmp_path / "again.jsonl", prefix="again_")
    first = [json.loads(line) for line in (tmp_path / "first.jsonl").read_text(encoding="utf-8").split("\n") if line]
    again = [json.loads(line) for line in (tmp_path / "again.jsonl").read_text(encoding="utf-8").split("\n") if line]
    assert len(again) == len(first) == 6
    for before, after in zip(first, again, strict=True):
        assert {name: after[name] for name in ("id", "text", "note")} == {n: before[n] for n in ("id", "text", "note")}
        assert [after[f"again_{name}"] for name in ("label", "p_pos")] == [before["label"], before["p_pos"]]


def test_multi_label_rows_hold_lists_and_the_least_certain_decision(tmp_path):
    source = write(tmp_path / "in.csv", "text\ncost and food\nnothing\n")
    student = TopicStudent()
    score_file(student, source, tmp_path / "out.csv")
    rows = read_csv(tmp_path / "out.csv")
    assert [student.task.read(row["label"]) for row in rows] == [("cost", "food"), ()]
    # decisions are right with 0.75, 1 - 0.125 and 0.75; then three times 1 - 0.125
    assert [row["confidence"] for row in rows] == ["0.750000", "0.875000"]
    score_file(student, source, tmp_path / "out.parquet")
    assert parquet.read_table(tmp_path / "out.parquet")["label"].to_pylist() == [["cost", "food"], []]


def test_name_clash_is_refused_and_a_prefix_resolves_it(tmp_path):
    source = write(tmp_path / "in.csv", "text,label,p_pos\nabc,human,x\n")
    with pytest.raises(UserError, match="`label`, `p_pos`") as caught:
        score_file(LengthStudent(), source, tmp_path / "out.csv")
    assert "--prefix" in caught.value.hint
    score_file(LengthStudent(), source, tmp_path / "out.csv", prefix="student_")
    assert read_csv(tmp_path / "out.csv")[0]["label"] == "human"
    assert read_csv(tmp_path / "out.csv")[0]["student_label"] == "pos"


def test_broken_last_row_is_found_before_anything_is_scored(tmp_path):
    student = LengthStudent()
    source = write(tmp_path / "in.csv", "id,text\n" + "1,a\n" * 30 + "2,b,c\n")
    with pytest.raises(UserError, match="row 31"):
        score_file(student, source, tmp_path / "out.csv", batch_rows=5)
    assert student.asked == []
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        ("in.csv", "out.xlsx", "names no format"),
        ("in.csv", "out", "names no format"),
        ("in.csv", "missing/out.csv", "does not exist"),
        ("in.csv", "folder.csv", "is a folder"),
        ("in.csv", "in.csv", "the file that is read"),
        ("empty.csv", "out.csv", "no rows"),
        ("nothing.csv", "out.csv", "nothing.csv"),
        ("columns.csv", "out.csv", "`text`"),
    ],
)
def test_what_cannot_work_is_refused_with_its_name(tmp_path, source, target, found):
    write(tmp_path / "in.csv", "text\nabc\n")
    write(tmp_path / "empty.csv", "text\n")
    write(tmp_path / "columns.csv", "texts\nabc\n")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match=found):
        score_file(LengthStudent(), tmp_path / source, tmp_path / target)


@pytest.mark.parametrize(("answer", "found"), [(np.nan, "row-1"), (np.ones((1, 3)), "shape")])
def test_student_that_answers_no_probabilities_is_refused(tmp_path, answer, found):
    source = write(tmp_path / "in.csv", "text\nabc\n")
    student = LengthStudent()
    honest = student.predict_proba
    student.predict_proba = lambda documents: (
        honest(documents) if len(documents) > 1 else answer * np.ones((1, 2)) if np.isscalar(answer) else answer
    )
    with pytest.raises(UserError, match=found):
        score_file(student, source, tmp_path / "out.csv")


def test_batch_rows_must_be_positive(ugly, tmp_path):
    with pytest.raises(ValueError, match="batch_rows"):
        score_file(LengthStudent(), ugly, tmp_path / "out.csv", batch_rows=0)


class Interrupt(Exception):
    pass


def interrupted(student, source, target, after, **options):
    """Stop a run once so many rows are finished."""

    def stop(done, _total):
        if done >= after:
            raise Interrupt

    with pytest.raises(Interrupt):
        score_file(student, source, target, batch_rows=7, on_progress=stop, **options)


def test_resumed_run_asks_only_for_the_rest(tmp_path):
    source, target = many_rows(tmp_path / "in.csv"), tmp_path / "out.csv"
    interrupted(LengthStudent(), source, target, after=28)
    student, progress = LengthStudent(), []
    summary = score_file(student, source, target, batch_rows=7, on_progress=lambda *p: progress.append(p))
    assert summary.resumed_from == 28
    assert progress == [(35, 60), (42, 60), (49, 60), (56, 60), (60, 60)]
    # rows 28 to 59 without the blank ones (36, 47, 58), and the three probes that identify the student
    assert len(student.asked) == 32 - 3 + 3
    assert [row["id"] for row in read_csv(target)] == [str(i) for i in range(60)]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"student": LengthStudent(labels=("neg", "pos", "both"), positive=None)}, "student"),
        ({"student": LengthStudent(threshold=0.71)}, "student"),
        ({"batch_rows": 8}, "batch rows"),
        ({"prefix": "my_"}, "prefix"),
        ({"text_column": "id"}, "text column"),
    ],
)
def test_resuming_with_other_inputs_says_what_changed(tmp_path, change, named):
    source, target = many_rows(tmp_path / "in.csv"), tmp_path / "out.csv"
    interrupted(LengthStudent(threshold=0.7), source, target, after=14)
    options = {"student": LengthStudent(threshold=0.7), "batch_rows": 7} | change
    with pytest.raises(UserError, match=f"changed: {named} ") as caught:
        score_file(options.pop("student"), source, target, **options)
    assert "rm -r" in caught.value.hint
    assert str(target) + ".parts" in caught.value.hint


def test_resuming_over_a_changed_source_is_refused(tmp_path):
    source, target = many_rows(tmp_path / "in.csv"), tmp_path / "out.csv"
    interrupted(LengthStudent(), source, target, after=14)
    source.write_bytes(source.read_bytes() + b"60,more\n")
    with pytest.raises(UserError, match="source bytes"):
        score_file(LengthStudent(), source, target, batch_rows=7)


def test_source_that_grows_while_it_is_read_is_noticed(tmp_path):
    source = many_rows(tmp_path / "in.csv")
    grow = lambda *_: source.write_bytes(source.read_bytes() + b"60,more\n")  # noqa: E731
    with pytest.raises(UserError, match="changed while it was read"):
        score_file(LengthStudent(), source, tmp_path / "out.csv", batch_rows=60, on_progress=grow)


def test_folder_of_somebody_else_is_left_alone(tmp_path):
    source = many_rows(tmp_path / "in.csv")
    thesis = tmp_path / "out.csv.parts" / "thesis.docx"
    thesis.parent.mkdir()
    thesis.write_text("years of work")
    with pytest.raises(UserError, match=r"thesis\.docx"):
        score_file(LengthStudent(), source, tmp_path / "out.csv")
    assert thesis.read_text() == "years of work"


def peak_bytes(source, target):
    tracemalloc.start()
    try:
        student = LengthStudent()
        student.asked = Forgetful()
        score_file(student, source, target, batch_rows=500)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Forgetful:
    def __iadd__(self, texts):
        return self


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_ten_times_the_rows_need_no_more_memory(tmp_path, suffix):
    peak_bytes(many_rows(tmp_path / "warm.csv", 500), tmp_path / f"warm_out{suffix}")
    small = peak_bytes(many_rows(tmp_path / "small.csv", 1_000), tmp_path / f"small_out{suffix}")
    large = peak_bytes(many_rows(tmp_path / "large.csv", 10_000), tmp_path / f"large_out{suffix}")
    # both are about 1.1 MB, most of it the digested head of the source; 10,000 kept rows would be several MB
    assert large < 1.5 * small


def killed_runs(source, target, how):
    target.parent.mkdir()
    done = subprocess.run(
        [sys.executable, SCRIPT, source, target, how], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def uninterrupted(source, target):
    score_file(LengthStudent(), source, target, batch_rows=7)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def test_killed_at_every_file_operation_and_resumed_gives_the_same_bytes(tmp_path):
    source = many_rows(tmp_path / "in.csv", 20)
    found = killed_runs(source, tmp_path / "work" / "out.csv", "every")
    # 3 parts of 20 rows: at least writing, syncing and renaming each, the manifest and the merged file
    assert found["kills"] >= 20
    assert set(found["digests"]) == {uninterrupted(source, tmp_path / "whole.csv")}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_killed_twenty_times_at_random_gives_the_same_bytes(tmp_path, suffix):
    source = many_rows(tmp_path / "in.csv", 160)
    found = killed_runs(source, tmp_path / "work" / f"out{suffix}", "1")
    assert found["kills"] >= 10
    assert set(found["digests"]) == {uninterrupted(source, tmp_path / f"whole{suffix}")}


def test_summary_in_words_and_as_json(ugly, tmp_path):
    summary = score_file(LengthStudent(), ugly, tmp_path / "out.csv")
    assert "6 rows: labelled 4 · skipped (no text) 2" in summary.lines()[0]
    assert json.loads(json.dumps(summary.to_json()))["n_skipped"] == 2
