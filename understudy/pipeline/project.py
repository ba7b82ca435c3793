"""A project folder opened: its settings, texts, gold ledger, journal and encoder, and the steps of the work.

Each step is a method here and a module beside this one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.codebook import Task, codebook_digest, task_of
from understudy.corpus import GoldLedger, document_digest, read_documents, same_text_key, split_gold
from understudy.errors import UserError
from understudy.journal import Journal, salvage
from understudy.pipeline.learning.confirmed import confirmed
from understudy.pipeline.listener import Listener, SilentListener
from understudy.pipeline.pricing import priced
from understudy.pipeline.space import refuse_unknown_space
from understudy.records import Document, HumanLabel, Remark, Role, Span
from understudy.settings import Settings, read_settings

if TYPE_CHECKING:
    from understudy.embedding import Encoder
    from understudy.pipeline.annotation import AnnotationSummary
    from understudy.pipeline.batches import Cancelled
    from understudy.pipeline.canaries import CanaryResult
    from understudy.pipeline.evidence.contrasting import Questions
    from understudy.pipeline.evidence.estimating import Estimates
    from understudy.pipeline.iteration import Iteration
    from understudy.pipeline.kept import TrainedArm
    from understudy.pipeline.learning.loop import Learned
    from understudy.pipeline.plan import Plan
    from understudy.pipeline.result import RunResult
    from understudy.pipeline.sensitivity import Sensitivity
    from understudy.pipeline.status import Status
    from understudy.pipeline.validation import Validation
    from understudy.scoring import ScoreSummary

JOURNAL_NAME = "journal.sqlite"
HUB_PREFIX = "hub:"


@dataclass
class Project:
    """One project folder.

    Attributes
    ----------
    folder : where understudy.toml is.
    settings : as resolved from flags, environment, file and defaults.
    task : what the codebook's kind of task says.
    listener : is told about progress.
    opened_at : monotonic seconds, for the report's duration.
    price : what the teacher's model costs and who says so, in words; "" if unknown, or if nobody is asked.
    """

    folder: Path
    settings: Settings
    task: Task
    listener: Listener = field(default_factory=SilentListener)
    opened_at: float = field(default_factory=time.monotonic)
    price: str = ""
    _is_gold_kept: bool = field(default=False, init=False, repr=False)

    @classmethod
    def open(
        cls, folder: str | Path, settings: Mapping[str, str] | None = None, listener: Listener | None = None
    ) -> Project:
        """Read and check the settings of a folder; reads no data yet.

        Parameters
        ----------
        folder : the project folder.
        settings : overrides such as ``{"teacher.replicates": "3"}``.
        listener : is told about progress; nobody by default.

        Raises
        ------
        UserError
            If the settings or the codebook cannot be used.
        """
        folder = Path(folder)
        resolved, price = priced(read_settings(folder, settings), folder)
        refuse_unknown_space(resolved)
        task = task_of(resolved.codebook, resolved.data.label_separator)
        return cls(folder, resolved, task, listener or SilentListener(), price=price)

    @cached_property
    def pool(self) -> tuple[Document, ...]:
        """The texts without human labels, in file order."""
        return tuple(read_documents(self.paths(self.settings.data.pool), self.settings.data, None))

    @cached_property
    def gold_rows(self) -> tuple[Document, ...]:
        """Every row of the gold files, in file order, also those without a label; then confirmed demonstrations."""
        gold, data = self.paths(self.settings.data.gold), self.settings.data
        return (*read_documents(gold, data, self.task.read, self.task.check_in), *confirmed(self))

    @cached_property
    def gold(self) -> tuple[Document, ...]:
        """The texts with human labels, in file order; `check` reports the rows without one."""
        labelled = tuple(document for document in self.gold_rows if document.value is not None)
        if not labelled:
            raise UserError(
                f"{', '.join(self.settings.data.gold)}: no text has a human label in column "
                f"`{self.settings.data.label}`.",
                "Without human labels nothing can be validated; label at least 100 texts.",
            )
        return labelled

    @cached_property
    def ledger(self) -> GoldLedger:
        """Which human-labelled text may be used for what; roles stay from the first step on that uses them."""
        with self.journal_to_read() as journal:
            fixed = journal.roles() if journal is not None else {}
        fixed |= {document.id: Role.DEMO for document in confirmed(self)}
        return split_gold(self.gold, self.settings.gold, self.settings.project.seed, fixed)

    @cached_property
    def candidates(self) -> tuple[Document, ...]:
        """The pool texts that may be labelled and learned from.

        Each text once (of relations: each pair of a text), and none that also stands in gold: a text that judges must
        not be learned from.
        """
        in_gold = {same_text_key(document.text) for document in self.gold}
        kept: dict[tuple[str, Span | None, Span | None], Document] = {}
        for document in self.pool:
            key = same_text_key(document.text)
            if key not in in_gold:
                kept.setdefault((key, document.head, document.tail), document)
        return tuple(kept.values())

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder of neighbours and of the `linear` student, cached in the project folder."""
        from understudy.embedding import load_encoder

        return load_encoder(self.settings.embedding, self.folder / "cache" / "embeddings")

    @cached_property
    def codebook_digest(self) -> str:
        """The fingerprint of the codebook."""
        return codebook_digest(self.settings.codebook)

    @cached_property
    def loop(self) -> str:
        """The fingerprint of the learning loop that pool, teacher and settings call for."""
        from understudy.pipeline.learning.rounds import loop_of

        return loop_of(self)

    @property
    def teacher_costs_money(self) -> bool:
        """Whether asking the teacher can cost anything."""
        return self.settings.teacher.is_language_model

    def spent_usd(self) -> float:
        """What the teacher has cost so far, replies of unknown price counted as 0."""
        with self.journal_to_read() as journal:
            return 0.0 if journal is None else journal.spent_usd()

    def gold_of(self, role: Role) -> tuple[Document, ...]:
        """The human-labelled texts of one role."""
        return self.ledger.documents(role)

    def paths(self, names: tuple[str, ...]) -> list[Path]:
        """Data files as paths; hub ids stay as they are."""
        return [Path(name) if name.startswith(HUB_PREFIX) else self.folder / name for name in names]

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        """The project's journal, open for reading and writing; it has the gold roles and human labels from then on.

        Nobody else can write meanwhile. Opening it again inside is allowed.
        """
        with Journal.open(self.folder / JOURNAL_NAME) as journal:
            self._keep_gold(journal)
            yield journal

    @contextmanager
    def journal_to_read(self) -> Iterator[Journal | None]:
        """The project's journal, open for reading, also while another process writes; None if there is none yet."""
        path = self.folder / JOURNAL_NAME
        if not path.exists():
            yield None
            return
        with Journal.open(path, read_only=True) as journal:
            yield journal

    @property
    def journal_path(self) -> Path:
        """Where the journal is, or will be."""
        return self.folder / JOURNAL_NAME

    def status(self) -> Status:
        """What is done, left and spent, and who is at work; works while another process runs."""
        from understudy.pipeline.status import status

        return status(self)

    def backup(self, target: Path) -> Path:
        """Copy the journal, also while another process writes to it; the file that was made."""
        from understudy.pipeline.status import backup

        return backup(self, target)

    def salvage(self, target: Path) -> Mapping[str, int]:
        """Copy what can be read of a damaged journal to a new one, leaving it alone; rows saved of each table."""
        return salvage(self.folder / JOURNAL_NAME, target)

    def check(self) -> tuple[Remark, ...]:
        """What a careful colleague would notice; changes nothing."""
        from understudy.pipeline.checking import check

        return check(self)

    def plan(self, *, only_validation: bool = False) -> Plan:
        """What the teacher would be asked and what it would cost at most; asks nothing."""
        from understudy.pipeline.plan import plan

        return plan(self, only_validation=only_validation)

    def validate(self) -> Validation:
        """Score the teacher on gold dev, filled up from demo, and decide whether to go on."""
        from understudy.pipeline.validation import validate

        return validate(self)

    def iterate(self, validation: Validation) -> Iteration:
        """Where the codebook stands: disagreements, versions with scores, what an edit made stale; asks nothing."""
        from understudy.pipeline.iteration import iterate

        return iterate(self, validation)

    def sing(self) -> CanaryResult:
        """How often a text that is addressed to the model changes its own label, on bundled canaries."""
        from understudy.pipeline.canaries import sing

        return sing(self)

    def vary_prompts(self) -> Sensitivity:
        """How far answers on gold dev depend on the wording and on the order of labels."""
        from understudy.pipeline.sensitivity import vary_prompts

        return vary_prompts(self)

    def replace_model(self, model: str) -> Sensitivity:
        """Whether another model can take the teacher's place, on the validation texts."""
        from understudy.pipeline.sensitivity import replace_model

        return replace_model(self, model)

    def annotate(self) -> AnnotationSummary:
        """Let the teacher label the pool and the gold texts it is compared on; asks nothing twice."""
        from understudy.pipeline.annotation import annotate
        from understudy.pipeline.writing import write_texts

        summary = annotate(self)
        write_texts(self)
        return summary

    def learn(self) -> Learned:
        """Choose texts, let the teacher label them and learn from them, in rounds, until a rule says stop."""
        from understudy.pipeline.learning.loop import learn
        from understudy.pipeline.writing import write_texts

        summary = learn(self)
        write_texts(self)
        return summary

    def cancel_batches(self) -> Cancelled:
        """Cancel every batch that the provider is still at work on; what is answered by then is paid for and kept."""
        from understudy.pipeline.batches import cancel_batches

        return cancel_batches(self)

    def train(self) -> tuple[TrainedArm, ...]:
        """Train the students of every arm; arms whose training set did not change are kept."""
        from understudy.pipeline.training import train

        return train(self)

    def evaluate(self) -> RunResult:
        """Judge the teacher and every trained student on gold test."""
        from understudy.pipeline.result import evaluate

        return evaluate(self)

    def report(self) -> RunResult:
        """Evaluate and write the page and its numbers."""
        from understudy.pipeline.result import report

        return report(self)

    def estimate(self, questions: Questions, *, labeller: str = "teacher", label: str | None = None) -> Estimates:
        """Shares of labels, group differences and regressions from machine labels, corrected by gold."""
        from understudy.pipeline.evidence.estimating import estimate

        return estimate(self, questions, labeller=labeller, label=label)

    def run(self, *, despite_gate: bool = False) -> RunResult:
        """The whole job: check, validate, annotate, train, evaluate, report.

        Parameters
        ----------
        despite_gate : go on although the teacher is clearly below the bar.
        """
        from understudy.pipeline.run import run

        return run(self, despite_gate=despite_gate)

    def predict(
        self,
        source: Path,
        target: Path,
        *,
        student: str | None = None,
        text_column: str | None = None,
        prefix: str = "",
    ) -> ScoreSummary:
        """Label a file with a trained student; resumes after an interruption."""
        from understudy.pipeline.prediction import predict

        return predict(self, source, target, student=student, text_column=text_column, prefix=prefix)

    def _keep_gold(self, journal: Journal) -> None:
        if not self._is_gold_kept:
            journal.assign_roles(self.ledger.roles).result()
            journal.add_human_labels(self._new_human_labels(journal), self.task.to_json).result()
            self._is_gold_kept = True

    def _new_human_labels(self, journal: Journal) -> list[HumanLabel]:
        known = {
            (label.document_id, label.text_sha256, label.value) for label in journal.human_labels(self.task.from_json)
        }
        now = datetime.now(UTC).isoformat(timespec="seconds")
        labels = (
            HumanLabel(document.id, document_digest(document), document.value, "", document.source, now)
            for document in self.gold
        )
        return [label for label in labels if (label.document_id, label.text_sha256, label.value) not in known]
