"""What the teacher would be asked, and what that costs at most; asks nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.corpus import is_blank
from understudy.pipeline.annotation import (
    documents_to_ask,
    documents_to_label,
    stored_annotations,
    validation_documents,
)
from understudy.pipeline.prompting import demonstrations_pool, wording_of
from understudy.records import Document

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

SAMPLE = 50
BYTES_PER_TOKEN = 4.0
BYTES_PER_TOKEN_AT_LEAST = 2.5
TURNS_AT_MOST = 2
UNKNOWN_PRICE = (
    "cost: unknown, because the price is (set teacher.price_in_usd and price_out_usd, or add the model to "
    "`prices.toml`; teacher.budget_tokens limits tokens instead)"
)


@dataclass(frozen=True)
class Plan:
    """What is left to ask.

    Attributes
    ----------
    teacher : the teacher's name.
    n_documents : documents without an answer yet; `n_answered` have one.
    n_calls : calls without repairs; `n_calls_at_most` with a repair for each; by the text, also where several are
        asked about in one call.
    prompt_tokens : expected tokens of all prompts, from a random sample of real prompts.
    cost_usd : expected, and `cost_usd_at_most` with every repair and the longest answers; None if the price is unknown,
        0.0 if the teacher is free.
    n_in_batches : documents whose first questions go out in batches, for half the price.
    n_texts_to_write : texts that the teacher is to write itself, in `n_writing_calls`; their cost is counted in.
    price : of the model and who says so, in words; "" if unknown.
    sample_prompt : one real prompt, turn by turn; empty if the teacher reads none.
    """

    teacher: str
    n_documents: int
    n_answered: int
    n_calls: int = 0
    n_calls_at_most: int = 0
    prompt_tokens: int = 0
    cost_usd: float | None = 0.0
    cost_usd_at_most: float | None = 0.0
    n_in_batches: int = 0
    n_texts_to_write: int = 0
    n_writing_calls: int = 0
    price: str = ""
    sample_prompt: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The plan as a JSON object."""
        return {
            "teacher": self.teacher,
            "documents": self.n_documents,
            "answered": self.n_answered,
            "calls": self.n_calls,
            "calls_at_most": self.n_calls_at_most,
            "prompt_tokens": self.prompt_tokens,
            "cost_usd": self.cost_usd,
            "cost_usd_at_most": self.cost_usd_at_most,
            "in_batches": self.n_in_batches,
            "texts_to_write": self.n_texts_to_write,
            "writing_calls": self.n_writing_calls,
            "price": self.price,
            "sample_prompt": list(self.sample_prompt),
        }

    def lines(self, *, with_prompt: bool) -> list[str]:
        """The plan in words."""
        lines = [f"{self.teacher}: {self.n_documents:,} texts to ask about, {self.n_answered:,} answered already"]
        if self.n_writing_calls:
            lines.append(f"{self.n_texts_to_write:,} texts to have written, in {self.n_writing_calls:,} calls or more")
        if self.n_calls or self.n_writing_calls:
            lines.append(
                f"{self.n_calls:,} calls (at most {self.n_calls_at_most:,} with repairs), "
                f"about {self.prompt_tokens:,} prompt tokens"
            )
            if self.n_in_batches:
                lines.append(f"{self.n_in_batches:,} texts in batches: half the price, and answers within a day")
            lines.append(f"price: {self.price}" if self.price else UNKNOWN_PRICE)
            if self.cost_usd is not None and self.cost_usd_at_most is not None:
                lines.append(f"cost: ${self.cost_usd:,.4f}, at most ${self.cost_usd_at_most:,.4f}")
        else:
            lines.append("no calls, no cost")
        if with_prompt and self.sample_prompt:
            lines += ["", "one of the prompts:", *self.sample_prompt]
        return lines


def plan(project: Project, *, only_validation: bool) -> Plan:
    """What is left to ask for the whole run, or only for validation."""
    documents = validation_documents(project) if only_validation else documents_to_plan(project)
    missing = documents_to_ask(documents, stored_annotations(project))
    is_batched = project.settings.teacher.batch and not only_validation
    planned = plan_for(project, documents, missing, _batched(project, missing) if is_batched else ())
    return planned if only_validation else _with_writing(project, planned)


def _with_writing(project: Project, planned: Plan) -> Plan:
    """The plan with the texts that the teacher is to write itself."""
    from understudy.pipeline.writing import ANSWER_TOKENS, MAX_TOKENS, plan_writing

    writing = plan_writing(project)
    if not writing.n_calls:
        return planned
    usual = _cost(project, writing.prompt_bytes / BYTES_PER_TOKEN, ANSWER_TOKENS * writing.n_texts)
    at_most = _cost(
        project, writing.prompt_bytes_at_most / BYTES_PER_TOKEN_AT_LEAST, MAX_TOKENS * writing.n_calls_at_most
    )
    return replace(
        planned,
        n_texts_to_write=writing.n_texts,
        n_writing_calls=writing.n_calls,
        cost_usd=None if usual is None or planned.cost_usd is None else planned.cost_usd + usual,
        cost_usd_at_most=(
            None if at_most is None or planned.cost_usd_at_most is None else planned.cost_usd_at_most + at_most
        ),
        price=project.price,
    )


