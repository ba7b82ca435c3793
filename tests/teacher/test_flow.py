import pytest

from understudy.prompts import Message
from understudy.records import Answer, Outcome
from understudy.teacher.flow import Question, converse
from understudy.teacher.provider import Completion, Ending

QUESTION = (Message("system", "rules"), Message("user", "a text"))


def read(reply):
    known = reply in ("pos", "neg")
    return Answer(Outcome.LABELLED, reply) if known else Answer(Outcome.UNPARSED, reason=f"`{reply}` is no label")


def repair(answer, reply):
    return Message("user", f"{answer.reason}, you said {reply!r}")


def talk(completions, repair=repair):
    """The answer and every question asked."""
    conversation = converse(QUESTION, read, repair)
    asked = [next(conversation)]
    for completion in completions:
        try:
            asked.append(conversation.send(Completion(completion) if isinstance(completion, str) else completion))
        except StopIteration as stop:
            return stop.value, asked
    raise AssertionError("the conversation goes on")


@pytest.mark.parametrize(
    ("completions", "outcome", "value"),
    [
        (["pos"], Outcome.LABELLED, "pos"),
        (["rubbish", "neg"], Outcome.LABELLED, "neg"),
        (["rubbish", "more rubbish"], Outcome.UNPARSED, None),
        (["", "pos"], Outcome.LABELLED, "pos"),
        ([Completion("po", Ending.CUT, "cut"), "pos"], Outcome.LABELLED, "pos"),
        ([Completion("po", Ending.CUT, "cut"), Completion("pos", Ending.CUT, "cut")], Outcome.UNPARSED, None),
        ([Completion("po", Ending.CUT, "cut"), "rubbish"], Outcome.UNPARSED, None),
        ([Completion("pos", Ending.REFUSED, "filter")], Outcome.REFUSED, None),
        ([Completion("pos", Ending.UNREADABLE, "html"), "neg"], Outcome.LABELLED, "neg"),
        (["rubbish", Completion("", Ending.REFUSED, "filter")], Outcome.REFUSED, None),
        (["rubbish", Completion("pos", Ending.CUT, "cut")], Outcome.UNPARSED, None),
    ],
)
def test_every_conversation_ends_in_one_answer(completions, outcome, value):
    answer, asked = talk(completions)
    assert (answer.outcome, answer.value) == (outcome, value)
    assert len(asked) == len(completions)
    assert asked[0] == Question(QUESTION)


def test_repair_joins_the_last_turn_and_keeps_the_prefix():
    _, asked = talk(["rubbish", "pos"])
    system, user = asked[1].messages
    assert not asked[1].is_raised
    assert system == QUESTION[0]
    assert user == Message("user", "a text\n\n`rubbish` is no label, you said 'rubbish'")


def test_without_repair_one_unreadable_answer_is_the_end():
    answer, asked = talk(["rubbish"], repair=None)
    assert answer.reason == "`rubbish` is no label"
    assert len(asked) == 1


def test_a_cut_answer_is_asked_for_again_in_the_same_words_with_more_room():
    _, asked = talk([Completion("po", Ending.CUT, "cut"), "pos"])
    assert asked[1] == Question(QUESTION, is_raised=True)


def test_without_repair_a_cut_answer_is_the_end():
    answer, asked = talk([Completion("pos", Ending.CUT, "cut")], repair=None)
    assert (answer.outcome, answer.reason) == (Outcome.UNPARSED, "cut")
    assert len(asked) == 1
