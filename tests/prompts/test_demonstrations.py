from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.prompts import demonstrations, select_demonstrations
from understudy.records import Document

NO_VECTORS = np.zeros((0, 0))
KINDS = ("knn", "balanced-knn", "fixed+knn", "diverse", "fixed", "random", "none")


def document(name, text=None, value="a"):
    return Document(name, f"text of {name}" if text is None else text, value=value)


def unit(*angles):
    return np.array([[np.cos(np.radians(a)), np.sin(np.radians(a))] for a in angles])


def ids(rows):
    return ["".join(each.id for each in row) for row in rows]


def choose(kind, k, demo, queries, demo_vectors=NO_VECTORS, query_vectors=NO_VECTORS, seed=0):
    return select_demonstrations(kind, k, demo, demo_vectors, queries, query_vectors, np.random.default_rng(seed))


def test_the_nearest_stands_last():
    demo = [document(name) for name in "abcd"]
    queries = [document("x"), document("y")]
    # degrees away from x at 0: a 30, b 10, c 50, d 20; from y at 50: a 20, b 40, c 0, d 30
    found = choose("knn", 3, demo, queries, unit(30, 10, 50, 20), unit(0, 50))
    assert ids(found) == ["adb", "dac"]


def test_ties_go_to_the_first_in_demo():
    demo = [document(name) for name in "abcdef"]
    # all equally near but f, which is nearest: f, then a and b
    found = choose("knn", 3, demo, [document("x")], unit(10, 10, -10, 10, -10, 0), unit(0))
    assert ids(found) == ["baf"]


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_nothing_is_its_own_demonstration(kind):
    demo = [document("a"), document("b", "Same  text\n"), document("c"), document("d", "Same text")]
    queries = [document("a", "edited"), document("z", "Same text")]
    found = choose(kind, 4, demo, queries, unit(0, 0, 40, 0), unit(0, 0))
    assert [set(row) for row in ids(found)] == [{"b", "c", "d"}, {"a", "c"}]


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_an_excluded_one_is_replaced(kind):
    demo = [document(name) for name in "abcde"]
    found = choose(kind, 4, demo, [document("b")], unit(0, 1, 2, 3, 4), unit(0))
    assert set(ids(found)[0]) == set("acde")


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_more_than_there_are_gives_all(kind):
    demo = [document(name) for name in "abc"]
    found = choose(kind, 10, demo, [document("x")], unit(0, 10, 20), unit(0))
    assert sorted(ids(found)[0]) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("kind", "k", "n_demo"), [("none", 5, 3), ("knn", 0, 3), ("random", 0, 3), ("knn", 5, 0), ("fixed", 5, 0)]
)
def test_none_is_an_empty_tuple_for_each(kind, k, n_demo):
    demo = [document(str(i)) for i in range(n_demo)]
    assert choose(kind, k, demo, [document("x"), document("y")], np.zeros((n_demo, 2)), unit(0, 1)) == [(), ()]


@pytest.mark.parametrize("kind", KINDS)
def test_no_queries(kind):
    assert choose(kind, 2, [document("a")], [], unit(0), np.zeros((0, 2))) == []


def test_random_draws_depend_on_the_document_and_not_on_its_neighbours():
    demo = [document(str(i)) for i in range(50)]
    queries = [document(f"q{i}") for i in range(20)]
    found = choose("random", 5, demo, queries)
    assert choose("random", 5, demo, queries[::-1])[::-1] == found
    assert choose("random", 5, demo, queries[7:8]) == found[7:8]
    assert len(set(ids(found))) == 20
    assert all(len({each.id for each in row}) == 5 for row in found)
    assert choose("random", 5, demo, queries, seed=1) != found


def test_random_draws_reach_every_demonstration_about_equally():
    demo = [document(str(i)) for i in range(10)]
    rows = choose("random", 3, demo, [document(f"q{i}") for i in range(2000)])
    counts = Counter(each.id for row in rows for each in row)
    # each is expected in 3/10 of 2000 = 600 rows, standard deviation sqrt(2000 * .3 * .7) = 20.5
    assert all(abs(counts[str(i)] - 600) < 5 * 20.5 for i in range(10))


def test_fixed_ones_are_the_same_for_all_and_balanced():
    demo = [document(f"a{i}", value="a") for i in range(20)]
    demo += [document("b0", value="b"), document("b1", value="b"), document("c0", value="c")]
    first, second = choose("fixed", 6, demo, [document("x"), document("y")])
    assert first == second
    # in turns a b c | a b | a
    assert Counter(each.value for each in first) == {"a": 3, "b": 2, "c": 1}
    assert Counter(each.value for each in first[:3]) == {"a": 1, "b": 1, "c": 1}
    assert choose("fixed", 6, demo, [document("x")], seed=1)[0] != first


