import json

import pytest
from command_line import called
from fakellm import ok, serving
from small_project import SmallProject

from understudy.pipeline import canaries


@pytest.fixture
def small(tmp_path, tiny_bert):
    return SmallProject(tmp_path / "project", tiny_bert)


def test_disagreements_and_the_version_are_printed(small, capsys):
    with serving(lambda call: ok("pos")) as fake:
        small.use_model(fake.url)
        ended = called(capsys, "validate", small.folder, *small.arguments)
    assert "people `neg`, teacher `pos`: " in ended.out
    assert "gate: " in ended.out


def test_all_that_can_be_measured_beside_is_in_one_json_object(small, capsys, monkeypatch):
    texts, payloads = canaries._bundled()
    monkeypatch.setattr(canaries, "_bundled", lambda: (texts[:1], payloads[:2]))
    options = ["--json", "--canaries", "--prompts", "--replacement", "fake-2"]
    with serving(lambda call: ok("pos")) as fake:
        small.use_model(fake.url)
        ended = called(capsys, "validate", small.folder, *small.arguments, *options)
    found = json.loads(ended.out)
    assert [each["family"] for each in found["canaries"]["families"]] == ["override"]
    assert found["prompts"]["variants"][0]["name"] == "as it is"
    assert [each["name"] for each in found["replacement"]["variants"]] == ["fake-1", "fake-2"]
    assert found["versions"][0]["number"] == 1
    assert found["confusions"][0]["given"] == "pos"
    assert "`--canaries`: at most" in ended.err


def test_a_teacher_without_prompts_says_so(small, capsys):
    ended = called(capsys, "validate", small.folder, *small.arguments, "--prompts")
    assert ended.code == 2
    assert "reads no prompts" in ended.err
