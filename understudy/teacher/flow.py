"""The conversation about one text: ask, read, ask once more if the answer cannot be read, give up. Pure.

It neither sends nor waits: a driver takes what it yields, sends that to a model, and hands it what came back.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from understudy.prompts import Message
from understudy.records import Answer, Outcome
from understudy.teacher.provider import Completion, Ending

Question = tuple[Message, ...]
Read = Callable[[str], Answer]
Repair = Callable[[Answer, str], Message]
Conversation = Generator[Question, Completion, Answer]


def converse(question: Sequence[Message], read: Read, repair: Repair | None) -> Conversation:
    """One question and at most one repair.

    The repair joins the question's last turn: roles keep alternating, and an endless reply is not paid for again.
    A refusal and a cut answer are final: asking again would end the same way.

    Parameters
    ----------
    read : the text of a reply -> an answer.
    repair : an unreadable answer and its text -> what to ask then; None to give up at once.
    """
    completion = yield tuple(question)
    answer = _read(completion, read)
    if answer.outcome is Outcome.UNPARSED and completion.ending is not Ending.CUT and repair is not None:
        answer = _read((yield _with_repair(question, repair(answer, completion.text))), read)
    return answer


def _read(completion: Completion, read: Read) -> Answer:
    if completion.ending is Ending.REFUSED:
        return Answer(Outcome.REFUSED, reason=completion.reason)
    if completion.ending is not Ending.COMPLETE:
        return Answer(Outcome.UNPARSED, reason=completion.reason)
    return read(completion.text)


def _with_repair(question: Sequence[Message], repair: Message) -> Question:
    *before, last = question
    return (*before, Message(last.role, f"{last.content}\n\n{repair.content}"))
