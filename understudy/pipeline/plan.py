"""What the teacher would be asked, and what that costs at most; asks nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    n_calls : calls without repairs; `n_calls_at_most` with a repair for each.
    prompt_tokens : expected tokens of all prompts, from a random sample of real prompts.
    cost_usd : expected, and `cost_usd_at_most` with every repair and the longest answers; None if the price is unknown,
        0.0 if the teacher is free.
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
            "price": self.price,
            "sample_prompt": list(self.sample_prompt),
        }

    def lines(self, *, with_prompt: bool) -> list[str]:
        """The plan in words."""
        lines = [f"{self.teacher}: {self.n_documents:,} texts to ask about, {self.n_answered:,} answered already"]
        if self.n_calls:
            lines.append(
                f"{self.n_calls:,} calls (at most {self.n_calls_at_most:,} with repairs), "
                f"about {self.prompt_tokens:,} prompt tokens"
            )
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
    documents = validation_documents(project) if only_validation else documents_to_label(project)
    return plan_for(project, documents, documents_to_ask(documents, stored_annotations(project)))


def plan_for(project: Project, documents: Sequence[Document], missing: Sequence[Document]) -> Plan:
    """What is planned for the `missing` ones of some documents."""
    missing = [document for document in missing if _is_sent(project, document)]
    name = project.settings.teacher.name
    if not project.teacher_costs_money or not missing:
        return Plan(name, len(missing), len(documents) - len(missing))
    return _plan_calls(project, missing, len(documents) - len(missing))


def _is_sent(project: Project, document: Document) -> bool:
    """Whether the teacher reads the text at all: blank and (if so set) overlong ones are skipped."""
    data = project.settings.data
    is_skipped = data.overlong == "skip" and len(document.text) > data.max_characters
    return not is_blank(document.text) and not is_skipped


def _plan_calls(project: Project, missing: Sequence[Document], n_answered: int) -> Plan:
    from understudy.teacher import RAISED

    settings = project.settings.teacher
    prompts = _sample_prompts(project, missing)
    mean_bytes = float(np.mean([sum(len(turn.encode()) for turn in prompt) for prompt in prompts]))
    n_calls = len(missing) * settings.replicates
    turns = TURNS_AT_MOST if project.settings.prompt.repair else 1
    tokens = n_calls * mean_bytes / BYTES_PER_TOKEN
    tokens_at_most = n_calls * turns * mean_bytes / BYTES_PER_TOKEN_AT_LEAST
    answer_tokens = n_calls * max(len(label.encode()) for label in project.task.labels) / BYTES_PER_TOKEN
    return Plan(
        teacher=settings.name,
        n_documents=len(missing),
        n_answered=n_answered,
        n_calls=n_calls,
        n_calls_at_most=n_calls * turns,
        prompt_tokens=round(tokens),
        cost_usd=_cost(project, tokens, answer_tokens),
        cost_usd_at_most=_cost(project, tokens_at_most, n_calls * settings.max_tokens * (1 + (turns - 1) * RAISED)),
        price=project.price,
        sample_prompt=prompts[0],
    )


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
