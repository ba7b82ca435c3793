"""Texts cut at the borders of spans: nothing lost, nothing twice, whatever the script."""

from hypothesis import given
from hypothesis import strategies as st

from understudy.records import Span
from understudy.report.highlight import Tag, safe_cut, stretches


def span(text, quote, label, at=0):
    start = text.index(quote, at)
    return Span(start, start + len(quote), label, quote)


def written(found):
    return "".join(part.text for each in found for part in each.parts)


def test_voices_that_agree_share_one_tag():
    text = "Anna Berg spoke."
    anna = span(text, "Anna Berg", "person")
    found = stretches(text, {"human": [anna], "teacher": [anna], "student": []})
    assert [(written([each]), each.voices, each.begins) for each in found] == [
        ("Anna Berg", ("human", "teacher"), True),
        (" spoke.", (), False),
    ]
    assert found[0].tags == (Tag("person", "Anna Berg", ("human", "teacher")),)


def test_nested_and_overlapping_spans_are_cut_at_every_border():
    text = "Quay Street School"
    said = {"human": [span(text, "Quay Street School", "org"), span(text, "Quay Street", "place")],
            "student": [span(text, "Street School", "org")]}  # fmt: skip
    found = stretches(text, said)
    assert [written([each]) for each in found] == ["Quay ", "Street", " School"]
    assert [each.voices for each in found] == [("human",), ("human", "student"), ("human", "student")]
    assert [[tag.quote for tag in each.tags] for each in found] == [
        [],
        ["Quay Street"],
        ["Street School", "Quay Street School"],
    ]


def test_offsets_are_code_points_in_emoji_chinese_and_right_to_left():
    for text, quote in (("👩‍🔧 王小明到北京", "北京"), ("גרה דנה כהן בחיפה", "דנה כהן"), ("e\u0301a Ana", "Ana")):
        (marked,) = [each for each in stretches(text, {"human": [span(text, quote, "x")]}) if each.voices]
        assert written([marked]) == quote


def test_a_cut_moves_out_of_spans():
    said = {"human": [Span(2, 6, "a", "xxxx")], "student": [Span(5, 9, "a", "xxxx")]}
    assert [safe_cut(cut, said) for cut in (2, 3, 6, 9, 10)] == [2, 9, 9, 9, 10]


@given(st.text(alphabet="ab 日א", max_size=12), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=5))
def test_no_character_is_lost(text, pairs):
    spans = [Span(a, b, "x", text[a:b]) for a, b in pairs if a < b <= len(text)]
    found = stretches(text, {"human": spans[::2], "student": spans[1::2]})
    assert written(found) == text
    assert sum(len(tag.voices) for each in found for tag in each.tags) == len(set(spans[::2])) + len(set(spans[1::2]))
