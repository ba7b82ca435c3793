"""The whole job on tiny projects: what it promises to scripts, and what it must never do."""

import json
from collections import Counter

import pytest
from fakellm import label_of, ok, serving, status
from small_project import SmallProject, text_about

from understudy.errors import TeacherError, UserError
from understudy.evaluation import Gate
from understudy.journal import Journal
from understudy.records import Outcome, Role

PROMISED = {"task", "kind", "gold", "arms", "outcomes", "report"}
PROMISED_OF_ARM = {"n_labels", "n_test", "f1", "precision", "recall", "accuracy", "f1_interval", "cost_usd"}
FOUR = ("cat", "dog", "red", "green")
SETS = [("cat",), ("cat", "red"), (), ("red", "green"), ("green",)]


@pytest.fixture
def project(tmp_path, tiny_bert):
    return SmallProject(tmp_path / "project", tiny_bert, codebook='positive = "pos"')


class Ears:
    """A listener that remembers."""

    def __init__(self):
        self.said, self.labelled, self.trained = [], 0, []

    def say(self, message):
        self.said.append(message)

    def progress(self, what, done, total, detail=""):
        self.labelled += what == "labelling"
        if what == "training":
            self.trained.append(detail)


def ids(documents):
    return {document.id for document in documents}


def roles_of(project):
    opened = project.open()
    return {role: sorted(ids(opened.gold_of(role))) for role in Role}


def answers_of(call, labels=("pos", "neg")):
    """What a perfect teacher says: the word of a label in the text that is asked about."""
    text = call.question.rsplit("number", 1)[0].rsplit("the film was", 1)[-1]
    return ok("pos" if any(word in text for word in ("good", "great", "fine", "lovely")) else labels[1])


def test_binary_run_keeps_what_it_promises_to_scripts(project):
    result = project.open().run()
    found = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert found.keys() >= PROMISED
    assert (found["kind"], found["headline"]) == ("classification", "F1 of `pos`")
    assert found["gold"] == {"demo": 12, "dev": 12, "test": 16}  # 0.3, 0.3 and the rest of 40
    # human 8 of 12; teacher 10 of the 24 pool texts, and all of them; all teacher labels with all human ones
    assert {name: arm["n_labels"] for name, arm in found["arms"].items()} == {
        "human-8": 8, "teacher-10": 10, "teacher-24": 24, "teacher+human": 36, "teacher-direct": 0,
    }  # fmt: skip
    for arm in found["arms"].values():
        assert arm.keys() >= PROMISED_OF_ARM
        assert (arm["n_test"], arm["judged_on"], arm["cost_usd"]) == (16, "test", 0.0)
        assert arm["f1_interval"][0] <= arm["f1"] <= arm["f1_interval"][1]
    assert found["outcomes"] == dict.fromkeys(map(str, Outcome), 0) | {"labelled": 24 + 40}
    page = project.folder / "reports" / "report.html"
    assert found["report"] == str(page)
    beside = json.loads((page.with_suffix(".json")).read_text(encoding="utf-8"))
    assert {name: beside[name] for name in ("gold", "outcomes")} == {n: found[n] for n in ("gold", "outcomes")}


def test_a_clean_task_is_learned(project):
    """The words give the label away; whoever mixes up columns, thresholds or rows fails here."""
    project.write_recorded({row["id"]: row["label"] for row in (*project.gold, *project.pool)})
    arms = {arm.name: arm.scores for arm in project.open().run().data.arms}
    assert arms["teacher-direct"].headline.f1 == arms["teacher-direct"].accuracy == 1.0
    assert arms["teacher+human"].headline.f1 > 0.9
    assert arms["teacher+human"].accuracy > 0.9


def test_four_classes(tmp_path, tiny_bert):
    small = SmallProject(tmp_path / "four", tiny_bert, labels=FOUR, values=FOUR)
    found = small.open().run(despite_gate=True).to_json()
    assert found["headline"] == "macro F1"
    assert found["arms"]["teacher-24"]["n_labels"] == 24
    assert sum(found["outcomes"].values()) == 64


