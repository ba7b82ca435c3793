"""The learning loop on tiny projects: what it chooses, stores, stops at and falls back to."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import called
from fakellm import ok, serving
from small_project import SmallProject

from understudy.errors import UserError
from understudy.journal import Journal
from understudy.pipeline.annotation import stored_annotations
from understudy.pipeline.evidence.contrasting import Questions
from understudy.pipeline.learning.fallback import fell_back_at
from understudy.pipeline.learning.prevalence import pool_shares
from understudy.pipeline.learning.pupils import School
from understudy.pipeline.learning.rounds import sizes
from understudy.pipeline.sources import labelled_set
from understudy.pipeline.tuning import tuned_thresholds
from understudy.records import Role
from understudy.report.data import LearningRound, PayoffTest
from understudy.settings import LearnSettings
from understudy.student.dropout import dropout_draws

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
    assert "these figures are too good" not in page
    with pytest.raises(UserError, match="cannot say how the pool is"):
        project.open().estimate(Questions())


def test_with_few_texts_drawn_by_lot_no_share_of_the_pool_is_given(project):
    project.settings |= {"learn.random_share": "0"}
    project.open().learn()
    opened = project.open()
    shares = pool_shares(opened, stored_annotations(opened))
    assert [(one.share, one.low, one.high) for one in shares] == [(None, None, None)] * 2


def read_rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_without_demonstrations_texts_are_proposed_and_read_back_once_a_person_has_labelled_them(project):
    project.settings |= {"gold.demo": "0", "arms.human": "[]", "learn.proposals": "6"}
    project.open().learn()
    path = project.folder / "demonstrations.csv"
    rows = read_rows(path)
    assert 0 < len(rows) <= 6
    texts = {row["id"]: row["text"] for row in project.pool}
    assert all(texts[row["id"]] == row["text"] and row["label"] == "" and row["proposed"] for row in rows)
    assert project.open().gold_of(Role.DEMO) == ()

    dev, test = project.open().gold_of(Role.DEV), project.open().gold_of(Role.TEST)
    rows[0]["label"] = "neg"  # whatever was proposed
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    opened = project.open()
    (demonstration,) = opened.gold_of(Role.DEMO)
    assert (demonstration.id, demonstration.value) == (rows[0]["id"], "neg")
    assert (opened.gold_of(Role.DEV), opened.gold_of(Role.TEST)) == (dev, test)
    assert demonstration.id not in {document.id for document in opened.candidates}
    opened.learn()
    assert read_rows(path) == rows


def result(number, difference, low, high, verdict):
    test = PayoffTest(20, 0.5, 0.5, difference, low, high, verdict)
    return LearningRound(number, "margin", 7, 3, 10 * number, 10 * number, 0.5, 0.4, 0.6, 0.9, 0.0, test)


def test_a_test_that_hurts_or_two_that_bring_nothing_end_choosing():
    hurts = [result(3, -0.2, -0.3, -0.1, "hurts"), result(6, 0.5, 0.4, 0.6, "pays")]
    assert fell_back_at(hurts) == 4, "what was decided stays decided"
    assert fell_back_at([result(3, -0.01, -0.1, 0.1, "not shown")]) is None
    assert fell_back_at([result(3, -0.01, -0.1, 0.1, "not shown"), result(6, 0.0, -0.1, 0.1, "not shown")]) == 7
    assert fell_back_at([result(3, None, None, None, "not shown")] * 3) is None


def test_after_the_fall_back_every_text_is_drawn_by_lot_and_the_report_says_so(project, monkeypatch):
    hurts = PayoffTest(9, 0.4, 0.8, -0.4, -0.5, -0.3, "hurts")
    monkeypatch.setattr(School, "payoff", lambda *_: hurts)
    learned = project.open().learn()
    assert [one.strategy for one in learned.rounds] == ["random", "hybrid", "random", "random"]
    assert [one.n_chosen for one in learned.rounds] == [0, 4, 0, 0]
    assert learned.to_json()["fell_back_at"] == 2
    page = Path(project.open().run().report).read_text(encoding="utf-8")
    assert "from round 2 on every text was drawn by lot" in page


def test_choosing_is_tested_at_equal_numbers_of_labels(project):
    learned = project.open().learn()
    tests = [one.payoff for one in learned.rounds]
    assert tests[0] is None
    assert tests[1].n_labels == 10  # 8 of the seed set, and 2 of 6 drawn by lot in the second round
    assert tests[1].difference == pytest.approx(tests[1].batches - tests[1].lot)


@pytest.mark.parametrize(("schedule", "expected"), [("linear", (8, 6, 6, 6)), ("quadratic", (2, 5, 8, 11))])
def test_sizes(schedule, expected):
    # quadratic: 26 * (1, 4, 9, 16) / 16 = 1.625, 6.5, 14.625, 26, rounded half up to 2, 7, 15, 26
    learn = LearnSettings(schedule=schedule, first=8, batch=6, labels=26, rounds=3)
    assert sizes(learn, 100) == expected
    assert sum(sizes(learn, 11)) == 11


def test_another_budget_goes_on_with_the_same_loop_and_another_strategy_begins_one(project):
    project.open().learn()
    chosen = rounds_of(project)
    project.settings |= {"learn.labels": "32"}
    assert [one.n_asked for one in project.open().learn().rounds] == [8, 14, 20, 26, 32]
    assert rounds_of(project)[:4] == chosen
    project.settings |= {"learn.strategy": "margin"}
    assert rounds_of(project) == []


def test_a_loop_stops_when_students_no_longer_change(project):
    project.settings |= {"learn.labels": "50", "learn.stop": '["agreement"]'}
    learned = project.open().learn()
    assert learned.stopped.startswith("The last 3 students agreed with their predecessors")
    assert learned.rounds[-1].n_asked < 50


def test_a_loop_ends_where_the_pool_does(project):
    project.settings |= {"learn.labels": "5000", "learn.batch": "20"}
    learned = project.open().learn()
    assert learned.rounds[-1].n_asked == 60
    assert learned.stopped == "Every one of the 60 candidate texts was asked about."


def test_money_without_a_price_is_refused_before_anything_is_asked(project):
    project.use_model("http://127.0.0.1:9/v1")
    project.settings |= {"learn.budget_usd": "1.0"}
    for name in ("teacher.price_in_usd", "teacher.price_out_usd"):
        del project.settings[name]
    with pytest.raises(UserError, match=r"price of `fake-1` is unknown"):
        project.open().learn()


def test_plans_count_texts_that_are_not_chosen_yet(project):
    project.use_model("http://127.0.0.1:9/v1")
    opened = project.open()
    n_gold = len(opened.gold_of(Role.DEV)) + len(opened.gold_of(Role.TEST)) + len(opened.gold_of(Role.DEMO))
    assert opened.plan().n_documents == 26 + n_gold


def answer(call):
    return ok("neg" if any(word in call.question for word in ("bad", "awful", "poor", "nasty")) else "pos")


def test_a_model_is_asked_about_each_text_once_and_the_loop_keeps_to_its_money(project):
    with serving(answer) as fake:
        project.use_model(fake.url)
        project.settings |= {"learn.labels": "8", "prompt.demonstrations": "none"}
        (first,) = project.open().learn().rounds
        per_text_usd = first.cost_usd / 8
        project.settings |= {"learn.labels": "26", "learn.budget_usd": str(15.5 * per_text_usd)}
        learned = project.open().learn()
        assert [one.n_asked for one in learned.rounds] == [8, 14, 15]
        assert learned.stopped == "The budget does not reach another text."
        assert learned.rounds[-1].cost_usd == pytest.approx(15 * per_text_usd)
        questions = [call.raw for call in fake.calls]
        assert len(set(questions)) == len(questions)
        assert len(questions) == 15 + len(project.gold)
        project.open().learn()
        assert len(fake.calls) == len(questions)
        names = {arm.name for arm in project.open().train()}
        assert {"active-15", "active-10", "random-10"} <= names  # 8 of the seed set, 2 of the second round by lot


def test_the_command_prints_rounds_and_resumes(project, capsys):
    arguments = ("learn", project.folder, "--json", *project.arguments)
    first = called(capsys, *arguments)
    stored = json.loads(first.out)
    assert first.code == 0
    assert [one["n_asked"] for one in stored["rounds"]] == [8, 14, 20, 26]
    assert stored["outcomes"]["labelled"] == 26
    again = called(capsys, *arguments)
    assert json.loads(again.out) == stored
    assert "going on after round 3" in again.err


@pytest.mark.parametrize(
    ("before", "after", "kappa"),
    [
        ([0, 0, 1, 1], [0, 0, 1, 0], 0.5),  # observed 3/4, by chance 1/2
        # Two labels of two documents, four decisions: observed 3/4, by chance 1/2 * 1/4 + 1/2 * 3/4 = 1/2.
        ([[1, 0], [0, 1]], [[1, 0], [0, 0]], 0.5),
        ([1, 1, 1], [1, 1, 1], np.nan),
        ([1, 1, 1], [2, 2, 2], 0.0),
    ],
)
def test_students_agree_by_kappa_on_texts_that_nobody_was_asked_about(project, before, after, kappa):
    school = School(project.open())
    asked = {document.id for document in school.stop_set[len(before) :]}
    filled = [np.zeros((len(school.stop_set), *np.shape(before)[1:]), dtype=int) for _ in range(2)]
    for side, said in zip(filled, (before, after), strict=True):
        side[: len(said)] = said
    assert school.agreement(*filled, asked) == pytest.approx(kappa, nan_ok=True)
    assert np.isnan(school.agreement(None, filled[1], asked))
    assert np.isnan(school.agreement(*filled, {document.id for document in school.stop_set}))


def test_disagreement_looks_at_what_a_free_teacher_says_of_the_whole_pool(project):
    project.settings |= {"learn.strategy": "disagreement", "learn.random_share": "0", "learn.labels": "14"}
    learned = project.open().learn()
    assert [one.strategy for one in learned.rounds] == ["random", "disagreement"]
    opened = project.open()
    assert len(stored_annotations(opened, opened.candidates)) == 60
    first, second = rounds_of(project)
    student = School(opened).train(lessons_of(opened, first), 0)
    said = {d.id: annotation.value for d, annotation in zip(opened.candidates, annotations_of(opened), strict=True)}
    free = [d for d in opened.candidates if d.id not in {one.document_id for one in first.selections}]
    # one minus the student's probability of the teacher's label
    apart = {
        d.id: 1 - p[opened.task.labels.index(said[d.id])]
        for d, p in zip(free, student.predict_proba(free), strict=True)
    }
    chosen = {one.document_id for one in second.selections}
    assert min(apart[i] for i in chosen) >= max(v for i, v in apart.items() if i not in chosen) - 1e-9


def annotations_of(opened):
    found = stored_annotations(opened, opened.candidates)
    return [found[document.id] for document in opened.candidates]


def lessons_of(opened, chosen):
    by_id = {document.id: document for document in opened.candidates}
    documents = [by_id[one.document_id] for one in chosen.selections]
    return labelled_set(opened, documents, stored_annotations(opened, documents))


def test_disagreement_pays_nobody_for_the_whole_pool(project):
    with serving(answer) as fake:
        project.use_model(fake.url)
        project.settings |= {"learn.strategy": "disagreement", "learn.labels": "14", "prompt.demonstrations": "none"}
        with pytest.raises(UserError, match="52 texts have none") as caught:
            project.open().learn()
        assert "understudy annotate" in caught.value.hint


def test_only_a_student_with_dropout_has_several_opinions(project):
    project.settings |= {"learn.strategy": "bald"}
    with pytest.raises(UserError, match="`linear` student has no dropout") as caught:
        project.open().learn()
    assert "encoder" in caught.value.hint


def test_bald_chooses_where_opinions_differ(project):
    project.settings |= {
        "learn.strategy": "bald", "learn.labels": "14", "student.kind": "encoder", "student.encoder.epochs": "1",
        "student.encoder.model": json.dumps(str(project.encoder)), "learn.random_share": "0",
    }  # fmt: skip
    learned = project.open().learn()
    assert [one.strategy for one in learned.rounds] == ["random", "bald"]
    opened = project.open()
    student = School(opened).train(lessons_of(opened, rounds_of(project)[0]), 0)
    draws = dropout_draws(student, opened.candidates, 3, 0)
    assert draws.shape == (3, 60, 2)
    assert (draws[0] != draws[1]).any()
    assert (dropout_draws(student, opened.candidates, 3, 0) == draws).all()
    once = student.predict_proba(opened.candidates)
    assert (student.predict_proba(opened.candidates) == once).all(), "dropout is off again"


def test_doubtful_labels_queue_for_people(project):
    answers = {row["id"]: row["label"] for row in (*project.pool, *project.gold)}
    wrong = [row["id"] for i, row in enumerate((*project.pool, *project.gold)) if i % 3 == 0]
    answers |= {i: "neg" if answers[i] == "pos" else "pos" for i in wrong}
    project.write_recorded(answers)
    project.settings |= {"learn.for_people": "5"}
    project.open().learn()
    rows = read_rows(project.folder / "for_people.csv")
    assert len({row["id"] for row in rows}) == 5
    asked = {one.document_id for chosen in rounds_of(project) for one in chosen.selections}
    assert all(row["id"] in asked and row["label"] == "" and row["teacher"] == answers[row["id"]] for row in rows)
    assert all(0 <= float(row["trust"]) <= 1 for row in rows)
    (project.folder / "for_people.csv").write_text("mine", encoding="utf-8")
    project.open().learn()
    assert (project.folder / "for_people.csv").read_text(encoding="utf-8") == "mine"


def test_rounds_decide_with_thresholds_of_gold_dev_if_asked(tmp_path, tiny_bert):
    small = SmallProject(tmp_path / "project", tiny_bert, n_pool=60, codebook='positive = "pos"')
    small.write_recorded({row["id"]: row["label"] for row in (*small.pool, *small.gold)})
    small.settings |= LEARN | {"learn.tune_threshold": "true"}
    learned = small.open().learn()
    assert learned.rounds[-1].f1 > 0.5
    opened = small.open()
    school = School(opened)
    student = school.train(lessons_of(opened, rounds_of(small)[0]), 0)
    probabilities = student.predict_proba(school.dev)
    assert student.thresholds_ == pytest.approx(tuned_thresholds(opened, probabilities, school.dev), nan_ok=True)
    assert np.isfinite(student.thresholds_).any()


def test_labels_cannot_be_weighed_without_gold_dev(project):
    project.settings |= {"learn.reweight": "true", "gold.dev": "0"}
    with pytest.raises(UserError, match=r"`learn.reweight` needs gold dev"):
        project.open().learn()


def test_the_report_calls_figures_too_good_where_gold_dev_weighed_the_labels(project):
    project.settings |= {"learn.reweight": "true"}
    result = project.open().run()
    assert result.data.learning.dev_taught
    assert "these figures are too good" in Path(result.report).read_text(encoding="utf-8")
