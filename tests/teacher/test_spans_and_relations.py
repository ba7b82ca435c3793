"""Teachers of spans and relations: a scripted server, recorded answers, and those without a key."""

import json
import re

import numpy as np
import pytest
from fakellm import ok, serving

from understudy.codebook import Codebook, Label, task_of
from understudy.errors import UserError
from understudy.journal import Journal
from understudy.prompts import Wording
from understudy.records import Document, Outcome, Span
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import (
    LanguageModelTeacher,
    NearestDefinitionTeacher,
    OpenAICompatible,
    PromptPlan,
    RecordedTeacher,
)
from understudy.teacher.lexicon import LexiconTeacher

SPANS = task_of(Codebook(kind="entities", labels=(Label(name="PER"), Label(name="LOC"))))
KIN = task_of(
    Codebook(kind="relations", null="none of these", labels=(Label(name="parent"), Label(name="none of these")))
)


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        yield journal


def asked(url, journal, task, documents, *, demonstrations=(), span_format="tags", is_structured=False):
    settings = TeacherSettings(kind="openai", model="m", concurrency=1, max_attempts=1)
    wording = Wording(is_structured=is_structured, span_format=span_format)
    plan = PromptPlan("5f0c9a77e2b1d304", lambda some: [demonstrations] * len(some), wording=wording)
    provider = OpenAICompatible(url, "m")
    teacher = LanguageModelTeacher(task, provider, journal, plan, settings, DataSettings(), np.random.default_rng(0))
    return {annotation.document_id: annotation for annotation in teacher.annotate(documents)}


def text_in(call):
    return re.search(r"<text \w+>\n(.*)\n</text \w+>", call.question, re.DOTALL)[1]


def tagged(call):
    """Tags Anna rightly, is at a loss with `?`, says `none` of `nothing`, and echoes all else without tags."""
    text = text_in(call)
    if "?" in text:
        return ok("unsure")
    return ok(
        "none" if "nothing" in text else text.replace("Anna", "<PER>Anna</PER>").replace("Rome", "<LOC>Rom</LOC>")
    )


def test_tags_come_back_as_spans_of_the_stored_text(journal):
    documents = [
        Document("two", "Anna\r\nmet Anna\x00"),
        Document("nothing", "nothing here"),
        Document("unsure", "Anna?"),
        Document("echo", "a plain text"),
        Document(
            "changed", "Anna flew from the old town of Berlin by way of Paris to the even older town of Rome, she said"
        ),
    ]
    with serving(tagged) as fake:
        said = asked(
            fake.url, journal, SPANS, documents, demonstrations=(Document("d", "Bo", (Span(0, 2, "PER", "Bo"),)),)
        )
    assert said["two"].value == (Span(0, 4, "PER", "Anna"), Span(10, 14, "PER", "Anna"))
    assert (said["nothing"].outcome, said["nothing"].value) == (Outcome.LABELLED, ())
    assert said["unsure"].outcome is Outcome.ABSTAINED
    assert said["echo"].outcome is Outcome.UNPARSED
    assert said["changed"].value == (Span(0, 4, "PER", "Anna"),)
    assert [span.text for span in said["changed"].uncertain] == ["Rome"]
    assert "1 of 2 spans left out (1 quoted with a change)" in said["changed"].reason
    assert len(fake.calls) == len(documents) + 1  # the echo was asked once more
    assert fake.calls[0].body["messages"][2]["content"] == "<PER>Bo</PER>"
    assert "response_format" not in fake.calls[0].body


def test_uncertain_spans_are_kept_in_the_journal(journal):
    text = "Anna flew from the old town of Berlin by way of Paris to the even older town of Rome, she said"
    with serving(tagged) as fake:
        said = asked(fake.url, journal, SPANS, [Document("a", text)])["a"]
    journal.add_annotations([said], SPANS.to_json).result()
    assert journal.annotations(said.provenance.teacher, "", "", SPANS.from_json)["a"] == said


def test_json_is_held_to_a_schema(journal):
    answer = {"entities": [{"text": "Anna", "type": "PER", "occurrence": 2}], "unsure": False}
    with serving(lambda call: ok(json.dumps(answer))) as fake:
        said = asked(fake.url, journal, SPANS, [Document("a", "Anna, Anna")], span_format="json", is_structured=True)
    assert said["a"].value == (Span(6, 10, "PER", "Anna"),)
    schema = fake.calls[0].body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["entities"]["items"]["properties"]["type"]["enum"] == ["PER", "LOC"]


def pair(name, text, head, tail, value=None):
    def span(quote):
        return Span(text.index(quote), text.index(quote) + len(quote), "", quote)

    return Document(name, text, value, head=span(head), tail=span(tail))