def test_several_labels(tmp_path, tiny_bert):
    small = SmallProject(tmp_path / "multi", tiny_bert, labels=FOUR, values=SETS, kind="multilabel", n_gold=50)
    found = small.open().run(despite_gate=True).to_json()
    assert found["kind"] == "multilabel"
    assert sum(found["outcomes"].values()) == 74
    assert set(found["arms"]) == {"human-8", "teacher-10", "teacher-24", "teacher+human", "teacher-direct"}


def test_doing_it_again_asks_nothing_and_trains_nothing(project):
    first = project.open().run()
    before, ears = project.students(), Ears()
    second = project.open(ears).run()
    assert (ears.labelled, ears.trained) == (0, [])
    assert project.students() == before
    assert second.to_json() == first.to_json()


def test_one_changed_setting_trains_again(project):
    project.open().run()
    project.settings["student.linear.c"] = "[0.1]"
    ears = Ears()
    project.open(ears).run()
    assert ears.labelled == 0
    assert set(ears.trained) == {"human-8", "teacher-10", "teacher-24", "teacher+human"}


def test_outdated_students_are_not_judged_and_said_so(project):
    project.open().run()
    project.settings["arms.human"] = "[8, 9]"
    data = project.open().evaluate().data
    assert "human-9" not in {arm.name for arm in data.arms}
    assert any("human-9" in note and "understudy train" in note for note in data.notes)
    project.settings["project.seed"] = "5"
    data = project.open().evaluate().data
    assert {arm.name for arm in data.arms} == {"teacher-direct"}


def test_nothing_to_judge_is_an_error_with_the_next_step(project):
    with pytest.raises(UserError, match="nothing to judge yet"):
        project.open().evaluate()


def test_check_and_plan_change_nothing(project):
    opened = project.open()
    opened.check()
    opened.plan()
    assert sorted(path.name for path in project.folder.iterdir()) == ["gold.csv", "pool.csv", "understudy.toml"]
    project.settings["gold.demo"] = "0.5"
    assert len(project.open().gold_of(Role.DEMO)) == 20


def test_rows_without_a_label_are_reported(project):
    project.gold.append({"id": "blank", "text": "nobody has read this", "label": ""})
    project.write()
    opened = project.open()
    assert any("without a human label" in remark.title for remark in opened.check())
    assert "blank" not in ids(opened.gold)


def test_gate_stops_at_a_clear_no_and_goes_on_when_told(project):
    wrong = {row["id"]: "neg" if row["label"] == "pos" else "pos" for row in (*project.gold, *project.pool)}
    project.write_recorded(wrong)
    stopped = project.open().run()
    assert stopped.data.teacher.gate.verdict is Gate.NO
    assert stopped.has_findings
    assert stopped.to_json()["arms"] == {}
    assert (project.folder / "reports" / "report.html").exists()
    assert not (project.folder / "students").exists()
    result = project.open().run(despite_gate=True)
    assert result.has_findings
    assert result.to_json()["arms"]["teacher-direct"]["f1"] == 0.0


def test_changed_codebook_asks_again_and_keeps_the_old_annotations(project):
    project.open().run()
    project.write_settings(definition="Only where the words say")
    ears = Ears()
    project.open(ears).run()
    assert ears.labelled == 64
    with Journal.open(project.folder / "journal.sqlite", read_only=True) as journal:
        codebooks = Counter(journal._read("select codebook from annotations where trust is null"))
    assert sorted(codebooks.values()) == [64, 64]


def test_added_gold_rows_leave_the_others_their_roles(project):
    project.open().run()
    before = roles_of(project)
    project.gold += [project._row("g", number) for number in range(40, 60)]
    project.write()
    project.open().run()
    after = roles_of(project)
    assert all(set(before[role]) <= set(after[role]) for role in Role)
    assert sum(map(len, after.values())) == 60


