import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.corpus import same_text_key, split_gold
from understudy.corpus.gold import largest_remainders
from understudy.errors import GoldMisuse, UserError
from understudy.records import Document, Role, Span
from understudy.settings import GoldSettings

DEMO, DEV, TEST = Role


def gold(n, values="ab", **fields):
    return [Document(f"d{k:03}", f"text {k}", values[k % len(values)], **fields) for k in range(n)]


def counts(ledger):
    return Counter((ledger.roles[document.id], document.value) for document in ledger.gold)


def test_shares_are_met_exactly_in_every_class():
    # 60 a and 40 b; 0.3 of them demo, 0.2 dev, the rest test
    ledger = split_gold(gold(100, "aaabb"), GoldSettings(demo=0.3, dev=0.2), 0, {})
    assert counts(ledger) == {
        (DEMO, "a"): 18,
        (DEMO, "b"): 12,
        (DEV, "a"): 12,
        (DEV, "b"): 8,
        (TEST, "a"): 30,
        (TEST, "b"): 20,
    }


def test_counts_are_met_exactly():
    ledger = split_gold(gold(50, "aaabb"), GoldSettings(demo=7, dev=4), 0, {})
    assert [len(ledger.documents(role)) for role in Role] == [7, 4, 39]


def test_counts_and_shares_may_be_mixed_and_be_zero():
    ledger = split_gold(gold(50), GoldSettings(demo=0, dev=0.5), 0, {})
    assert [len(ledger.documents(role)) for role in Role] == [0, 25, 25]


@pytest.mark.parametrize(
    ("total", "sizes", "expected"),
    [
        (10, [5, 3, 2], [5, 3, 2]),
        (5, [5, 3, 2], [3, 1, 1]),  # 2.5 1.5 1.0: both remainders 0.5, one seat left: the larger one
        (3, [1, 1, 1, 1], [1, 1, 1, 0]),  # 0.75 each
        (7, [10, 5, 1], [4, 2, 1]),  # 4.375 2.1875 0.4375: the seventh seat to the largest remainder
        (0, [3, 2], [0, 0]),
        (0, [0, 0], [0, 0]),
    ],
)
def test_largest_remainders(total, sizes, expected):
    assert largest_remainders(total, sizes) == expected


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.floats(0, 1))
def test_remainders_add_up_and_never_exceed_a_size(sizes, share):
    total = int(share * sum(sizes))
    shares = largest_remainders(total, sizes)
    assert sum(shares) == total
    assert all(0 <= given <= size for given, size in zip(shares, sizes, strict=True))


def test_the_order_of_rows_does_not_matter_and_the_seed_does():
    documents = gold(60)
    shuffled = random.Random(1).sample(documents, 60)
    first = split_gold(documents, GoldSettings(), 5, {})
    assert first == split_gold(shuffled, GoldSettings(), 5, {})
    assert first.roles != split_gold(documents, GoldSettings(), 6, {}).roles


DRAWN = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["g", "h", "i", None, None]), st.integers(0, 25)),
    min_size=10,
    max_size=60,
)


@settings(deadline=None, max_examples=100)
@given(DRAWN, st.integers(0, 3), st.data())
def test_groups_and_equal_texts_never_straddle_even_around_fixed_roles(rows, seed, data):
    documents = [Document(f"{k}", f"text {t}", value, group) for k, (value, group, t) in enumerate(rows)]
    fixed = {d.id: data.draw(st.sampled_from(list(Role))) for d in documents[:3]}
    try:
        ledger = split_gold(documents, GoldSettings(demo=0.3, dev=0.2), seed, fixed)
    except UserError:
        return  # everything tied together
    assert set(ledger.roles) == {document.id for document in documents}
    for key in (lambda d: d.group, lambda d: same_text_key(d.text)):
        roles = {}
        for document in documents:
            if key(document) is not None:
                assert roles.setdefault(key(document), ledger.roles[document.id]) is ledger.roles[document.id]


def test_group_sizes_come_near_what_was_asked():
    documents = [Document(f"{k}", f"text {k}", "ab"[k % 2], f"author {k // 5}") for k in range(500)]
    ledger = split_gold(documents, GoldSettings(demo=0.3, dev=0.2), 0, {})
    sizes = [len(ledger.documents(role)) for role in Role]
    assert all(abs(size - asked) <= 5 for size, asked in zip(sizes, [150, 100, 250], strict=True))


def test_earlier_roles_stay_and_new_documents_are_added_around_them():
    before = split_gold(gold(100), GoldSettings(), 0, {})
    after = split_gold(gold(200), GoldSettings(), 99, before.roles)
    assert all(after.roles[identifier] is role for identifier, role in before.roles.items())
    assert [len(after.documents(role)) for role in Role] == [60, 40, 100]


def test_a_new_document_follows_its_group_into_a_fixed_role():
    documents = [*gold(20), Document("new", "new text", "a", "g"), Document("old", "old text", "b", "g")]
    assert split_gold(documents, GoldSettings(), 0, {"old": DEV}).roles["new"] is DEV


def test_a_document_that_ties_a_used_and_a_judged_one_makes_both_used():
    documents = [*gold(20), Document("x", "same", "a", "g"), Document("y", "same ", "a"), Document("z", "z", "a", "g")]
    ledger = split_gold(documents, GoldSettings(), 0, {"y": TEST, "z": DEMO})
    assert {ledger.roles[name] for name in "xyz"} == {DEMO}


