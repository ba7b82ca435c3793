"""Public sets as tasks of a study: one split whoever teaches, teachers chosen on dev."""

import json

import numpy as np
import pytest

from understudy.codebook import task_of
from understudy.errors import UserError
from understudy.settings import Codebook, Label
from understudy.study import read_study
from understudy.study.public import Item
from understudy.study.splitting import assign_paired
from understudy.study.tasks import Candidate, missing_tasks, open_task, pick, rank_teachers

TASK = task_of(Codebook(labels=(Label(name="no"), Label(name="yes")), positive="yes"))


def item(number, label, **said):
    return Item(f"d{number}", f"text {number}", label, (), "main", said={m: (a,) for m, a in said.items()})


def test_teachers_are_ranked_by_f1_on_dev():
    truth = ["yes", "yes", "no", "no"]
    said = {
        "right": ["yes", "yes", "no", "no"],
        "generous": ["yes", "yes", "yes", "yes"],
        "silent": ["yes", None, "no", "no"],
        "wrong": ["no", "no", "yes", "yes"],
    }
    dev = [item(i, label, **{m: answers[i] for m, answers in said.items()}) for i, label in enumerate(truth)]
    dev[0] = item(0, "yes", **{m: answers[0] for m, answers in said.items()}, seldom="yes")
    # F1 of yes: right 1; generous 2*2/(2*2+2) = 2/3; silent found 1 of 2: 2/3, after generous by name; wrong 0
    ranked = rank_teachers(TASK, dev)
    assert [one.model for one in ranked] == ["right", "generous", "silent", "wrong"], "seldom was asked about a quarter"
    assert [one.dev_f1 for one in ranked] == pytest.approx([1, 2 / 3, 2 / 3, 0])
    assert (pick(ranked, "best"), pick(ranked, "median"), pick(ranked, "wrong")) == ("right", "generous", "wrong")
    assert pick(ranked[:3], "median") == "generous"
    assert pick([Candidate("only", 0.5)], "median") == "only"
    with pytest.raises(UserError, match="silent"):
        pick(ranked, "silnt")


def test_the_paired_split_takes_only_texts_that_both_labelled():
    labels = ["no", "yes"]
    items = [item(i, labels[i % 2], m=labels[i % 2]) for i in range(200)]
    items += [item(i, "no") for i in range(200, 220)] + [item(i, None, m="no") for i in range(220, 230)]
    roles = assign_paired(items, np.random.default_rng(0))
    # two fifths of 200 judge, an eighth is dev
    assert roles.counts() == {"pool": 0, "demo": 95, "dev": 25, "test": 80, "left_out": 30}
    assert sum(one.label == "yes" for one in roles.test) == 40


def write_set(folder, n=60):
    folder.mkdir(parents=True)
    rows = [
        {"id": f"d{i}", "text": f"text {i}", "label": label, "llm": {"good": label, "bad": "no", "so-so": said}}
        for i, label, said in ((i, ["no", "yes"][i % 2], ["no", "yes"][i % 2 if i % 7 else 0]) for i in range(n))
    ]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    stats = {"task": "classification", "title": "Is it?", "files": {}, "pos": "yes"}
    (folder / "stats.json").write_text(json.dumps(stats), encoding="utf-8")


def study_of(folder, text=""):
    path = folder / "s.toml"
    path.write_text(
        '[study]\nname = "s"\ndata = "sets"\nteachers = ["best", "median"]\n[[tasks]]\nset = "one"\n'
        f'[[arms]]\nname = "human-8"\n{text}',
        encoding="utf-8",
    )
    return read_study(path)


def test_best_and_median_teacher_stand_on_the_same_split(tmp_path, tiny_bert):
    write_set(tmp_path / "sets" / "one")
    study = study_of(tmp_path, f'[settings]\n"embedding.model" = {json.dumps(str(tiny_bert))}\n')
    best, median = open_task(study, study.file.tasks[0], tmp_path / "work")
    assert [(taught.choice, taught.model) for taught in (best, median)] == [("best", "good"), ("median", "so-so")]
    projects = [taught.open({}) for taught in (best, median)]
    assert projects[0].ledger.roles == projects[1].ledger.roles
    assert not projects[0].pool
    assert projects[0].settings.codebook.positive == "yes"


def test_texts_without_a_human_label_are_taught_by_whom_the_file_names(tmp_path, tiny_bert):
    write_set(tmp_path / "sets" / "one")
    rows = [{"id": f"u{i}", "text": f"unread {i}", "llm": {"jury": "yes"}} for i in range(5)]
    path = tmp_path / "sets" / "one" / "llm_only_train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    study = study_of(tmp_path, f'[settings]\n"embedding.model" = {json.dumps(str(tiny_bert))}\n')
    task = study.file.tasks[0].model_copy(update={"pool_teacher": "jury"})
    best, _ = open_task(study, task, tmp_path / "work")
    assert sorted(document.id for document in best.open({}).pool) == ["u0", "u1", "u2", "u3", "u4"]
    with pytest.raises(UserError, match="`nobody` answered no text"):
        open_task(study, task.model_copy(update={"pool_teacher": "nobody"}), tmp_path / "work")


def test_missing_data_are_named(tmp_path):
    study = study_of(tmp_path)
    assert missing_tasks(study) == {"one": str((tmp_path / "sets").resolve() / "one")}
    with pytest.raises(UserError, match="the data of task `one` are missing"):
        open_task(study, study.file.tasks[0], tmp_path / "work")


def test_public_texts_are_not_copied_into_the_repository(tmp_path):
    from understudy.study.conversion import REPOSITORY

    write_set(tmp_path / "sets" / "one")
    study = study_of(tmp_path)
    with pytest.raises(UserError, match="inside the repository"):
        open_task(study, study.file.tasks[0], REPOSITORY / "work")


def test_the_distillation_study_is_well_formed(shared_data):
    from understudy.study.conversion import REPOSITORY

    study = read_study(REPOSITORY / "studies" / "distillation.toml", shared_data)
    assert len(study.file.tasks) == 14
    assert not missing_tasks(study)
