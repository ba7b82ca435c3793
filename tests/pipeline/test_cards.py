from __future__ import annotations

import re

import pytest
from small_project import SmallProject

from understudy.pipeline.cards import CARD_FILE, base_model
from understudy.settings import StudentSettings


@pytest.fixture
def cards(tmp_path, tiny_bert):
    small = SmallProject(tmp_path, tiny_bert, codebook='positive = "pos"')
    small.settings |= {"project.name": "a [link](https://bad.example) <b>|</b>\n# title"}
    project = small.open()
    result = project.run(despite_gate=True)
    return {path.parent.name: path.read_text(encoding="utf-8")
            for path in (tmp_path / "students").glob(f"*/{CARD_FILE}")}, result  # fmt: skip


def test_every_student_has_a_card_with_its_figures(cards) -> None:
    texts, result = cards
    students = [arm for arm in result.data.arms if arm.name != "teacher-direct"]
    assert set(texts) == {arm.name for arm in students}
    for arm in students:
        interval = arm.intervals["f1"]
        row = f"| F1 | {arm.scores.headline.f1:.3f} | {interval.low:.3f} to {interval.high:.3f} |"
        assert row in texts[arm.name]
        assert f"{arm.human_labels:,} of them by people" in texts[arm.name]


def test_the_front_matter_is_complete_and_closed(cards) -> None:
    for text in cards[0].values():
        matter = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
        assert matter is not None
        assert "pipeline_tag: text-classification" in matter[1]


def test_what_a_user_wrote_is_no_markup(cards) -> None:
    for text in cards[0].values():
        assert r"a \[link\]\(https://bad.example\) \<b\>\|\</b\> \# title" in text
        assert "<b>" not in text.replace(r"\<b\>", "")
        assert sum(line.startswith("# ") for line in text.splitlines()) == 1


def test_the_base_is_named_where_there_is_one() -> None:
    assert base_model(StudentSettings(kind="encoder")) == "sentence-transformers/all-MiniLM-L6-v2"
    assert base_model(StudentSettings(kind="tfidf-linear")) == ""
