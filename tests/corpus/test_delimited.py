import csv

import pytest

from understudy.corpus import read_rows
from understudy.errors import UserError


def rows(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content.encode())
    return list(read_rows(path))


def test_rows_and_lines_are_counted_apart(tmp_path):
    found = rows(tmp_path, 'id,text\n1,"a\nb"\n\n2,c\n')
    assert [(row.number, row.line) for row in found] == [(1, 2), (2, 5)]
    assert found[1].place(tmp_path / "t.csv") == "t.csv row 2 (line 5)"


def test_cells_are_verbatim(tmp_path):
    (row,) = rows(tmp_path, 'id,text\n 01 ," ""quoted"", with comma "\n')
    assert row.cells == {"id": " 01 ", "text": ' "quoted", with comma '}
    assert row.raw == row.cells


def test_what_the_csv_module_writes_is_read_back(tmp_path):
    texts = ["", "a,b", 'q"q', "x\r\ny", "\x00", "'", " ", "\\", "é\u2028"]
    path = tmp_path / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *enumerate(texts)])
    assert [row.cells["text"] for row in read_rows(path)] == texts


def test_semicolons_separate_where_the_header_has_no_comma(tmp_path):
    (row,) = rows(tmp_path, "id;text\n1;a, b\n")
    assert row.cells == {"id": "1", "text": "a, b"}


def test_a_comma_in_the_header_keeps_semicolons_in_cells(tmp_path):
    (row,) = rows(tmp_path, "id,text;x\n1;2,b\n")
    assert row.cells == {"id": "1;2", "text;x": "b"}


def test_tabs_separate_tsv_and_commas_do_not(tmp_path):
    (row,) = rows(tmp_path, "id\ttext\n1\ta, b; c\n", "t.tsv")
    assert row.cells == {"id": "1", "text": "a, b; c"}


def test_a_cell_beyond_every_measure_names_its_row(tmp_path, monkeypatch):
    limit = csv.field_size_limit(50)
    monkeypatch.setattr("understudy.corpus.delimited.MAX_CELL_CHARACTERS", 50)
    try:
        with pytest.raises(UserError, match=r"t\.csv row 2 \(begins on line 3\): field larger"):
            rows(tmp_path, 'id,text\n1,a\n2,"' + "x" * 60)
    finally:
        csv.field_size_limit(limit)
