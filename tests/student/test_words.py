"""Words out of tokens and offsets: hostile Unicode, scripts without spaces, overlapping windows."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.embedding import bundled_folder, load_tokens, network_config
from understudy.student.spans.words import cuts_a_word, read_words, with_windows

HOSTILE = "aB9é是京ไท한ा\u0301\u200d\u200b\ufe0f\U0001f44d\U0001f3fd\ud800\udc00 \n\u202eאב.,@#_-[]"


def tokens_with(max_tokens):
    folder = bundled_folder()
    return with_windows(load_tokens(folder, network_config(folder), max_tokens))


@pytest.fixture(scope="module")
def tokens():
    return tokens_with(64)


@pytest.fixture(scope="module")
def narrow():
    return tokens_with(12)


@pytest.fixture(scope="module")
def wide():
    return tokens_with(512)


def quotes(tokens, text, *, is_whole=True):
    (words,) = read_words(tokens, [text], is_whole=is_whole)
    return [text[start:end] for start, end in zip(words.starts, words.ends, strict=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Angela Merkel's", ["Angela", "Merkel", "'", "s"]),
        ("Konfabulation @x", ["Konfabulation", "@", "x"]),
        ("北京市", ["北", "京", "市"]),
        ("e\u0301te\u0301 ok", ["e\u0301te\u0301", "ok"]),
        ("\U0001f44d\U0001f3fd.", ["\U0001f44d\U0001f3fd", "."]),
        ("a\r\n\tb", ["a", "b"]),
        ("שלום, עולם", ["שלום", ",", "עולם"]),
        ("", []),
        (" \u3000 ", []),
    ],
)
def test_words_are_those_a_reader_sees(tokens, text, expected):
    assert quotes(tokens, text) == expected


def test_a_lone_surrogate_pair_shifts_no_offset(tokens):
    """Two lone halves are two code points of a Python string, though UTF-16 would join them."""
    assert quotes(tokens, "\ud83d\ude00 Paris")[-1] == "Paris"


def test_words_can_be_cut_where_tokens_end(tokens):
    whole, cut = (quotes(tokens, "Bundeskanzleramt", is_whole=is_whole) for is_whole in (True, False))
    assert whole == ["Bundeskanzleramt"]
    assert len(cut) > 1
    assert "".join(cut) == "Bundeskanzleramt"


@settings(max_examples=150, deadline=None)
@given(text=st.text(alphabet=HOSTILE, max_size=60))
def test_words_are_in_order_visible_and_never_split_a_character(tokens, text):
    for is_whole in (True, False):
        (words,) = read_words(tokens, [text], is_whole=is_whole)
        borders = np.column_stack([words.starts, words.ends]).ravel()
        assert np.all(np.diff(borders) >= 0)
        assert np.all(words.starts < words.ends)
        assert all(text[start:end].strip() == text[start:end] != "" for start, end in borders.reshape(-1, 2).tolist())
        assert not any(
            unicodedata.category(text[end])[0] == "M" for end in words.ends.tolist() if end < len(text)
        )  # an accent stays with its letter


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet=HOSTILE + "   ", min_size=20, max_size=120))
def test_windows_change_no_word(wide, narrow, text):
    """Up to 120 characters are at most 120 tokens, which no window of 12 holds."""
    (once,) = read_words(wide, [text], is_whole=True)
    (often,) = read_words(narrow, [text], is_whole=True)
    np.testing.assert_array_equal(once.starts, often.starts)
    np.testing.assert_array_equal(once.ends, often.ends)


def test_each_word_is_read_where_it_has_the_most_context(narrow):
    """Ten tokens a window, two of them shared (10 // 4): windows begin at tokens 0, 8 and 16."""
    (words,) = read_words(narrow, [" ".join(["word"] * 20)], is_whole=True)
    assert len(words) == 20
    assert len(words.windows) == 3
    assert words.window.tolist() == [0] * 9 + [1] * 8 + [2] * 3  # token 8: 1 from the edge in window 0, 0 in window 1
    assert words.position.tolist()[:9] == list(range(1, 10))
    assert words.position.tolist()[9] == 2


def test_covered_words(tokens):
    (words,) = read_words(tokens, ["Angela Merkel went"], is_whole=True)
    assert words.covered(0, 13) == (0, 2)
    assert words.covered(8, 9) == (1, 2)
    assert words.covered(6, 7) == (1, 1)  # the space alone
    assert words.covered(0, 0) == (0, 0)


def test_borders_inside_words():
    assert [cuts_a_word("ab c", place) for place in range(5)] == [False, True, False, False, False]
    assert not cuts_a_word("北京", 1)
    assert cuts_a_word("e\u0301", 1)
