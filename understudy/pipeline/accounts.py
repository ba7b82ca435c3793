"""Planned against actual: keeps the first plan of each piece of work, and adds up what the teacher really took."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from understudy.report.data import Account

if TYPE_CHECKING:
    from understudy.journal import Journal
    from understudy.pipeline.project import Project
    from understudy.pipeline.teachers import OpenedTeacher
    from understudy.records import Document


def keep_plan(
    project: Project,
    journal: Journal,
    opened: OpenedTeacher,
    documents: Sequence[Document],
    missing: Sequence[Document],
    *,
    in_batches: bool = False,
) -> None:
    """Remember what asking about the missing of these documents is planned to take; an earlier plan for them stands."""
    from understudy.pipeline.plan import plan_for

    if not project.teacher_costs_money:
        return
    plans = _plans(project, journal, opened)
    work = hashlib.sha256("\n".join(sorted(document.id for document in documents)).encode("utf-8", "replace"))
    if work.hexdigest() not in plans:
        batched = {document.id for document in missing} if in_batches else ()
        planned = plan_for(project, documents, missing, batched).to_json()
        del planned["sample_prompt"]
        plans[work.hexdigest()] = planned
        journal.remember(_name(project, opened), json.dumps(plans))


def account(project: Project, journal: Journal, opened: OpenedTeacher) -> Account | None:
    """What was planned and what it took, under the present codebook and prompt; None for a teacher that is free."""
    plans = _plans(project, journal, opened).values() if project.teacher_costs_money else ()
    if not plans:
        return None
    used = journal.usage(opened.name)
    return Account(
        planned_calls=sum(plan["calls"] for plan in plans),
        planned_calls_at_most=sum(plan["calls_at_most"] for plan in plans),
        planned_prompt_tokens=sum(plan["prompt_tokens"] for plan in plans),
        planned_usd=_sum([plan["cost_usd"] for plan in plans]),
        planned_usd_at_most=_sum([plan["cost_usd_at_most"] for plan in plans]),
        used=used,
        price=project.price,
    )


def _plans(project: Project, journal: Journal, opened: OpenedTeacher) -> dict[str, dict[str, Any]]:
    found = journal.recall(_name(project, opened))
    return {} if found is None else json.loads(found)


def _name(project: Project, opened: OpenedTeacher) -> str:
    return f"plans {opened.name} {project.codebook_digest} {opened.prompt_digest}"


def _sum(amounts: Sequence[float | None]) -> float | None:
    return None if None in amounts else float(sum(amount for amount in amounts if amount is not None))
