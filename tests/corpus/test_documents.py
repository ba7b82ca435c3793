import json
import os
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from understudy.corpus import read_documents, read_recorded
from understudy.errors import UserError
from understudy.records import Document, Role
from understudy.settings import DataSettings


def written(folder, content, name="gold.csv"):
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def read(paths, reader=str, **settings):
    return list(read_documents(paths, DataSettings(**settings), reader))


def test_a_document_has_every_declared_column(tmp_path):
    path = written(tmp_path, "id,text,label,who,split,year,city\n1,t,x,ann, Test ,2001,\n")
    assert read([path], role="split", group="who", meta=("year", "city")) == [
        Document("1", "t", "x", "ann", Role.TEST, meta={"year": "2001", "city": ""}, source="gold.csv:1")
    ]


def test_without_a_label_reader_labels_and_roles_are_not_read(tmp_path):
    path = written(tmp_path, "id,text,label,split\n1,t,x,nonsense\n", "pool.csv")
    (document,) = read([path], None, role="split", group="who")
    assert (document.value, document.role, document.group) == (None, None, None)


def test_files_follow_each_other_and_ids_are_unique_over_all(tmp_path):
    paths = [written(tmp_path, f"id,text\n{n},t\n", f"{n}.csv") for n in (2, 1)]
    assert [document.id for document in read(paths, None)] == ["2", "1"]
    with pytest.raises(UserError, match=r"`2` in 2\.csv row 1 \(line 2\), first in 2\.csv row 1"):
        read([paths[0], paths[0]], None)


def test_without_an_id_column_rows_are_numbered_by_file(tmp_path):
    paths = [written(tmp_path, "text\na\nb\n", name) for name in ("pool.csv", "gold.csv")]
    assert [d.id for d in read(paths, None, id="")] == ["pool-row-1", "pool-row-2", "gold-row-1", "gold-row-2"]


@pytest.mark.parametrize("column", ["label", "split", "who", "year"])
def test_a_declared_column_must_be_in_every_gold_file(tmp_path, column):
    whole = written(tmp_path, "id,text,label,split,who,year\n1,t,x,test,g,2001\n", "whole.csv")
    header = ",".join(name for name in ("id", "text", "label", "split", "who", "year") if name != column)
    partial = written(tmp_path, f"{header}\n2,t,test,test,test\n", "partial.csv")
    with pytest.raises(UserError, match=rf"partial\.csv: there is no column `{column}`"):
        read([whole, partial], role="split", group="who", meta=("year",))


def test_a_column_that_only_some_json_rows_have_is_there(tmp_path):
    path = written(tmp_path, '{"id":"1","text":"t"}\n{"id":"2","text":"t","label":"x"}\n', "g.jsonl")
    assert [document.value for document in read([path])] == [None, "x"]


def test_problems_of_all_rows_come_in_one_error(tmp_path):
    def refuse(cell):
        if cell.startswith("bad"):
            raise UserError(f"label `{cell}` is not in the codebook.", "Did you mean `good`?")
        return cell

    rows = [f"{n % 30},t,bad{n % 25},tset" for n in range(50)]
    path = written(tmp_path, "id,text,label,split\n" + "\n".join(rows) + "\n")
    with pytest.raises(UserError) as caught:
        read([path], refuse, role="split")
    lines = caught.value.message.split("\n")
    # 50 rows, ids modulo 30: 20 repeated; 1 wrong role, 25 wrong labels, of which the first 20 complaints are printed
    assert lines[0].startswith("20 rows with an id that stands before: ")
    assert lines[1].startswith("role `tset` is no role: 50 rows, gold.csv row 1 (line 2), ")
    assert lines[2].startswith("label `bad0` is not in the codebook: 2 rows, gold.csv row 1 (line 2), gold.csv row 26")
    assert lines[2].endswith("Did you mean `good`?")
    assert lines[-1] == "and 6 further kinds of problem."
    assert len(lines) == 22


def test_many_equal_ids_are_numbered_in_order(tmp_path):
    path = written(tmp_path, "id,text\n" + "a,t\n" * 20_000)
    ids = [document.id for document in read([path], None, allow_duplicate_ids=True)]
    assert ids[:2] == ["a", "a#2"]
    assert ids[-1] == "a#20000"


