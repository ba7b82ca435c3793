"""The learning loop on tiny projects: what it chooses, stores, stops at and falls back to."""

import json
from pathlib import Path

import pytest
from small_project import SmallProject

from understudy.errors import UserError
from understudy.journal import Journal
from understudy.pipeline.annotation import stored_annotations
from understudy.pipeline.evidence.contrasting import Questions
from understudy.pipeline.learning.prevalence import pool_shares

LEARN = {
    "learn.enabled": "true", "learn.first": "8", "learn.batch": "6", "learn.labels": "26", "learn.stop": "[]",
    "learn.test_every": "1",
}  # fmt: skip


@pytest.fixture
def project(tmp_path, tiny_bert):
    small = SmallProject(tmp_path / "project", tiny_bert, n_pool=60)
    small.write_recorded({row["id"]: row["label"] for row in (*small.pool, *small.gold)})
    small.settings |= LEARN
    return small


def rounds_of(project):
    opened = project.open()
    with Journal.open(project.folder / "journal.sqlite", read_only=True) as journal:
        return journal.rounds(opened.loop)


def test_rounds_follow_the_schedule_and_no_text_is_chosen_twice(project):
    learned = project.open().learn()
    assert [one.n_asked for one in learned.rounds] == [8, 14, 20, 26]
    assert learned.stopped == "26 of at most 26 documents are labelled."
    rounds = rounds_of(project)
    assert [len(one.selections) for one in rounds] == [8, 6, 6, 6]
    chosen = [one.document_id for each in rounds for one in each.selections]
    assert len(set(chosen)) == 26
    assert set(chosen) <= {row["id"] for row in project.pool}


def test_run_learns_and_compares_with_as_many_texts_drawn_by_lot(project):
    result = project.open().run()
    arms = {arm.name: arm for arm in result.data.arms}
    assert {"active-26", "random-26", "teacher+human", "teacher-direct"} <= set(arms)
    assert not any(name.startswith("teacher-") and name != "teacher-direct" for name in arms)
    assert ("active-26", "random-26") in {(one.a, one.b) for one in result.data.comparisons} | {
        (one.b, one.a) for one in result.data.comparisons
    }


@pytest.mark.parametrize("strategy", ["entropy", "cal", "k_centre", "evidence"])
def test_strategies_learn_from_many_labels_at_once(tmp_path, tiny_bert, strategy):
    small = SmallProject(
        tmp_path / "project", tiny_bert, labels=("cat", "dog"), values=(("cat",), ("dog",), ("cat", "dog"), ()),
        kind="multilabel", n_pool=40,
    )  # fmt: skip
    small.write_recorded({row["id"]: row["label"] for row in (*small.pool, *small.gold)})
    small.settings |= LEARN | {"learn.labels": "20", "learn.strategy": strategy, "learn.keywords": '["cat"]'}
    learned = small.open().learn()
    assert [one.strategy for one in learned.rounds] == ["random", strategy, strategy]
    rounds = rounds_of(small)
    assert [one.arm for one in rounds[1].selections] == ["random"] * 2 + ["chosen"] * 4
    assert [one.probability for one in rounds[1].selections] == [2 / 32] * 2 + [None] * 4
    assert all(one.probability == 8 / 40 for one in rounds[0].selections)


def test_the_report_shows_every_round_and_refuses_shares_of_chosen_texts(project):
    project.settings |= {"learn.labels": "50", "learn.random_share": "0.8"}
    result = project.open().run()
    page = Path(result.report).read_text(encoding="utf-8")
    stored = json.loads(Path(result.report).with_suffix(".json").read_text(encoding="utf-8"))
    assert "Rounds of the learning loop" in page
    assert [one["n_asked"] for one in stored["learning"]["rounds"]] == [8, 14, 20, 26, 32, 38, 44, 50]
    assert stored["learning"]["stopped"] == "50 of at most 50 documents are labelled."
    (pos, neg) = stored["learning"]["shares"]
    assert pos["share"] + neg["share"] == pytest.approx(1.0)
    assert pos["low"] <= 0.5 <= pos["high"]
    with pytest.raises(UserError, match="cannot say how the pool is"):
        project.open().estimate(Questions())


def test_with_few_texts_drawn_by_lot_no_share_of_the_pool_is_given(project):
    project.settings |= {"learn.random_share": "0"}
    project.open().learn()
    opened = project.open()
    shares = pool_shares(opened, stored_annotations(opened))
    assert [(one.share, one.low, one.high) for one in shares] == [(None, None, None)] * 2
