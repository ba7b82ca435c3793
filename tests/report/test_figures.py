"""Figures: drawn where there are data, readable by a program, the same on every run, whatever labels are called."""

import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from understudy.evaluation import Interval, report_trust
from understudy.report.figures import FIGURE_NAMES, draw_figures
from understudy.report.figures.confusion import draw_confusion
from understudy.report.figures.curves import draw_learning_curve
from understudy.report.figures.intervals import draw_arms, draw_consistency, draw_differences, draw_labels
from understudy.report.figures.precision_recall import _paint_equal_f1, draw_precision_recall
from understudy.report.figures.reliability import draw_calibration, draw_trust

UGLY = ("<script>window.pwned=1</script>", "$x^2$ & 住房政策", "סיוע", "a\x00\u202eb", "x" * 300, "👨‍👩‍👧‍👦")


def texts(picture):
    root = ET.fromstring(picture.svg)
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.fixture(scope="module")
def pictures(figures):
    return {picture.name: picture for picture in figures}


def test_a_full_report_has_its_figures_in_the_order_of_the_page(pictures):
    assert list(pictures) == [name for name in FIGURE_NAMES if name != "calibration-teacher"]


def test_the_same_data_give_the_same_bytes(six_labels, pictures):
    assert draw_arms(six_labels) == pictures["arms"]


def test_numbers_stand_beside_their_intervals(six_labels, pictures):
    arm = six_labels.arms[1]
    interval = arm.intervals["f1"]
    said = f"{arm.scores.headline.f1:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
    assert said in texts(pictures["arms"])
    assert said in pictures["arms"].alt


def test_differences_carry_a_sign(six_labels, pictures):
    first = six_labels.comparisons[0]
    assert any(text.startswith(f"{first.difference:+.3f}".replace("-", "−")) for text in texts(pictures["differences"]))


def test_an_undefined_arm_is_named_undefined_and_not_drawn_at_zero(six_labels):
    arm = six_labels.arms[0]
    headline = replace(arm.scores.headline, f1=math.nan, precision=math.nan)
    undefined = replace(arm, scores=replace(arm.scores, headline=headline), intervals={}, seed_f1=(math.nan,) * 3)
    data = replace(six_labels, arms=(undefined, *six_labels.arms[1:]))
    assert "— undefined" in texts(draw_arms(data))
    assert "human-100" not in draw_precision_recall(data).alt
    assert "nan" not in draw_arms(data).svg


def test_all_undefined_is_still_a_figure(six_labels):
    arm = six_labels.arms[0]
    scores = replace(arm.scores, headline=replace(arm.scores.headline, f1=math.nan, recall=math.nan))
    nothing = Interval(math.nan, math.nan, "bootstrap")
    data = replace(six_labels, arms=(replace(arm, scores=scores, intervals={"f1": nothing}, seed_f1=()),))
    assert "— undefined" in texts(draw_arms(data))
    assert draw_precision_recall(data) is None
    assert draw_learning_curve(data) is None


def test_nothing_to_draw_gives_no_figure(six_labels):
    nothing = replace(six_labels, arms=(), comparisons=(), recommended=None,
                      teacher=replace(six_labels.teacher, consistency=(), trust=None))  # fmt: skip
    assert draw_figures(nothing) == ()
    assert (draw_differences(()), draw_consistency(()), draw_calibration(None, "student")) == (None, None, None)
    assert draw_trust(None) is None


def test_lines_of_equal_f1_stay_where_the_axis_is():
    """F1 needs a recall above F1 / 2: an axis that ends at 0.12 has the lines up to 0.2."""
    axes = Figure().add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 0.12), ylim=(0, 0.2))
    _paint_equal_f1(axes)
    assert len(axes.lines) == 4
    assert all(line.get_xdata().max() <= 0.12 and line.get_ydata().min() > 0 for line in axes.lines)


def test_trust_is_drawn_also_where_every_answer_was_single_and_right():
    """One bin of consistency, one point of coverage, nothing wrong: axes still have a size."""
    report = report_trust([0.9, 0.95, 0.9], [1, 1, 1], [1, 1, 1], np.random.default_rng(0), n_resamples=5)
    picture = draw_trust(report)
    # Brier: (0.1**2 + 0.05**2 + 0.1**2) / 3 = 0.0075, and 0 where certainty is justified.
    assert "Brier score 0.007 against 0.000; n = 3" in picture.alt
    assert {"● trust", "■ consistency"} <= set(texts(picture))


def test_students_of_one_size_make_no_curve(six_labels):
    assert draw_learning_curve(replace(six_labels, arms=six_labels.arms[:1])) is None


def test_confusion_shows_counts_shares_and_the_unanswered(six_labels):
    arm = replace(six_labels.arms[-1], confusion=np.diag([30.0] * 6) @ np.eye(6, 7) + 10 * np.eye(1, 7, 6))
    shown = texts(draw_confusion(six_labels, arm, "teacher"))
    assert {"30", "10", "75 %", "25 %", "no answer"} <= set(shown)


def test_confusion_without_exclusive_labels_is_none(six_labels):
    assert draw_confusion(six_labels, replace(six_labels.arms[0], confusion=None), "student") is None


def test_many_labels_are_named_and_only_the_weakest_drawn_with_intervals(build_report):
    data = build_report(labels=tuple(f"intent {i}" for i in range(40)), n=200)
    chosen = next(arm for arm in data.arms if arm.name == data.recommended)
    assert {f"intent {i}" for i in range(40)} <= set(texts(draw_confusion(data, chosen, "student")))
    drawn = {text for text in texts(draw_labels(data)) if text.startswith("intent ")}
    f1 = {label.label: label.f1 for label in chosen.scores.labels}
    assert len(drawn) == 25
    assert max(f1[name] for name in drawn) <= min(f1[name] for name in f1 if name not in drawn)


def test_ugly_labels_break_no_figure_and_hide_nothing(build_report):
    data = build_report(labels=UGLY, n=60, arms=(("human-100", 100, 100, 0.4), ("teacher+human", 200, 100, 0.6)))
    for picture in draw_figures(data):
        root = ET.fromstring(picture.svg)
        assert not [element for element in root.iter() if element.tag.endswith("}script")]
        assert "\u202e" not in picture.svg
    assert any("U+0000" in text for text in texts(draw_labels(data)))


def test_width_on_the_page_follows_the_width_in_print(pictures):
    assert pictures["arms"].width_px == 7 * 118
