from __future__ import annotations

import pytest

from understudy.acquisition import keyword_scores


@pytest.mark.parametrize(
    ("text", "keywords", "expected"),
    [
        ("Taxis are late", ["tax"], 0),
        ("Taxis are late", ["tax*"], 1),
        ("A TAX, a tax!", ["tax"], 1),
        ("syntax", ["tax*"], 0),
        ("STRASSE", ["stra\u00dfe"], 1),
        ("C++ or C", ["c++"], 1),
        ("#metoo.", ["#metoo"], 1),
        ("carbon   tax", ["carbon tax"], 0),
        ("carbon tax", ["carbon tax", "carbon", "tax", "levy"], 3),
        ("\u6211\u8ba8\u538c\u7a0e", ["\u7a0e"], 1),
        ("iPhone\u624b\u673a", ["iphone"], 1),
        ("", ["tax"], 0),
    ],
)
def test_how_many_keywords_a_text_contains(text, keywords, expected):
    assert keyword_scores([text], keywords).tolist() == [expected]


def test_no_texts_no_scores():
    assert keyword_scores([], ["tax"]).shape == (0,)


@pytest.mark.parametrize("keywords", [[], [""], ["  "], ["*"]])
def test_no_keyword_is_refused(keywords):
    with pytest.raises(ValueError, match="keywords: expected"):
        keyword_scores(["text"], keywords)