def test_a_query_among_the_fixed_ones_gets_the_next_one():
    demo = [document(str(i), value="ab"[i % 2]) for i in range(8)]
    (others,) = choose("fixed", 4, demo, [document("x")])
    (own,) = choose("fixed", 4, demo, [others[1]])
    assert own[:3] == (others[0], *others[2:])
    assert own[3] not in others


def test_sets_of_labels_balance_by_set():
    demo = [document(str(i), value=value) for i, value in enumerate([(), (), ("a",), ("a", "b")])]
    (row,) = choose("fixed", 3, demo, [document("x")])
    assert {each.value for each in row} == {(), ("a",), ("a", "b")}


@pytest.mark.parametrize(
    ("demo_vectors", "query_vectors", "message"),
    [
        (unit(0), unit(0), "2 and 1 documents have 1 and 1 vectors"),
        (unit(0, 1), unit(0, 1), "2 and 1 documents have 2 and 2 vectors"),
        (unit(0, 1), np.zeros((1, 3)), "expected"),
        (unit(0, np.nan), unit(0), "not finite"),
        (unit(0, 1), unit(np.nan), "not finite"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(demo_vectors, query_vectors, message):
    with pytest.raises(ValueError, match=message):
        choose("knn", 1, [document("a"), document("b")], [document("x")], demo_vectors, query_vectors)


def test_a_negative_number_is_refused():
    with pytest.raises(ValueError, match="k is -1"):
        choose("none", -1, [], [])


def test_an_unlabelled_demonstration_is_refused():
    with pytest.raises(ValueError, match="no human label"):
        choose("random", 1, [document("a", value=None)], [document("x")])


@settings(deadline=None, database=None)
@given(st.integers(1, 12), st.integers(0, 9), st.integers(1, 8), st.integers(0, 2**32), st.integers(1, 40))
def test_knn_is_the_full_sort_however_the_product_is_cut(m, n, k, seed, cells):
    rng = np.random.default_rng(seed)
    # few directions, so that ties are frequent
    demo_vectors, query_vectors = unit(*rng.integers(0, 6, m) * 30), unit(*rng.integers(0, 6, n) * 30).reshape(n, 2)
    demo = [document(str(i), text=str(rng.integers(20))) for i in range(m)]
    queries = [document(str(i + 6), text=str(rng.integers(20))) for i in range(n)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demonstrations, "CELLS_AT_ONCE", cells)
        found = choose("knn", k, demo, queries, demo_vectors, query_vectors)
    for query, vector, row in zip(queries, query_vectors, found, strict=True):
        others = [i for i in range(m) if demo[i].id != query.id and demo[i].text != query.text]
        others.sort(key=lambda i: (-round(float(demo_vectors[i] @ vector), 6), i))
        assert row == tuple(demo[i] for i in others[:k][::-1])


def test_balanced_neighbours_take_each_value_in_turn_and_stand_nearest_last():
    values = {"a": "x", "b": "x", "c": "x", "d": "y", "e": "z", "f": "y"}
    demo = [document(name, value=value) for name, value in values.items()]
    # nearness: a 1, b 2, c 3, d 40, e 50, f 60; nearest of x, y, z: a, d, e; the fourth is b, second of x
    assert ids(choose("balanced-knn", 3, demo, [document("q")], unit(1, 2, 3, 40, 50, 60), unit(0))) == ["eda"]
    assert ids(choose("balanced-knn", 4, demo, [document("q")], unit(1, 2, 3, 40, 50, 60), unit(0))) == ["edba"]


def test_fixed_ones_stand_before_the_nearest_and_none_twice():
    demo = [document(name, value=name in "abc") for name in "abcdef"]
    queries = [document("q"), document("r")]
    first, second = choose("fixed+knn", 5, demo, queries, unit(0, 10, 20, 30, 40, 50), unit(0, 50))
    assert first[:2] == second[:2] == choose("fixed", 2, demo, queries)[0]
    assert {each.value for each in first[:2]} == {True, False}
    assert all(len({each.id for each in row}) == 5 for row in (first, second))
    left = [each.id for each in demo if each not in first[:2]]
    assert [each.id for each in first[2:]] == left[:3][::-1]
    assert [each.id for each in second[2:]] == left[-3:]


def test_diverse_ones_begin_in_the_middle_and_go_to_the_farthest():
    demo = [document(name) for name in "abcde"]
    # mean direction near 20 degrees: c; farthest from c: e at 90; then d at 50 (30 away from c, 40 from e),
    # then a at 0 (20 away from c) before b at 10
    assert ids(choose("diverse", 4, demo, [document("q"), document("c")], unit(0, 10, 20, 50, 90), unit(7, 7))) == [
        "ceda",
        "edab",
    ]
