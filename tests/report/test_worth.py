from dataclasses import replace

import numpy as np
import pytest

from understudy.evaluation.economics import Costs, Option, break_even
from understudy.evaluation.student_limit import student_limit
from understudy.report.as_json import summary_json
from understudy.report.data import Worth
from understudy.report.page import render
from understudy.report.worth import tell_worth


@pytest.fixture
def worth():
    options = (Option("teacher-direct", 200.0, 0.8), Option("teacher-250", 1.5, 0.7), Option("human-250", None, 0.75))
    # 1,000 labels at $0.002, $498 of engineering: 500 / 0.002 = 250,000 texts, 2 / 0.002 = 1,000 without engineering.
    costs = break_even(Costs(1000, teacher_usd=0.002, engineering_usd=498.0))
    limit = student_limit([1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 0], np.random.default_rng(0), student=[1, 1, 0, 0])
    return Worth(100_000, options, ("teacher-250", "teacher-direct"), costs, limit)


def test_costs_and_limit_are_told_with_what_is_unknown(worth):
    told = " ".join(tell_worth(worth))
    assert "`teacher-250` ($1.50), `teacher-direct` ($200.00)" in told
    assert "unknown price" in told
    assert "`human-250`" in told
    assert "from 250,000 texts on (1,000 texts counting computers only)" in told
    assert "people labelling every text" not in told  # their price is not known
    assert "the teacher errs on 50.0%" in told
    assert "errs on 25.0%" in told
    assert "chosen student errs on 0.0%" in told


def test_a_student_that_never_pays_says_so(worth):
    never = replace(worth, break_even=break_even(Costs(1000, teacher_usd=0.0)))
    assert "from no number of texts on" in " ".join(tell_worth(never))


def test_nothing_is_told_of_nothing():
    assert tell_worth(None) == ()
    assert tell_worth(Worth(10, (), ())) == ()


def test_page_and_numbers_have_it(worth, six_labels, figures):
    data = replace(six_labels, worth=worth)
    assert "Does it pay" in render(data, figures, "report.json", "figures")
    found = summary_json(data)["worth"]
    assert found["break_even"]["against_teacher"] == 250_000
    assert found["costs_usd"]["human-250"] is None
    assert found["student_limit"]["achieved"] == 0.0
