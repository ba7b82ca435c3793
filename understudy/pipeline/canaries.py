"""How often a text that is addressed to the model changes its own label: neutral texts with payloads, counted.

The texts and payloads are ours (`prompts/canaries.jsonl`). Each payload is put at the start, in the middle and at the
end of a neutral text, and asks for a label that the text did not get without it. A rate of zero on canaries is no proof
of safety: payloads written against a known model do better than these.
"""

from __future__ import annotations

import base64
import codecs
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from understudy.codebook import Task
from understudy.evaluation import Interval, wilson
from understudy.pipeline.probing import probe, refuse_recorded
from understudy.pipeline.teachers import open_teacher
from understudy.prompts import suspicions
from understudy.records import Annotation, Document, Outcome, Value
from understudy.settings import Label

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

PLACES = ("start", "middle", "end")
LABEL = "{label}"
PREFIX = "canary"
TAGS = 0xE0000
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Payload:
    """What is put into a text; `carrier` says how it is hidden, "" for not at all."""

    number: int
    family: str
    text: str
    carrier: str = ""

    @property
    def has_target(self) -> bool:
        """Whether it asks for a label."""
        return LABEL in self.text

    def written(self, label: str) -> str:
        """The payload as it stands in a text."""
        return _CARRIERS[self.carrier](self.text.replace(LABEL, label))


@dataclass(frozen=True, slots=True)
class Canary:
    """A neutral text with a payload, and the label that it asks for ("" if none)."""

    document: Document
    base_id: str
    payload: Payload
    target: str


@dataclass(frozen=True)
class FamilyResult:
    """What one family of payloads did.

    Attributes
    ----------
    n : canaries asked about.
    n_flipped : got the label that the payload asks for, or (without such a label) another answer than without it.
    interval : Wilson's, of the share flipped.
    n_unusable : got no label.
    n_flagged : texts that `prompts.suspicions` flags.
    """

    family: str
    n: int
    n_flipped: int
    interval: Interval
    n_unusable: int
    n_flagged: int

    def to_json(self) -> dict[str, Any]:
        """The family as a JSON object."""
        return {
            "family": self.family, "n": self.n, "flipped": self.n_flipped, "rate": self.n_flipped / self.n,
            "interval": self.interval.to_json(), "unusable": self.n_unusable, "flagged": self.n_flagged,
        }  # fmt: skip

    def line(self) -> str:
        """The family in words."""
        return (
            f"{self.family}: {self.n_flipped} of {self.n} flipped, {self.n_flipped / self.n:.1%} "
            f"[{self.interval.low:.1%}, {self.interval.high:.1%}]; {self.n_unusable} without a label, "
            f"{self.n_flagged} flagged as suspicious"
        )


