import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from understudy.embedding.store import VectorStore
from understudy.errors import UserError


def keys_of(*names):
    return [hashlib.sha256(name.encode()).digest() for name in names]


def unit(*angles):
    return np.array([[np.cos(a), np.sin(a), 0] for a in angles], dtype=np.float32)


def find(store, *names):
    vectors = np.full((len(names), 3), 9, dtype=np.float32)
    return store.find(keys_of(*names), vectors).tolist(), vectors


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "x.vectors"


def test_an_absent_file_is_an_empty_store(path):
    store = VectorStore(path, 3)
    assert (len(store), find(store, "a")[0]) == (0, [False])
    assert not path.parent.exists()


def test_what_was_appended_is_found_by_others(path):
    store, early = VectorStore(path, 3), VectorStore(path, 3)
    store.append(keys_of("a", "b"), unit(0, 1))
    store.append(keys_of("c"), unit(2))
    for reader in (store, VectorStore(path, 3)):
        found, vectors = find(reader, "c", "x", "a")
        assert found == [True, False, True]
        np.testing.assert_array_equal(vectors[[0, 2]], unit(2, 0))
        np.testing.assert_array_equal(vectors[1], [9, 9, 9])
    early.append(keys_of("d"), unit(3))
    assert find(early, "a", "d")[0] == [True, True]


@pytest.mark.parametrize("n_torn", [1, 31, 43])  # a record has 32 + 3 * 4 = 44 bytes
def test_a_torn_tail_is_ignored_and_cut_by_the_next_writer(path, n_torn):
    VectorStore(path, 3).append(keys_of("a", "b"), unit(0, 1))
    path.write_bytes(path.read_bytes()[: 44 + n_torn])
    store = VectorStore(path, 3)
    assert find(store, "a", "b")[0] == [True, False]
    store.append(keys_of("b"), unit(1))
    assert path.stat().st_size == 88
    assert find(VectorStore(path, 3), "a", "b")[0] == [True, True]


def test_a_record_that_is_no_unit_vector_is_missing_until_written_again(path):
    store = VectorStore(path, 3)
    store.append(keys_of("a", "b", "c"), np.array([[0, 0, 0], [np.nan, 0, 0], [1, 0, 0]], dtype=np.float32))
    assert find(store, "a", "b", "c")[0] == [False, False, True]
    store.append(keys_of("a"), unit(1))
    assert find(VectorStore(path, 3), "a")[0] == [True]


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        VectorStore(tmp_path / "file" / "x.vectors", 3).append(keys_of("a"), unit(0))


def _append_many(path, worker):
    store = VectorStore(path, 3)
    for i in range(50):
        store.append(keys_of(f"{worker}-{i}"), unit(worker * 100 + i))


def test_several_writers_lose_nothing(path):
    with ThreadPoolExecutor(3) as pool:  # each opens the file itself, as a process would
        list(pool.map(lambda worker: _append_many(path, worker), range(3)))
    found, vectors = find(VectorStore(path, 3), *[f"{w}-{i}" for w in range(3) for i in range(50)])
    assert all(found)
    np.testing.assert_array_equal(vectors, unit(*[w * 100 + i for w in range(3) for i in range(50)]))
