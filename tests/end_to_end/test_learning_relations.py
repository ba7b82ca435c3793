"""The learning loop on relations, from the seed set to the report, and what it leaves for people."""

import csv
import json

import pytest
from small_project import KNOWN_BY

from understudy import Project
from understudy.journal import Journal

TOML = """
[codebook]
kind = "relations"
instructions = "How does the head stand to the tail?"
null = "neither"
[[codebook.labels]]
name = "likes"
[[codebook.labels]]
name = "hates"
[[codebook.labels]]
name = "neither"
[data]
pool = ["pool.jsonl"]
gold = ["gold.jsonl"]
head = "head"
tail = "tail"
[teacher]
kind = "recorded"
model = "gpt-0"
[learn]
enabled = true
first = 12
batch = 8
labels = 36
stop = []
test_every = 9
for_people = 4
[student]
seeds = 2
[student.linear]
folds = 2
c = [10.0]
[arms]
human = [12]
[gate]
min_f1 = 0.1
"""
WORDS = {"likes": KNOWN_BY["pos"].split(), "hates": KNOWN_BY["neg"].split(), "neither": ["it"]}


def row(number, *, is_gold):
    label = ("likes", "hates", "neither")[number % 3]
    head, tail = f"cat {number}", "dog"
    text = f"the {head} was {WORDS[label][number % len(WORDS[label])]} film {tail}"
    at = text.index(tail)
    said = ("likes", "hates", "neither")[(number + (number % 7 == 0)) % 3]
    marks = {"head": {"start": 4, "end": 4 + len(head)}, "tail": {"start": at, "end": at + len(tail)}}
    return (
        {"id": f"{'g' if is_gold else 'p'}{number}", "text": text, "teacher": said}
        | marks
        | ({"label": label} if is_gold else {})
    )


@pytest.fixture
def project(tmp_path, tiny_bert):
    (tmp_path / "understudy.toml").write_text(
        TOML + f"[embedding]\nmodel = {json.dumps(str(tiny_bert))}\n", encoding="utf-8"
    )
    for name, rows in (
        ("gold", [row(i, is_gold=True) for i in range(90)]),
        ("pool", [row(i, is_gold=False) for i in range(1000, 1080)]),
    ):
        lines = "".join(json.dumps(one) + "\n" for one in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path


def chosen_in(folder, loop):
    with Journal.open(folder / "journal.sqlite", read_only=True) as journal:
        return [one.document_id for chosen in journal.rounds(loop) for one in chosen.selections]


def test_relations_are_learned_in_rounds_and_compared_with_a_draw_by_lot(project):
    result = Project.open(project, {"learn.strategy": "entropy"}).run()
    names = {arm.name for arm in result.data.arms}
    assert {"active-36", "random-36", "teacher-direct", "human-12"} <= names
    rounds = result.data.learning.rounds
    assert [one.n_asked for one in rounds] == [12, 20, 28, 36]
    assert [one.strategy for one in rounds] == ["random", "entropy", "entropy", "entropy"]
    chosen = chosen_in(project, Project.open(project, {"learn.strategy": "entropy"}).loop)
    assert len(set(chosen)) == 36
    by_name = {arm.name: arm for arm in result.data.arms}
    assert by_name["active-36"].scores.headline.f1 > 0.5, "the words say which relation it is"


@pytest.mark.parametrize("strategy", ["disagreement", "badge", "cal"])
def test_strategies_choose_pairs(project, strategy):
    learned = Project.open(project, {"learn.strategy": strategy, "learn.labels": "20"}).learn()
    assert [one.strategy for one in learned.rounds] == ["random", strategy]
    assert learned.rounds[-1].n_labels == 20


def test_pairs_that_people_have_labelled_become_gold(project):
    Project.open(project).learn()
    path = project / "for_people.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    for one in rows:
        one["label"] = "likes"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    pool = {document.id: document for document in Project.open(project).candidates}
    opened = Project.open(project, {"data.gold": '["gold.jsonl", "for_people.csv"]'})
    added = [document for document in opened.gold if document.id in {one["id"] for one in rows}]
    assert [(d.value, d.head, d.tail) for d in added] == [("likes", pool[d.id].head, pool[d.id].tail) for d in added]
    assert len(added) == 4
    assert not {d.id for d in added} & {d.id for d in opened.candidates}
