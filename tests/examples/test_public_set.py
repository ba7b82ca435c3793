"""The converter, on invented sets and, where they are, on every public one."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

from understudy.codebook import task_of
from understudy.corpus import read_documents, read_recorded
from understudy.errors import UserError
from understudy.records import Role, Span
from understudy.settings import read_settings
from understudy.study.public import definitions

REPOSITORY = Path(__file__).parents[2]
SHARED = Path(os.environ.get("UNDERSTUDY_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
SETS = sorted(path.parent for path in SHARED.glob("*/stats.json"))
TO_CONVERT = [path for path in SETS if path.name != "ner_noisebench_en"]  # tags without texts


def load_script():
    path = REPOSITORY / "examples" / "public_set.py"
    spec = importlib.util.spec_from_file_location("public_set", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["public_set"] = module
    spec.loader.exec_module(module)
    return module


public_set = load_script()
Options = public_set.Options


def make_set(folder, files, models=None, task="classification", pos=None, readme=""):
    """A set folder; `models` maps model -> accuracy on data.jsonl."""
    folder.mkdir()
    for name, rows in files.items():
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    figures = {name: {"models": {m: {"acc": a} for m, a in (models or {}).items()}} for name in files}
    stats = {"task": task, "title": "What is it?", "files": figures, "pos": pos}
    (folder / "stats.json").write_text(json.dumps(stats), encoding="utf-8")
    (folder / "README.md").write_text(readme, encoding="utf-8")
    return folder


def rows(n, prefix="d", labels=("no", "yes"), **llm):
    made = [{"id": f"{prefix}{i}", "text": f"{prefix} text {i}", "label": labels[i % len(labels)]} for i in range(n)]
    return [row | ({"llm": {m: give(row) for m, give in llm.items()}} if llm else {}) for row in made]


def right(row):
    return row["label"]


def read(folder):
    settings = read_settings(folder)
    task = task_of(settings.codebook)
    pool = list(read_documents([folder / name for name in settings.data.pool], settings.data, None))
    gold_files = [folder / name for name in settings.data.gold]
    gold = list(read_documents(gold_files, settings.data, task.read, task.check_in))
    return settings, pool, gold


def by_role(gold):
    return {role: [d for d in gold if d.role == role] for role in Role}


def test_texts_with_llm_labels_are_split_and_the_pool_hides_its_labels(tmp_path):
    source = make_set(tmp_path / "set", {"data.jsonl": rows(400, llm1=right)}, {"llm1": 0.9})
    public_set.convert(source, tmp_path / "project", Options())
    settings, pool, gold = read(tmp_path / "project")
    sizes = {role: len(documents) for role, documents in by_role(gold).items()}
    # 400 texts: two fifths test; 400 / 8 = 50 dev; of the remaining 190 nine tenths demo, one tenth pool
    assert sizes == {Role.TEST: 160, Role.DEV: 50, Role.DEMO: 171}
    assert len(pool) == 19
    lines = (tmp_path / "project" / "data" / "pool.jsonl").read_text(encoding="utf-8").splitlines()
    assert all("label" not in json.loads(line) for line in lines)
    assert (settings.teacher.kind, settings.teacher.model) == ("recorded", "llm1")
    assert sum(d.value == "yes" for d in by_role(gold)[Role.TEST]) == 80, "stratified"


def test_at_most_1000_of_many_texts_judge(tmp_path):
    source = make_set(tmp_path / "set", {"data.jsonl": rows(3000, llm1=right)}, {"llm1": 0.9})
    made = public_set.convert(source, tmp_path / "project", Options())
    assert made.roles.counts() == {"pool": 750, "demo": 1000, "dev": 250, "test": 1000, "left_out": 0}


def test_own_test_file_judges_and_a_larger_dev_stands_in_for_its_missing_answers(tmp_path):
    files = {"data.jsonl": rows(6000, llm1=right), "gold_test.jsonl": rows(30, "t")}
    made = public_set.convert(make_set(tmp_path / "set", files, {"llm1": 0.9}), tmp_path / "project", Options())
    assert {item.id for item in made.roles.test} == {f"t{i}" for i in range(30)}
    assert (len(made.roles.dev), made.answered("dev")) == (500, 500)
    assert any("teacher-direct" in line for line in made.lines())


def test_own_training_and_validation_files_become_demo_and_dev(tmp_path):
    files = {"data.jsonl": rows(80, llm1=right), "gold_train.jsonl": rows(1200, "t"), "gold_val.jsonl": rows(40, "v")}
    made = public_set.convert(make_set(tmp_path / "set", files, {"llm1": 0.9}), tmp_path / "project", Options())
    # 80 with answers: 40 test, 10 dev (the gate), 30 pool; 1000 of the training file, all 40 of the validation file
    assert made.roles.counts() == {"pool": 38, "demo": 1000, "dev": 50, "test": 32, "left_out": 200}
    assert {item.id[0] for item in made.roles.demo} == {"t"}
    assert made.answered("dev") == 10


def test_set_without_llm_labels_asks_the_built_in_teacher(tmp_path):
    files = {"train.jsonl": rows(2000, "r"), "test.jsonl": rows(50, "t"), "val.jsonl": rows(30, "v")}
    made = public_set.convert(make_set(tmp_path / "set", files), tmp_path / "project", Options())
    assert made.roles.counts() == {"pool": 1000, "demo": 1000, "dev": 30, "test": 50, "left_out": 0}
    assert read(tmp_path / "project")[0].teacher.kind == "nearest-definition"


def test_unreadable_answers_stay_null_and_unasked_texts_have_none(tmp_path):
    data = rows(8, labels=("a", "b"))
    answers = [None, ["a", None], ["b"], "a", [None, None], "b", "a"]
    for row, answer in zip(data, answers, strict=False):  # the eighth was never asked
        row["llm"] = {"m": answer}
    make_set(tmp_path / "set", {"data.jsonl": data}, {"m": 0.5})
    public_set.convert(tmp_path / "set", tmp_path / "project", Options())
    settings = read_settings(tmp_path / "project")
    files = [tmp_path / "project" / name for name in (*settings.data.pool, *settings.data.gold)]
    recorded = read_recorded(files, settings.data, settings.teacher.recorded_column)
    assert recorded["d0"] == (None,)
    assert recorded["d1"] == ("a", None)
    assert recorded["d3"] == ("a",)
    assert recorded["d4"] == (None, None)
    assert "d7" not in recorded


def test_most_accurate_teacher_unless_one_is_named(tmp_path):
    models = {"weak": 0.4, "strong": 0.8}
    source = make_set(tmp_path / "set", {"data.jsonl": rows(40, weak=lambda _: "no", strong=right)}, models)
    assert public_set.convert(source, tmp_path / "one", Options()).teacher == "strong"
    assert public_set.convert(source, tmp_path / "two", Options(teacher="weak")).teacher == "weak"
    with pytest.raises(UserError, match="Did you mean `strong`"):
        public_set.convert(source, tmp_path / "three", Options(teacher="strang"))


@pytest.mark.parametrize(
    ("labels", "declared", "positive"),
    [
        (("agree", "not_agree"), None, "agree"),
        (("not-hate", "hate"), None, "hate"),
        (("False", "True"), "True", "True"),
        (("dovish", "hawkish"), None, None),
        (("a", "b", "c"), "a", None),
    ],
)
def test_positive_label_is_declared_or_the_one_that_the_other_negates(tmp_path, labels, declared, positive):
    source = make_set(tmp_path / "set", {"data.jsonl": rows(60, labels=labels, m=right)}, {"m": 1.0}, pos=declared)
    public_set.convert(source, tmp_path / "project", Options())
    assert read_settings(tmp_path / "project").codebook.positive == positive


def test_texts_of_one_query_stay_on_one_side(tmp_path):
    data = rows(300, m=right)
    for i, row in enumerate(data):
        row["text"] = f"Query: what about {i // 3}?\nResponse: {i}"
    made = public_set.convert(make_set(tmp_path / "set", {"data.jsonl": data}, {"m": 1.0}), tmp_path / "p", Options())
    sides = [
        {item.text.split("\n")[0] for item in part} for part in (made.roles.pool, made.roles.demo, made.roles.test)
    ]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]
    assert made.roles.counts()["test"] == pytest.approx(120, abs=6)
    settings, _, gold = read(tmp_path / "p")
    assert settings.data.group == "group"
    assert len({d.group for d in gold}) == len({d.text.split("\n")[0] for d in gold})


def test_group_regex_must_match_every_text(tmp_path):
    source = make_set(tmp_path / "set", {"data.jsonl": rows(60, m=right)}, {"m": 1.0})
    with pytest.raises(UserError, match="50 of 60"):
        public_set.convert(source, tmp_path / "p", Options(group_regex=r"text (\d)\Z"))
    made = public_set.convert(source, tmp_path / "p", Options(group_regex=r"(\d)\Z"))
    assert len({item.group for item in made.roles.test}) == 4


def test_same_seed_gives_the_same_files_and_another_seed_other_ones(tmp_path):
    source = make_set(tmp_path / "set", {"data.jsonl": rows(100, m=right)}, {"m": 1.0})
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        public_set.convert(source, tmp_path / name, Options(seed=seed))
    a, b, c = [(tmp_path / name / "data" / "gold.jsonl").read_bytes() for name in "abc"]
    assert a == b != c


def test_definitions_come_from_the_readme_only(tmp_path):
    readme = (
        "- Note: label codes: 1a claiming centrality; 1b topic; 2a x (names after a model)\n"
        '- Note: prompt: "Which?\\nA: White Noise (a hum, like \\"hmm\\")\\nB: Other\\n\\nConstraint: one."'
    )
    assert definitions(readme, ["1a", "2a", "white_noise", "Other"]) == {
        "1a": "claiming centrality",
        "2a": "x",
        "white_noise": 'a hum, like "hmm"',
    }


def test_relations_keep_their_pair_or_become_texts_when_asked(tmp_path):
    row = {"id": "r", "tokens": ["Fog", "caused", "long", "delays"], "head": [0, 1], "tail": [2, 4]}
    labels = ["x", "Other"]
    files = {"data.jsonl": [row | {"id": f"r{i}", "label": labels[i % 2], "llm": {"m": "x"}} for i in range(40)]}
    source = make_set(tmp_path / "set", files, {"m": 0.5}, task="relation")
    public_set.convert(source, tmp_path / "pairs", Options())
    settings, pool, gold = read(tmp_path / "pairs")
    assert (settings.codebook.kind, settings.codebook.null) == ("relations", "Other")
    assert {document.text for document in (*pool, *gold)} == {"Fog caused long delays"}
    assert {document.tail for document in (*pool, *gold)} == {Span(11, 22, "", "long delays")}
    made = public_set.convert(source, tmp_path / "texts", Options(as_texts=True))
    assert made.roles.test[0].text == "[E1] Fog [/E1] caused [E2] long delays [/E2]"


def test_tags_become_spans_and_so_do_the_answers_of_a_model(tmp_path):
    tags = ["B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O"]
    said = [["I-PER", *"OOOOO"], None, ["O"] * 6]
    tokens = ["Ana", "Li", "left", "北", "京"]
    data = [{"id": f"n{i}", "tokens": [*tokens, str(i)], "tags": tags, "llm": {"m": said}} for i in range(40)]
    stats = {"task": "ner", "title": "Who?", "files": {"data.jsonl": {"models": {"m": {"f1": 0.5}}}}}
    source = make_set(tmp_path / "set", {"data.jsonl": data})
    (source / "stats.json").write_text(json.dumps(stats), encoding="utf-8")
    public_set.convert(source, tmp_path / "p", Options())
    settings, pool, gold = read(tmp_path / "p")
    assert (settings.codebook.kind, settings.codebook.names) == ("entities", ("LOC", "PER"))
    assert gold[0].text.startswith("Ana Li left北京")
    assert gold[0].value == (Span(0, 6, "PER", "Ana Li"), Span(11, 13, "LOC", "北京"))
    recorded = read_recorded([tmp_path / "p" / "data" / "pool.jsonl"], settings.data, "teacher")
    task = task_of(settings.codebook)
    answers = [None if answer is None else task.read(answer) for answer in recorded[pool[0].id]]
    assert answers == [(Span(0, 3, "PER", "Ana"),), None, ()]


def test_folder_that_must_not_be_written_is_refused(tmp_path):
    source = make_set(tmp_path / "set", {"data.jsonl": rows(40, m=right)}, {"m": 1.0})
    inside = REPOSITORY / "examples" / "copied_texts"
    with pytest.raises(UserError, match="inside the repository"):
        public_set.convert(source, inside, Options())
    assert not inside.exists()
    public_set.convert(source, tmp_path / "p", Options())
    with pytest.raises(UserError, match="already holds a project"):
        public_set.convert(source, tmp_path / "p", Options())


def test_command_line_prints_the_choices_and_fails_with_a_hint(tmp_path, capsys):
    source = make_set(tmp_path / "set", {"data.jsonl": rows(40, m=right)}, {"m": 1.0})
    assert public_set.main([str(source), str(tmp_path / "p"), "--kind", "encoder"]) == 0
    printed = capsys.readouterr().out
    assert "teacher: m (recorded)" in printed
    assert "test texts with label: no 8, yes 8" in printed
    assert read_settings(tmp_path / "p").student.kind == "encoder"
    assert public_set.main([str(tmp_path), str(tmp_path / "q")]) == 2
    assert "no set folder" in capsys.readouterr().err


@pytest.mark.skipif(not SETS, reason="the public data is not beside the repository (UNDERSTUDY_SHARED_DATA)")
@pytest.mark.parametrize("folder", TO_CONVERT, ids=lambda folder: folder.name)
def test_every_public_set_becomes_a_readable_project(folder, tmp_path):
    made = public_set.convert(folder, tmp_path / "p", Options())
    settings, pool, gold = read(tmp_path / "p")
    task = task_of(settings.codebook)
    roles = by_role(gold)
    assert pool
    assert all(document.value is not None for document in gold)
    assert min(len(roles[role]) for role in Role) >= 25
    n_rows = sum(path.read_bytes().count(b"\n") for path in folder.glob("*.jsonl"))
    assert sum(made.roles.counts().values()) == n_rows, "a text disappeared"
    files = [tmp_path / "p" / name for name in (*settings.data.pool, *settings.data.gold)]
    answers = read_recorded(files, settings.data, "teacher") if made.teacher else {}
    texts = {document.id: document for document in (*pool, *gold)}
    for identifier, several in answers.items():
        for answer in (answer for answer in several if answer is not None):
            task.check_in(task.read(answer), texts[identifier])
    if made.teacher:
        assert all(document.id in answers for document in pool)
        assert any(document.id in answers for document in roles[Role.DEV]), "the gate can judge nobody"
