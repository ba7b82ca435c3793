"""The numbers for programs: strict, complete, undefined is null."""

import json
import math
from dataclasses import replace

import pytest

from understudy.records import Outcome, Span
from understudy.report import report_json, summary_json
from understudy.report.data import Disagreement


def strict(value):
    return json.loads(json.dumps(value, allow_nan=False))


def test_summary_holds_the_promised_keys(six_labels):
    found = strict(summary_json(six_labels))
    assert {"task", "kind", "gold", "arms", "outcomes"} <= set(found)
    assert found["gold"] == {"demo": 250, "dev": 120, "test": 250}
    assert set(found["arms"]) == {arm.name for arm in six_labels.arms}
    promised = {"n_labels", "n_test", "f1", "precision", "recall", "accuracy", "f1_interval", "cost_usd"}
    assert all(promised <= set(arm) for arm in found["arms"].values())
    low, high = found["arms"]["human-250"]["f1_interval"]
    assert low < found["arms"]["human-250"]["f1"] < high


def test_outcomes_that_did_not_happen_are_zero_and_none_is_missing(six_labels):
    teacher = replace(six_labels.teacher, outcomes={Outcome.LABELLED: 5})
    found = summary_json(replace(six_labels, teacher=teacher))["outcomes"]
    assert found == {"labelled": 5, "abstained": 0, "refused": 0, "unparsed": 0, "failed": 0, "skipped": 0}


@pytest.mark.parametrize("nothing", [math.nan, math.inf, None])
def test_undefined_and_unknown_are_null(six_labels, nothing):
    arm = six_labels.arms[0]
    undefined = math.nan if nothing is None else nothing
    scores = replace(arm.scores, headline=replace(arm.scores.headline, f1=undefined))
    data = replace(
        six_labels, arms=(replace(arm, scores=scores, intervals={}, cost_usd=nothing, seed_f1=(undefined,)),)
    )
    found = strict(report_json(data))["arms"][arm.name]
    assert (found["f1"], found["f1_interval"], found["cost_usd"], found["seed_f1"]) == (None, None, None, [None])


def test_the_report_says_everything_the_summary_says(six_labels):
    summary, whole = strict(summary_json(six_labels)), strict(report_json(six_labels))
    for key, value in summary.items():
        if key != "arms":
            assert whole[key] == value
    for name, arm in summary["arms"].items():
        assert arm.items() <= whole["arms"][name].items()


def test_the_report_holds_gate_comparisons_confusion_and_calibration(six_labels):
    found = strict(report_json(six_labels))
    assert found["teacher"]["gate"]["verdict"] in {"go", "not yet", "no"}
    assert len(found["comparisons"]) == 5
    chosen = found["arms"]["teacher+human"]
    assert sum(map(sum, chosen["confusion"])) == pytest.approx(250)
    assert sum(one["n"] for one in chosen["calibration"]["bins"]) == 250


def test_texts_stay_in_the_page(six_labels):
    assert "Kelp Lane" not in json.dumps(report_json(six_labels))


def test_spans_are_plain_objects(six_labels):
    item = Disagreement("d", "Ann ran", (Span(0, 3, "person", "Ann"),), ("a", "b"), None, math.nan)
    found = strict(report_json(replace(six_labels, disagreements=(item,))))["disagreements"]
    assert found == [
        {
            "document_id": "d",
            "human": [{"start": 0, "end": 3, "label": "person", "text": "Ann"}],
            "teacher": ["a", "b"],
            "student": None,
            "confidence": None,
        }
    ]


def test_trust_is_there_with_its_intervals_or_null(six_labels):
    found = strict(report_json(six_labels))["teacher"]["trust"]
    assert found["n"] == 120
    assert found["brier"]["difference"] == pytest.approx(found["brier"]["trust"] - found["brier"]["consistency"])
    assert found["ece"]["interval"]["method"] == "paired bootstrap"
    without = replace(six_labels, teacher=replace(six_labels.teacher, trust=None))
    assert strict(report_json(without))["teacher"]["trust"] is None


def test_trust_in_single_spans_is_there_or_null(six_labels):
    assert strict(report_json(six_labels))["teacher"]["span_trust"] is None
    spans = replace(six_labels, teacher=replace(six_labels.teacher, span_trust=six_labels.teacher.trust))
    found = strict(report_json(spans))["teacher"]
    assert found["span_trust"] == found["trust"]