def documents_to_plan(project: Project) -> list[Document]:
    """The texts to label; for those that the learning loop may still choose, as many others stand."""
    if not project.settings.learn.enabled:
        return documents_to_label(project)
    from understudy.pipeline.learning.rounds import stand_ins

    return documents_to_label(project) + stand_ins(project)


def _batched(project: Project, missing: Sequence[Document]) -> set[str]:
    """Ids of the documents that are not asked about one by one before, by `validate`."""
    return {document.id for document in missing} - {document.id for document in validation_documents(project)}


def plan_for(
    project: Project, documents: Sequence[Document], missing: Sequence[Document], batched: Collection[str] = ()
) -> Plan:
    """What is planned for the `missing` ones of some documents, those of the ids in `batched` in batches."""
    missing = [document for document in missing if _is_sent(project, document)]
    name = project.settings.teacher.name
    if not project.teacher_costs_money or not missing:
        return Plan(name, len(missing), len(documents) - len(missing))
    return _plan_calls(project, missing, len(documents) - len(missing), sum(d.id in batched for d in missing))


def _is_sent(project: Project, document: Document) -> bool:
    """Whether the teacher reads the text at all: blank and (if so set) overlong ones are skipped."""
    data = project.settings.data
    is_skipped = data.overlong == "skip" and len(document.text) > data.max_characters
    return not is_blank(document.text) and not is_skipped


def _plan_calls(project: Project, missing: Sequence[Document], n_answered: int, n_in_batches: int) -> Plan:
    from understudy.teacher import RAISED
    from understudy.teacher.money import IN_BATCHES

    settings = project.settings.teacher
    prompts = _sample_prompts(project, missing)
    mean_bytes = float(np.mean([sum(len(turn.encode()) for turn in prompt) for prompt in prompts]))
    n_calls = len(missing) * settings.replicates
    turns = TURNS_AT_MOST if project.settings.prompt.repair else 1
    turns += settings.texts_per_call > 1  # at worst every text is asked about again alone
    tokens = n_calls * mean_bytes / BYTES_PER_TOKEN
    paid = 1.0 - (1.0 - IN_BATCHES) * n_in_batches / len(missing)  # of a first question; repairs are single calls
    tokens_at_most = n_calls * (paid + turns - 1) * mean_bytes / BYTES_PER_TOKEN_AT_LEAST
    answers_at_most = n_calls * settings.max_tokens * (paid + (turns - 1) * RAISED)
    answer_tokens = n_calls * _answer_bytes(project, missing) / BYTES_PER_TOKEN
    return Plan(
        teacher=settings.name,
        n_documents=len(missing),
        n_answered=n_answered,
        n_calls=n_calls,
        n_calls_at_most=n_calls * turns,
        prompt_tokens=round(tokens),
        cost_usd=_cost(project, paid * tokens, paid * answer_tokens),
        cost_usd_at_most=_cost(project, tokens_at_most, answers_at_most),
        n_in_batches=n_in_batches,
        price=project.price,
        sample_prompt=prompts[0],
    )


def _answer_bytes(project: Project, documents: Sequence[Document]) -> float:
    """How long an answer may be expected to be: the longest label, or the whole text where spans are marked in it."""
    if project.settings.codebook.kind == "entities":
        return float(np.mean([len(document.text.encode("utf-8", "replace")) for document in documents]))
    return max(len(label.encode()) for label in project.task.labels)


def _sample_prompts(project: Project, missing: Sequence[Document]) -> list[tuple[str, ...]]:
    """Real prompts of a random sample, demonstrations drawn as in the run but without computing neighbours."""
    from understudy.prompts import pose

    wording = wording_of(project)
    rng = np.random.default_rng([project.settings.project.seed, 7])
    chosen = rng.permutation(len(missing))[:SAMPLE]
    demo = demonstrations_pool(project)
    prompts = []
    for i in chosen:
        shown = [demo[j] for j in rng.permutation(len(demo))[: project.settings.prompt.k]]
        messages = pose(project.task, missing[i], shown, "0" * 16, wording).messages
        prompts.append(tuple(f"--- {message.role} ---\n{message.content}" for message in messages))
    return prompts


def _cost(project: Project, tokens_in: float, tokens_out: float) -> float | None:
    settings = project.settings.teacher
    if settings.price_in_usd is None or settings.price_out_usd is None:
        return None
    return (tokens_in * settings.price_in_usd + tokens_out * settings.price_out_usd) / 1e6
