"""The spelling of words as features: what is known of a word, what is kept, and names that only their case betrays."""

import re

import numpy as np
import pytest
from scipy.sparse import csr_array

from understudy.codebook import Codebook, Label, task_of
from understudy.embedding import load_encoder
from understudy.errors import UserError
from understudy.records import Document, Span
from understudy.settings import EmbeddingSettings, LinearSettings, StudentSettings
from understudy.student import load_student
from understudy.student.side_by_side import SideBySide
from understudy.student.spans.lexicon import Lexicon, entries, learn_lexicon
from understudy.student.spans.linear_tagger import LinearTagger
from understudy.student.spans.spelling import Spelling, _features, _shape, learn_spelling, restored_spelling
from understudy.student.spans.words import Words

NOTHING = (frozenset(), frozenset())

TASK = task_of(Codebook(kind="entities", labels=(Label(name="name"), Label(name="code"))))


def words(text):
    """What stands between spaces."""
    places = [match.span() for match in re.finditer(r"\S+", text)]
    starts, ends = np.array(places, dtype=np.int64).reshape(-1, 2).T
    return Words(text, (), starts, ends, np.zeros_like(starts), starts)


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("McBride", "XxXx"),
        ("2024-11", "0-0"),
        ("北京", "o"),
        ("ßA", "xX"),
        ("...", "."),
        ("\ud800", "\ud800"),
        ("", ""),
    ],
)
def test_shapes(word, shape):
    assert _shape(word) == shape


def test_features_of_a_word_and_its_neighbours():
    first, last = _features(words("Ada wins"), Lexicon(), frozenset())
    assert first == {
        "word ada", "shape Xx", "begins a", "begins ad", "ends a", "ends da",
        "-2 word ", "-2 shape ", "-1 word ", "-1 shape ", "1 word wins", "1 shape x", "2 word ", "2 shape ",
        "-1 pair  ada", "0 pair ada wins",
    }  # fmt: skip
    assert {"-1 word ada", "-1 shape Xx", "-1 pair ada wins", "0 pair wins "} <= last


def test_features_of_one_word_alone_are_not_kept():
    spelling = learn_spelling([words("Ada wins"), words("Bob wins")], NOTHING, 1000)
    assert "word wins" in spelling.names
    assert "word ada" not in spelling.names
    assert learn_spelling([words("Ada wins"), words("Bob wins")], NOTHING, 2).width == 2


def test_columns_are_those_of_the_names():
    spelling = Spelling(("shape Xx", "word wins"))
    found = spelling.features([words("Ada wins"), words(""), words("wins")])
    assert found.toarray().tolist() == [[1, 0], [0, 1], [0, 1]]
    assert Spelling(()).features([words("a")]).shape == (1, 0)


def test_balanced_rows_are_as_long_as_wished():
    read = [words("Ada wins"), words("Ada")]
    spelling = Spelling(("shape Xx", "word ada", "word wins")).balanced(read, (), 6.0)
    assert spelling.weight == pytest.approx(6 / ((2 * np.sqrt(2) + 1) / 3))  # two words with two features, one with one
    assert np.sqrt((spelling.features(read).toarray() ** 2).sum(axis=1)).mean() == pytest.approx(6)
    assert Spelling(()).balanced(read, (), 6.0).weight == 1
    assert spelling.balanced(read, (), 0.0).weight == 1


def test_a_lexicon_counts_texts_other_than_the_own():
    read = [words("In New York Ada"), words("new york"), words("York")]
    own = [entries(read[0], [(1, 3, 0), (3, 4, 1)]), entries(read[1], [(0, 2, 0)]), entries(read[2], [(0, 1, 1)])]
    lexicon = learn_lexicon(own)
    assert lexicon.n_texts == {"ada": {1: 1}, "new york": {0: 2}, "york": {1: 1}}
    assert lexicon.features(read[0], own[0]) == [set(), {"known 0 start"}, {"known 0 end", "known 1 all"}, set()]
    assert lexicon.features(words("Ada NEW YORK's")) == [{"known 1 all"}, set(), set()]
    twice = [{"known 0 start", "often 0 start"}, {"known 0 end", "often 0 end", "known 1 all"}]
    assert lexicon.features(words("of NEW YORK")) == [set(), *twice]
    assert lexicon.features(words("")) == []
    assert Lexicon().features(words("a b")) == [set(), set()]


def test_long_stretches_have_an_inside():
    lexicon = learn_lexicon([entries(words("a b c"), [(0, 3, 0)])])
    assert lexicon.features(words("a b c")) == [{"known 0 start"}, {"known 0 inside"}, {"known 0 end"}]


def test_what_a_text_contributes_does_not_describe_it():
    read = [words("Ada wins"), words("Bob wins")]
    own = [entries(each, [(0, 1, 0)]) for each in read]
    assert not any("known" in name for name in learn_spelling(read, own, 1000).names)
    spelling = learn_spelling([*read, read[0]], [*own, own[0]], 1000)  # two texts know each other's Ada
    assert [name for name in spelling.names if name.startswith(("known", "often"))] == ["known 0 all"]
    column = spelling.names.index("known 0 all")
    assert spelling.features([words("Ada")]).toarray()[0, column] == 1
    assert spelling.features([words("Bob")], [own[1]]).toarray()[0, column] == 0
    assert spelling.features([words("Bob")]).toarray()[0, column] == 1


def test_names_survive_their_file():
    spelling = Spelling(("word 北", "word \ud800"), 0.1, Lexicon({"北京": {0: 2, 1: 1}, "\ud800": {1: 1}}))
    assert restored_spelling(spelling.to_json()) == spelling


