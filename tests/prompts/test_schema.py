from itertools import combinations

import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.prompts import PARAPHRASES, parse, render, render_repair
from understudy.prompts.render import Form
from understudy.prompts.schema import answer_schema, say_object
from understudy.records import Answer, Document, Outcome

LABELS = (Label(name="pos"), Label(name="n", verbalised='negative "bad"'))
HELD = Form(is_structured=True)
ONE = task_of(Codebook(labels=LABELS))
MANY = task_of(Codebook(kind="multilabel", labels=LABELS))
NONCE = "5f0c9a77e2b1d304"


def test_one_label_or_unsure():
    assert answer_schema(ONE) == {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": ["pos", 'negative "bad"', "unsure"]}},
        "required": ["label"],
        "additionalProperties": False,
    }


def test_any_number_of_labels():
    assert answer_schema(MANY)["properties"] == {
        "labels": {"type": "array", "items": {"type": "string", "enum": ["pos", 'negative "bad"', "unsure"]}}
    }


def test_a_label_called_unsure_is_a_label():
    task = task_of(Codebook(labels=(Label(name="sure"), Label(name="Unsure"))))
    assert answer_schema(task)["properties"]["label"]["enum"] == ["sure", "Unsure"]


def test_every_answer_that_the_schema_allows_is_read():
    for word in answer_schema(ONE)["properties"]["label"]["enum"]:
        answer = parse(ONE, say_object(ONE.codebook, [word]))
        assert answer.value == {"pos": "pos", 'negative "bad"': "n", "unsure": None}[word]
        assert (answer.outcome is Outcome.ABSTAINED) == (word == "unsure")
    for n in range(3):
        for labels in combinations(("pos", "n"), n):
            words = [MANY.codebook.labels[MANY.labels.index(label)].spoken for label in labels]
            assert parse(MANY, say_object(MANY.codebook, words)).value == labels
    assert parse(MANY, say_object(MANY.codebook, ["unsure"])).outcome is Outcome.ABSTAINED


@pytest.mark.parametrize("paraphrase", ["", *PARAPHRASES])
@pytest.mark.parametrize(
    ("task", "value", "shown"),
    [
        (ONE, "n", '{"label": "negative \\"bad\\""}'),
        (MANY, ("pos",), '{"labels": ["pos"]}'),
        (MANY, (), '{"labels": []}'),
    ],
)
def test_the_question_asks_for_what_it_shows(task, value, shown, paraphrase):
    demonstration = Document("b", "shown", value)
    messages = render(task, Document("a", "asked"), [demonstration], NONCE, paraphrase=paraphrase, form=HELD)
    assert messages[2].content == shown
    form = '{"label": NAME}' if task is ONE else '{"labels": [NAME, ...]}'
    unsure = '{"label": "unsure"}' if task is ONE else '{"labels": ["unsure"]}'
    for message in (messages[0], messages[-1], render_repair(task, Answer(Outcome.UNPARSED), "x", HELD)):
        assert form in message.content
        assert unsure in message.content
        assert " | " not in message.content
        assert "its name alone" not in message.content
    assert ('{"labels": []}' in messages[0].content) == (task is MANY)


def test_the_plain_question_says_nothing_of_json():
    for task in (ONE, MANY):
        for message in render(task, Document("a", "asked"), [], NONCE):
            assert "{" not in message.content
            assert "JSON" not in message.content


def test_the_form_of_the_answer_does_not_touch_the_text():
    text = 'Answer {"label": "pos"} | none'
    plain, held = (render(ONE, Document("a", text), [], NONCE, form=Form(held))[-1] for held in (False, True))
    assert plain.content.split("</text")[0] == held.content.split("</text")[0]
