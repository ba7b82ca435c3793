import re

import pytest
from command_line import called

from understudy.codebook import lint, task_of
from understudy.pipeline import Project
from understudy.settings import FILE_NAME, EstimateSettings, Settings, read_settings

KINDS = ["classification", "multilabel"]
SPAN_KINDS = ["entities", "relations"]


@pytest.mark.parametrize("kind", KINDS + SPAN_KINDS)
def test_new_project_passes_check_without_errors(kind, tmp_path, capsys):
    ended = called(capsys, "init", tmp_path / "new", "--kind", kind)
    assert ended.code == 0
    assert "understudy check" in ended.out
    remarks = Project.open(tmp_path / "new").check()
    assert {remark.level for remark in remarks} <= {"ok", "note", "warning"}
    assert lint(read_settings(tmp_path / "new").codebook) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_in_the_template_has_its_default_when_uncommented(kind, tmp_path, capsys):
    called(capsys, "init", tmp_path / "new", "--kind", kind)
    path = tmp_path / "new" / FILE_NAME
    as_written = read_settings(tmp_path / "new")
    lines = path.read_text(encoding="utf-8").split("\n")
    settings = [line for line in lines if re.match(r"# (\w+ = \S|\[\[)", line)]
    path.write_text(
        "\n".join(line.removeprefix("# ") if line in settings else line for line in lines), encoding="utf-8"
    )
    assert len(settings) > 50
    assert read_settings(tmp_path / "new") == as_written.model_copy(update={"estimates": (EstimateSettings(),)})
    assert as_written.model_copy(update={"project": Settings().project, "codebook": Settings().codebook}) == Settings()
    task_of(as_written.codebook)


def test_samples_of_spans_are_read_as_they_are_marked(tmp_path, capsys):
    for kind in SPAN_KINDS:
        called(capsys, "init", tmp_path / kind, "--kind", kind)
    entities, relations = (Project.open(tmp_path / kind) for kind in SPAN_KINDS)
    assert [(span.label, span.text) for span in entities.gold[0].value] == [
        ("person", "Mara Lund"),
        ("company", "Tern Bakery"),
    ]
    assert entities.gold[1].value == ()
    assert (relations.gold[4].head.text, relations.gold[4].tail.text) == ("Ann Pell", "Pell & Sons")
    assert relations.settings.codebook.null == "no_relation"
    assert all(document.head and document.tail for document in relations.pool)
    assert len(entities.pool) == len(relations.pool) == 10


def test_every_setting_stands_in_the_template(tmp_path, capsys):
    called(capsys, "init", tmp_path / "new")
    text = (tmp_path / "new" / FILE_NAME).read_text(encoding="utf-8")
    for name in (*_names(Settings()), *EstimateSettings.model_fields):
        assert re.search(rf"^(# )?({name} =|\[\[{name}\]\])", text, re.MULTILINE), name


def _names(table):
    for name in type(table).model_fields:
        value = getattr(table, name)
        if isinstance(value, type(table).__mro__[1]):
            yield from _names(value)
        elif name != "labels":
            yield name


def test_nothing_is_overwritten(tmp_path, capsys):
    called(capsys, "init", tmp_path / "new")
    (tmp_path / "new" / FILE_NAME).write_text("mine", encoding="utf-8")
    assert called(capsys, "init", tmp_path / "new").code == 2
    assert (tmp_path / "new" / FILE_NAME).read_text(encoding="utf-8") == "mine"


def test_data_that_is_there_already_is_not_overwritten(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "gold.csv").write_text("my labels", encoding="utf-8")
    called(capsys, "init", tmp_path)
    assert (tmp_path / "data" / "gold.csv").read_text(encoding="utf-8") == "my labels"
