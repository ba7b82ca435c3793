"""Where a project stands, read from what is stored: works while another process runs, asks and changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import StoreError
from understudy.journal import Journal, holder
from understudy.pipeline.accounts import account
from understudy.pipeline.annotation import documents_to_ask, stored_annotations
from understudy.pipeline.batches import batch_to_json, open_batch_lines, open_batches
from understudy.pipeline.changes import changes_since_asked
from understudy.pipeline.plan import documents_to_plan
from understudy.pipeline.teachers import open_teacher
from understudy.records import Batch, Outcome
from understudy.report.data import Account

if TYPE_CHECKING:
    from understudy.pipeline.project import Project


@dataclass(frozen=True)
class Status:
    """Where a project stands.

    Attributes
    ----------
    teacher : its name.
    n_documents : documents to label; `n_left` of them have no answer yet, or a failure that is tried again.
    outcomes : how the others ended.
    spent_usd : by all calls, those of unknown end at their most; calls of unknown price count 0.
    budget_usd : the limit; None if there is none.
    account : planned against actual; None for a teacher that is free or was never asked.
    running : the process that holds the journal; "" if none.
    batches : that the provider may still be at work on; `batch_notes` say so, and what can be done about it.
    changes : what has changed since the teacher was last asked.
    next_command : what to type to go on.
    """

    teacher: str
    n_documents: int
    n_left: int
    outcomes: Mapping[Outcome, int]
    spent_usd: float
    budget_usd: float | None
    account: Account | None
    running: str
    batches: tuple[Batch, ...]
    batch_notes: tuple[str, ...]
    changes: tuple[str, ...]
    next_command: str

    def to_json(self) -> dict[str, Any]:
        """The status as a JSON object."""
        return {
            "teacher": self.teacher,
            "documents": self.n_documents,
            "left": self.n_left,
            "outcomes": {outcome.value: self.outcomes.get(outcome, 0) for outcome in Outcome},
            "spent_usd": self.spent_usd,
            "budget_usd": self.budget_usd,
            "running": self.running,
            "batches": [batch_to_json(batch) for batch in self.batches],
            "changes": list(self.changes),
            "next": self.next_command,
        }

    def lines(self) -> list[str]:
        """The status in words."""
        return list(self._lines())

    def _lines(self) -> Iterator[str]:
        done = " · ".join(f"{outcome.value} {n:,}" for outcome, n in self.outcomes.items() if n)
        yield f"{self.teacher}: {self.n_documents - self.n_left:,} of {self.n_documents:,} texts answered"
        if done:
            yield f"outcomes: {done}"
        if self.account is not None:
            yield from _account_lines(self.account, self.spent_usd, self.budget_usd)
        yield from self.batch_notes
        if self.changes:
            yield "changed since the teacher was last asked; labels given before are kept under the old version:"
            yield from (f"  {line}" for line in self.changes)
        yield f"running: {self.running}" if self.running else f"next: {self.next_command}"


def status(project: Project) -> Status:
    """Where the project stands."""
    documents = documents_to_plan(project)
    have = stored_annotations(project)
    missing = documents_to_ask(documents, have)
    with project.journal_to_read() as journal:
        batches = () if journal is None else tuple(open_batches(journal))
        return Status(
            teacher=project.settings.teacher.name,
            n_documents=len(documents),
            n_left=len(missing),
            outcomes=dict(Counter(annotation.outcome for annotation in have.values())),
            spent_usd=0.0 if journal is None else journal.spent_usd(),
            budget_usd=project.settings.teacher.budget_usd,
            account=None if journal is None else account(project, journal, open_teacher(project)),
            running=holder(project.journal_path),
            batches=batches,
            batch_notes=tuple(open_batch_lines(project, batches)),
            changes=() if journal is None else tuple(changes_since_asked(project, journal)),
            next_command=_next(project, is_begun=bool(have), is_complete=not missing),
        )


def backup(project: Project, target: Path) -> Path:
    """Copy the journal, also while another process writes to it; a folder gets a file of the journal's name.

    Raises
    ------
    StoreError
        If there is no journal, or the target exists or cannot be written.
    """
    target = target / project.journal_path.name if target.is_dir() else target
    if not target.parent.is_dir():
        raise StoreError(f"`{target.parent}` is no folder.", "Make it first; nothing was copied.")
    with Journal.open(project.journal_path, read_only=True) as journal:
        journal.backup(target)
    return target


def _next(project: Project, *, is_begun: bool, is_complete: bool) -> str:
    if not is_begun:
        return f"understudy run {project.folder}"
    has_report = any((project.folder / "reports").glob("*.html"))
    return f"understudy {'report' if is_complete and has_report else 'resume'} {project.folder}"


def _account_lines(account: Account, spent_usd: float, budget_usd: float | None) -> Iterator[str]:
    used = account.used
    failed = f", {used.n_failures:,} attempts without a reply" if used.n_failures else ""
    yield f"calls: {used.n_replies:,} of {account.planned_calls:,} planned{failed}"
    yield f"tokens: {used.prompt_tokens:,} in ({used.cached_tokens:,} cached), {used.completion_tokens:,} out"
    cap = "" if budget_usd is None else f" of ${budget_usd:,.2f} (cap)"
    if account.planned_usd is None or used.cost_usd is None:
        yield f"spent: unknown for calls without a price, ${spent_usd:,.4f} for the others{cap}"
    else:
        planned = f"planned ${account.planned_usd:,.4f}, at most ${account.planned_usd_at_most or 0.0:,.4f}"
        yield f"spent: ${spent_usd:,.4f}{cap}; {planned}"
