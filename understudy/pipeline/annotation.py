"""The step in which the teacher labels: every document asked about ends in one stored annotation."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from understudy.corpus import document_digest
from understudy.pipeline.accounts import keep_plan
from understudy.pipeline.batches import UsesBatches, telling_of_open_batches
from understudy.pipeline.changes import announce_changes, remember_asked
from understudy.pipeline.labelling import Labelling
from understudy.pipeline.several import GroupsTexts, check_together, segments_of
from understudy.pipeline.span_format import try_formats
from understudy.pipeline.teachers import OpenedTeacher, open_teacher
from understudy.records import Annotation, Document, Outcome, Role

if TYPE_CHECKING:
    from understudy.journal import Journal
    from understudy.pipeline.project import Project
    from understudy.teacher import Teacher, Watch

NOT_USABLE = (Outcome.REFUSED, Outcome.UNPARSED, Outcome.FAILED)
WORRYING_SHARE = 0.02


@runtime_checkable
class Watched(Protocol):
    """A teacher that says what it is doing while one waits."""

    def watched_by(self, watch: Watch) -> None:
        """Tell somebody what goes on."""


@dataclass(frozen=True)
class AnnotationSummary:
    """How asking about the documents ended.

    Attributes
    ----------
    teacher : the teacher's name.
    outcomes : documents in each outcome; they add up to the documents asked about.
    cost_usd : paid for them, whenever it was; None if any price is unknown.
    """

    teacher: str
    outcomes: Mapping[Outcome, int]
    cost_usd: float | None

    @property
    def has_findings(self) -> bool:
        """Whether more than 2% of the answers cannot be used."""
        return sum(self.outcomes.get(o, 0) for o in NOT_USABLE) > WORRYING_SHARE * sum(self.outcomes.values())

    def to_json(self) -> dict[str, Any]:
        """The summary as a JSON object."""
        return {
            "teacher": self.teacher,
            "outcomes": {outcome.value: self.outcomes.get(outcome, 0) for outcome in Outcome},
            "cost_usd": self.cost_usd,
        }

    def lines(self) -> list[str]:
        """The summary in words."""
        counts = " · ".join(f"{outcome.value} {n:,}" for outcome, n in self.outcomes.items() if n)
        cost = "price unknown" if self.cost_usd is None else f"${self.cost_usd:,.4f}"
        return [f"{self.teacher}: {sum(self.outcomes.values()):,} texts: {counts} · {cost}"]


def annotate(project: Project) -> AnnotationSummary:
    """Let the teacher label the pool and the gold texts it is compared on, and say how far it can be trusted."""
    in_batches = project.settings.teacher.batch
    annotations = teach(project, documents_to_label(project), in_batches=in_batches)
    _say_direction(project, annotations)
    _say_trust(project)
    return summarise(project, annotations)


def _say_direction(project: Project, annotations: Mapping[str, Annotation]) -> None:
    """Ask some relations the other way round and say what came of it."""
    from understudy.pipeline.direction import check_direction

    checked = check_direction(project, annotations)
    if checked is not None:
        project.listener.say(checked.line)


def _say_trust(project: Project) -> None:
    """Learn trust, if it is wanted, and say so; the encoder that it needs is loaded only now, after asking."""
    if not project.settings.trust.enabled:
        return
    from understudy.pipeline.trusting import trust

    trusted = trust(project)
    for line in trusted.lines() if trusted is not None else ():
        project.listener.say(line)


def documents_to_label(project: Project) -> list[Document]:
    """The pool texts to label, in a seeded random order or as the learning loop chose, then `gold_to_label`."""
    return pool_to_label(project) + gold_to_label(project)


def pool_to_label(project: Project) -> list[Document]:
    """The pool texts to label: in a seeded random order, or what the learning loop has chosen and its control."""
    if project.settings.learn.enabled:
        from understudy.pipeline.learning.rounds import chosen_documents, control_documents

        return list({d.id: d for d in (*chosen_documents(project), *control_documents(project))}.values())
    rng = np.random.default_rng([project.settings.project.seed, 1])
    pool = project.candidates
    order = rng.permutation(len(pool))[: project.settings.teacher.max_labels]
    return [pool[i] for i in order]


def gold_to_label(project: Project) -> list[Document]:
    """The gold texts that the teacher is compared on."""
    roles = [Role.DEV, Role.TEST]
    if project.settings.arms.teacher_on_demo and not project.teacher_costs_money:
        roles.append(Role.DEMO)
    gold = {d.id: d for role in roles for d in project.gold_of(role)}
    gold |= {d.id: d for d in validation_documents(project)}
    return list(gold.values())


def validation_documents(project: Project) -> list[Document]:
    """All of gold dev, filled up from demo to the number that the gate asks for."""
    dev = list(project.gold_of(Role.DEV))
    seen = {document.id for document in dev}
    demo = [document for document in project.gold_of(Role.DEMO) if document.id not in seen]
    missing = max(0, project.settings.gate.texts - len(dev))
    order = np.random.default_rng([project.settings.project.seed, 2]).permutation(len(demo))[:missing]
    return dev + [demo[i] for i in sorted(order)]


def teach(project: Project, documents: Sequence[Document], *, in_batches: bool = False) -> dict[str, Annotation]:
    """One annotation for each document, by id: those that the journal has, and answers to the rest.

    What an open batch was given is never asked one by one; new batches are made only `in_batches`.
    """
    check_together(project)
    try_formats(project)
    opened = open_teacher(project)
    with project.journal() as journal:
        have = _stored_about(project, journal, opened, documents)
        missing = documents_to_ask(documents, have)
        if missing:
            announce_changes(project, journal, len(missing))
            remember_asked(project, journal)
            keep_plan(project, journal, opened, documents, missing, in_batches=in_batches)
            models = (annotation.provenance.model for annotation in have.values())
            labelling = Labelling(project.listener, len(missing), len(project.task.labels), models)
            teacher = opened.connect(journal)
            if isinstance(teacher, UsesBatches):
                teacher.use_batches(journal, is_submitting=in_batches)
            if isinstance(teacher, GroupsTexts):
                teacher.group_within(segments_of(project, documents))
            with telling_of_open_batches(project, journal), _answering(teacher, missing, labelling) as answers:
                for annotation in _stored(project, journal, answers, labelling):
                    have[annotation.document_id] = annotation
    return have


def documents_to_ask(documents: Sequence[Document], annotations: Mapping[str, Annotation]) -> list[Document]:
    """The documents without an annotation, and those whose failure deserves another try."""
    return [d for d in documents if d.id not in annotations or annotations[d.id].outcome is Outcome.FAILED]


def is_about(annotation: Annotation, document: Document) -> bool:
    """Whether an annotation was given to the text, with head and tail, that the document has now."""
    return annotation.text_sha256 == document_digest(document)


def stored_annotations(project: Project, documents: Sequence[Document] | None = None) -> dict[str, Annotation]:
    """How asking about some documents (None: those to label) has ended so far, by id; asks nothing."""
    opened = open_teacher(project)
    with project.journal_to_read() as journal:
        if journal is None:
            return {}
        wanted = documents_to_label(project) if documents is None else documents
        return _stored_about(project, journal, opened, wanted)


def _stored_about(
    project: Project, journal: Journal, opened: OpenedTeacher, documents: Sequence[Document]
) -> dict[str, Annotation]:
    """The newest annotation of each document as it is now, by this teacher under this codebook and prompt."""
    known = journal.annotations(opened.name, project.codebook_digest, opened.prompt_digest, project.task.from_json)
    return {d.id: known[d.id] for d in documents if d.id in known and is_about(known[d.id], d)}


@contextmanager
def _answering(teacher: Teacher, documents: Sequence[Document], labelling: Labelling) -> Iterator[Iterator[Annotation]]:
    """The teacher's answers; leaving, for whatever reason, stops the teacher while the journal is still open."""
    if isinstance(teacher, Watched):
        teacher.watched_by(labelling.watch)
    answers = teacher.annotate(documents)
    is_finished = False
    try:
        yield answers
        is_finished = True
    finally:
        if isinstance(answers, Generator):
            answers.close()
        if not is_finished:
            labelling.stopped()


