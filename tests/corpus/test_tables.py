import tracemalloc
from pathlib import Path

import pytest

from understudy.corpus import read_rows
from understudy.corpus.hub import hub_id
from understudy.errors import UserError


def test_the_suffix_says_what_a_file_is_whatever_its_case(tmp_path):
    for name, content in {"A.CSV": "id,x\n1,2\n", "a.TSV": "id\tx\n1\t2\n", "a.NDJSON": '{"id":"1","x":2}\n'}.items():
        (tmp_path / name).write_text(content)
        (row,) = read_rows(tmp_path / name)
        assert row.cells == {"id": "1", "x": "2"}


@pytest.mark.parametrize(("name", "said"), [("a.xlsx", "unknown kind"), ("a", "no suffix"), ("a.npy", "never opened")])
def test_other_kinds_are_refused_before_the_first_row(tmp_path, name, said):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match=said):
        read_rows(tmp_path / name)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_memory_does_not_grow_with_the_file(tmp_path, suffix):
    lines = {"csv": "1,some words of text\n", "jsonl": '{"id": "1", "text": "some words of text"}\n'}
    header = {"csv": "id,text\n", "jsonl": ""}
    path = tmp_path / f"big.{suffix}"
    path.write_text(header[suffix] + lines[suffix] * 50_000)
    tracemalloc.start()
    assert sum(1 for _ in read_rows(path)) == 50_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size / 2  # about 1 MB; holding the rows would take ten times that


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("hub:owner/name", "owner/name"),
        ("/home/me/project/hub:owner/name:test", "owner/name:test"),
        ("data/pool.csv", None),
        ("hub/owner/name", None),
    ],
)
def test_a_hub_dataset_is_told_from_a_path(path, expected):
    assert hub_id(Path(path)) == expected
