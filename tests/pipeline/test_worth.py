from __future__ import annotations

import pytest
from fakellm import ok, serving
from small_project import SmallProject


def truthful(call):
    return ok("pos" if any(word in call.question for word in ("good", "great", "fine", "lovely")) else "neg")


@pytest.fixture
def small(tmp_path, tiny_bert):
    found = SmallProject(tmp_path / "project", tiny_bert, n_gold=160, n_pool=40)
    found.settings |= {
        "prompt.demonstrations": '"none"',
        "costs.volume": "1000",
        "arms.human": "[8]",
        "student.seeds": "1",
    }
    return found


def test_costs_are_reckoned_from_the_journal_and_the_settings(small):
    with serving(truthful) as server:
        small.use_model(server.url)
        small.settings["costs.human_usd"] = "0.5"
        project = small.open()
        project.annotate()
        project.train()
        found = project.evaluate().data.worth
    costs = {option.name: option.cost_usd for option in found.options}
    # 100 and 5 tokens at 1 and 2 dollars a million are $0.00011 a text.
    assert costs["teacher-direct"] == pytest.approx(1000 * 0.00011)
    assert costs["human-8"] == pytest.approx(4.0)
    assert costs["teacher-10"] == pytest.approx(10 * 0.00011)
    assert found.break_even.without_engineering == pytest.approx(found.break_even.against_teacher)
    assert found.limit.n == 64
    assert found.limit.teacher_error == 0.0
    assert not found.limit.can_beat_teacher


def test_recorded_labels_have_no_price(small):
    small.write_recorded({row["id"]: row["label"] for row in (*small.gold, *small.pool)})
    project = small.open()
    project.annotate()
    project.train()
    found = project.evaluate().data.worth
    assert found.break_even is None
    assert {option.cost_usd for option in found.options} == {None}
    assert found.frontier == ()
    assert found.limit is not None
