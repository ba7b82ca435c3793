import pytest

from understudy.errors import UserError
from understudy.prompts.vocabulary import key_of, vocabulary_of
from understudy.settings import Codebook, Label


def codebook(*names, kind="classification", **spoken):
    labels = [Label(name=name) for name in names] + [Label(name=n, verbalised=s) for n, s in spoken.items()]
    return Codebook(kind=kind, labels=tuple(labels))


def test_spoken_and_stored_names_are_both_understood():
    words = vocabulary_of(codebook(pos="Positive", neg="Negative"))
    assert [words.label_of(word) for word in ("POSITIVE", " neg ", "positiv")] == ["pos", "neg", None]


def test_a_spoken_name_wins_over_the_stored_name_of_another_label():
    words = vocabulary_of(codebook(a="b", b="c"))
    assert [words.label_of(word) for word in ("a", "b", "c")] == ["a", "a", "b"]


@pytest.mark.parametrize("name", ["unsure", "UNSURE "])
def test_a_label_called_unsure_is_a_label(name):
    words = vocabulary_of(codebook(name, "sure"))
    assert words.unsure is None
    assert not words.is_unsure("unsure")
    assert words.label_of("unsure") == name


def test_the_word_for_the_empty_set_is_never_a_label():
    assert vocabulary_of(codebook("a", kind="multilabel")).nothing == "none"
    assert vocabulary_of(codebook("None", kind="multilabel")).nothing == "no label"
    assert vocabulary_of(codebook("none", "No Label", x="no label 2", kind="multilabel")).nothing == "no label 3"


def test_sets_are_said_with_bars_or_as_json_where_a_name_has_a_bar():
    assert vocabulary_of(codebook("a", "b c", kind="multilabel")).say(("a", "b c")) == "a | b c"
    assert vocabulary_of(codebook("a|b", "ü", kind="multilabel")).say(("a|b", "ü")) == '["a|b", "ü"]'
    assert vocabulary_of(codebook("a|b", "c")).say(("a|b",)) == "a|b"


def test_the_empty_set_is_said_in_a_word():
    assert vocabulary_of(codebook("a", kind="multilabel")).say(()) == "none"


@pytest.mark.parametrize("names", [("a", "a\x00"), ("a", "\U000e0041A"), ("b", " "), ("b", "\x00")])
def test_names_that_a_model_cannot_see_or_tell_apart_are_refused(names):
    with pytest.raises(UserError, match="visible"):
        vocabulary_of(codebook(*names))


def test_spoken_names_that_cannot_be_told_apart_are_refused():
    with pytest.raises(UserError, match="differ only"):
        vocabulary_of(codebook(a="same", b="same\x00"))


def test_one_key_for_all_forms_of_a_word():
    assert key_of(" Cafe\u0301\r\n") == key_of("CAFÉ") == "café"
