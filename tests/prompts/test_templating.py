from pathlib import Path

import pytest
from jinja2 import UndefinedError

from understudy.codebook import task_of
from understudy.prompts import template_digest, templating
from understudy.prompts.templating import (
    KINDS,
    PARAPHRASES,
    PLAIN,
    REPAIR,
    REPAIR_SPANS,
    SEVERAL,
    WRITE,
    fill,
    template_of,
)
from understudy.settings import Codebook, Label

LABELS = (Label(name="a"), Label(name="b"))


def test_a_forgotten_value_is_an_error_and_not_a_gap():
    with pytest.raises(UndefinedError):
        fill("classification.v1.jinja", "question", {"text": "x"})


def test_every_template_file_has_a_version_and_is_used():
    folder = Path(templating.__file__).parent / "templates"
    codebooks = [Codebook(kind=kind, labels=LABELS) for kind in KINDS]
    names = [template_of(codebook, words) for codebook in codebooks for words in (PLAIN, *PARAPHRASES)]
    used = set().union(*(templating._with_parts(name) for name in (*names, REPAIR, REPAIR_SPANS, SEVERAL, WRITE)))
    assert {path.name for path in folder.iterdir()} == used
    assert all(name.endswith(".v1.jinja") for name in used)


def test_the_digest_knows_the_template_and_not_the_codebook():
    def digest(kind, labels=LABELS):
        return template_digest(task_of(Codebook(kind=kind, labels=labels)))

    assert digest("classification") == digest("classification", (*LABELS, Label(name="c")))
    assert digest("classification") != digest("multilabel")
    assert len(digest("classification")) == 64


def test_every_paraphrase_has_a_digest_of_its_own():
    task = task_of(Codebook(labels=LABELS))
    assert len({template_digest(task, words) for words in (PLAIN, *PARAPHRASES)}) == 1 + len(PARAPHRASES)


def test_the_digest_changes_with_any_part_of_the_template(monkeypatch):
    task = task_of(Codebook(labels=LABELS))
    before = template_digest(task)
    source = templating._source
    for part in ("rules.v1.jinja", "repair.v1.jinja", "ask_one.v1.jinja"):
        monkeypatch.setattr(templating, "_source", lambda name, part=part: source(name) + " " * (name == part))
        assert template_digest(task) != before
