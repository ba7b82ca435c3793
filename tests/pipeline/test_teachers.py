import json

import pytest
from fakellm import ok, raw, serving, status
from fakevendors import generated, says
from small_project import SmallProject

from understudy.errors import UserError
from understudy.records import Outcome

NO_SCHEMAS = status(400, json.dumps({"error": {"message": "response_format is not supported"}}))


class Ear:
    """Hears what a project says."""

    def __init__(self):
        self.heard = []

    def say(self, message):
        self.heard.append(message)

    def progress(self, what, done, total, detail=""):
        pass


@pytest.fixture
def project(tmp_path, tiny_bert, monkeypatch):
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, f"{name.lower()}-canary")
    return SmallProject(tmp_path, tiny_bert, n_pool=4)


def annotate(project, script, kind, ear=None, **settings):
    with serving(script) as fake:
        project.use_model(fake.url)
        project.settings |= {"teacher.kind": kind} | {f"teacher.{k}": v for k, v in settings.items()}
        return project.open(ear).annotate(), fake


@pytest.mark.parametrize(
    ("kind", "answer", "header", "key", "schema_at"),
    [
        ("openai", ok('{"label": "pos"}'), "authorization", "bearer openai_api_key-canary", "response_format"),
        ("anthropic", says('{"label": "pos"}'), "x-api-key", "anthropic_api_key-canary", "output_config"),
        ("gemini", raw(generated('{"label": "pos"}')), "x-goog-api-key", "gemini_api_key-canary", "generationConfig"),
    ],
)
def test_each_kind_speaks_its_protocol_with_its_vendors_key(project, kind, answer, header, key, schema_at):
    summary, fake = annotate(project, lambda call: answer, kind)
    assert set(summary.outcomes) == {Outcome.LABELLED}
    assert summary.cost_usd > 0
    assert all(call.headers[header] == key for call in fake.calls)
    assert '"enum": ["pos", "neg", "unsure"]' in json.dumps(fake.calls[0].body[schema_at])


def test_endpoint_without_schemas_is_named_once(project):
    ear = Ear()
    summary, fake = annotate(project, lambda c: NO_SCHEMAS if "response_format" in c.body else ok("neg"), "openai", ear)
    assert set(summary.outcomes) == {Outcome.LABELLED}
    assert fake.n_billed == sum(summary.outcomes.values())
    (said,) = [line for line in ear.heard if "schema" in line]
    assert "response_format is not supported" in said


def test_no_schema_where_none_is_wanted(project):
    _, fake = annotate(project, lambda call: ok("neg"), "openai", structured="off")
    assert not any("response_format" in call.body for call in fake.calls)


def test_anthropics_cache_keeps_what_all_texts_share(project):
    project.settings |= {"prompt.demonstrations": "fixed", "prompt.k": "2"}
    _, fake = annotate(project, lambda call: says("pos"), "anthropic")
    for call in fake.calls:
        blocks = [*call.body["system"], *(block for turn in call.body["messages"] for block in turn["content"])]
        assert [n for n, block in enumerate(blocks) if "cache_control" in block] == [0, 4]
        assert len(blocks) == 6


def test_log_probabilities_that_nobody_gives_are_refused_before_anything_is_asked(project):
    with pytest.raises(UserError, match="log-probabilities"):
        annotate(project, lambda call: says("pos"), "anthropic", logprobs="true")
