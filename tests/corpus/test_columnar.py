import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from understudy.corpus import read_rows
from understudy.errors import UserError


def saved(folder, table, features=None, name="data-00000-of-00001.arrow"):
    """A folder as `Dataset.save_to_disk` writes it."""
    folder.mkdir(exist_ok=True)
    with pa.OSFile(str(folder / name), "wb") as sink, ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    (folder / "dataset_info.json").write_text(json.dumps({"features": features or {}}))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    return folder


def test_parquet_values_become_the_text_a_person_would_write(tmp_path):
    values = {
        "text": "NA",
        "integer": 2**60 + 1,
        "number": 1.5,
        "gap": float("nan"),
        "flag": True,
        "list": ["a", None],
        "day": dt.date(2024, 1, 31),
        "money": Decimal("1.50"),
        "nothing": None,
    }
    parquet.write_table(pa.Table.from_pylist([values]), tmp_path / "t.parquet")
    (row,) = read_rows(tmp_path / "t.parquet")
    assert row.cells == {
        "text": "NA",
        "integer": "1152921504606846977",
        "number": "1.5",
        "gap": None,
        "flag": "true",
        "list": '["a", null]',
        "day": "2024-01-31",
        "money": "1.50",
        "nothing": None,
    }
    assert row.raw["integer"] == 2**60 + 1
    assert row.place(tmp_path / "t.parquet") == "t.parquet row 1"


def test_rows_are_counted_across_batches_and_row_groups(tmp_path):
    parquet.write_table(pa.table({"id": list(range(5000))}), tmp_path / "t.parquet", row_group_size=700)
    found = list(read_rows(tmp_path / "t.parquet"))
    assert [row.number for row in found] == list(range(1, 5001))
    assert [row.cells["id"] for row in found] == [str(n) for n in range(5000)]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([b"x"]),
        pa.array([[b"x"]]),
        pa.array([{"bytes": b"x"}]),
        pa.array([b"x"], pa.large_binary()),
        pa.array([b"x"], pa.binary(1)),
    ],
)
def test_bytes_are_refused_however_deep(tmp_path, column):
    parquet.write_table(pa.table({"image": column}), tmp_path / "t.parquet")
    with pytest.raises(UserError, match="column `image` holds bytes"):
        list(read_rows(tmp_path / "t.parquet"))


@pytest.mark.parametrize("content", [b"", b"PAR1 not really PAR1", b"id,text\n"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(UserError, match=r"t\.parquet` cannot be read"):
        list(read_rows(tmp_path / "t.parquet"))


def test_a_saved_dataset_has_class_names_instead_of_numbers(tmp_path):
    features = {"label": {"_type": "ClassLabel", "names": ["neg", "pos"]}, "n": {"_type": "Value"}}
    table = pa.table({"label": [1, 0, -1, None], "n": [1, 0, -1, None]})
    found = list(read_rows(saved(tmp_path / "set", table, features)))
    assert [row.cells["label"] for row in found] == ["pos", "neg", None, None]
    assert [row.cells["n"] for row in found] == ["1", "0", "-1", None]


def test_a_dataset_saved_by_its_own_library_is_read(tmp_path):
    datasets = pytest.importorskip("datasets", reason="needs the extra `hub`")
    features = datasets.Features({"id": datasets.Value("string"), "label": datasets.ClassLabel(names=["a", "b"])})
    made = datasets.Dataset.from_dict({"id": ["x", "y", "z"], "label": [0, 1, 0]}, features=features)
    made.select([2, 0]).save_to_disk(str(tmp_path / "set"))
    assert [row.cells for row in read_rows(tmp_path / "set")] == [{"id": "z", "label": "a"}, {"id": "x", "label": "a"}]
    datasets.DatasetDict(train=made, test=made).save_to_disk(str(tmp_path / "both"))
    with pytest.raises(UserError, match="several splits: `test`, `train`"):
        read_rows(tmp_path / "both").__next__()


def test_a_dataset_cannot_point_outside_its_folder(tmp_path):
    folder = saved(tmp_path / "set", pa.table({"id": ["1"]}))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "../secret.arrow"}]}))
    with pytest.raises(UserError, match="outside of the folder"):
        list(read_rows(folder))


@pytest.mark.parametrize("damage", ["{", "[" * 100_000])
def test_a_damaged_state_is_named(tmp_path, damage):
    folder = saved(tmp_path / "set", pa.table({"id": ["1"]}))
    (folder / "state.json").write_text(damage)
    with pytest.raises(UserError, match=r"state\.json` cannot be read"):
        list(read_rows(folder))


def test_a_truncated_arrow_file_is_named(tmp_path):
    folder = saved(tmp_path / "set", pa.table({"id": ["long enough"] * 1000}))
    file = folder / "data-00000-of-00001.arrow"
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(UserError, match="cannot be read"):
        list(read_rows(folder))
