"""Sharpening the codebook: where teacher and people disagree, what each version scored, what an edit makes stale.

Reads what validation has stored and asks nobody. Shows texts of gold dev and demo only; gold test is never looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from understudy.codebook import Codebook, Label, codebook_digest, task_of
from understudy.errors import UserError
from understudy.pipeline.prompting import refuse_judges
from understudy.records import Annotation, Document, Role, ValidationRecord, Value

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.pipeline.validation import Validation

MOST_EXAMPLES = 3
MOST_CONFUSIONS = 20
EXCERPT = 160
MANY_VERSIONS = 4
EMPTY = "(no label)"


@dataclass(frozen=True)
class Confusion:
    """Texts to which people gave one label and the teacher another.

    Attributes
    ----------
    human, given : in words; where the teacher gave no label, `given` is how the question ended.
    n : texts.
    examples : up to three of them, as pairs of id and beginning of the text.
    """

    human: str
    given: str
    n: int
    examples: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """The confusion as a JSON object."""
        examples = [{"id": identifier, "text": text} for identifier, text in self.examples]
        return {"human": self.human, "given": self.given, "n": self.n, "examples": examples}


@dataclass(frozen=True)
class Change:
    """One edit of the codebook; `label` is "" for what concerns the whole of it."""

    label: str
    what: str
    before: str
    after: str

    def to_json(self) -> dict[str, str]:
        """The edit as a JSON object."""
        return {"label": self.label, "what": self.what, "before": self.before, "after": self.after}


@dataclass(frozen=True)
class Version:
    """One validated version of the codebook.

    Attributes
    ----------
    number : 1 for the first that was validated.
    record : its latest validation.
    is_comparable : whether it was judged on the same texts as the current version.
    """

    number: int
    record: ValidationRecord
    is_comparable: bool

    def to_json(self) -> dict[str, Any]:
        """The version and its scores as a JSON object."""
        record = self.record
        return {
            "number": self.number, "codebook": record.codebook, "n": record.n, "f1": record.f1,
            "interval": [record.low, record.high], "at": record.at, "is_comparable": self.is_comparable,
        }  # fmt: skip

    def line(self) -> str:
        """The version in words."""
        record = self.record
        f1 = "F1 undefined" if record.f1 is None else f"F1 {record.f1:.3f}"
        bounds = "" if record.low is None or record.high is None else f" [{record.low:.3f}, {record.high:.3f}]"
        other = "" if self.is_comparable else ", on other texts"
        return f"version {self.number} ({record.codebook[:8]}): {f1}{bounds}, n = {record.n}{other}"


@dataclass(frozen=True)
class Staleness:
    """Labels that were given under the version before.

    Attributes
    ----------
    by_value : how many stored labels of the version before have no successor yet, by what they say.
    is_asked_anew : whether the edit changes what the teacher reads; if not, asking again costs nothing.
    """

    by_value: Mapping[str, int]
    is_asked_anew: bool

    @property
    def n(self) -> int:
        """Stored labels that are stale."""
        return sum(self.by_value.values())


@dataclass(frozen=True)
class Iteration:
    """Where the codebook stands.

    Attributes
    ----------
    confusions : most frequent first.
    versions : in the order in which they were first validated, all of one teacher.
    changes : from the version validated before this one to this one.
    stale : labels given under that version.
    """

    confusions: tuple[Confusion, ...]
    versions: tuple[Version, ...]
    changes: tuple[Change, ...]
    stale: Staleness

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to beware of after several rounds."""
        n = sum(version.is_comparable for version in self.versions)
        if n < MANY_VERSIONS:
            return ()
        return (
            f"{n} versions of the codebook were scored on the same gold dev texts: the best of them looks better than "
            "it is. Take the one you would defend, and let gold test judge it once; for more rounds label new texts.",
        )

    def to_json(self) -> dict[str, Any]:
        """Everything as a JSON object."""
        return {
            "confusions": [confusion.to_json() for confusion in self.confusions],
            "versions": [version.to_json() for version in self.versions],
            "changes": [change.to_json() for change in self.changes],
            "stale": {"labels": dict(self.stale.by_value), "is_asked_anew": self.stale.is_asked_anew},
            "warnings": list(self.warnings),
        }

    def lines(self) -> Iterator[str]:
        """Everything in words."""
        if len(self.versions) > 1:
            yield from (version.line() for version in self.versions)
        for change in self.changes:
            yield f"changed: {_place(change)}: {change.before!r} -> {change.after!r}"
        if self.stale.n:
            yield self._stale_line()
        for confusion in self.confusions[:MOST_CONFUSIONS]:
            yield f"people `{confusion.human}`, teacher `{confusion.given}`: {confusion.n} texts"
            yield from (f"    {identifier}: {text}" for identifier, text in confusion.examples)
        yield from (f"warning: {warning}" for warning in self.warnings)

    def _stale_line(self) -> str:
        values = ", ".join(f"{value} {n:,}" for value, n in self.stale.by_value.items())
        cost = "are asked again" if self.stale.is_asked_anew else "read the same question: asking again costs nothing"
        return f"stale: {self.stale.n:,} labels of the version before ({values}) {cost}; all others stay"


