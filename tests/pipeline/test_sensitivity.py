import re

import pytest
from fakellm import ok, serving
from small_project import SmallProject

from understudy.errors import UserError
from understudy.pipeline.probing import gold_slice
from understudy.pipeline.sensitivity import n_prompts, replace_model, vary_prompts
from understudy.records import Role


@pytest.fixture
def small(tmp_path, tiny_bert):
    return SmallProject(tmp_path / "project", tiny_bert)


def by_words(call):
    """Right about every text in the usual words; always `neg` where the system message is the brief one."""
    is_brief = call.body["messages"][0]["content"].startswith("Assign one label")
    return ok("neg" if is_brief or re.search(r"\b(bad|awful|poor|nasty)\b", call.question) else "pos")


def test_a_wording_that_changes_answers_shows_in_agreement_and_f1(small):
    with serving(by_words) as fake:
        small.use_model(fake.url)
        project = small.open()
        found = vary_prompts(project, 10)
        # as it is, three paraphrases, and the one other order that two labels have
        assert len(fake.calls) == 10 * 5 == n_prompts(project) * 10 // len(project.gold_of(Role.DEV))
        again = vary_prompts(small.open(), 10)
        assert len(fake.calls) == 50
    assert again.to_json() == found.to_json()
    usual, brief, *others = found.variants
    documents = gold_slice(project, 10)
    n_neg = sum(d.value == "neg" for d in documents)
    assert (usual.f1, usual.comparison) == (1.0, None)
    assert brief.agreement == n_neg / 10
    # always `neg`: F1 of neg is 2 n / (n + 10), of pos 0; macro is the mean
    assert brief.f1 == pytest.approx(n_neg / (n_neg + 10))
    assert brief.comparison.difference == pytest.approx(brief.f1 - 1)
    assert [(each.agreement, each.f1) for each in others] == [(1.0, 1.0)] * 3
    assert others[-1].order == ("neg", "pos")
    assert {project.ledger.role_of(d.id) for d in documents} == {Role.DEV}


def test_a_retired_model_is_replaced_on_what_it_said_once(small):
    with serving(by_words) as fake:
        small.use_model(fake.url)
        project = small.open()
        project.validate()
        n = len(fake.calls)
        fake.script = lambda call: ok("pos")
        found = replace_model(project, "fake-2")
        assert {call.body["model"] for call in fake.calls[n:]} == {"fake-2"}
        assert len(fake.calls) == 2 * n
    old, new = found.variants
    assert (old.name, new.name) == ("fake-1", "fake-2")
    assert old.f1 == 1.0
    assert new.comparison.better == "fake-1"


def test_who_reads_no_prompts_is_not_asked_in_other_words(small):
    with pytest.raises(UserError, match="reads no prompts"):
        vary_prompts(small.open())
    with pytest.raises(UserError, match="no model"):
        replace_model(small.open(), "x")


def test_a_model_does_not_replace_itself(small):
    small.use_model("http://127.0.0.1:9/v1")
    with pytest.raises(UserError, match="in use"):
        replace_model(small.open(), "fake-1")
