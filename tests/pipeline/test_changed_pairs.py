"""An answer belongs to a text with its head and tail: a changed pair is another question, and training is about it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from fakellm import ok, serving

from understudy import Project
from understudy.corpus import document_digest, text_digest
from understudy.pipeline.annotation import is_about, stored_annotations
from understudy.pipeline.arms import plan_arms
from understudy.pipeline.kept import fingerprint
from understudy.records import Annotation, Document, Outcome, Provenance, Span

TOML = """
[codebook]
kind = "relations"
[[codebook.labels]]
name = "owns"
definition = "The head owns the tail."
[[codebook.labels]]
name = "sees"
definition = "The head sees the tail."
[data]
pool = ["pool.jsonl"]
gold = ["gold.jsonl"]
head = "head"
tail = "tail"
[teacher]
kind = "openai"
model = "fake-1"
"""
BOB, DOG, CAT = (0, 3), (10, 13), (18, 21)
TEXT = "Bob has a dog and cat"


def row(identifier, text, head, tail, **label):
    places = {name: {"start": place[0], "end": place[1]} for name, place in (("head", head), ("tail", tail))}
    return json.dumps({"id": identifier, "text": text} | places | label) + "\n"


@pytest.mark.parametrize(("head", "tail"), [(DOG, BOB), (BOB, CAT), (CAT, DOG)])
def test_another_pair_of_the_same_text_is_asked_about_and_trained_on_anew(tmp_path, head, tail):
    (tmp_path / "understudy.toml").write_text(TOML, encoding="utf-8")
    gold = [row(f"g{i}", f"Ann {i} has a cat", (0, 3), (12, 15), label=("owns", "sees")[i % 2]) for i in range(10)]
    (tmp_path / "gold.jsonl").write_text("".join(gold), encoding="utf-8")
    with serving(lambda call: ok("owns" if len(fake.calls) % 2 else "sees")) as fake:

        def opened(*pair):
            (tmp_path / "pool.jsonl").write_text(row("p", TEXT, *pair), encoding="utf-8")
            project = Project.open(tmp_path, {"teacher.base_url": fake.url, "gate.min_f1": "0"})
            known = stored_annotations(project)
            before = len(fake.calls)
            project.annotate()
            return "p" in known, len(fake.calls) - before, fingerprint(project, list(plan_arms(project))[-1])

        first = opened(BOB, DOG)
        assert first[1] > 0
        assert opened(BOB, DOG) == (True, 0, first[2])
        was_known, n_calls, trained_on = opened(head, tail)
        assert (was_known, n_calls) == (False, 1)
        assert trained_on != first[2]


def test_the_digest_of_a_text_alone_is_that_of_its_bytes():
    head, tail = Span(0, 3, "", "Bob"), Span(10, 13, "", "dog")
    alone = Document("p", TEXT)
    assert document_digest(alone) == text_digest(TEXT)
    different = [alone, replace(alone, head=head, tail=tail), replace(alone, head=tail, tail=head)]
    different += [replace(alone, head=replace(head, label="person"), tail=tail), Document("p", TEXT + ".")]
    assert len({document_digest(document) for document in different}) == len(different)
    said = Annotation("p", document_digest(different[1]), Outcome.LABELLED, "owns", Provenance("a"))
    assert [is_about(said, document) for document in different] == [False, True, False, False, False]
