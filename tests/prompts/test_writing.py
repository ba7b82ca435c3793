"""Texts that a model writes: what is asked, and what of the answers survives the rules of the task."""

import json

import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.prompts.writing import (
    AGAINST_RULES,
    AMBIGUOUS,
    NO_TEXT,
    NOT_JSON,
    NOT_THERE,
    UNKNOWN_LABEL,
    ask_to_write,
    read_written,
    writing_digest,
)
from understudy.records import Document, Span

LABELS = (Label(name="per", verbalised="person"), Label(name="loc", verbalised="place"))
TASKS = {
    kind: task_of(
        Codebook(kind=kind, labels=LABELS, instructions="Say it.", null="loc" if kind == "relations" else None)
    )
    for kind in ("classification", "multilabel", "entities", "relations")
}


def lines(*objects):
    return "\n".join(each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in objects)


@pytest.mark.parametrize(
    ("kind", "line", "value"),
    [
        ("classification", {"text": "Ann left.", "label": "Person"}, "per"),
        ("multilabel", {"text": "Ann left.", "labels": ["place", "person"]}, ("per", "loc")),
        ("multilabel", {"text": "Ann left.", "labels": []}, ()),
        ("entities", {"text": "王小明到北京", "entities": [{"name": "北京", "type": "place"}]},
         (Span(4, 6, "loc", "北京"),)),
        ("entities", {"text": "Nobody.", "entities": []}, ()),
        ("relations", {"text": "Ann left Rome.", "subject": "Ann", "object": "Rome", "relation": "person"}, "per"),
    ],
)  # fmt: skip
def test_every_kind_is_read(kind, line, value):
    (document,) = read_written(TASKS[kind], lines("```json", line, "```")).documents
    assert document.value == value
    assert document.text == line["text"]
    if kind == "relations":
        assert (document.head, document.tail) == (Span(0, 3, "", "Ann"), Span(9, 13, "", "Rome"))


@pytest.mark.parametrize(
    ("kind", "line", "reason"),
    [
        ("classification", "1. Ann left.", NOT_JSON),
        ("classification", '["a"]', NOT_JSON),
        ("classification", '{"text": "Ann', NOT_JSON),
        ("classification", {"label": "person"}, NO_TEXT),
        ("classification", {"text": " \u200b", "label": "person"}, NO_TEXT),
        ("classification", {"text": "Ann", "label": "animal"}, UNKNOWN_LABEL),
        ("classification", {"text": "Ann", "label": ["person"]}, UNKNOWN_LABEL),
        ("multilabel", {"text": "Ann", "labels": "person"}, UNKNOWN_LABEL),
        ("entities", {"text": "Ann", "entities": [{"name": "Bob", "type": "person"}]}, NOT_THERE),
        ("entities", {"text": "Ann", "entities": [{"name": "", "type": "person"}]}, NOT_THERE),
        ("entities", {"text": "Ann", "entities": [{"name": 3, "type": "person"}]}, NOT_THERE),
        ("entities", {"text": "Ann", "entities": None}, NOT_THERE),
        ("entities", {"text": "May in May", "entities": [{"name": "May", "type": "person"}]}, AMBIGUOUS),
        ("entities", {"text": "Ann Lee", "entities": [{"name": "Ann Lee", "type": "person"},
                                                      {"name": "Lee", "type": "place"}]}, AGAINST_RULES),
        ("relations", {"text": "Ann left Rome.", "subject": "Ann", "object": "Rome", "relation": "hates"},
         UNKNOWN_LABEL),
        ("relations", {"text": "Ann left Rome.", "subject": "Bob", "object": "Rome", "relation": "person"}, NOT_THERE),
    ],
)  # fmt: skip
def test_lines_that_break_the_rules_are_dropped_and_counted(kind, line, reason):
    good = {"classification": {"text": "x", "label": "person"}, "multilabel": {"text": "x", "labels": []},
            "entities": {"text": "x", "entities": []},
            "relations": {"text": "x y", "subject": "x", "object": "y", "relation": "place"}}[kind]  # fmt: skip
    written = read_written(TASKS[kind], lines(line, good))
    assert written.dropped == {reason: 1}
    assert [document.text for document in written.documents] == [good["text"]]


def test_examples_are_shown_in_the_form_that_is_read():
    documents = [
        Document("1", "Ann left.", (Span(0, 3, "per", "Ann"),)),
        Document("2", "Nobody.", ()),
    ]
    task = TASKS["entities"]
    system, question = ask_to_write(task, 5, documents)
    assert "person" in system.content
    assert "Write 5 more" in question.content
    shown = [line for line in question.content.splitlines() if line.startswith("{")]
    read = read_written(task, "\n".join(shown)).documents
    assert [(each.text, each.value) for each in read] == [(each.text, each.value) for each in documents]


@pytest.mark.parametrize("kind", TASKS)
def test_without_examples_nothing_of_gold_is_sent(kind):
    _, question = ask_to_write(TASKS[kind], 10)
    assert "xample" not in question.content
    assert "Write 10 of them" in question.content


def test_an_example_without_label_is_refused():
    with pytest.raises(ValueError, match="no human label"):
        ask_to_write(TASKS["classification"], 5, [Document("1", "x")])


def test_the_templates_have_a_digest():
    assert len(writing_digest()) == 64