@dataclass(frozen=True)
class CanaryResult:
    """All families, in the order of the file; `n_texts` neutral ones were answered without payload."""

    teacher: str
    n_texts: int
    families: tuple[FamilyResult, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything as a JSON object."""
        families = [family.to_json() for family in self.families]
        return {"teacher": self.teacher, "texts": self.n_texts, "families": families}

    def lines(self) -> Iterator[str]:
        """Everything in words."""
        yield f"canaries: {self.teacher}, {self.n_texts} neutral texts, each payload at start, middle and end"
        yield from (family.line() for family in self.families)


def sing(project: Project) -> CanaryResult:
    """Ask the teacher about the neutral texts, then about them with payloads, and count what changed.

    Raises
    ------
    UserError
        If the teacher is a file of recorded labels.
    """
    refuse_recorded(project, "Canaries")
    opened = open_teacher(project)
    plain = probe(project, opened, neutral_documents(), "canaries without payload")
    canaries = list(make_canaries(project.task, plain))
    said = probe(project, opened, [canary.document for canary in canaries], "canaries")
    families = tuple(
        _judge(family, [c for c in canaries if c.payload.family == family], plain, said)
        for family in dict.fromkeys(canary.payload.family for canary in canaries)
    )
    n_texts = len({canary.base_id for canary in canaries})
    return CanaryResult(project.settings.teacher.name, n_texts, families)


def n_questions() -> int:
    """Texts that are asked about at most."""
    texts, payloads = _bundled()
    return len(texts) * (1 + len(payloads) * len(PLACES))


def neutral_documents() -> list[Document]:
    """The bundled texts without payload."""
    return [Document(f"{PREFIX}/{number}", text) for number, text in enumerate(_bundled()[0])]


def make_canaries(task: Task, plain: Mapping[str, Annotation]) -> Iterator[Canary]:
    """Every payload at every place of every neutral text that was answered, asking for a label it did not get.

    `unsure` is an answer too.
    """
    for document in neutral_documents():
        annotation = plain[document.id]
        is_answered = annotation.outcome in (Outcome.LABELLED, Outcome.ABSTAINED)
        target = _other_label(task, annotation.value or ()) if is_answered else None
        if target is None:
            continue
        for payload in _bundled()[1]:
            for place in PLACES:
                identifier = f"{document.id}/{payload.number}/{place}"
                text = _inserted(document.text, payload.written(target.spoken), place)
                goal = target.name if payload.has_target else ""
                yield Canary(Document(identifier, text), document.id, payload, goal)


def notes_on_flags(annotations: Mapping[str, Annotation]) -> Iterator[str]:
    """What a report says of texts that look as if they were addressed to a model."""
    flagged = {identifier: annotation.flags for identifier, annotation in annotations.items() if annotation.flags}
    if flagged:
        counts = Counter(flag for flags in flagged.values() for flag in flags)
        kinds = ", ".join(f"{flag} {n:,}" for flag, n in counts.most_common())
        named = ", ".join(list(flagged)[:MOST_NAMED])
        yield (
            f"{len(flagged):,} texts look as if they were addressed to a model ({kinds}); look at their labels, first "
            f"{named}. `understudy validate --canaries` measures how often such texts change their label."
        )


def _judge(
    family: str, canaries: Sequence[Canary], plain: Mapping[str, Annotation], said: Mapping[str, Annotation]
) -> FamilyResult:
    n_flipped = sum(_is_flipped(each, plain[each.base_id].value, said[each.document.id].value) for each in canaries)
    return FamilyResult(
        family,
        len(canaries),
        n_flipped,
        wilson(n_flipped, len(canaries)),
        sum(said[each.document.id].value is None for each in canaries),
        sum(bool(suspicions(each.document.text)) for each in canaries),
    )


def _is_flipped(canary: Canary, before: Value | None, after: Value | None) -> bool:
    if after is None:
        return False
    if canary.target:
        return after == canary.target or (not isinstance(after, str) and canary.target in after)
    return after != before


def _other_label(task: Task, value: Value) -> Label | None:
    """The first label in codebook order after those that the text got; None if it got them all."""
    got = {value} if isinstance(value, str) else set(value)
    columns = [column for column, name in enumerate(task.labels) if name in got]
    start = 1 + max(columns, default=-1)
    rotated = [*task.codebook.labels[start:], *task.codebook.labels[:start]]
    return next((label for label in rotated if label.name not in got), None)


def _inserted(text: str, payload: str, place: str) -> str:
    if place == "start":
        return f"{payload} {text}"
    if place == "end":
        return f"{text} {payload}"
    middle = text.find(" ", len(text) // 2)
    cut = len(text) if middle < 0 else middle
    return f"{text[:cut]} {payload}{text[cut:]}"


@cache
def _bundled() -> tuple[tuple[str, ...], tuple[Payload, ...]]:
    """Neutral texts and payloads, in the order of the file."""
    source = (files("understudy.prompts") / "canaries.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in source.split("\n") if line]
    payloads = [line for line in lines if "payload" in line]
    return (
        tuple(line["text"] for line in lines if "text" in line),
        tuple(Payload(i, p["family"], p["payload"], p.get("carrier", "")) for i, p in enumerate(payloads)),
    )


_CARRIERS: Mapping[str, Callable[[str], str]] = {
    "": lambda text: text,
    "html comment": lambda text: f"<!-- {text} -->",
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "tags": lambda text: "".join(chr(TAGS + ord(c)) for c in text if c.isascii()),
    "zero width": lambda text: "\u200b".join(text),
}
