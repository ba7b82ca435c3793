"""Numbers in words: undefined is a dash, unknown is not free."""

import math

import pytest

from understudy.evaluation import Interval
from understudy.report import words

NAN = math.nan


@pytest.mark.parametrize(
    ("usd", "said"),
    [(None, "unknown"), (NAN, "unknown"), (0.0, "$0"), (0.00042, "$0.00042"), (0.996, "$1.00"), (1234.5, "$1,234.50")],
)
def test_money(usd, said):
    assert words.money(usd) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0.0 s"), (9.96, "10.0 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (7440, "2 h 4 min")]
)
def test_duration(seconds, said):
    assert words.duration(seconds) == said


def test_undefined_is_a_dash_and_never_zero():
    undefined = Interval(NAN, NAN, "none")
    assert words.estimate(NAN, undefined) == "—"
    assert words.estimate(0.0, None) == "0.000"
    assert words.percent(0, 0) == "—"
    assert words.amount(NAN) == "—"


def test_an_estimate_carries_its_interval():
    assert words.estimate(0.8124, Interval(0.78, 0.8406, "wilson")) == "0.812 [0.780, 0.841]"


@pytest.mark.parametrize(("count", "said"), [(3, "3"), (2.6667, "2.7"), (2.9999, "3"), (1234567, "1,234,567")])
def test_counts_keep_a_decimal_only_where_they_are_means(count, said):
    assert words.amount(count) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2026-01-02T03:04:59+00:00", "2026-01-02 03:04 UTC"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02 01:04 UTC"),
        ("2026-01-02", "2026-01-02"),
        ("<b>soon</b>", "<b>soon</b>"),
    ],
)
def test_moment(written, said):
    assert words.moment(written) == said


def test_long_lists_are_cut_with_the_number_left_out():
    assert words.listed([]) == ""
    assert words.listed(["a"]) == "a"
    assert words.listed(list("abc")) == "a, b and c"
    assert words.listed(list("abcdefgh")) == "a, b, c, d and 4 more"
