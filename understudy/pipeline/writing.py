"""The baselines in which the teacher writes the texts itself: ZeroGen without, FewGen with gold demo texts to go by.

What it writes is only ever learned from: no gold role, and no text that gold or the pool holds already.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from understudy.corpus import same_text_key
from understudy.errors import UserError
from understudy.pipeline.prompting import refuse_judges
from understudy.pipeline.teachers import open_provider
from understudy.prompts.writing import ask_to_write, read_written
from understudy.records import Document, Role

if TYPE_CHECKING:
    from understudy.journal import Journal
    from understudy.pipeline.project import Project
    from understudy.prompts import Message
    from understudy.teacher import Provider

STYLES = ("zerogen", "fewgen")
FOLDER = "written"
PER_CALL = 10
SPANS_PER_CALL = 5
"""As LLMaAA asks for entities."""

EXAMPLES = 5
TEMPERATURE = 1.0
MAX_TOKENS = 2000
ANSWER_TOKENS = 60
"""Of one line, about."""

MOST_CALLS = 3
"""At most so many times the calls that would do if every line could be used."""

REPEATED = "a text that stands there already"
WRITTEN_BY = "written_by"


@dataclass(frozen=True)
class WrittenTexts:
    """What a teacher wrote in one style.

    Attributes
    ----------
    documents : in the order of the calls, with their labels; `meta` says who wrote them.
    dropped : lines left out, by reason.
    n_calls : calls with a reply.
    cost_usd : of those calls; None if a price is unknown.
    """

    documents: tuple[Document, ...]
    dropped: Mapping[str, int]
    n_calls: int
    cost_usd: float | None

    def line(self, style: str) -> str:
        """What came of it, in words."""
        reasons = ", ".join(f"{reason} {n:,}" for reason, n in self.dropped.items())
        cost = "price unknown" if self.cost_usd is None else f"${self.cost_usd:,.4f}"
        return (
            f"{style}: {len(self.documents):,} texts written in {self.n_calls:,} calls · {cost}; "
            f"{sum(self.dropped.values()):,} lines dropped{f' ({reasons})' if reasons else ''}"
        )


@dataclass(frozen=True)
class WritingPlan:
    """What is left to be written.

    Attributes
    ----------
    n_texts : texts that are missing.
    n_calls : calls that do if every line can be used; `n_calls_at_most` if few can.
    prompt_bytes, prompt_bytes_at_most : of all these calls.
    """

    n_texts: int = 0
    n_calls: int = 0
    n_calls_at_most: int = 0
    prompt_bytes: int = 0
    prompt_bytes_at_most: int = 0


def plan_writing(project: Project) -> WritingPlan:
    """What is left to be written in all styles; asks nothing."""
    plans = [_plan_style(project, style) for style in STYLES if _wanted(project, style) and project.teacher_costs_money]
    return WritingPlan(*(sum(column) for column in zip(*map(astuple, plans), strict=True)))


def _plan_style(project: Project, style: str) -> WritingPlan:
    refuse_unfit(project, style)
    found = written_texts(project, style)
    n_missing = _wanted(project, style) - len(found.documents)
    if n_missing <= 0:
        return WritingPlan()
    n_calls, n_most = math.ceil(n_missing / _per_call(project)), calls_of(project, style)[1] - found.n_calls
    n_bytes = sum(len(message.content.encode("utf-8", "replace")) for message in questions(project, style, [0])[0])
    return WritingPlan(n_missing, n_calls, n_most, n_calls * n_bytes, n_most * n_bytes)


def write_texts(project: Project) -> None:
    """Have the texts written that the settings ask for and that are not there yet; says what came of it.

    Raises
    ------
    UserError
        If the settings want such texts and the teacher is no language model, or there are no gold demo texts for
        FewGen, or they would be shown unmasked.
    """
    for style in STYLES:
        if _wanted(project, style):
            refuse_unfit(project, style)
            with project.journal() as journal:
                found = _write(project, journal, style)
            _keep(project, style, found)
            project.listener.say(found.line(style))


def written_texts(project: Project, style: str) -> WrittenTexts:
    """What has been written so far, read from the journal; asks nothing."""
    n = _wanted(project, style)
    with project.journal_to_read() as journal:
        if journal is None or not n or not project.teacher_costs_money:
            return WrittenTexts((), {}, 0, 0.0)
        return _read(project, journal, style, n)


def calls_of(project: Project, style: str) -> tuple[int, int]:
    """How many calls a style takes if every line can be used, and at most."""
    n = math.ceil(_wanted(project, style) / _per_call(project))
    return n, MOST_CALLS * n


def questions(project: Project, style: str, numbers: Sequence[int]) -> dict[int, tuple[Message, ...]]:
    """What is asked in the calls of these numbers; in FewGen each shows other gold demo texts."""
    return {
        number: ask_to_write(project.task, _per_call(project), _examples(project, style, number)) for number in numbers
    }


def refuse_unfit(project: Project, style: str) -> None:
    """Raise UserError if the project cannot have texts written."""
    if not project.teacher_costs_money:
        raise UserError(
            f"`arms.{style}`: {project.settings.teacher.name} cannot write texts.",
            "Choose a language model as `teacher.kind`, or leave the setting empty.",
        )
    if style != "fewgen":
        return
    if project.settings.prompt.mask:
        raise UserError("`arms.fewgen` shows gold texts as they are, but `prompt.mask` is set.", "Leave one out.")
    if not project.gold_of(Role.DEMO):
        raise UserError("`arms.fewgen` needs gold texts of role demo.", "Raise `gold.demo`.")


def _wanted(project: Project, style: str) -> int:
    sizes: tuple[int, ...] = getattr(project.settings.arms, style)
    return max(sizes, default=0)


def _per_call(project: Project) -> int:
    return SPANS_PER_CALL if project.task.marks_spans else PER_CALL


def _examples(project: Project, style: str, number: int) -> tuple[Document, ...]:
    if style == "zerogen":
        return ()
    demo = project.gold_of(Role.DEMO)
    refuse_judges(project, demo)
    rng = np.random.default_rng([project.settings.project.seed, 40, number])
    return tuple(demo[row] for row in rng.permutation(len(demo))[:EXAMPLES])


def _provider(project: Project) -> Provider:
    """The teacher's model, left more freedom and more room than for labels."""
    teacher = project.settings.teacher.model_copy(
        update={"temperature": TEMPERATURE, "max_tokens": MAX_TOKENS, "logprobs": False}
    )
    return open_provider(replace(project, settings=project.settings.model_copy(update={"teacher": teacher})))


