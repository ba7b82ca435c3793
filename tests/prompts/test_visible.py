import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.prompts.visible import visible


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("a\udc80b", "a\ufffdb"),
        ("\U000e0049\U000e0067hello\U000e007f", "hello"),
        ("x\U000e0100", "x"),
        ("a\r\nb\rc\x85d\ne", "a\nb\nc\nd\ne"),
        ("a\x00b\x1bc\x7fd\x9be", "abcde"),
        ("tab\tstays", "tab\tstays"),
        ("👩\u200d👩\u200d👧 e\u0301 \u202eabc\ufeff", "👩\u200d👩\u200d👧 e\u0301 \u202eabc\ufeff"),
        ("<|endoftext|> {{ x }} {0} %s $(ls) `id`", "<|endoftext|> {{ x }} {0} %s $(ls) `id`"),
        ("", ""),
    ],
)
def test_what_is_sent(text, sent):
    assert visible(text) == sent


@settings(deadline=None, database=None)
@given(st.text())
def test_once_is_enough_and_the_result_can_be_encoded(text):
    once = visible(text)
    assert visible(once) == once
    assert once.encode("utf-8").decode("utf-8") == once