ANSWERS = [
    ("pos", ("pos",)),
    (" pos ", (" pos ",)),
    ('["pos", null, "neg"]', ("pos", None, "neg")),
    ('[["a", "b"], "c", 1, true]', ('["a", "b"]', "c", "1", "true")),
    ("[not json", ("[not json",)),
    ("null", ("null",)),
    ("[null]", (None,)),
    ("[" * 100_000, ("[" * 100_000,)),
]


@pytest.mark.parametrize(("cell", "expected"), ANSWERS, ids=range(len(ANSWERS)))
def test_a_recorded_cell_is_one_answer_or_a_list(tmp_path, cell, expected):
    quoted = '"' + cell.replace('"', '""') + '"'
    path = written(tmp_path, f"id,teacher\n1,{quoted}\n")
    assert read_recorded([path], DataSettings(), "teacher") == {"1": expected}


@pytest.mark.parametrize("cell", ["", "  ", "[]"])
def test_a_recorded_cell_without_answer_is_absent(tmp_path, cell):
    path = written(tmp_path, f'id,teacher\n1,"{cell}"\n2,x\n')
    assert read_recorded([path], DataSettings(), "teacher") == {"2": ("x",)}


def test_recorded_json_keeps_what_nobody_could_read_and_omits_what_nobody_asked(tmp_path):
    lines = [{"id": "1", "teacher": None}, {"id": "2"}, {"id": "3", "teacher": ["a", None]}, {"id": "4", "teacher": 1}]
    path = written(tmp_path, "".join(json.dumps(line) + "\n" for line in lines), "p.jsonl")
    assert read_recorded([path], DataSettings(), "teacher") == {"1": (None,), "3": ("a", None), "4": ("1",)}


def test_recorded_columnar_null_is_an_empty_cell(tmp_path):
    parquet.write_table(pa.table({"id": ["1", "2"], "teacher": [["a", None], None]}), tmp_path / "p.parquet")
    assert read_recorded([tmp_path / "p.parquet"], DataSettings(), "teacher") == {"1": ("a", None)}


def test_recorded_rows_of_one_file_add_up_and_equal_files_count_once(tmp_path):
    path = written(tmp_path, "id,teacher\n1,a\n2,b\n1,c\n")
    again = written(tmp_path, "id,teacher\n1,a\n1,c\n", "again.csv")
    other = written(tmp_path, "id,teacher\n2,c\n", "other.csv")
    assert read_recorded([path, again], DataSettings(), "teacher") == {"1": ("a", "c"), "2": ("b",)}
    with pytest.raises(UserError, match=r"other\.csv: `2` has other answers"):
        read_recorded([path, other], DataSettings(), "teacher")


def test_recorded_answers_follow_numbered_ids(tmp_path):
    data = DataSettings(allow_duplicate_ids=True)
    path = written(tmp_path, "id,text,teacher\n1,t,a\n1,u,\n1,v,c\n")
    recorded = read_recorded([path], data, "teacher")
    assert recorded == {"1": ("a",), "1#3": ("c",)}
    assert recorded.keys() <= {document.id for document in read_documents([path], data, None)}


def test_a_recorded_column_may_be_missing_in_one_file_but_not_in_all(tmp_path):
    pool = written(tmp_path, "id,text,teacher\n1,t,a\n", "pool.csv")
    gold = written(tmp_path, "id,text,label\n2,t,a\n")
    assert read_recorded([pool, gold], DataSettings(), "teacher") == {"1": ("a",)}
    with pytest.raises(UserError) as caught:
        read_recorded([pool, gold], DataSettings(), "techer")
    assert "Did you mean `teacher`?" in caught.value.hint


def test_a_public_set_is_read_with_its_labels():
    folder = Path(os.environ.get("UNDERSTUDY_SHARED_DATA", Path(__file__).parents[2] / "../shared/data"))
    path = folder / "mr_sentiment" / "data.jsonl"
    if not path.exists():
        pytest.skip(f"no public data at {folder}")
    documents = read([path])
    assert len(documents) == 8662  # as the set's description says
    assert {document.value for document in documents} == {"negative", "positive"}