def iterate(project: Project, validation: Validation) -> Iteration:
    """Where the codebook stands after a validation; asks nothing.

    Raises
    ------
    GoldMisuse
        If a text of gold test is among those validated on.
    """
    refuse_judges(project, validation.documents)
    with project.journal_to_read() as journal:
        records = [] if journal is None else journal.validations()
    versions = _versions(records, project.settings.teacher.name, validation.documents)
    before = _version_before(versions, project.codebook_digest)
    old = None if before is None else Codebook.model_validate_json(before.contents)
    new = project.settings.codebook
    return Iteration(
        confusions(validation.documents, validation.annotations),
        versions,
        () if old is None else tuple(changes(old, new)),
        Staleness({}, False) if before is None or old is None else _staleness(project, before, old),
    )


def keep_version(project: Project, validation: Validation) -> None:
    """Store the scores of the codebook as it is now, unless they are stored already."""
    from understudy.pipeline.teachers import open_teacher

    verdict = validation.verdict
    interval = verdict.interval
    f1, low, high = (
        None if isnan(number) else float(number) for number in (verdict.estimate, interval.low, interval.high)
    )
    record = ValidationRecord(
        project.codebook_digest,
        project.settings.codebook.model_dump_json(),
        project.settings.teacher.name,
        open_teacher(project).prompt_digest,
        _digest_of_ids(validation.documents),
        len(validation.documents),
        f1,
        low,
        high,
    )
    with project.journal() as journal:
        known = [_without_time(each) for each in journal.validations()]
        if _without_time(record) not in known:
            journal.add_validation(record).result()


def confusions(documents: Sequence[Document], annotations: Mapping[str, Annotation]) -> tuple[Confusion, ...]:
    """Disagreements grouped by what people and teacher said, most frequent first, then by name."""
    groups: dict[tuple[str, str], list[Document]] = {}
    for document in documents:
        annotation = annotations[document.id]
        if annotation.value != document.value and document.value is not None:
            given = annotation.outcome.value if annotation.value is None else in_words(annotation.value)
            groups.setdefault((in_words(document.value), given), []).append(document)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return tuple(
        Confusion(human, given, len(some), tuple((d.id, _excerpt(d.text)) for d in some[:MOST_EXAMPLES]))
        for (human, given), some in ordered
    )


def changes(old: Codebook, new: Codebook) -> Iterator[Change]:
    """What differs between two versions, in the order of the new one; labels are the same if their names are."""
    for field in Codebook.model_fields:
        if field != "labels" and getattr(old, field) != getattr(new, field):
            yield Change("", field, _text(getattr(old, field)), _text(getattr(new, field)))
    olds = {label.name: label for label in old.labels}
    news = {label.name: label for label in new.labels}
    for name, label in news.items():
        yield from _label_changes(olds.get(name), label)
    yield from (Change(name, "removed", _meaning(label), "") for name, label in olds.items() if name not in news)
    kept = [name for name in old.names if name in news]
    if kept != [name for name in new.names if name in olds]:
        yield Change("", "order of labels", ", ".join(old.names), ", ".join(new.names))


