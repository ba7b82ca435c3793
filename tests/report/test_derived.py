"""What is worked out from the arms, against numbers worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from understudy.evaluation import LabelScore, wilson
from understudy.report.data import ConsistencyLevel
from understudy.report.derived import (
    Family,
    calibration_of,
    direct_teacher,
    family_of,
    frequent_mistakes,
    main_labellers,
    precision_interval,
    recall_interval,
    seed_range,
    shown_levels,
)


@pytest.fixture
def arm(six_labels):
    return six_labels.arms[0]


@pytest.mark.parametrize(
    ("n_labels", "human_labels", "family"),
    [(0, 0, Family.DIRECT), (100, 0, Family.TEACHER), (100, 100, Family.HUMAN), (100, 40, Family.BOTH)],
)
def test_the_labels_tell_the_family_not_the_name(arm, n_labels, human_labels, family):
    assert family_of(replace(arm, name="x", n_labels=n_labels, human_labels=human_labels)) is family


def test_details_are_shown_of_the_chosen_student_and_the_teacher(six_labels):
    assert [arm.name for arm in main_labellers(six_labels)] == ["teacher+human", "teacher-direct"]
    assert [arm.name for arm in main_labellers(replace(six_labels, recommended=None))] == ["teacher-direct"]
    assert direct_teacher(replace(six_labels, arms=six_labels.arms[:2])) is None


def test_calibration_asks_whether_the_most_probable_label_is_right(arm):
    stated = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [np.nan, np.nan]])
    truth = np.array([[1, 0], [0, 1], [0, 1], [1, 0]], dtype=bool)
    found = calibration_of(replace(arm, probabilities=stated, truth=truth, confusion=np.eye(2, 3)))
    # the unanswered text is left out; two of three are right; 0.8 -> 1 of 1, 0.9 -> 1 of 2
    assert (found.n, found.unit) == (3, "texts")
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.ece == pytest.approx((1 * 0.2 + 2 * 0.4) / 3)
    assert found.brier == pytest.approx((0.02 + 1.62 + 0.08) / 3)


def test_calibration_of_several_labels_asks_about_every_decision(arm):
    stated = np.array([[0.9, 0.4], [0.2, 0.6]])
    truth = np.array([[1, 1], [0, 1]], dtype=bool)
    found = calibration_of(replace(arm, probabilities=stated, truth=truth, confusion=None))
    # decisions: yes right, no wrong, no right, yes right
    assert (found.n, found.unit, found.accuracy) == (4, "decisions", 0.75)


def test_no_probabilities_no_calibration(arm):
    assert calibration_of(replace(arm, probabilities=None)) is None
    assert calibration_of(replace(arm, probabilities=np.full((2, 2), np.nan), truth=np.eye(2, dtype=bool))) is None


def test_rounding_beyond_one_is_no_error(arm):
    stated = np.array([[1.0000001, 0.0], [0.0, 1.0]])
    assert calibration_of(replace(arm, probabilities=stated, truth=np.eye(2, dtype=bool))).ece == 0


def test_mistakes_come_most_frequent_first_with_their_denominator():
    table = np.array([[5.0, 2.0, 0.0], [3.0, 7.0, 1.0]])
    found = [(m.human, m.given, m.count, m.support) for m in frequent_mistakes(table, ("a", "b"), 2)]
    assert found == [("b", "a", 3, 11), ("a", "b", 2, 7)]
    assert frequent_mistakes(table, ("a", "b"), 9)[2].given == "no answer"


def test_intervals_of_a_label_rest_on_their_own_denominators():
    label = LabelScore("a", precision=0.75, recall=0.5, f1=0.6, support=12, predicted=8)
    assert precision_interval(label) == wilson(6, 8)
    assert recall_interval(label) == wilson(6, 12)


def test_undefined_shares_have_no_interval():
    label = LabelScore("a", precision=math.nan, recall=math.nan, f1=math.nan, support=0, predicted=0)
    assert precision_interval(label) is None
    assert recall_interval(label) is None


def test_undefined_runs_do_not_make_a_range(arm):
    assert seed_range(replace(arm, seed_f1=(0.5, math.nan, 0.7))) == (0.5, 0.7)
    assert seed_range(replace(arm, seed_f1=(0.5, math.nan))) is None


def test_consistency_does_not_say_unanimous_twice():
    levels = [ConsistencyLevel(title, 5, 4, None) for title in ("unanimous", "split", "1.00", "0.67", "unanswered")]
    titles = [level.title for level in shown_levels(levels)]
    assert titles == ["unanimous", "split", "0.67 of the answers agree", "unanswered"]
    assert [level.title for level in shown_levels(levels[2:4])] == [
        "1.00 of the answers agree",
        "0.67 of the answers agree",
    ]
