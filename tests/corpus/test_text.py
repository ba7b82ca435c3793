import hashlib

import pytest

from understudy.corpus import hidden_characters, is_blank, same_text_key, text_digest
from understudy.corpus.text import looks_misread


def test_the_digest_is_of_the_utf_8_bytes():
    assert text_digest("é") == hashlib.sha256(b"\xc3\xa9").hexdigest()
    assert text_digest("é") != text_digest("e\u0301")


@pytest.mark.parametrize("other", ["a  é", " a\té\n", "a\u00a0e\u0301", "a\u2028é"])
def test_white_space_and_unicode_form_do_not_make_another_text(other):
    assert same_text_key(other) == "a é"


@pytest.mark.parametrize("other", ["A é", "aé", "a e", "a é.", "a \u200bé"])
def test_everything_else_does(other):
    assert same_text_key(other) != "a é"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("tab\tand\r\nlines", {}),
        ("क्\u200dष नमस्ते", {}),
        ("a\u200cb", {"zero-width character": 1}),
        ("x\u200b\u200dy", {"zero-width character": 2}),
        ("क\u200c\u200dक", {"zero-width character": 2}),
        ("soft\u00adhyphen", {"zero-width character": 1}),
        ("e\ufe0f\ufe01\U000e0101", {"run of variation selectors": 1}),
        ("\ue000\U00100000", {"private use character": 2}),
        ("caf\ufffd", {"replacement character": 1}),
        ("\x7f\x80\x00", {"control character": 3}),
        ("\U0001f3f4" + "\U000e0061" * 7 + "\U000e007f", {"tag character": 8}),
    ],
)
def test_hidden_characters_are_counted_by_kind(text, expected):
    assert hidden_characters(text) == expected


@pytest.mark.parametrize("text", ["a", "。", "0", "\ue000", "👍", "\u0301"])
def test_what_shows_something_is_not_blank(text):
    assert not is_blank(text)


@pytest.mark.parametrize("text", ["Ich möchte Brötchen für die Prüfung", "it’s “quoted” – €5…", "naïve Straße œuvre"])
def test_misread_texts_are_told_from_right_ones(text):
    assert not looks_misread(text)
    assert looks_misread(text.encode().decode("windows-1252", "replace"))


def test_portuguese_capitals_are_not_misread():
    assert not looks_misread("ATENÇÃO: NÃO, PÃES E MÃE")
