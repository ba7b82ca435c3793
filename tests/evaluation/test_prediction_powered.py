from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from understudy.evaluation.inference import (
    difference,
    gold_only_share,
    naive_share,
    powered_mean,
    powered_regression,
    powered_share,
)


def machine_labels(rng: np.random.Generator, n: int, share: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Truth, and labels of a machine that finds 85 % of the positives and 90 % of the negatives."""
    truth = rng.random(n) < share
    return truth.astype(float), np.where(truth, rng.random(n) < 0.85, rng.random(n) < 0.10).astype(float)


def test_a_constant_machine_changes_nothing() -> None:
    gold = [1.0, 0.0, 0.0, 1.0, 0.0]
    found = powered_mean(gold, [1.0] * 5, [1.0] * 50)
    assert (found.value, found.tuning) == (pytest.approx(0.4), 0.0)
    assert found.standard_error == pytest.approx(np.std(gold) / np.sqrt(5))


def test_a_perfect_machine_is_believed() -> None:
    rng = np.random.default_rng(0)
    truth, _ = machine_labels(rng, 2000)
    found = powered_mean(truth[:100], truth[:100], truth[100:])
    assert found.tuning > 0.8  # the machine varies more on these gold texts than on all
    assert abs(found.value - truth.mean()) < 3 * found.standard_error
    assert found.standard_error < np.std(truth) / np.sqrt(100) / 3


def test_too_few_of_the_rarer_kind_is_refused_with_the_number() -> None:
    gold = np.zeros(250)
    gold[:11] = 1
    found = powered_share(gold, gold, np.zeros(1000), name="rare")
    assert "only 11 of 250" in found.refusal
    assert "12" in found.refusal
    assert found.estimate == found.gold_only
    assert found.gold_only.interval.method == "Wilson"


def test_twelve_of_the_rarer_kind_are_enough() -> None:
    gold = np.zeros(250)
    gold[:12] = 1
    assert powered_share(gold, gold, np.zeros(1000)).refusal == ""


def test_naive_interval_is_narrow_and_wrong_where_the_machine_is_biased() -> None:
    truth, machine = machine_labels(np.random.default_rng(1), 10_000, share=0.1)
    naive = naive_share(machine[:250], machine[250:])
    assert naive.interval.excludes(truth.mean())
    assert not powered_share(truth[:250], machine[:250], machine[250:]).estimate.interval.excludes(truth.mean())


def test_effective_gain_is_the_ratio_of_squared_widths() -> None:
    truth, machine = machine_labels(np.random.default_rng(2), 10_000)
    found = powered_share(truth[:250], machine[:250], machine[250:])
    ratio = found.gold_only.interval.half_width / found.estimate.interval.half_width
    assert found.effective_gain == pytest.approx(ratio**2)
    assert found.effective_gain > 1.2


def test_difference_of_two_groups() -> None:
    one, other = gold_only_share([1, 1, 0, 0]), gold_only_share([1, 0, 0, 0])
    found = difference(one, other)
    assert found.value == pytest.approx(0.25)
    assert found.standard_error == pytest.approx(np.hypot(0.25, np.sqrt(0.1875 / 4)))


@pytest.mark.parametrize("bad", [[1.0], [[1.0, 0.0]], [1.0, np.nan]])
def test_bad_shapes_are_refused(bad: list[object]) -> None:
    with pytest.raises(ValueError):
        powered_mean(bad, bad, [1.0, 0.0])


def test_collinear_columns_are_refused() -> None:
    x = np.ones((20, 2))
    with pytest.raises(ValueError, match="collinear"):
        powered_regression(x, np.zeros(20), np.zeros(20), x, np.zeros(20))


@pytest.fixture
def ppi(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The authors' package, without the compiler that it would keep busy for longer than it computes."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    return pytest.importorskip("ppi_py", reason="the extra `oracles` is not installed")


def test_mean_agrees_with_the_authors_package(ppi: ModuleType) -> None:
    truth, machine = machine_labels(np.random.default_rng(3), 3000)
    y, f, rest = truth[:200], machine[:200], machine[200:]
    found = powered_mean(y, f, rest)
    low, high = ppi.ppi_mean_ci(y, f, rest, alpha=0.05)
    assert found.value == pytest.approx(float(np.squeeze(ppi.ppi_mean_pointestimate(y, f, rest))), abs=1e-6)
    assert (found.interval.low, found.interval.high) == (
        pytest.approx(float(low[0]), abs=1e-6),
        pytest.approx(float(high[0]), abs=1e-6),
    )


@pytest.mark.parametrize("kind", ["linear", "logistic"])
def test_regression_agrees_with_the_authors_package(ppi: ModuleType, kind: str) -> None:
    rng = np.random.default_rng(4)
    x = np.column_stack([np.ones(3000), rng.normal(size=3000)])
    truth = (rng.random(3000) < 1 / (1 + np.exp(-(x @ [-0.5, 0.8])))).astype(float)
    machine = np.where(rng.random(3000) < 0.85, truth, 1 - truth)
    gold, rest = slice(0, 300), slice(300, None)
    estimate = powered_regression(x[gold], truth[gold], machine[gold], x[rest], machine[rest], kind=kind)
    interval = ppi.ppi_ols_ci if kind == "linear" else ppi.ppi_logistic_ci
    reference = _without_new_warnings(interval, x[gold], truth[gold], machine[gold], x[rest], machine[rest])
    tolerance = 1e-6
    assert [each.interval.low for each in estimate] == pytest.approx(list(reference[0]), abs=tolerance)
    assert [each.interval.high for each in estimate] == pytest.approx(list(reference[1]), abs=tolerance)


def _without_new_warnings(interval: object, *data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn deprecates what the package passes
        return interval(*data, alpha=0.05)  # type: ignore[operator]


def test_a_naive_difference_goes_by_the_machine_labels_behind_it() -> None:
    rng = np.random.default_rng(8)
    one, other = (naive_share(rng.random(40) < 0.5, rng.random(400) < share) for share in (0.5, 0.3))
    found = difference(one, other)
    error = np.hypot(one.standard_error, other.standard_error)
    assert found.interval.half_width == pytest.approx(1.959964 * error, abs=1e-6)


def test_a_naive_share_stays_within_0_and_1() -> None:
    assert naive_share([0.0, 0.0], [0.0, 0.0, 1.0]).interval.low == 0.0