@pytest.mark.parametrize("text",
    [
        "", "{}", "[1]", "[" * 100_000, '{"names": [1], "weight": 1.0, "known": []}',
        '{"names": ["b", "a"], "weight": 1.0, "known": []}', '{"names": ["a", "a"], "weight": 1.0, "known": []}',
        '{"names": ["a"], "weight": 0.0, "known": []}', '{"names": ["a"], "weight": NaN, "known": []}',
        '{"names": ["a"], "known": []}', '{"names": ["a"], "weight": 1.0}',
        '{"names": ["a"], "weight": 1.0, "known": 1}', '{"names": ["a"], "weight": 1.0, "known": [["a", 0, 0]]}',
        '{"names": ["a"], "weight": 1.0, "known": [["a", 0]]}', '{"names": ["a"], "weight": 1.0, "known": [[1, 0, 1]]}',
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused(text):
    with pytest.raises(UserError, match=r"vocabulary\.json"):
        restored_spelling(text)


def test_products_are_those_of_the_whole_matrix():
    rng = np.random.default_rng(0)
    dense, sparse = rng.normal(size=(5, 3)), rng.integers(0, 2, (5, 4)).astype(float)
    both, whole = SideBySide(dense, csr_array(sparse)), np.hstack([dense, sparse])
    right, left, rows = rng.normal(size=(7, 2)), rng.normal(size=(2, 5)), np.array([True, False, True, False, True])
    assert both.shape == whole.shape
    np.testing.assert_allclose(both @ right, whole @ right)
    np.testing.assert_allclose(left @ both, left @ whole)
    np.testing.assert_allclose(both[rows] @ right, whole[rows] @ right)


def notices(n, seed):
    """Names are made of letters that no encoder has seen, and stand with a capital; codes are digits."""
    rng = np.random.default_rng(seed)
    documents = []
    for i in range(n):
        name = "".join(rng.choice(list("bdgklmnprt"), 4))
        is_name = rng.random() < 0.5
        spelt = [name.capitalize() if is_name else name, "and", str(rng.integers(100, 999)), "the"]
        text = " ".join(spelt)
        code = text.index(spelt[2])
        spans = [Span(0, 4, "name", spelt[0])] if is_name else []
        documents.append(Document(str(i), text, (*spans, Span(code, code + 3, "code", spelt[2]))))
    return documents


@pytest.mark.parametrize(("ngrams", "least", "most"), [(False, 0.0, 0.9), (True, 1.0, 1.0), ("auto", 1.0, 1.0)])
def test_case_and_digits_are_learned_from_spelling_alone(tiny_bert, tmp_path, ngrams, least, most):
    encoder = load_encoder(EmbeddingSettings(model=str(tiny_bert), max_tokens=16), None)
    student = LinearTagger(TASK, encoder, folds=2, c=(1.0,), ngrams=ngrams)
    training, test = notices(60, 0), notices(30, 1)
    student.fit(training, TASK.encode([document.value for document in training]).astype(float))
    assert (student.spelling_ is None) == (ngrams is False)
    assert least <= student.score(test, TASK.encode([document.value for document in test])) <= most


def test_auto_leaves_out_what_does_not_help(tiny_bert):
    encoder = load_encoder(EmbeddingSettings(model=str(tiny_bert), max_tokens=16), None)
    student = LinearTagger(TASK, encoder, folds=2, c=(1.0,))
    rng = np.random.default_rng(0)
    noise = []
    for i in range(40):
        text = " ".join(rng.choice(["the", "film", "was"], 4))
        noise.append(Document(str(i), text, (Span(0, 3, "name", text[:3]),) if rng.random() < 0.5 else ()))
    student.fit(noise, TASK.encode([document.value for document in noise]).astype(float))
    assert student.spelling_ is None


def unreadable(n, seed):
    """Ideographs that the encoder does not know, three of which are mostly names, wherever they stand."""
    rng = np.random.default_rng(seed)
    documents = []
    for i in range(n):
        text = " ".join(rng.choice(list("天地玄黄宇宙洪荒"), 6))
        spans = [
            Span(at, at + 1, "name", sign) for at, sign in enumerate(text) if sign in "天宇荒" and rng.random() < 0.8
        ]
        documents.append(Document(str(i), text, tuple(spans)))
    return documents


def test_auto_leaves_out_states_that_tell_nothing_more(tiny_bert, tmp_path):
    encoder = load_encoder(EmbeddingSettings(model=str(tiny_bert), max_tokens=16), None)
    student = LinearTagger(TASK, encoder, folds=2, c=(0.01, 0.1, 1.0))
    training, test = unreadable(60, 0), unreadable(30, 1)
    student.fit(training, TASK.encode([document.value for document in training]).astype(float))
    assert student.spelling_ is not None
    assert not student.reads_states_
    student.save(tmp_path / "student")
    again = load_student(tmp_path / "student")
    assert isinstance(again, LinearTagger)
    assert not again.reads_states_
    assert sum("spelling" in remark for remark in again.remarks_) == 1
    assert again.lenience_ == student.lenience_ > 0
    assert again.predict(test) == student.predict(test)


def test_no_decision_is_tuned_where_the_settings_say_so(tiny_bert):
    encoder = load_encoder(EmbeddingSettings(model=str(tiny_bert), max_tokens=16), None)
    settings = StudentSettings(tune_threshold=False, linear=LinearSettings(folds=2, c=(0.01, 0.1, 1.0)))
    student = LinearTagger.from_settings(settings, TASK, encoder, 0)
    training = unreadable(60, 0)
    student.fit(training, TASK.encode([document.value for document in training]).astype(float))
    assert student.lenience_ == 0.0
    tuned = student.set_params(is_lenient=True).fit(training, TASK.encode([d.value for d in training]).astype(float))
    assert tuned.lenience_ > 0
