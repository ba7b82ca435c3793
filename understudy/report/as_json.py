"""The report's numbers as strict JSON: what is undefined is null. Texts stay in the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from understudy.evaluation import Interval
from understudy.evaluation.finite import finite_or_none
from understudy.records import Outcome, Role, Span, Value
from understudy.report.data import (
    ArmResult,
    ConsistencyLevel,
    Disagreement,
    Distrusted,
    ReportData,
    TeacherResult,
    Worth,
)
from understudy.report.derived import calibration_of, family_of
from understudy.report.estimates import estimates_json


def summary_json(data: ReportData) -> dict[str, Any]:
    """The figures that scripts read: task, kind, gold, arms, outcomes, recipes against noise, searches."""
    return {
        "task": data.project,
        "kind": data.kind,
        "headline": data.headline,
        "gold": {role.value: data.gold.get(role, 0) for role in Role},
        "recommended": data.recommended,
        "arms": {arm.name: _arm_summary(arm) for arm in data.arms},
        "outcomes": {outcome.value: data.teacher.outcomes.get(outcome, 0) for outcome in Outcome},
        "noise": [asdict(trial) for trial in data.noise],
        "search": [asdict(found) for found in data.search],
        "worth": None if data.worth is None else _worth(data.worth),
    }


def report_json(data: ReportData) -> dict[str, Any]:
    """Every number of the page; `summary_json` with more keys in it."""
    return {
        **summary_json(data),
        "created_at": data.created_at,
        "version": data.version,
        "n_pool": data.n_pool,
        "share_demo_dev": data.share_demo_dev,
        "labels": list(data.codebook.names),
        "student_kind": data.student_kind,
        "recommendation": data.recommendation,
        "arms": {arm.name: _arm(arm) for arm in data.arms},
        "comparisons": [comparison.to_json() for comparison in data.comparisons],
        "teacher": _teacher(data.teacher),
        "disagreements": [_without_text(item) for item in data.disagreements],
        "distrusted": [_distrusted(item) for item in data.distrusted],
        "remarks": [{"level": r.level, "title": r.title, "details": list(r.details)} for r in data.remarks],
        "notes": list(data.notes),
        "learning": None if data.learning is None else asdict(data.learning),
        "estimates": estimates_json(data.estimates),
        "looks": [asdict(look) for look in data.looks],
        "provenance": dict(data.provenance),
        "commands": list(data.commands),
        "wall_s": finite_or_none(data.wall_s),
    }


def _worth(worth: Worth) -> dict[str, Any]:
    return {
        "volume": worth.volume,
        "costs_usd": {option.name: option.cost_usd for option in worth.options},
        "frontier": list(worth.frontier),
        "break_even": None if worth.break_even is None else worth.break_even.to_json(),
        "student_limit": None if worth.limit is None else worth.limit.to_json(),
    }


def _arm_summary(arm: ArmResult) -> dict[str, Any]:
    headline = arm.scores.headline
    return {
        "n_labels": arm.n_labels,
        "n_test": arm.n_test,
        "f1": finite_or_none(headline.f1),
        "precision": finite_or_none(headline.precision),
        "recall": finite_or_none(headline.recall),
        "accuracy": finite_or_none(arm.scores.accuracy),
        "f1_interval": _ends(arm.intervals, "f1"),
        "cost_usd": _finite(arm.cost_usd),
        "judged_on": arm.judged_on,
    }


def _arm(arm: ArmResult) -> dict[str, Any]:
    calibration = calibration_of(arm)
    return {
        **_arm_summary(arm),
        "description": arm.description,
        "family": family_of(arm).value,
        "human_labels": arm.human_labels,
        "train_s": finite_or_none(arm.train_s),
        "seed_f1": [finite_or_none(f1) for f1 in arm.seed_f1],
        "intervals": {name: interval.to_json() for name, interval in arm.intervals.items()},
        "scores": arm.scores.to_json(),
        "label_f1_intervals": [None if one is None else one.to_json() for one in arm.label_intervals],
        "span_kinds": dict(arm.span_kinds),
        "overlap_f1": finite_or_none(arm.overlap_f1),
        "relation_kinds": dict(arm.relation_kinds),
        "confusion": None if arm.confusion is None else arm.confusion.tolist(),
        "calibration": None if calibration is None else calibration.to_json(),
    }


def _teacher(teacher: TeacherResult) -> dict[str, Any]:
    return {
        "name": teacher.name,
        "kind": teacher.kind,
        "models_answered": list(teacher.models_answered),
        "gate": None if teacher.gate is None else teacher.gate.to_json(),
        "gate_n": teacher.gate_n,
        "gate_roles": teacher.gate_roles,
        "reasons": dict(teacher.reasons),
        "n_replicates": teacher.n_replicates,
        "cost_usd": _finite(teacher.cost_usd),
        "consistency": [_level(one) for one in teacher.consistency],
        "span_consistency": [_level(one) for one in teacher.span_consistency],
        "account": None if teacher.account is None else asdict(teacher.account),
        "together": None if teacher.together is None else asdict(teacher.together),
        "direction": None if teacher.direction is None else asdict(teacher.direction),
        "trust": None if teacher.trust is None else teacher.trust.to_json(),
        "span_trust": None if teacher.span_trust is None else teacher.span_trust.to_json(),
    }


def _level(one: ConsistencyLevel) -> dict[str, Any]:
    interval = None if one.interval is None else one.interval.to_json()
    return {"title": one.title, "n": one.n, "n_right": one.n_right, "interval": interval}


def _without_text(item: Disagreement) -> dict[str, Any]:
    return {
        "document_id": item.document_id,
        "human": _value(item.human),
        "teacher": _value(item.teacher),
        "student": _value(item.student),
        "confidence": finite_or_none(item.confidence),
    }


def _distrusted(item: Distrusted) -> dict[str, Any]:
    return {
        "arm": item.arm,
        "document_id": item.document_id,
        "value": _value(item.value),
        "weight": finite_or_none(item.weight),
        "visits": item.visits,
        "zeros": item.zeros,
    }


def _value(value: Value | None) -> Any:
    if value is None or isinstance(value, str):
        return value
    return [asdict(part) if isinstance(part, Span) else part for part in value]


def _ends(intervals: Mapping[str, Interval], name: str) -> list[float | None] | None:
    interval = intervals.get(name)
    return None if interval is None or not interval.is_defined else [interval.low, interval.high]


def _finite(value: float | None) -> float | None:
    return None if value is None else finite_or_none(value)
