import math

import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.records import Answer, Outcome
from understudy.teacher.probability import label_probability
from understudy.teacher.provider import Completion, Token

TASK = task_of(Codebook(labels=(Label(name="pos"), Label(name="neg"), Label(name="mixed"))))
ALIKE = task_of(Codebook(labels=(Label(name="positive"), Label(name="possible"), Label(name="neg"))))
NESTED = task_of(Codebook(labels=(Label(name="noise"), Label(name="noise at night"), Label(name="heat"))))
SETS = task_of(Codebook(kind="multilabel", labels=(Label(name="pos"), Label(name="neg"))))


def token(**probabilities):
    """The first one is written; names may use _ for a space and Q for a quotation mark."""
    listed = [(name.replace("_", " ").replace("Q", '"'), math.log(p)) for name, p in probabilities.items()]
    return Token(listed[0][0], listed[0][1], tuple(listed))


def plain(text):
    return Token(text, -0.001, ((text, -0.001),))


def probability(task, value, *tokens, text=None):
    text = "".join(each.text for each in tokens) if text is None else text
    return label_probability(task, Answer(Outcome.LABELLED, value), Completion(text, tokens=tokens))


def test_one_token_renormalised_over_labels_and_unsure():
    # 0.6 of 0.6 + 0.2 + 0.04 + 0.06; "well" is no label
    found = probability(TASK, "pos", token(pos=0.6, neg=0.2, mix=0.04, unsure=0.06, well=0.1))
    assert found == pytest.approx(0.6 / 0.9)


def test_other_spellings_of_the_label_are_the_label():
    # Pos, " pos" and po(s) as well as pos: 0.5 + 0.1 + 0.1 + 0.05 against 0.25
    assert probability(TASK, "pos", token(pos=0.5, neg=0.25, Pos=0.1, _pos=0.1, po=0.05)) == pytest.approx(0.75)


def test_answer_in_json_with_a_quote_before_and_after():
    rest = plain('{"label":')
    assert probability(TASK, "neg", rest, token(_Qneg=0.5, _Qpos=0.25, _Qx=0.25), plain('"}')) == pytest.approx(2 / 3)
    assert probability(TASK, "neg", rest, plain(' "'), token(n=0.6, p=0.2), plain("eg"), plain('"}')) == pytest.approx(
        0.75
    )


def test_labels_that_begin_alike_are_told_apart_where_they_part():
    # 0.8 (pos) * 0.75 (itive); others: 0.1 (neg) + 0.8 * 0.25 (sible)
    found = probability(ALIKE, "positive", token(pos=0.8, neg=0.1), token(itive=0.75, sible=0.25))
    assert found == pytest.approx(0.6 / (0.6 + 0.1 + 0.2))


def test_what_follows_once_only_one_label_is_left_does_not_count():
    forced = Token("ive", -20.0, (("ive", -20.0), ("e", -0.1)))
    assert probability(ALIKE, "positive", token(posit=0.6, neg=0.2), forced) == pytest.approx(0.75)


def test_shared_first_token_that_could_become_either_is_refused():
    assert probability(ALIKE, "positive", token(posit=0.5, pos=0.3, neg=0.2), plain("ive")) is None
    assert probability(ALIKE, "positive", token(posit=0.792, pos=0.008, neg=0.2), plain("ive")) == pytest.approx(
        0.792 / 0.992
    )


def test_name_that_another_one_continues_is_told_by_the_closing_quote_only():
    assert probability(NESTED, "noise", token(noise=0.9, heat=0.1)) is None
    tokens = (plain('{"label": "'), token(noise=0.8, heat=0.1), token(Q=0.75, _at=0.25), plain("}"))
    assert probability(NESTED, "noise", *tokens) == pytest.approx(0.6 / (0.6 + 0.1 + 0.2))
    tokens = (token(noise=0.8, heat=0.2), token(_at=0.5, x=0.5), plain(" night"))
    assert probability(NESTED, "noise at night", *tokens) is None


def test_end_of_text_is_no_label():
    ended = Token("pos", math.log(0.5), (("pos", math.log(0.5)), ("", math.log(0.3)), ("neg", math.log(0.2))))
    assert probability(TASK, "pos", ended, text="pos") == pytest.approx(0.5 / 0.7)


def test_white_space_before_the_label_favours_none():
    assert probability(TASK, "pos", token(pos=0.3, neg=0.1, _=0.6)) == pytest.approx(0.75)


def test_marks_around_the_answer_are_passed_over():
    answer = token(pos=0.6, neg=0.2)
    assert probability(TASK, "pos", plain("\n"), answer, plain("</s>"), text="pos") == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("value", "tokens", "text"),
    [
        ("pos", (), "pos"),
        ("pos", (Token("pos", -0.1),), "pos"),  # no alternatives: a probability of what, then?
        ("pos", (token(neg=0.9, pos=0.1),), "pos"),  # the tokens are of another text
        ("pos", (plain("```"), token(pos=0.9, neg=0.1), plain("```")), "```pos```"),
        ("pos", (plain("<think>x</think>"), token(pos=0.9, neg=0.1)), "<think>x</think>pos"),
        ("pos", (plain('{"label": 1}'),), '{"label": 1}'),
    ],
)
def test_nothing_is_guessed_for_other_answers(value, tokens, text):
    assert probability(TASK, value, *tokens, text=text) is None


def test_sets_and_abstentions_have_none():
    assert probability(SETS, ("pos",), token(pos=0.9, neg=0.1)) is None
    tokens = (token(unsure=0.9, pos=0.1),)
    assert label_probability(TASK, Answer(Outcome.ABSTAINED), Completion("unsure", tokens=tokens)) is None


def test_infinitely_unlikely_and_slightly_impossible_numbers():
    odd = Token("pos", 1e-9, (("pos", 1e-9), ("neg", -math.inf)))
    assert probability(TASK, "pos", odd) == 1.0
    never = Token("pos", -math.inf, (("pos", -math.inf),))
    assert probability(TASK, "pos", never) is None
