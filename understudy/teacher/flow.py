"""The conversation about one text: ask, read, ask once more if the answer cannot be read, give up. Pure.

It neither sends nor waits: a driver takes what it yields, sends that to a model, and hands it what came back.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from understudy.prompts import Message
from understudy.records import Answer, Outcome
from understudy.teacher.provider import Completion, Ending


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; `is_raised` if the answer may be longer than usual, because the one before was cut."""

    messages: tuple[Message, ...]
    is_raised: bool = False


Read = Callable[[str], Answer]
Repair = Callable[[Answer, str], Message]
Conversation = Generator[Question, Completion, Answer]


def converse(question: Sequence[Message], read: Read, repair: Repair | None) -> Conversation:
    """One question and at most one more: a repair of an unreadable answer, or a longer answer after a cut one.

    The repair joins the question's last turn: roles keep alternating, and an endless reply is not paid for again.
    A refusal is final: asking again would end the same way.

    Parameters
    ----------
    read : the text of a reply -> an answer.
    repair : an unreadable answer and its text -> what to ask then; None to give up at once.
    """
    completion = yield Question(tuple(question))
    answer = _read(completion, read)
    if answer.outcome is not Outcome.UNPARSED or repair is None:
        return answer
    if completion.ending is Ending.CUT:
        return _read((yield Question(tuple(question), is_raised=True)), read)
    return _read((yield Question(_with_repair(question, repair(answer, completion.text)))), read)


def _read(completion: Completion, read: Read) -> Answer:
    if completion.ending is Ending.REFUSED:
        return Answer(Outcome.REFUSED, reason=completion.reason)
    if completion.ending is not Ending.COMPLETE:
        return Answer(Outcome.UNPARSED, reason=completion.reason)
    return read(completion.text)


def read_together(
    completion: Completion, read: Callable[[str], tuple[Answer | None, ...]], n: int
) -> tuple[Answer | None, ...]:
    """The answers in the one reply about `n` texts; a refused or cut one answers for none of them."""
    return read(completion.text) if completion.ending is Ending.COMPLETE else (None,) * n


def _with_repair(question: Sequence[Message], repair: Message) -> tuple[Message, ...]:
    *before, last = question
    return (*before, Message(last.role, f"{last.content}\n\n{repair.content}"))