def test_a_relation_is_asked_with_marks_and_answered_with_a_label(journal):
    def script(call):
        return ok("parent" if re.search(r"\[E1\]Anna\[/E1\].*\[E2\]", text_in(call)) else "none of these")

    documents = [pair("a", "Anna is Bo's mother", "Anna", "Bo"), pair("b", "Anna is Bo's mother", "Bo", "Anna")]
    demonstration = pair("d", "Cy, son of Di", "Di", "Cy", "parent")
    with serving(script) as fake:
        said = asked(fake.url, journal, KIN, documents, demonstrations=(demonstration,))
    assert {name: annotation.value for name, annotation in said.items()} == {"a": "parent", "b": "none of these"}
    turns = [message["content"] for message in fake.calls[0].body["messages"]]
    assert "[E2]Cy[/E2], son of [E1]Di[/E1]" in turns[1]
    assert turns[2] == "parent"


def test_recorded_spans_must_quote_their_text():
    right, wrong = ([{"start": 0, "end": 4, "label": "PER", "text": quote}] for quote in ("Anna", "Bobo"))
    answers = {"a": [json.dumps(right)], "b": [json.dumps(wrong)], "c": ["[]"]}
    documents = [Document(name, "Anna left") for name in "abcd"]
    said = [(a.outcome, a.value) for a in RecordedTeacher(SPANS, "r", answers).annotate(documents)]
    assert said == [
        (Outcome.LABELLED, (Span(0, 4, "PER", "Anna"),)),
        (Outcome.UNPARSED, None),
        (Outcome.LABELLED, ()),
        (Outcome.SKIPPED, None),
    ]


def likeness(texts):
    """Unit rows: whether a text is about a river, or not."""
    return np.array([[1.0, 0.0] if "river" in text else [0.0, 1.0] for text in texts])


def demo(name, text, *marked):
    found = [(match.span(), quote, label) for quote, label in marked for match in re.finditer(quote, text)]
    return Document(name, text, SPANS.check(tuple(Span(*place, label, quote) for place, quote, label in found)))


DEMO = (
    demo("1", "Jordan is a river", ("Jordan", "LOC")),
    demo("2", "Jordan plays", ("Jordan", "PER")),
    demo("3", "New York wins", ("New York", "LOC")),
    demo("4", "York wins, York", ("York", "PER")),
    demo("5", "a river called may", ("may", "LOC")),
    demo("6", "it may rain, it may not"),
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("the river Jordan", [("LOC", "Jordan")]),
        ("Jordan said so", [("PER", "Jordan")]),
        ("New York or York", [("LOC", "New York"), ("PER", "York")]),
        ("Jordanian Yorkshire", []),
        ("it may be", []),  # two mentions without a mark outweigh the marked one
        ("Jordan is a river", [("PER", "Jordan")]),  # the demonstration with the same text does not count
        ("unknown words", []),
    ],
)
def test_the_lexicon_marks_what_people_have_marked_in_texts_alike(text, wanted):
    (said,) = LexiconTeacher(SPANS, "built in", likeness, DEMO).annotate([Document("q", text)])
    assert [(span.label, span.text) for span in said.value] == wanted
    assert SPANS.check_in(said.value, Document("q", text)) == said.value


def test_the_lexicon_says_how_sure_it_is_and_from_where():
    (said,) = LexiconTeacher(SPANS, "built in", likeness, DEMO).annotate([Document("q", "Jordan said so")])
    assert said.confidence == pytest.approx(1.1 / 1.2)  # weights: 0.1 + 1 for the text alike, 0.1 for the other
    assert said.provenance.demonstrations == ("2",)
    assert [a.outcome for a in LexiconTeacher(SPANS, "b", likeness, DEMO).annotate([Document("q", " ")])] == [
        Outcome.SKIPPED
    ]


def test_a_lexicon_without_entries_is_refused():
    with pytest.raises(UserError, match="gold demo"):
        LexiconTeacher(SPANS, "built in", likeness, [demo("1", "nothing")])


def test_relations_without_a_key_go_by_the_marked_text():
    shown = (pair("1", "Anna, Bo", "Anna", "Bo", "parent"), pair("2", "Cy, Di", "Di", "Cy", "none of these"))

    def encode(texts):
        return np.array([[1.0, 0.0] if text.startswith("[E1]") else [0.0, 1.0] for text in texts])

    teacher = NearestDefinitionTeacher(KIN, "built in", encode, shown, k=1)
    said = teacher.annotate([pair("a", "El, Fay", "El", "Fay"), pair("b", "El, Fay", "Fay", "El")])
    assert [annotation.value for annotation in said] == ["parent", "none of these"]
