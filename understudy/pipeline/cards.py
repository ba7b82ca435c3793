"""The model card beside each student: `README.md` in its folder, Markdown with the front matter that model hubs read.

Everything that a user wrote is escaped: a label or a project's name is never markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from math import isnan
from typing import TYPE_CHECKING

from understudy.pipeline.judging import Judged
from understudy.pipeline.kept import TrainedArm, arm_folder
from understudy.settings import StudentSettings

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

CARD_FILE = "README.md"
PIPELINE_TAGS = {
    "classification": "text-classification",
    "multilabel": "text-classification",
    "entities": "token-classification",
    "relations": "text-classification",
}
SHOWN = {"f1": "F1", "precision": "precision", "recall": "recall", "accuracy": "accuracy"}


def write_cards(project: Project, arms: Sequence[TrainedArm], judged: Sequence[Judged]) -> None:
    """Write the card of every arm that was judged."""
    by_name = {each.result.name: each for each in judged}
    for arm in arms:
        if arm.name in by_name:
            text = "\n".join(_lines(project, arm, by_name[arm.name]))
            (arm_folder(project, arm.name) / CARD_FILE).write_text(text + "\n", encoding="utf-8")


def _lines(project: Project, arm: TrainedArm, judged: Judged) -> Iterator[str]:
    yield from _front_matter(project)
    yield f"# {_plain(project.settings.project.name)}: {arm.name}"
    yield ""
    yield f"A `{arm.student_kind}` student made by Understudy: {_plain(arm.description)}."
    yield ""
    yield from _labels(project)
    yield from _training(project, arm)
    yield from _metrics(arm, judged)
    yield from _limits(project, judged)


def _front_matter(project: Project) -> Iterator[str]:
    """YAML that JSON can write: strings quoted, nothing interpreted."""
    codebook = project.settings.codebook
    yield "---"
    yield "library_name: understudy"
    yield f"pipeline_tag: {PIPELINE_TAGS[codebook.kind]}"
    base = base_model(project.settings.student)
    if base:
        yield f"base_model: {json.dumps(base)}"
    yield f"tags: {json.dumps(['understudy', codebook.kind])}"
    yield "---"


def base_model(student: StudentSettings) -> str:
    """The pretrained model behind a kind of student; "" if none is behind it, or it is not one alone."""
    own = {"encoder": student.encoder.model, "setfit": student.setfit.model, "static": student.static.model,
           "decoder-lora": student.decoder.model}.get(student.kind, "")  # fmt: skip
    return "sentence-transformers/all-MiniLM-L6-v2" if own == "bundled" else own


def _labels(project: Project) -> Iterator[str]:
    codebook = project.settings.codebook
    yield "## Labels"
    yield ""
    if codebook.instructions:
        yield _plain(codebook.instructions)
        yield ""
    for label in codebook.labels:
        yield f"- **{_plain(label.name)}**: {_plain(label.definition) or 'no definition'}"
    yield ""


def _training(project: Project, arm: TrainedArm) -> Iterator[str]:
    teacher = project.settings.teacher.name
    yield "## Training"
    yield ""
    yield f"- {arm.n_labels:,} labels, {arm.human_labels:,} of them by people"
    if arm.human_labels < arm.n_labels:
        yield f"- teacher of the others: {_plain(teacher)}; codebook {project.codebook_digest[:12]}"
    yield f"- cost of the labels: {'unknown' if arm.cost_usd is None else f'${arm.cost_usd:,.4f}'}"
    yield f"- {arm.n_seeds} training runs; this student is run {arm.deployed_run + 1}, the median on gold dev"
    yield from (f"- {_plain(remark)}" for remark in arm.remarks)
    base = base_model(project.settings.student)
    if base:
        yield f"- fine-tuned from {_plain(base)}, whose licence applies to the weights"
    yield ""


def _metrics(arm: TrainedArm, judged: Judged) -> Iterator[str]:
    result = judged.result
    yield "## Metrics"
    yield ""
    yield f"On {result.n_test:,} human-labelled {result.judged_on} texts, mean of {arm.n_seeds} runs, 95 % intervals:"
    yield ""
    yield "| metric | value | interval |"
    yield "|---|---|---|"
    headline = result.scores.headline
    values = {"f1": headline.f1, "precision": headline.precision, "recall": headline.recall,
              "accuracy": result.scores.accuracy}  # fmt: skip
    for name, title in SHOWN.items():
        interval = result.intervals.get(name)
        bounds = "undefined" if interval is None else f"{interval.low:.3f} to {interval.high:.3f}"
        value = values[name]
        yield f"| {title} | {'undefined' if isnan(value) else f'{value:.3f}'} | {bounds} |"
    yield ""


def _limits(project: Project, judged: Judged) -> Iterator[str]:
    yield "## Limits"
    yield ""
    yield (
        f"Judged on texts like those of this project only ({judged.result.n_test:,} of them). On texts of another "
        "time, place or kind it may be worse; `understudy audit` and a small human sample tell. Texts longer than its "
        "window are cut. It repeats its teacher's one-sided mistakes."
    )
    if project.settings.student.encoder.model == "bundled" and project.settings.student.kind in ("encoder", "linear"):
        yield ""
        yield "The bundled encoder knows English only."


def _plain(text: str) -> str:
    """Text as Markdown prints it, on one line: no markup, no links, no HTML."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~$])", r"\\\1", " ".join(text.split()))
