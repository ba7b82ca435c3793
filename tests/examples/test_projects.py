"""The example projects can be read as they stand: settings, codebook, data, roles."""

from pathlib import Path

import pytest

from understudy.codebook import lint, task_of
from understudy.corpus import read_documents, same_text_key, split_gold
from understudy.records import Role
from understudy.settings import read_settings

EXAMPLES = Path(__file__).parents[2] / "examples"
PROJECTS = sorted(path.parent for path in EXAMPLES.glob("*/understudy.toml"))


def read(folder):
    settings = read_settings(folder)
    task = task_of(settings.codebook)
    pool = list(read_documents([folder / name for name in settings.data.pool], settings.data, None))
    gold = list(read_documents([folder / name for name in settings.data.gold], settings.data, task.read))
    return settings, task, pool, gold


def test_there_is_one_example_of_each_kind():
    assert [read_settings(folder).codebook.kind for folder in PROJECTS] == ["multilabel", "classification"]


@pytest.mark.parametrize("folder", PROJECTS, ids=lambda folder: folder.name)
def test_codebook_has_nothing_to_remark(folder):
    assert lint(read_settings(folder).codebook) == []


@pytest.mark.parametrize("folder", PROJECTS, ids=lambda folder: folder.name)
def test_every_text_stands_once_and_every_gold_text_has_a_label(folder):
    _, task, pool, gold = read(folder)
    keys = [same_text_key(document.text) for document in (*pool, *gold)]
    assert len(set(keys)) == len(keys)
    assert 30 <= len(keys) <= 60
    assert all(document.value is not None for document in gold)
    assert task.encode([document.value for document in gold]).sum(axis=0).min() >= 8


@pytest.mark.parametrize("folder", PROJECTS, ids=lambda folder: folder.name)
def test_gold_is_enough_for_the_roles_that_the_settings_ask_for(folder):
    settings, task, _, gold = read(folder)
    ledger = split_gold(gold, settings.gold, settings.project.seed, {})
    assert len(ledger.documents(Role.DEMO)) == pytest.approx(settings.gold.demo, abs=1)
    test = ledger.documents(Role.TEST)
    assert len(test) >= 12
    assert task.encode([document.value for document in test]).any(axis=0).all()


def test_multilabel_example_has_texts_without_any_label():
    _, _, _, gold = read(EXAMPLES / "course_feedback")
    assert sum(document.value == () for document in gold) >= 3


def test_commented_llm_settings_are_settings(tmp_path):
    lines = (EXAMPLES / "urgent_repairs" / "understudy.toml").read_text(encoding="utf-8").split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith("# An LLM behind"))
    end = next(i for i, line in enumerate(lines) if line == "[gate]")
    commented = [line.removeprefix("# ") for line in lines[start + 1 : end]]
    kept = [line for line in lines[:start] if not line.startswith('kind = "nearest-definition"')]
    (tmp_path / "understudy.toml").write_text("\n".join([*kept, *commented, *lines[end:]]), encoding="utf-8")
    teacher = read_settings(tmp_path).teacher
    assert (teacher.kind, teacher.replicates, teacher.budget_usd) == ("openai", 3, 2.0)
