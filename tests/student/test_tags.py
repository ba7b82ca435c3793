"""Tags and spans: what comes out of any scores is legal, and legal spans survive the way there and back."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.student.spans.tags import TagScheme, viterbi

LABELS = ("PER", "LOC")


@pytest.mark.parametrize(
    ("scheme", "is_nested", "names"),
    [
        ("bio", False, ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")),
        ("bio", True, ("O-PER", "B-PER", "I-PER", "O-LOC", "B-LOC", "I-LOC")),
        ("bioes", False, ("O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC", "I-LOC", "E-LOC", "S-LOC")),
    ],
)
def test_names(scheme, is_nested, names):
    assert TagScheme(LABELS, is_nested, scheme).names == names


@pytest.mark.parametrize(("scheme", "tags"), [("bio", [1, 2, 3, 0]), ("bioes", [1, 3, 8, 0])])
def test_two_spans_side_by_side(scheme, tags):
    found, lost = TagScheme(LABELS, False, scheme).encode([(0, 2, 0), (2, 3, 1)], 4)
    assert found[:, 0].tolist() == tags
    assert lost == 0


def test_spans_without_words_of_their_own_are_counted():
    flat, nested = TagScheme(LABELS), TagScheme(LABELS, True)
    spans = [(0, 2, 0), (1, 3, 1), (2, 2, 0)]  # the second overlaps the first, the third is empty
    assert flat.encode(spans, 3)[1] == 2
    tags, lost = nested.encode(spans, 3)
    assert lost == 1
    assert tags.tolist() == [[1, 0], [2, 1], [0, 2]]


def test_shares_of_answers():
    """Of four answers three mark the first word and one none: B 3/4, O 1/4; nobody said anything: all 0."""
    scheme = TagScheme(("PER",))
    shares, _ = scheme.shares([[(0, 1, 0)]] * 3 + [[]], 2)
    np.testing.assert_allclose(shares[:, 0], [[0.25, 0.75, 0], [1, 0, 0]])
    assert scheme.shares([], 2)[0].sum() == 0


@st.composite
def cases(draw):
    scheme = TagScheme(("a", "b", "c"), draw(st.booleans()), draw(st.sampled_from(["bio", "bioes"])))
    n_words, seed = draw(st.integers(0, 9)), draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    logits = rng.normal(
        scale=draw(st.sampled_from([0.0, 1.0, 30.0])), size=(n_words, len(scheme.layers), scheme.n_tags)
    )
    return scheme, logits


@settings(max_examples=300, deadline=None)
@given(cases())
def test_random_logits_never_decode_to_an_illegal_sequence(case):
    scheme, logits = case
    for layer in range(len(scheme.layers)):
        tags = viterbi(logits[:, layer], scheme.allowed, scheme.may_start, scheme.may_end)
        names = [scheme.names[layer * scheme.n_tags + tag] for tag in tags]
        assert is_legal(names, scheme.scheme), names


@settings(max_examples=200, deadline=None)
@given(cases())
def test_decoded_spans_encode_to_tags_that_decode_to_them(case):
    scheme, logits = case
    odds = np.exp(logits - logits.max(axis=2, keepdims=True))
    spans = scheme.decode(odds / odds.sum(axis=2, keepdims=True))
    tags, lost = scheme.encode(spans, len(logits))
    assert lost == 0
    assert scheme.decode(np.eye(scheme.n_tags)[tags]) == spans


def is_legal(names, scheme):
    """Read from the left, independently of the masks: what is open and may or must go on."""
    is_open, label = False, None
    for name in names:
        prefix, _, own = name.partition("-")
        if prefix in "IE" and not (is_open and own == label):
            return False
        if prefix not in "IE" and is_open and scheme == "bioes":
            return False
        is_open, label = prefix in "BI", own
    return not (is_open and scheme == "bioes")


@pytest.mark.parametrize("scheme", ["bio", "bioes"])
def test_viterbi_finds_the_best_of_all_legal_sequences(scheme):
    tags = TagScheme(("x",), False, scheme)
    scores = np.random.default_rng(3).normal(size=(4, tags.n_tags))
    legal = [
        row
        for row in itertools.product(range(tags.n_tags), repeat=4)
        if is_legal([tags.names[tag] for tag in row], scheme)
    ]
    best = max(legal, key=lambda row: sum(scores[place, tag] for place, tag in enumerate(row)))
    assert viterbi(scores, tags.allowed, tags.may_start, tags.may_end).tolist() == list(best)


def test_where_spans_start():
    """BIOES, one label: a span starts with B or S, 0.2 + 0.3."""
    scheme = TagScheme(("x",), False, "bioes")
    found = scheme.starts(np.array([[[0.1, 0.2, 0.15, 0.25, 0.3]]]))
    np.testing.assert_allclose(found, [[0.5]])
