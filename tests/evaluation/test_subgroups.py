from __future__ import annotations

import math

import numpy as np
import pytest

from understudy.evaluation.subgroups import amplification, audit_groups, flip_rate, newcombe


def test_newcombes_published_example() -> None:
    # Newcombe (1998), Table II, method 10: 56/70 - 48/80 = 0.2, [0.0524, 0.3339]; 0/10 - 0/20: [-0.1611, 0.2775].
    interval = newcombe(56, 70, 48, 80)
    assert (interval.low, interval.high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))
    nothing = newcombe(0, 10, 0, 20)
    assert (nothing.low, nothing.high) == (pytest.approx(-0.1611, abs=1e-4), pytest.approx(0.2775, abs=1e-4))


def test_small_cells_get_numbers_but_no_verdict() -> None:
    found = audit_groups([True] * 29 + [False] * 100, ["few"] * 29 + ["many"] * 100)
    assert [gap.refusal != "" for gap in found] == [True, True]
    assert found[0].rate == 1.0
    assert not found[0].is_harmed
    assert math.isnan(found[0].p_value)
    assert found[0].to_json()["p_value"] is None


def test_documents_without_a_group_do_not_count() -> None:
    found = audit_groups([True] * 50 + [False] * 60, ["a"] * 30 + [None] * 20 + ["b"] * 60)
    assert (found[0].n, found[0].n_others) == (30, 60)


def test_p_values_are_corrected_for_the_number_of_groups() -> None:
    rng = np.random.default_rng(0)
    groups = [str(i % 4) for i in range(400)]
    errors = rng.random(400) < np.where(np.array(groups) == "0", 0.35, 0.2)
    two = ["0" if group == "0" else "other" for group in groups]
    alone = next(gap for gap in audit_groups(errors, two) if gap.group == "0")
    among = next(gap for gap in audit_groups(errors, groups) if gap.group == "0")
    assert among.gap == pytest.approx(alone.gap)
    assert among.p_value == pytest.approx(2 * alone.p_value)  # the smallest of 4 instead of 2


def test_a_student_that_errs_only_on_one_group_amplifies() -> None:
    groups = ["a"] * 50 + ["b"] * 50
    teacher = [False] * 100
    student = [True] * 25 + [False] * 75
    found = {each.group: each for each in amplification(teacher, student, groups, np.random.default_rng(0))}
    assert found["a"].difference == 0.5
    assert found["a"].interval.low > 0
    assert found["b"].difference == -0.5


def test_flips_need_no_gold() -> None:
    assert flip_rate(["x", "y", "x", "y"], ["x", "y", "y", "y"]).low > 0
    assert not flip_rate([], []).is_defined


def test_one_group_for_each_document() -> None:
    with pytest.raises(ValueError, match="one per document"):
        audit_groups([True], ["a", "b"])
