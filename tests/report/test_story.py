"""The words: who labelled is never blurred, what is open is called open, what comes next fits what was found."""

from dataclasses import replace

import pytest

from understudy.evaluation import Gate
from understudy.records import Outcome, Role
from understudy.report.story import (
    describe_teacher,
    rarely_tested,
    tell_done,
    tell_limits,
    tell_next,
    tell_tiles,
    undecided,
)


def with_gate(data, **changes):
    return replace(data, teacher=replace(data.teacher, gate=replace(data.teacher.gate, **changes)))


def with_teacher(data, **changes):
    return replace(data, teacher=replace(data.teacher, **changes))


@pytest.mark.parametrize(
    ("kind", "word"),
    [("recorded", "no model was asked"), ("nearest-definition", "no language model was asked"), ("openai", "server")],
)
def test_every_kind_of_teacher_is_called_what_it_is(six_labels, kind, word):
    assert word in describe_teacher(with_teacher(six_labels, kind=kind).teacher)


def test_recorded_labels_are_not_told_as_if_somebody_had_been_asked(six_labels):
    told = tell_done(with_teacher(six_labels, kind="recorded", name="gpt-9 (recorded)"))
    assert told.startswith("Labels of gpt-9, recorded earlier, give an answer for 1,930 of 2,000 texts")


def test_the_built_in_teacher_is_called_built_in(six_labels):
    assert "(built in)" in tell_done(with_teacher(six_labels, kind="nearest-definition", name="nearest-definition"))
    assert any("built-in" in limit for limit in tell_limits(with_teacher(six_labels, kind="nearest-definition")))


@pytest.mark.parametrize(
    ("verdict", "answer", "tone"), [(Gate.GO, "Go", "good"), (Gate.NOT_YET, "Not yet", "open"), (Gate.NO, "No", "bad")]
)
def test_gate_tile(six_labels, verdict, answer, tone):
    tile = tell_tiles(with_gate(six_labels, verdict=verdict))[0]
    assert (tile.answer, tile.tone) == (answer, tone)


def test_without_gate_nobody_is_called_good(six_labels):
    assert tell_tiles(with_teacher(six_labels, gate=None))[0].answer == "Not judged"


def test_a_clear_no_comes_first(six_labels):
    assert "Sharpen the codebook" in tell_next(with_gate(six_labels, verdict=Gate.NO))[0]


def test_not_yet_says_how_many_more(six_labels):
    steps = tell_next(with_gate(six_labels, verdict=Gate.NOT_YET, additional_gold=137))
    assert "about 140 more gold texts" in steps[0]


def test_not_yet_without_hope_asks_for_no_number(six_labels):
    steps = tell_next(with_gate(six_labels, verdict=Gate.NOT_YET, additional_gold=None))
    assert not any("more gold texts by hand" in step for step in steps)


def test_a_higher_test_score_is_named_but_not_followed(six_labels):
    tile = tell_tiles(replace(six_labels, recommended="human-250"))[1]
    assert tile.answer == "human-250"
    assert "Highest on test is the teacher itself, `teacher-direct`, 0." in tile.detail
    students = replace(six_labels, recommended="human-250", arms=six_labels.arms[:-1])
    assert "Highest on test is `teacher+human`, 0." in tell_tiles(students)[1].detail


def test_the_highest_is_not_named_twice(six_labels):
    assert "Highest" not in tell_tiles(replace(six_labels, arms=six_labels.arms[:-1]))[1].detail


def test_decidable_counts_every_rival_once(six_labels):
    tile = tell_tiles(six_labels)[2]
    n_open = len(undecided(six_labels))
    n_won = sum(one.better == six_labels.recommended for one in six_labels.comparisons)
    assert (n_won + n_open, tile.answer) == (5, "In part")
    assert f"better than {n_won}" in tile.detail
    assert f"not decidable against {n_open}" in tile.detail


def test_nothing_compared_is_not_called_decided(six_labels):
    assert tell_tiles(replace(six_labels, comparisons=()))[2].answer == "Nothing to compare"


def test_labels_with_few_test_texts_are_named(build_report):
    data = build_report(labels=("a", "b", "c"), n=45)
    assert rarely_tested(data)
    assert any(f"`{rarely_tested(data)[0]}`" in step for step in tell_next(data))


def test_many_unusable_answers_are_a_next_step(six_labels):
    bad = with_teacher(six_labels, outcomes={Outcome.LABELLED: 94, Outcome.UNPARSED: 6})
    assert any("6 of 100 answers (6.0 %)" in step for step in tell_next(bad))
    fine = with_teacher(six_labels, outcomes={Outcome.LABELLED: 94, Outcome.ABSTAINED: 6})
    assert not any("cannot be used" in step for step in tell_next(fine))


def test_a_teacher_judged_on_dev_is_not_compared_silently(six_labels):
    direct = replace(six_labels.arms[-1], judged_on="dev")
    data = replace(six_labels, arms=(*six_labels.arms[:-1], direct))
    assert any("not comparable" in limit for limit in tell_limits(data))
    assert "teacher itself" not in tell_tiles(data)[1].detail


def test_shared_demo_and_dev_are_a_limit(six_labels):
    assert any("one set" in limit for limit in tell_limits(replace(six_labels, share_demo_dev=True)))


def test_an_empty_project_is_told_without_inventing(six_labels):
    data = replace(
        with_teacher(six_labels, outcomes={}, gate=None, kind="recorded"),
        arms=(),
        comparisons=(),
        recommended=None,
        recommendation="",
        disagreements=(),
        gold={Role.TEST: 1},
    )
    assert tell_done(data).startswith("No student was trained. ")
    assert "1 test text that" in tell_done(data)
    assert tell_next(data) == ()
    assert [tile.tone for tile in tell_tiles(data)] == ["open"] * 3
