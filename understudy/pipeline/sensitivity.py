"""How far a teacher's answers depend on what should not matter, and whether another model can take its place.

Asks about a slice of gold dev in other words and with shuffled labels, or asks another model about the validation
texts, and compares on the same texts, pair by pair. Gold test takes no part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import UserError
from understudy.evaluation import (
    Comparison,
    Interval,
    adjust_for_table,
    compare,
    headline_interval,
    headline_score,
    wilson,
)
from understudy.pipeline.annotation import validation_documents
from understudy.pipeline.probing import gold_slice, probe, values_of
from understudy.pipeline.prompting import label_orders, wording_of
from understudy.pipeline.teachers import open_teacher
from understudy.pipeline.validation import count_values, headline_of
from understudy.records import Annotation, Document

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.prompts import Wording

SLICE = 60
N_SHUFFLES = 2
MOST_DRAWS = 50
BASE = "as it is"


@dataclass(frozen=True)
class Variant:
    """One way of asking beside the usual one.

    Attributes
    ----------
    name : which paraphrase, order of labels or model.
    f1, interval : headline F1 on the texts; nan where undefined.
    agreement : share of texts on which it says what the usual way says, or ends alike.
    agreement_interval : Wilson's.
    comparison : its headline F1 against the usual way's, paired; None for the usual way itself.
    order : the order of labels, where it is not the codebook's.
    """

    name: str
    f1: float
    interval: Interval
    agreement: float
    agreement_interval: Interval
    comparison: Comparison | None
    order: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The variant as a JSON object."""
        difference = None if self.comparison is None else self.comparison
        return {
            "name": self.name,
            "f1": None if isnan(self.f1) else self.f1,
            "interval": self.interval.to_json(),
            "agreement": self.agreement,
            "agreement_interval": self.agreement_interval.to_json(),
            "difference": None if difference is None or isnan(difference.difference) else difference.difference,
            "difference_interval": None if difference is None else difference.interval.to_json(),
            "verdict": None if difference is None else difference.verdict,
            "order": list(self.order),
        }

    def line(self) -> str:
        """The variant in words."""
        f1 = "F1 undefined" if isnan(self.f1) else f"F1 {self.f1:.3f} {_bounds(self.interval)}"
        if self.comparison is None:
            return f"{self.name}: {f1}"
        same = f"same answer {self.agreement:.1%} {_bounds(self.agreement_interval)}"
        return f"{self.name}: {f1}, {same}; {self.comparison.verdict}"


@dataclass(frozen=True)
class Sensitivity:
    """The usual way of asking first, then the others, all on the same `n` texts."""

    n: int
    variants: tuple[Variant, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything as a JSON object."""
        return {"n": self.n, "variants": [variant.to_json() for variant in self.variants]}

    def lines(self) -> Iterator[str]:
        """Everything in words."""
        yield f"{self.n} texts of gold, asked {len(self.variants)} times:"
        yield from (variant.line() for variant in self.variants)


def vary_prompts(project: Project, n: int = SLICE) -> Sensitivity:
    """Ask about `n` texts of gold dev as usual, in each shipped paraphrase, and with shuffled labels.

    Raises
    ------
    UserError
        If the teacher reads no prompts.
    """
    if not project.teacher_costs_money:
        raise UserError(f"{project.settings.teacher.name} reads no prompts, so their wording cannot matter.")
    documents = gold_slice(project, n)
    wordings = variants(project)
    said = {
        name: probe(project, open_teacher(project, wording), documents, f"asking: {name}")
        for name, wording in wordings.items()
    }
    found = _compared(project, documents, said)
    orders = {name: wording.orders[0] if wording.orders else () for name, wording in wordings.items()}
    return Sensitivity(len(documents), tuple(replace(variant, order=orders[variant.name]) for variant in found))


def n_prompts(project: Project) -> int:
    """Texts that `vary_prompts` asks about at most."""
    return len(gold_slice(project, SLICE)) * len(variants(project))


def n_replacement(project: Project) -> int:
    """Texts that `replace_model` asks about at most, if the present model was validated."""
    return len(validation_documents(project))


def variants(project: Project) -> dict[str, Wording]:
    """The wordings that are compared, by name; the usual one first."""
    from understudy.prompts import PARAPHRASES

    base = wording_of(project)
    drawn = dict.fromkeys(label_orders(project, MOST_DRAWS))  # with few labels the same order comes again
    shuffled = [order for order in drawn if order != project.task.labels][:N_SHUFFLES]
    return (
        {BASE: base}
        | {f"paraphrase `{name}`": replace(base, paraphrase=name) for name in PARAPHRASES}
        | {f"labels shuffled, order {i}": replace(base, orders=(order,)) for i, order in enumerate(shuffled, 1)}
    )


def replace_model(project: Project, model: str) -> Sensitivity:
    """Ask another model about the validation texts and compare it with the one in use, pair by pair.

    What the present model said is in the journal, so it may be retired already.

    Raises
    ------
    UserError
        If the teacher is no model, or the names are equal.
    """
    other = with_model(project, model)
    documents = validation_documents(project)
    said = {
        project.settings.teacher.name: probe(project, open_teacher(project), documents, "asking the present model"),
        other.settings.teacher.name: probe(other, open_teacher(other), documents, f"asking {model}"),
    }
    return Sensitivity(len(documents), _compared(project, documents, said))


def with_model(project: Project, model: str) -> Project:
    """The same project with another model as teacher; raises as `replace_model`."""
    from understudy.pipeline.project import Project

    settings = project.settings
    if not project.teacher_costs_money:
        raise UserError(f"{settings.teacher.name} is no model that could be replaced.")
    if model == settings.teacher.model:
        raise UserError(f"`{model}` is the model in use.", "Name the one that is to take its place.")
    teacher = settings.teacher.model_copy(update={"model": model})
    return Project(project.folder, settings.model_copy(update={"teacher": teacher}), project.task, project.listener)


def _compared(
    project: Project, documents: Sequence[Document], said: Mapping[str, Mapping[str, Annotation]]
) -> tuple[Variant, ...]:
    """Each way of asking beside the first."""
    rng = np.random.default_rng([project.settings.project.seed, 11])
    headline = headline_of(project.task)
    counts = {
        name: count_values(project.task, documents, [answers[d.id].value for d in documents])
        for name, answers in said.items()
    }
    groups = [d.group for d in documents] if any(d.group for d in documents) else None
    base, *others = said
    pairs = [compare(name, [counts[name]], base, [counts[base]], headline, rng, groups=groups) for name in others]
    comparisons = (None, *adjust_for_table(pairs))
    usual = values_of(documents, said[base])
    found = []
    for name, comparison in zip(said, comparisons, strict=True):
        same = sum(a == b for a, b in zip(values_of(documents, said[name]), usual, strict=True))
        f1 = headline_score(counts[name], headline).f1
        interval = headline_interval([counts[name]], headline, rng, groups)
        share = wilson(same, len(documents))
        found.append(Variant(name, f1, interval, same / len(documents), share, comparison))
    return tuple(found)


def _bounds(interval: Interval) -> str:
    return f"[{interval.low:.3f}, {interval.high:.3f}]" if interval.is_defined else "[undefined]"