def test_edited_text_is_asked_again(project):
    project.open().run()
    project.pool[3]["text"] = "the film was lovely number 77777"
    project.write()
    ears = Ears()
    project.open(ears).run()
    assert ears.labelled == 1


def test_pool_text_that_stands_in_test_is_never_asked_nor_learned_from(project):
    test_ids = set(roles_of(project)[Role.TEST])
    leaked = next(row for row in project.gold if row["id"] in test_ids)
    project.pool[5]["text"] = leaked["text"].upper()
    project.pool[6]["text"] = f"  {leaked['text']} "
    project.write()
    project.settings["teacher.kind"] = "openai"
    with serving(answers_of) as server:
        project.use_model(server.url)
        opened = project.open()
        result = opened.run()
        asked = Counter(call.question.rsplit("number", 1)[-1].split()[0] for call in server.calls)
    number = leaked["text"].split()[-1]
    assert asked[number] == 1, "once, as the test text itself"
    same = {"p1005", "p1006"} - ids(opened.candidates)
    assert "p1006" in same
    assert result.data.arms[0].n_test == 16
    assert any(f"{len(same)} pool texts repeat" in note for note in result.data.notes)


def test_nothing_learns_from_the_labels_of_test(project, tmp_path, tiny_bert):
    """Flipped test labels: the same students byte for byte, the same thresholds and the same choice."""
    in_test = set(roles_of(project)[Role.TEST])
    roles = {row["id"]: role.value for role, members in roles_of(project).items() for row in project.gold
             if row["id"] in members}  # fmt: skip
    flipped = SmallProject(tmp_path / "flipped", tiny_bert, codebook='positive = "pos"')
    for small in (project, flipped):
        small.settings["data.role"] = "role"
        for row in small.gold:
            row["role"] = roles[row["id"]]
            if small is flipped and row["id"] in in_test:
                row["label"] = "neg" if row["label"] == "pos" else "pos"
        _write_with_roles(small)
    honest, other = project.open().run(), flipped.open().run(despite_gate=True)
    assert flipped.students() == project.students()
    assert other.data.recommended == honest.data.recommended
    assert honest.data.teacher.gate == other.data.teacher.gate
    assert _kept(flipped) == _kept(project)
    assert other.data.arms[0].scores.accuracy == pytest.approx(1 - honest.data.arms[0].scores.accuracy)


def _kept(small):
    """Thresholds, dev scores and deployed runs of every arm."""
    files = sorted(small.folder.glob("students/*/arm.json"))
    stored = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return [{name: one[name] for name in ("name", "thresholds", "dev_f1", "deployed_run", "fingerprint")}
            for one in stored]  # fmt: skip


