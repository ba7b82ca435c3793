"""Case L-11: a model may prefer what it reads first; so the order of labels is seeded, and stands in the record."""

import json

import pytest
from fakellm import ok, serving
from invariants import check_invariants
from small_project import SmallProject

from understudy.journal import Journal
from understudy.pipeline.annotation import teach
from understudy.pipeline.prompting import label_orders

LABELS = ("pos", "neg", "cat", "dog", "red", "green")
N_TEXTS, N_REPLICATES = 4, 5


@pytest.fixture
def make(tmp_path):
    def project(name, **settings):
        small = SmallProject(tmp_path / name, tmp_path / "no encoder", labels=LABELS, values=LABELS, n_gold=60)
        small.settings |= {
            "prompt.demonstrations": '"none"', "teacher.replicate_by": '"label_order"',
            "teacher.replicates": str(N_REPLICATES), **settings,
        }  # fmt: skip
        return small

    return project


def order_in(body):
    return tuple(line[3:] for line in body["messages"][0]["content"].split("\n") if line.startswith("## "))


def first_one(call):
    """A model that always takes what it reads first."""
    return ok(order_in(call.body)[0])


def taught(small, fake):
    """The project and its annotations."""
    small.use_model(fake.url)
    project = small.open()
    asked = project.pool[:N_TEXTS]
    said = teach(project, asked)
    check_invariants(small.folder / "journal.sqlite", asked, said.values())
    return project, said


def test_l11_the_order_depends_on_the_seed_alone_and_every_text_is_asked_in_all_of_them(make):
    with serving(first_one) as fake:
        project, said = taught(make("one"), fake)
        orders = label_orders(project, N_REPLICATES)
        n_calls = len(fake.calls)
        assert n_calls == N_TEXTS * N_REPLICATES
        assert sorted(order_in(call.body) for call in fake.calls) == sorted(orders * N_TEXTS)
        _, again = taught(make("two", **{"teacher.concurrency": "1"}), fake)
        other_project, _ = taught(make("three", **{"project.seed": "7"}), fake)
    assert {order_in(call.body) for call in fake.calls[n_calls : 2 * n_calls]} == set(orders)
    assert {name: a.answers for name, a in again.items()} == {name: a.answers for name, a in said.items()}
    others = label_orders(other_project, N_REPLICATES)
    assert others[0] == orders[0] == LABELS
    assert set(others[1:]).isdisjoint(orders[1:])


def test_l11_the_order_behind_every_answer_stands_in_the_journal(make):
    small = make("one")
    with serving(first_one) as fake:
        project, said = taught(small, fake)
        orders = label_orders(project, N_REPLICATES)
        with Journal.open(small.folder / "journal.sqlite", read_only=True) as journal:
            sent = {key: json.loads(body) for key, body in journal._read("select key, body from requests")}
        for annotation in said.values():
            recorded = [order_in(sent[key]) for key in annotation.provenance.request_keys]
            assert recorded == list(orders)
            assert list(annotation.answers) == [order[0] for order in recorded]
            schema = sent[annotation.provenance.request_keys[1]]["response_format"]["json_schema"]["schema"]
            assert schema["properties"]["label"]["enum"][: len(LABELS)] == list(orders[1])


def test_l11_answers_in_other_orders_are_never_taken_for_these(make):
    small = make("one")
    with serving(first_one) as fake:
        _, said = taught(small, fake)
        n_calls = len(fake.calls)
        taught(small, fake)
        assert len(fake.calls) == n_calls, "the same orders were asked already"
        small.settings["project.seed"] = "7"
        _, other = taught(small, fake)
        new = fake.calls[n_calls:]
    assert len(new) == N_TEXTS * (N_REPLICATES - 1), "the first order is the codebook's, and is asked once"
    assert {a.provenance.prompt for a in said.values()}.isdisjoint(a.provenance.prompt for a in other.values())
