import numpy as np
import pytest

from understudy.student.choice import Choice, Evidence, choose

NONE = np.zeros(0)


def decide(*evidence, fallback="none"):
    return choose(evidence, fallback, np.random.default_rng(0))


def student(name, dev=NONE, held_out=NONE, dev_accuracy=float("nan")):
    return Evidence(name, np.asarray(dev, dtype=float), np.asarray(held_out, dtype=float), dev_accuracy)


def test_the_smaller_loss_wins_and_says_by_how_much():
    found = decide(student("cheap", np.full(50, 0.7), dev_accuracy=0.6), student("dear", np.full(50, 0.5)))
    assert (found.name, found.n_dev, found.n_held_out) == ("dear", 50, 0)
    cheap, dear = found.rated
    assert (cheap.loss, cheap.dev_accuracy, dear.behind) == (pytest.approx(0.7), 0.6, 0.0)
    assert cheap.behind == pytest.approx(0.2)
    assert cheap.behind_interval == pytest.approx((0.2, 0.2))
    assert "`dear` was taken: log-loss 0.500 on 50 gold dev texts" in found.sentence()
    assert "`cheap` by 0.200 (95 % interval 0.200 to 0.200)" in found.sentence()


def test_the_smaller_loss_wins_however_close():
    """The dearer one is better by 0.01 in the mean; differences of +-1 make that noise, and the interval says so."""
    differences = np.tile([1.0, -1.0], 50) + 0.01
    found = decide(student("cheap", differences + 2), student("dear", np.full(100, 2.0)))
    assert found.name == "dear"
    assert found.rated[0].behind == pytest.approx(0.01)
    low, high = found.rated[0].behind_interval
    assert low < 0 < high


def test_a_joint_answer_is_taken_with_its_shares_where_it_is_the_best():
    joint = {"joint": {"a": 0.25, "b": 0.75}}
    alone = [student("a", np.full(9, 0.5)), student("b", np.full(9, 0.4))]
    rng = np.random.default_rng(0)
    better = choose([*alone, student("joint", np.full(9, 0.3))], "a", rng, joint)
    assert better.shares == {"a": 0.25, "b": 0.75}
    assert "a joint answer was taken, the mean of `a` (0.25), `b` (0.75): log-loss 0.300" in better.sentence()
    worse = choose([*alone, student("joint", np.full(9, 0.6))], "a", rng, joint)
    assert (worse.name, worse.shares) == ("b", {"b": 1.0})


def test_equal_students_are_a_tie():
    losses = np.random.default_rng(1).uniform(size=30)
    assert decide(student("cheap", losses), student("dear", losses)).name == "cheap"


def test_held_out_texts_weigh_at_most_as_much_as_dev():
    """10 dev texts for A by 0.3; 1,000 held-out texts for B by 0.2: at equal weight A leads by 0.05 of a text."""
    a, b = student("a", np.full(10, 0.2), np.full(1000, 0.6)), student("b", np.full(10, 0.5), np.full(1000, 0.4))
    found = decide(b, a)
    assert found.name == "a"
    assert found.rated[0].behind == pytest.approx(0.05)  # (10 * 0.3 - 10 * 0.2) / 20


def test_without_dev_held_out_texts_decide():
    found = decide(student("a", held_out=[0.5, np.nan, 0.5]), student("b", held_out=[0.4, 0.1, np.nan]))
    assert (found.name, found.n_dev, found.n_held_out) == ("b", 0, 1)


def test_students_that_hold_nothing_out_are_compared_on_dev_alone():
    found = decide(student("a", np.full(9, 0.5), np.full(99, 0.1)), student("b", np.full(9, 0.4)))
    assert (found.name, found.n_held_out) == ("b", 0)


def test_without_any_text_the_fallback_is_taken_and_said():
    found = decide(student("a"), student("b"), fallback="b")
    assert found.name == "b"
    assert "taken unseen" in found.sentence()
    assert [rated.loss for rated in found.rated] == [None, None]
    assert found.shares == {"b": 1.0}


def test_the_same_generator_gives_the_same_choice_and_json_keeps_it():
    rng = np.random.default_rng(3)
    a, b = student("a", rng.uniform(size=40)), student("b", rng.uniform(size=40))
    assert decide(a, b) == decide(a, b)
    assert Choice.model_validate_json(decide(a, b).model_dump_json()) == decide(a, b)