def _write(project: Project, journal: Journal, style: str) -> WrittenTexts:
    from understudy.teacher.author import Author

    settings, n_wanted = project.settings.teacher, _wanted(project, style)
    author = Author(f"{settings.name} ({style})", _provider(project), journal, settings, np.random.default_rng())
    n_asked, (_, n_most) = 0, calls_of(project, style)
    while True:
        found = _read(project, journal, style, n_wanted)
        n_missing = n_wanted - len(found.documents)
        if n_missing <= 0 or n_asked >= n_most:
            return found
        numbers = range(n_asked, min(n_most, n_asked + math.ceil(n_missing / _per_call(project))))
        author.ask(questions(project, style, numbers))
        n_asked = numbers.stop
        project.listener.progress("writing", min(n_asked, n_most), n_most, style)


def _read(project: Project, journal: Journal, style: str, n_wanted: int) -> WrittenTexts:
    from understudy.teacher.author import stored_answer

    provider, who = _provider(project), project.settings.teacher.name
    taken = {same_text_key(document.text) for document in (*project.gold, *project.pool)}
    documents: list[Document] = []
    dropped, costs = Counter[str](), list[float | None]()
    for number, question in questions(project, style, range(calls_of(project, style)[1])).items():
        stored = stored_answer(provider, journal, question, number)
        if stored is None:
            continue
        completion, reply = stored
        costs.append(reply.cost_usd)
        written = read_written(project.task, completion.text)
        dropped.update(written.dropped)
        for document in written.documents:
            key = same_text_key(document.text)
            dropped[REPEATED] += key in taken
            if key not in taken and len(documents) < n_wanted:
                taken.add(key)
                documents.append(_flagged(document, style, number, completion.model or who))
    cost = None if None in costs else float(sum(each for each in costs if each is not None))
    return WrittenTexts(tuple(documents), dict(+dropped), len(costs), cost)


def _flagged(document: Document, style: str, number: int, who: str) -> Document:
    """The document under an id that no other text has, with who wrote it."""
    place = f"{style}-{number}-{document.id}"
    return replace(document, id=place, meta={WRITTEN_BY: who, "style": style}, source=f"{who}, call {number}")


def _keep(project: Project, style: str, found: WrittenTexts) -> None:
    """Write the texts to ``written/<style>.jsonl`` for people to look at; nothing reads them from there."""
    path = project.folder / FOLDER / f"{style}.jsonl"
    path.parent.mkdir(exist_ok=True)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in _rows(project, found))
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def _rows(project: Project, found: WrittenTexts) -> Iterator[dict[str, object]]:
    for document in found.documents:
        value = None if document.value is None else project.task.to_json(document.value)
        ends = {
            name: [span.start, span.end] for name, span in (("head", document.head), ("tail", document.tail)) if span
        }
        yield {"id": document.id, "text": document.text, "label": value, **ends, **document.meta}
