import json

import numpy as np
import pytest

from understudy.errors import UserError
from understudy.settings import NGramSettings
from understudy.student.ngrams import learn_ngrams, restored_ngrams

ONLY_WORDS = NGramSettings(words=1, characters=0)


def test_a_row_by_hand():
    """`cd` is in one text of two: idf ln(3/2) + 1 = 1.405; `ab` in both: 1. Twice `cd`: (1 + ln 2) * 1.405 = 2.380."""
    ngrams = learn_ngrams(["ab", "Ab cd CD"], ONLY_WORDS)
    assert ngrams.vocabularies[0].terms == ("ab", "cd")
    expected = [[1, 0], np.array([1, 2.37965]) / np.hypot(1, 2.37965)]
    np.testing.assert_allclose(ngrams.features(["ab", "Ab cd CD"]).toarray(), expected, atol=1e-5)


def test_what_occurs_once_counts_only_among_few_texts():
    few = learn_ngrams(["ab"] * 19 + ["once"], ONLY_WORDS)
    many = learn_ngrams(["ab"] * 20 + ["once"], ONLY_WORDS)
    assert few.vocabularies[0].terms == ("ab", "once")
    assert many.vocabularies[0].terms == ("ab",)


def test_the_most_frequent_terms_are_kept():
    ngrams = learn_ngrams(["b a c", "b a", "b"], NGramSettings(words=1, characters=0, max_terms=2))
    assert ngrams.vocabularies[0].terms == ("a", "b")


def test_text_without_spaces_has_character_ngrams():
    ngrams = learn_ngrams(["我很高兴", "他很高兴"], NGramSettings(words=0, characters=2))
    assert {"很", "很高", "高兴", "兴 ", " 我", "我很"} <= set(ngrams.vocabularies[0].terms)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我很高兴。", {"我", "很", "高", "兴", "我 很", "很 高", "高 兴"}),
        ("とてもGood", {"と", "て", "も", "good", "と て", "て も", "も good"}),
        ("iPhone15买了", {"iphone15", "买", "了", "iphone15 买", "买 了"}),
        ("𠀀𠀁 ab", {"𠀀", "𠀁", "ab", "𠀀 𠀁", "𠀁 ab"}),
        ("lækker øl_1", {"lækker", "øl_1", "lækker øl_1"}),
        ("좋은 영화", {"좋은", "영화", "좋은 영화"}),
    ],
)
def test_a_character_is_a_word_where_script_has_no_spaces(text, expected):
    assert set(learn_ngrams([text], NGramSettings(words=2, characters=0)).vocabularies[0].terms) == expected


def test_unknown_and_empty_texts_are_rows_of_zeros():
    ngrams = learn_ngrams(["ab cd"], NGramSettings())
    rows = ngrams.features(["", "xyz", "ab", ""]).toarray()
    assert rows.shape == (4, ngrams.width)
    assert (rows != 0).any(axis=1).tolist() == [False, False, True, False]
    assert learn_ngrams([""], NGramSettings()).features(["x"]).shape == (1, 0)


def test_reading_back_gives_the_same_bits():
    texts = ["the film was good", "the \ud800 film", "高兴"]
    ngrams = learn_ngrams(texts, NGramSettings())
    ngrams.to_json().encode("ascii")
    again = restored_ngrams(ngrams.to_json(), ngrams.idf())
    assert (again.features(texts) != ngrams.features(texts)).nnz == 0


@pytest.mark.parametrize(
    ("vocabulary", "idf"),
    [
        ("", np.ones(1)),
        ("[1]", np.ones(1)),
        ('[{"analyzer": "eval", "lengths": [1, 1], "terms": ["a"]}]', np.ones(1)),
        ('[{"analyzer": "word", "lengths": [2, 1], "terms": ["a"]}]', np.ones(1)),
        ('[{"analyzer": "word", "lengths": [1, 1], "terms": ["a", "a"]}]', np.ones(2)),
        ('[{"analyzer": "word", "lengths": [1, 1], "terms": [1]}]', np.ones(1)),
        ('[{"analyzer": "word", "lengths": [1, 1], "terms": ["a"]}]', np.ones(2)),
        ('[{"analyzer": "word", "lengths": [1, 1], "terms": ["a"]}]', np.array([np.nan])),
        ('[{"analyzer": "word", "lengths": [1, 1], "terms": ["a"]}]', None),
    ],
)
def test_a_damaged_vocabulary_is_refused(vocabulary, idf):
    with pytest.raises(UserError, match="cannot be used"):
        restored_ngrams(vocabulary, idf)


def test_nothing_runs_when_a_vocabulary_is_read():
    stored = json.loads(learn_ngrams(["ab"], ONLY_WORDS).to_json())
    assert stored == [{"analyzer": "word", "lengths": [1, 1], "terms": ["ab"]}]