def summarise(project: Project, annotations: Mapping[str, Annotation]) -> AnnotationSummary:
    """Counts and cost of a set of annotations."""
    counts = Counter(annotation.outcome for annotation in annotations.values())
    return AnnotationSummary(project.settings.teacher.name, dict(counts), total_cost(annotations.values()))


def total_cost(annotations: Iterable[Annotation]) -> float | None:
    """The sum of the costs in US dollars; None if one of them is unknown."""
    costs = [annotation.cost_usd for annotation in annotations]
    return None if None in costs else float(sum(cost for cost in costs if cost is not None))


def _stored(
    project: Project, journal: Journal, annotations: Iterator[Annotation], labelling: Labelling
) -> Iterator[Annotation]:
    """Store each annotation as it comes; the replies behind them are durable already, so nobody waits for each.

    A write that failed is raised as soon as it is known.
    """
    spent_usd: float | None = journal.spent_usd()
    writes: deque[Future[None]] = deque()
    for annotation in annotations:
        writes.append(journal.add_annotations([annotation], project.task.to_json))
        while writes and writes[0].done():
            writes.popleft().result()
        spent_usd = None if spent_usd is None or annotation.cost_usd is None else spent_usd + annotation.cost_usd
        budget_usd = project.settings.teacher.budget_usd
        labelling.tell(annotation, _spending(spent_usd, budget_usd) if project.teacher_costs_money else "")
        yield annotation
    for write in writes:
        write.result()


def _spending(spent_usd: float | None, budget_usd: float | None) -> str:
    if spent_usd is None:
        return "price unknown"
    return f"${spent_usd:,.4f}" + ("" if budget_usd is None else f" of ${budget_usd:,.2f} (cap)")
