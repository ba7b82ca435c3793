from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from understudy.evaluation import (
    documents_for_half_width,
    documents_to_certify,
    documents_to_decide,
    f1_half_width,
    paired_half_width,
)

# Simulated 95 % half-widths for n = 100, 250, 500, 1000, 2000, 4000, printed with three decimals.
SIMULATED = {
    (0.6, 0.1): (0.269, 0.164, 0.115, 0.082, 0.058, 0.040),
    (0.8, 0.2): (0.139, 0.087, 0.061, 0.043, 0.030, 0.021),
    (0.8, 0.5): (0.087, 0.055, 0.038, 0.027, 0.019, 0.014),
}


@pytest.mark.parametrize(("f1", "prevalence"), SIMULATED)
def test_half_widths_equal_the_simulated_table(f1: float, prevalence: float) -> None:
    # The formula is the large-sample one: at n = 100 with 10 positives the simulation is 6 % wider, from 500 on 2 %;
    # 0.0006 is the rounding of the table.
    for n, simulated in zip((100, 250, 500, 1000, 2000, 4000), SIMULATED[f1, prevalence], strict=True):
        slack = 0.06 if n == 100 else 0.025
        assert f1_half_width(f1, prevalence, n) == pytest.approx(simulated, rel=slack, abs=0.0006)


@pytest.mark.parametrize(
    ("f1", "prevalence", "n", "simulated"),
    [(0.6, 0.1, 250, 0.118), (0.6, 0.1, 1000, 0.059), (0.6, 0.1, 4000, 0.029), (0.8, 0.3, 250, 0.052)],
)
def test_paired_half_widths_are_near_the_simulated_ones(f1: float, prevalence: float, n: int, simulated: float) -> None:
    # Simulated with 70 % shared decisions. The correlation is a stand-in for that share and errs to the wide side.
    assert simulated * 0.99 < paired_half_width(f1, prevalence, n, shared=0.7) < simulated * 1.1


def test_number_of_documents_is_the_smallest_that_is_enough() -> None:
    for f1, prevalence, half_width in ((0.8, 0.3, 0.039), (0.6, 0.1, 0.039), (0.9, 1.0, 0.2)):
        n = documents_for_half_width(f1, prevalence, half_width)
        assert f1_half_width(f1, prevalence, n) <= half_width < f1_half_width(f1, prevalence, n - 1)


@pytest.mark.parametrize(
    ("accuracy", "threshold", "reported"),
    [(0.92, 0.9, 1325), (0.93, 0.9, 550), (0.95, 0.9, 180), (0.85, 0.8, 365), (0.90, 0.8, 90)],
)
def test_certifying_needs_what_was_reported(accuracy: float, threshold: float, reported: int) -> None:
    # The power is a saw-tooth in n; the reported numbers lie on its way up, at most 10 % above the first n that does.
    n = documents_to_certify(accuracy, threshold)
    assert n <= reported <= 1.1 * n


def test_certifying_number_is_the_first_with_the_power() -> None:
    # Straight from the definition: certify with k right of n if P(X >= k | threshold) <= 0.05.
    n = documents_to_certify(0.95, 0.9)

    def power(n: int) -> float:
        fewest = next(k for k in range(n + 2) if stats.binom.sf(k - 1, n, 0.9) <= 0.05)
        return float(stats.binom.sf(fewest - 1, n, 0.95))

    assert power(n) >= 0.8
    assert max(power(size) for size in range(1, n)) < 0.8


@pytest.mark.parametrize(("threshold", "n"), [(0.95, 59), (0.99, 299)])
def test_zero_errors_certify(threshold: float, n: int) -> None:
    assert documents_to_certify(1.0, threshold) == n
    assert threshold**n <= 0.05 < threshold ** (n - 1)


def test_deciding_shrinks_with_the_root_of_n(rng: np.random.Generator) -> None:
    # Half-width 0.06 at n = 100, estimate 0.05 off the bar: 100 * (2.8016 * (0.06 / 1.96) / 0.05)**2 = 294.2.
    assert documents_to_decide(100, 0.06, -0.05) == 295
    # Check of the promise itself: with 295 documents, an estimate scattering by 0.06 / 1.96 * sqrt(100 / 295) around
    # 0.05 has its interval above 0 in 80 of 100 cases.
    error = 0.06 / 1.959964 * np.sqrt(100 / 295)
    estimates = rng.normal(0.05, error, 20_000)
    assert np.mean(estimates - 1.959964 * error > 0) == pytest.approx(0.8, abs=0.01)


def test_deciding_may_be_out_of_reach() -> None:
    assert documents_to_decide(100, 0.06, 0.0) is None
    assert documents_to_decide(100, 0.06, 1e-6) is None
    assert documents_to_decide(100, 0.06, 0.05, seed_variance=0.02**2) is None  # 0.05 / 2.8016 = 0.0178 < 0.02


def test_seeds_leave_less_room_for_sampling() -> None:
    without, spread = documents_to_decide(100, 0.06, 0.05), documents_to_decide(100, 0.06, 0.05, seed_variance=0.01**2)
    assert without is not None
    assert spread is not None
    assert spread > 1.4 * without


@pytest.mark.parametrize(("f1", "prevalence"), [(0, 0.5), (1, 0.5), (0.5, 0), (0.5, 1.1), (float("nan"), 0.5)])
def test_impossible_expectations_are_refused(f1: float, prevalence: float) -> None:
    with pytest.raises(ValueError, match="expected a"):
        f1_half_width(f1, prevalence, 100)


def test_impossible_plans_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 document"):
        f1_half_width(0.5, 0.5, 0)
    with pytest.raises(ValueError, match="half_width"):
        documents_for_half_width(0.5, 0.5, 0)
    with pytest.raises(ValueError, match="shared"):
        paired_half_width(0.5, 0.5, 10, shared=1.5)
    with pytest.raises(ValueError, match="threshold < accuracy"):
        documents_to_certify(0.8, 0.9)
    with pytest.raises(ValueError, match="too close"):
        documents_to_certify(0.9001, 0.9)
