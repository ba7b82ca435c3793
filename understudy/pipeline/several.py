"""Whether several texts may be asked about in one call: only if a paired check on gold dev shows that nothing is lost.

The same texts are asked about alone and together; the difference in headline F1 decides, once for each codebook and
prompt. Gold test takes no part. It does not put texts together: `teacher.together` does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from understudy.corpus import document_digest
from understudy.records import Document, Outcome, Role
from understudy.report.data import PairedCheck

if TYPE_CHECKING:
    from understudy.evaluation import Comparison
    from understudy.pipeline.project import Project

MARGIN = 0.02
"""So much headline F1 may be lost at most; the whole interval must lie above."""

FEWEST_TEXTS = 100
MOST_TEXTS = 400
"""Gold dev texts that are asked about twice, at most."""


@runtime_checkable
class GroupsTexts(Protocol):
    """A teacher that can be asked about several texts in one call."""

    def group_within(self, segments: Sequence[Sequence[Document]]) -> None:
        """Say what the whole job is about, so that an interrupted one puts the same texts together again."""


def segments_of(project: Project, documents: Sequence[Document]) -> list[list[Document]]:
    """The documents of a job in parts that stay: those that validation asks about, other gold, and the pool."""
    from understudy.pipeline.annotation import validation_documents

    validation = validation_documents(project)
    first = {document.id for document in validation}
    rest = [document for document in documents if document.id not in first]
    gold = [document for document in rest if project.ledger.role_of(document.id)]
    return [validation, gold, [document for document in rest if not project.ledger.role_of(document.id)]]


def texts_per_call(project: Project, prompt_digest: str) -> int:
    """How many texts are asked about in one call, given what the check has said; 1 as long as it has said nothing.

    Parameters
    ----------
    prompt_digest : of the teacher that is asked about one text at a time.
    """
    check = stored_check(project, prompt_digest)
    return check.texts_per_call if check is not None and check.is_allowed else 1


def stored_check(project: Project, prompt_digest: str) -> PairedCheck | None:
    """What the check has said about the present settings and gold dev; None without one."""
    if project.settings.teacher.texts_per_call == 1 or not project.teacher_costs_money:
        return None
    with project.journal_to_read() as journal:
        found = None if journal is None else journal.recall(_name(project, prompt_digest))
    return None if found is None else PairedCheck(**json.loads(found))


def check_together(project: Project) -> None:
    """Make the check if the settings want several texts in one call and it was not made yet; keeps and says its result.

    Nothing is kept if a call failed: then it is made again the next time.
    """
    from understudy.pipeline.teachers import open_teacher

    if project.settings.teacher.texts_per_call == 1 or not project.teacher_costs_money:
        return
    digest = open_teacher(project, texts_at_once=1).prompt_digest
    if stored_check(project, digest) is not None:
        return
    check, is_final = _check(project)
    project.listener.say(check.line)
    if is_final:
        with project.journal() as journal:
            journal.remember(_name(project, digest), json.dumps(asdict(check))).result()


def _check(project: Project) -> tuple[PairedCheck, bool]:
    """The result, and whether it stands."""
    from understudy.pipeline.probing import probe
    from understudy.pipeline.teachers import open_teacher

    n = project.settings.teacher.texts_per_call
    reason = _impossible(project)
    if reason:
        return PairedCheck(n, 0, is_allowed=False, reason=reason), True
    documents = _texts(project)
    alone = probe(project, open_teacher(project, texts_at_once=1), documents, "asking about one text a call")
    together = probe(project, open_teacher(project, texts_at_once=n), documents, f"asking about {n} texts a call")
    said = (alone, together)
    if any(each[d.id].outcome is Outcome.FAILED for each in said for d in documents):
        return PairedCheck(n, len(documents), is_allowed=False, reason="some of its calls failed"), False
    asked = [d for d in documents if alone[d.id].outcome is not Outcome.SKIPPED]
    return judged(n, _compared(project, asked, [[each[d.id].value for d in asked] for each in said])), True


def judged(texts_per_call: int, comparison: Comparison) -> PairedCheck:
    """What a comparison of together (first) with alone says about asking together."""
    interval = comparison.interval
    is_defined = isfinite(comparison.difference) and interval.is_defined
    is_enough = comparison.n_informative * MARGIN >= 3  # rule of three: fewer could hide a loss as large as the margin
    is_allowed = is_defined and is_enough and interval.low > -MARGIN
    return PairedCheck(
        texts_per_call=texts_per_call,
        n=comparison.n,
        is_allowed=is_allowed,
        alone=comparison.score_b if is_defined else None,
        together=comparison.score_a if is_defined else None,
        difference=comparison.difference if is_defined else None,
        low=interval.low if is_defined else None,
        high=interval.high if is_defined else None,
        reason="" if is_allowed else _why(comparison, is_defined=is_defined, is_enough=is_enough),
    )


def _why(comparison: Comparison, *, is_defined: bool, is_enough: bool) -> str:
    if not is_defined:
        return "the difference is undefined on these texts"
    if not is_enough:
        return (
            f"only {comparison.n_informative:,} of these texts say something about the score; "
            f"{3 / MARGIN:,.0f} are needed to see a loss of {MARGIN * 100:g} points"
        )
    return f"a loss of more than {MARGIN * 100:g} points is not excluded"


def _compared(project: Project, documents: Sequence[Document], values: Sequence[Sequence[object]]) -> Comparison:
    from understudy.evaluation import compare
    from understudy.pipeline.validation import count_values, headline_of

    alone, together = (count_values(project.task, documents, each) for each in values)
    rng = np.random.default_rng([project.settings.project.seed, 12])
    groups = [d.group for d in documents] if any(d.group for d in documents) else None
    return compare("together", [together], "alone", [alone], headline_of(project.task), rng, groups=groups)


def _impossible(project: Project) -> str:
    """Why the check cannot be made, or ""."""
    settings = project.settings
    if settings.teacher.logprobs:
        return "`teacher.logprobs` belongs to whole answers"
    if settings.prompt.candidates:
        return "`prompt.candidates` shows each text labels of its own"
    if settings.codebook.kind in ("entities", "relations"):
        return "spans and relations are asked about one text at a time"
    n = len(_texts(project))
    return f"gold dev has {n:,} texts, at least {FEWEST_TEXTS} are needed" if n < FEWEST_TEXTS else ""


def _texts(project: Project) -> list[Document]:
    from understudy.pipeline.probing import gold_slice

    return gold_slice(project, MOST_TEXTS)


def _name(project: Project, prompt_digest: str) -> str:
    dev = [[d.id, document_digest(d), str(d.value)] for d in project.gold_of(Role.DEV)]
    state = json.dumps([project.settings.teacher.texts_per_call, prompt_digest, project.codebook_digest, dev])
    return f"texts per call {hashlib.sha256(state.encode()).hexdigest()}"
