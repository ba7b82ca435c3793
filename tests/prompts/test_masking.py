import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.prompts import Mask
from understudy.prompts.masking import ORDER

ALL = Mask(ORDER, ("Ana", "José Núñez", "Li"))


def masked(text, *kinds, names=()):
    return Mask(kinds or ORDER, names).apply(text).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to ana.b+c@mail.example.org.", "write to [EMAIL_1]."),
        ("a@b.co, c@d.co and A@B.CO", "[EMAIL_1], [EMAIL_2] and [EMAIL_1]"),
        ("mü@bücher.example", "[EMAIL_1]"),
        ("full width a＠b．co", "full width [EMAIL_1]"),
        ("hidden jo\u200bhn@ex\u00adample.org!", "hidden [EMAIL_1]!"),
        ("see https://u:p@x.org/a?b=1#c. And www.y.org, too", "see [URL_1]. And [URL_2], too"),
        ("(http://x.org/a)", "([URL_1])"),
        ("@ana and @b_c: hi, a @ b", "[HANDLE_1] and [HANDLE_2]: hi, a @ b"),
        ("call +49 30 901820 or 030/90 18 20 now", "call [PHONE_1] or [PHONE_2] now"),
        ("(555) 123-4567.", "[PHONE_1]."),
        ("+4930901820", "[PHONE_1]"),
        ("on 2024-05-13 at 3.5%", "on [NUMBER_1] at [NUMBER_2]%"),
        ("٣٤٥ und 12,5", "[NUMBER_1] und [NUMBER_2]"),
        ("H2O and B2B stay", "H2O and B2B stay"),
        ("", ""),
    ],
)
def test_what_is_replaced(text, expected):
    assert masked(text) == expected


def test_only_the_kinds_asked_for():
    text = "a@b.co on 12 May"
    assert masked(text, "email") == "[EMAIL_1] on 12 May"
    assert masked(text, "number") == "a@b.co on [NUMBER_1] May"
    assert Mask(()).apply(text).text == text


def test_names_are_whole_words_in_any_case_and_unicode_form():
    text = "ANA met Anaconda, Jose\u0301 Nu\u0301n\u0303ez and Li; likely."
    assert (
        masked(text, "name", names=("Ana", "José Núñez", "Li"))
        == "[NAME_1] met Anaconda, [NAME_2] and [NAME_3]; likely."
    )
    assert masked("Ana Li and Ana", "name", names=("Ana", "Ana Li", " ", "")) == "[NAME_1] and [NAME_2]"


def test_a_placeholder_that_stands_in_the_text_means_nothing_else():
    found = Mask(("email",)).apply("[EMAIL_1] is not a@b.co")
    assert found.text == "[EMAIL_1] is not [EMAIL_2]"
    assert found.restore(found.text) == "[EMAIL_1] is not a@b.co"


def test_spans_map_back_and_placeholders_as_a_whole():
    found = Mask(("email", "number")).apply("💩 a@b.co bought 12 eggs")
    assert found.text == "💩 [EMAIL_1] bought [NUMBER_1] eggs"
    #                     0 2        11        19        29
    assert found.original_span(2, 11) == (2, 8)
    assert found.original_span(4, 6) == (2, 8)
    assert found.original_span(12, 18) == (9, 15)
    assert found.original_span(30, 34) == (19, 23)
    assert found.original_span(0, len(found.text)) == (0, 23)


@pytest.mark.parametrize("span", [(-1, 2), (3, 3), (0, 99)])
def test_no_stretch_is_refused(span):
    with pytest.raises(ValueError, match="no stretch"):
        ALL.apply("a@b.co").original_span(*span)


@given(
    st.lists(
        st.sampled_from(["a@b.co", "@x", "12", "Ana", " ", "é", "\u200b", "www.x.org", "[NUMBER_1]", "+1 22 333 44"])
    )
)
def test_masking_loses_nothing(parts):
    text = "".join(parts)
    found = ALL.apply(text)
    rebuilt, end = [], 0
    for piece in found.pieces:
        assert text[piece.start : piece.end] == piece.original
        rebuilt += [text[end : piece.start], piece.original]
        end = piece.end
    assert "".join([*rebuilt, text[end:]]) == text
    assert len({p.original.casefold() for p in found.pieces}) >= len({p.placeholder for p in found.pieces})
    for start in range(len(found.text)):
        low, high = found.original_span(start, start + 1)
        assert 0 <= low < high <= len(text)
