import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from understudy.corpus import read_rows
from understudy.errors import UserError


class ClassLabel:
    names = ("neg", "pos")


class Split(list):
    @property
    def features(self):
        return {"text": SimpleNamespace(), "label": ClassLabel()}


@pytest.fixture
def hub(monkeypatch):
    """A stand-in for the library: two datasets, one of them with two splits."""
    test = Split([{"text": "a", "label": 1}, {"text": "b", "label": -1}])
    sets = {"me/one": {"test": test}, "me/two": {"train": Split(), "test": test}}

    def load_dataset(name, streaming):
        assert streaming
        return sets[name]

    library = ModuleType("datasets")
    library.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", library)


@pytest.mark.parametrize("name", ["hub:me/one", "hub:me/two:test", "project/hub:me/one:test"])
def test_a_split_is_read_with_class_names(hub, name):
    assert [row.cells for row in read_rows(Path(name))] == [
        {"text": "a", "label": "pos"},
        {"text": "b", "label": None},
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hub:me/two", "several splits"),
        ("hub:me/two:tset", "no split `tset`. Did you mean `test`"),
        ("hub:me/three", "`hub:me/three` cannot be loaded"),
    ],
)
def test_what_cannot_be_read_says_why(hub, name, said):
    with pytest.raises(UserError, match=said):
        list(read_rows(Path(name)))


def test_without_the_library_the_error_names_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError) as caught:
        list(read_rows(Path("hub:me/one")))
    assert 'pip install "understudy[hub]"' in caught.value.hint