def _write_with_roles(small):
    lines = ["id,text,label,role", *(",".join((r["id"], r["text"], r["label"], r["role"])) for r in small.gold)]
    (small.folder / "gold.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_recorded_teacher_with_replicates_nulls_and_missing_ids(project):
    answers = {row["id"]: [row["label"]] * 3 for row in (*project.gold, *project.pool)}
    answers |= {"p1000": None, "p1001": [None, None], "p1002": ["pos", "pos", "neg"], "p1003": ["nonsense"]}
    del answers["p1004"], answers["g0"]
    project.write_recorded(answers)
    found = project.open().run().to_json()
    assert found["outcomes"] == {
        "labelled": 59, "abstained": 0, "refused": 0, "unparsed": 3, "failed": 0, "skipped": 2,
    }  # 64 texts; null, two nulls and nonsense cannot be read; two ids are missing  # fmt: skip
    assert found["arms"]["teacher-20"]["n_labels"] == 20  # of 24 pool texts, 4 have no label


def test_teacher_without_answers_on_test_is_judged_on_dev_and_says_so(project):
    test_ids = set(roles_of(project)[Role.TEST])
    project.write_recorded({r["id"]: r["label"] for r in (*project.gold, *project.pool) if r["id"] not in test_ids})
    data = project.open().run().data
    direct = next(arm for arm in data.arms if arm.name == "teacher-direct")
    assert (direct.judged_on, direct.n_test, direct.scores.headline.f1) == ("dev", 12, 1.0)
    assert any("judged on gold dev" in note for note in data.notes)
    assert not any("teacher-direct" in (c.a, c.b) for c in data.comparisons)


def test_recorded_teacher_that_says_nothing_readable(project):
    project.write_recorded({row["id"]: None for row in (*project.gold, *project.pool)})
    result = project.open().run(despite_gate=True)
    found = result.to_json()
    assert found["outcomes"]["unparsed"] == 64
    assert result.has_findings
    assert set(found["arms"]) == {"human-8", "teacher-direct"}
    assert found["arms"]["teacher-direct"]["f1"] == 0.0


def test_recorded_column_without_any_answer_is_an_error(project):
    project.write_recorded({row["id"]: "" for row in (*project.gold, *project.pool)})
    with pytest.raises(UserError, match="holds no recorded label"):
        project.open().run()


def test_empty_pool_is_an_error_and_a_pool_of_known_texts_is_not(project):
    (project.folder / "pool.csv").write_text("id,text\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"pool\.csv has 0 rows"):
        project.open().run()
    project.pool = [{"id": "p0", "text": project.gold[0]["text"]}]
    project.write()
    found = project.open().run().to_json()
    # the teacher arms take gold demo texts, which a free teacher labels too
    assert {name: arm["n_labels"] for name, arm in found["arms"].items()} == {
        "human-8": 8, "teacher-10": 10, "teacher-12": 12, "teacher+human": 12, "teacher-direct": 0,
    }  # fmt: skip


def test_shared_demo_and_dev_tune_and_rank_nothing_on_what_was_learned(project):
    project.settings["gold.share_demo_dev"] = "true"
    data = project.open().run(despite_gate=True).data
    assert data.share_demo_dev
    assert (data.gold[Role.DEMO], data.gold[Role.DEV], data.gold[Role.TEST]) == (12, 12, 28)
    assert any("one set" in note for note in data.notes)
    kept = {one["name"]: one for one in _kept(project)}
    assert kept["human-8"]["dev_f1"] == [None, None]
    assert all(f1 is not None for f1 in kept["teacher-24"]["dev_f1"])
    assert data.recommended.startswith("teacher-")


def test_train_on_dev_joins_and_is_not_ranked_on_what_it_learned(project):
    project.settings["student.train_on_dev"] = "true"
    data = project.open().run().data
    both = next(arm for arm in data.arms if arm.name == "teacher+human")
    assert (both.n_labels, both.human_labels) == (24 + 12 + 12, 24)
    assert {one["name"]: one["dev_f1"] for one in _kept(project)}["teacher+human"] == [None, None]
    assert data.recommended != "teacher+human"
    assert any("teacher+human" in note and "neither tuned nor ranked" in note for note in data.notes)


@pytest.mark.parametrize("role", ["demo", "dev"])
def test_without_demo_or_dev(project, role):
    project.settings[f"gold.{role}"] = "0"
    data = project.open().run(despite_gate=True).data
    names = {arm.name for arm in data.arms}
    assert "teacher-direct" in names
    assert ("human-8" in names) == (role == "dev")
    assert data.recommended in names


def test_no_better_than_a_constant_answer_is_said(project):
    """Labels that have nothing to do with the texts: the student cannot beat always saying `neg`."""
    for i, row in enumerate(project.gold):
        row["label"] = "pos" if i % 8 < 2 else "neg"  # words alternate, so each label has as many of both
    project.write_settings()
    project.codebook = ""
    project.write()
    data = project.open().run(despite_gate=True).data
    assert "always answering `" in data.recommendation


def test_a_model_behind_an_endpoint(project):
    with serving(answers_of) as server:
        project.use_model(server.url)
        planned = project.open().plan()
        assert server.calls == []
        ears = Ears()
        result = project.open(ears).run()
        n_calls = len(server.calls)
        project.open().run()
        assert len(server.calls) == n_calls, "a second run asks nothing"
    # pool 24, dev 12 and demo 12 for the gate, test 16
    assert (planned.n_documents, planned.n_calls) == (64, 64)
    assert n_calls == server.n_billed == planned.n_calls
    found = result.to_json()
    assert found["outcomes"]["labelled"] == 64
    assert found["arms"]["teacher-direct"]["f1"] == 1.0
    # a call costs 100 tokens at 1 and 5 at 2 dollars a million: $0.00011
    assert result.data.teacher.cost_usd == pytest.approx(64 * 0.00011)
    assert result.data.teacher.cost_usd <= planned.cost_usd_at_most
    assert found["arms"]["teacher-10"]["cost_usd"] == pytest.approx(10 * 0.00011)
    assert found["arms"]["human-8"]["cost_usd"] == 0.0


def test_plan_leaves_out_what_is_not_sent(project):
    project.pool[0]["text"], project.pool[1]["text"] = "", "very " * 100
    project.settings["data.max_characters"] = "200"
    project.write()
    with serving(answers_of) as server:
        project.use_model(server.url)
        planned = project.open().plan()
        found = project.open().run().to_json()
        assert planned.n_calls == len(server.calls) == 62
    assert found["outcomes"] == dict.fromkeys(map(str, Outcome), 0) | {"labelled": 62, "skipped": 2}


def test_failed_texts_are_counted_and_tried_again_by_the_next_run(project):
    bad = {"now": True}

    def script(call):
        return status(400, '{"error": {"message": "no"}}') if bad["now"] and " 1003" in call.question else (
            answers_of(call))  # fmt: skip

    with serving(script) as server:
        project.use_model(server.url)
        found = project.open().run().to_json()
        assert found["outcomes"]["failed"] + found["outcomes"]["refused"] == 1
        assert sum(found["outcomes"].values()) == 64
        n_calls = len(server.calls)
        project.open().evaluate()
        assert len(server.calls) == n_calls, "judging asks nothing"
        bad["now"] = False
        again = project.open().run().to_json()
    assert sum(again["outcomes"].values()) == 64
    assert again["outcomes"]["labelled"] == 63 + (found["outcomes"]["failed"])


def test_a_refused_key_stops_and_the_next_run_goes_on(project):
    state = {"n": 0}

    def script(call):
        state["n"] += 1
        return status(401) if 20 <= state["n"] < 30 else answers_of(call)

    with serving(script) as server:
        project.use_model(server.url)
        with pytest.raises(TeacherError) as stopped:
            project.open().run()
        assert stopped.value.exit_code == 4
        state["n"] = 100
        project.open().run()
        assert server.n_billed == 64


def test_budget_stops_between_planned_calls(project):
    with serving(answers_of) as server:
        project.use_model(server.url)
        project.settings["teacher.budget_usd"] = "0.0055"
        with pytest.raises(TeacherError) as stopped:
            project.open().run()
        assert stopped.value.exit_code == 3
        assert 0 < 0.00011 * server.n_billed <= 0.0055


def test_replicates_and_consistency(project):
    def script(call):
        return ok(label_of(call.question + str(call.number), ("pos", "neg")))

    with serving(script) as server:
        project.use_model(server.url)
        project.settings["teacher.replicates"] = "3"
        planned = project.open().plan()
        data = project.open().run(despite_gate=True).data
        assert planned.n_calls == len(server.calls) == 3 * 64
    assert data.teacher.n_replicates == 3
    assert sum(level.n for level in data.teacher.consistency if level.title in ("unanimous", "split")) == 24


def test_text_about_is_unique():
    assert len({text_about(("pos",), number) for number in range(100)}) == 100