def with_roles(*roles):
    return [Document(f"d{k}", f"text {k}", "ab"[k % 2], role=role) for k, role in enumerate(roles)]


def test_a_role_column_is_kept():
    ledger = split_gold(with_roles(TEST, DEMO, DEV, TEST), GoldSettings(demo=3, dev=0), 0, {})
    assert [ledger.role_of(f"d{k}") for k in range(4)] == [TEST, DEMO, DEV, TEST]
    assert ledger.moved == ()


def test_a_role_column_must_be_filled_everywhere():
    with pytest.raises(UserError, match="2 of 4 documents with a label have no role: `d1`"):
        split_gold(with_roles(TEST, None, DEMO, None), GoldSettings(), 0, {})


def test_a_used_document_cannot_become_test():
    with pytest.raises(GoldMisuse, match="now says `test` for 2 documents that were used before: `d0`"):
        split_gold(with_roles(TEST, TEST, TEST, DEMO), GoldSettings(), 0, {"d0": DEMO, "d1": DEV, "d2": TEST})


def test_a_test_document_may_become_a_used_one():
    assert split_gold(with_roles(DEMO, TEST), GoldSettings(), 0, {"d0": TEST}).roles["d0"] is DEMO


def test_an_equal_text_is_not_judged_whatever_the_column_says_now_and_in_later_runs():
    documents = [*with_roles(DEMO, TEST), Document("copy", "text  0", "a", role=TEST)]
    ledger = split_gold(documents, GoldSettings(), 0, {})
    assert ledger.moved == ("copy",)
    assert [document.id for document in ledger.documents(TEST)] == ["d1"]
    assert split_gold(documents, GoldSettings(), 0, ledger.roles) == ledger


@pytest.mark.parametrize(
    ("n", "demo", "dev", "said"),
    [
        (15, 10, 5, "at least 16 are needed"),
        (3, 10, 0.5, "at least 22 are needed"),  # of 20: 10 + 10; of 21: 10 + 11 (half rounds up); of 22: 10 + 11
        (10, 0.5, 0.5, "no number would do"),
        (0, 0, 0, "at least 1 are needed"),
    ],
)
def test_an_empty_test_set_says_how_many_are_needed(n, demo, dev, said):
    with pytest.raises(UserError, match=said):
        split_gold(gold(n), GoldSettings(demo=demo, dev=dev), 0, {})


def test_a_shared_set_is_demo_and_dev_at_once():
    ledger = split_gold(gold(100), GoldSettings(demo=0.3, dev=0.2, share_demo_dev=True), 0, {})
    assert ledger.documents(DEMO) == ledger.documents(DEV)
    assert [len(ledger.documents(role)) for role in Role] == [30, 30, 70]
    assert {ledger.role_of(document.id) for document in ledger.documents(DEV)} == {DEMO}


def test_a_shared_set_joins_both_roles_of_a_column():
    ledger = split_gold(with_roles(DEMO, DEV, TEST), GoldSettings(share_demo_dev=True), 0, {})
    assert [document.id for document in ledger.documents(DEV)] == ["d0", "d1"]


def test_documents_without_a_human_label_are_not_gold():
    ledger = split_gold([*gold(20), Document("none", "text")], GoldSettings(), 0, {})
    assert ledger.role_of("none") is None
    assert len(ledger.gold) == 20


def test_the_empty_set_of_labels_is_a_human_label():
    documents = [Document(f"{k}", f"text {k}", ()) for k in range(10)]
    assert len(split_gold(documents, GoldSettings(), 0, {}).gold) == 10


def test_rare_sets_of_labels_are_divided_together():
    # 60 times {a, b}; 20 sets of their own, which alone (0.3 of one document) would never reach demo in proportion
    common = [Document(f"c{k}", f"common {k}", ("a", "b")) for k in range(60)]
    rare = [Document(f"r{k}", f"rare {k}", (f"label {k}",)) for k in range(20)]
    ledger = split_gold(common + rare, GoldSettings(demo=0.3, dev=0.2), 0, {})
    sizes = [sum(d.id.startswith("r") for d in ledger.documents(role)) for role in Role]
    assert sizes == [6, 4, 10]


def test_spans_are_stratified_by_their_labels():
    spans = [(Span(0, 1, "person", "t"),), ()]
    documents = [Document(f"{k:02}", f"text {k}", spans[k % 4 == 0]) for k in range(40)]
    ledger = split_gold(documents, GoldSettings(demo=0.5, dev=0.2), 0, {})
    assert sum(document.value == () for document in ledger.documents(DEMO)) == 5  # half of 10


def test_only_test_judges():
    ledger = split_gold(gold(40), GoldSettings(), 0, {})
    ledger.judge([document.id for document in ledger.documents(TEST)])
    used = [document.id for document in (*ledger.documents(DEMO), *ledger.documents(DEV))]  # 12 and 8
    with pytest.raises(GoldMisuse) as caught:
        ledger.judge([*used, "stranger"])
    assert caught.value.message.startswith(f"21 documents are not gold `test` and cannot judge: `{used[0]}` (demo), ")
    assert caught.value.message.endswith("and 16 more.")
    with pytest.raises(GoldMisuse, match=r"`stranger` \(no gold\)"):
        ledger.judge(["stranger"])


def test_roles_cannot_be_changed_afterwards():
    ledger = split_gold(gold(10), GoldSettings(), 0, {})
    with pytest.raises(TypeError):
        ledger.roles["d000"] = TEST