def notes_on_versions(project: Project) -> Iterator[str]:
    """What a report must say when gold test has judged more than one version of the codebook."""
    with project.journal_to_read() as journal:
        if journal is None:
            return
        ids = [document.id for document in project.gold_of(Role.TEST)]
        n = len(journal.codebooks_annotated(ids, project.settings.teacher.name))
        n_versions = len({record.codebook for record in journal.validations()})
    if n > 1:
        yield (
            f"The teacher has answered gold test texts under {n} versions of the codebook ({n_versions} were "
            "validated): if its test score was read after more than one of them, it is no longer an unseen judge."
        )


def in_words(value: Value) -> str:
    """A value as people read it."""
    if isinstance(value, str):
        return value
    return " | ".join(item if isinstance(item, str) else f"{item.label}: {item.text}" for item in value) or EMPTY


def _versions(records: Sequence[ValidationRecord], teacher: str, documents: Sequence[Document]) -> tuple[Version, ...]:
    latest: dict[str, ValidationRecord] = {}
    for record in records:
        if record.teacher == teacher:
            latest[record.codebook] = record
    same = _digest_of_ids(documents)
    return tuple(Version(number, record, record.documents == same) for number, record in enumerate(latest.values(), 1))


def _version_before(versions: Sequence[Version], current: str) -> ValidationRecord | None:
    others = [version.record for version in versions if version.record.codebook != current]
    return max(others, key=lambda record: record.at, default=None)


def _staleness(project: Project, before: ValidationRecord, old: Codebook) -> Staleness:
    from understudy.pipeline.annotation import documents_to_label, stored_annotations

    with project.journal_to_read() as journal:
        if journal is None:
            return Staleness({}, False)
        known = journal.annotations(before.teacher, before.codebook, before.prompt, _as_stored)
    current = stored_annotations(project)
    wanted = {document.id for document in documents_to_label(project)}
    stale = [known[identifier] for identifier in known if identifier in wanted and identifier not in current]
    counts = Counter(_stored_in_words(annotation) for annotation in stale)
    return Staleness(dict(counts.most_common()), _reads_differently(old, project.settings.codebook))


def _as_stored(value: Any) -> Any:
    """Values of another version as they are: their labels may be gone."""
    return tuple(value) if isinstance(value, list) else value


def _stored_in_words(annotation: Annotation) -> str:
    return annotation.outcome.value if annotation.value is None else in_words(annotation.value)


def _reads_differently(old: Codebook, new: Codebook) -> bool:
    """Whether a teacher that reads prompts is asked another question."""
    return _question(old) != _question(new)


def _question(codebook: Codebook) -> str:
    from understudy.prompts import pose

    try:
        return repr(pose(task_of(codebook), Document("", ""), (), "0").messages)
    except UserError:  # a version that can no longer be used
        return codebook_digest(codebook)


def _label_changes(old: Label | None, new: Label) -> Iterator[Change]:
    if old is None:
        yield Change(new.name, "added", "", _meaning(new))
        return
    for field in Label.model_fields:
        if getattr(old, field) != getattr(new, field):
            yield Change(new.name, field, _text(getattr(old, field)), _text(getattr(new, field)))


def _meaning(label: Label) -> str:
    return label.definition or label.spoken


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _place(change: Change) -> str:
    return f"`{change.label}` {change.what}" if change.label else change.what


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"


def _digest_of_ids(documents: Sequence[Document]) -> str:
    return hashlib.sha256(json.dumps(sorted(document.id for document in documents)).encode()).hexdigest()


def _without_time(record: ValidationRecord) -> tuple[object, ...]:
    return (
        record.codebook, record.teacher, record.prompt, record.documents, record.n, record.f1, record.low, record.high,
    )  # fmt: skip
