import csv
import json

import pyarrow.parquet as pq
from command_line import called

ROWS = [
    {"nr": "007", "text": "the film was lovely", "note": "NA"},
    {"nr": "8", "text": "", "note": "=1+1"},
    {"nr": "9", "text": "the film was awful", "note": "ü\n2"},
]


def source_in(folder):
    with (folder / "new.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["nr", "text", "note"])
        writer.writeheader()
        writer.writerows(ROWS)
    return folder / "new.csv"


def test_csv_to_parquet(finished, tmp_path, capsys):
    target = tmp_path / "labelled.parquet"
    ended = called(capsys, "predict", source_in(tmp_path), target, "--project", finished.folder, *finished.arguments,
                   "--student", "teacher+human", "--json")  # fmt: skip
    assert ended.code == 0, ended.err
    assert isinstance(json.loads(ended.out), dict)
    rows = pq.read_table(target).to_pylist()
    assert [{name: row[name] for name in ROWS[0]} for row in rows] == ROWS
    assert rows[0]["label"] == "pos"
    assert rows[2]["label"] == "neg"
    known = [value for name, value in rows[0].items() if isinstance(value, float)]
    assert known


def test_the_recommended_student_by_default(finished, tmp_path, capsys):
    recommended = json.loads((finished.folder / "students" / "recommended.json").read_text(encoding="utf-8"))["student"]
    for number, option in enumerate(([], ["--student", recommended])):
        target = tmp_path / f"{number}.csv"
        assert called(capsys, "predict", source_in(tmp_path), target, "--project", finished.folder, *option).code == 0
    assert (tmp_path / "0.csv").read_bytes() == (tmp_path / "1.csv").read_bytes()


def test_unknown_student_names_the_nearest(finished, tmp_path, capsys):
    ended = called(capsys, "predict", source_in(tmp_path), tmp_path / "x.csv", "--project", finished.folder,
                   "--student", "teacher+humn")  # fmt: skip
    assert ended.code == 2
    assert "Did you mean `teacher+human`?" in ended.err


def test_before_any_run(project, tmp_path, capsys):
    ended = called(capsys, "predict", source_in(tmp_path), tmp_path / "x.csv", "--project", project.folder)
    assert ended.code == 2
    assert "understudy run" in ended.err
    assert not (tmp_path / "x.csv").exists()
