"""Answers with spans, by the number of the fault: L-06 to L-09; from models, from records, from people."""

import json
import re

import numpy as np
import pytest
from fakellm import ok, serving
from invariants import check_invariants

from understudy.codebook import Codebook, Label, task_of
from understudy.corpus import read_documents
from understudy.errors import UserError
from understudy.journal import Journal
from understudy.prompts import Wording
from understudy.records import Document, Outcome, Span
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import LanguageModelTeacher, OpenAICompatible, PromptPlan, RecordedTeacher

TYPES = (Label(name="PER"), Label(name="LOC"))
FLAT, NESTED = (task_of(Codebook(kind="entities", labels=TYPES, nested=nested)) for nested in (False, True))
EMOJI = "💩This is an annotation"
ANNOTATION = Span(12, 22, "PER", "annotation")
"""The pile of poo is one code point and two UTF-16 units: 13 would be the offset in a browser."""


def asked(path, text, reply, span_format="json", task=FLAT, replicates=1):
    """What becomes of a model's answer about a text, through HTTP, journal and back; the same is read again."""
    document = Document("d", text)
    settings = TeacherSettings(kind="openai", model="m", concurrency=1, max_attempts=1, replicates=replicates)
    plan = PromptPlan(
        "5f0c9a77e2b1d304", lambda some: [()] * len(some), repair=False, wording=Wording(span_format=span_format)
    )
    content = reply if isinstance(reply, str) else json.dumps(reply)
    with serving(lambda call: ok(content)) as fake, Journal.open(path) as journal:
        teacher = LanguageModelTeacher(
            task, OpenAICompatible(fake.url, "m"), journal, plan, settings, DataSettings(), np.random.default_rng(0)
        )
        (said,) = teacher.annotate([document])
        journal.add_annotations([said], task.to_json).result()
        assert journal.annotations(teacher.name, "", "", task.from_json)["d"] == said
        assert len(fake.calls) == replicates
    check_invariants(path, [document], [said])
    assert_quoted(text, said)
    return said


def recorded(text, spans, task=FLAT):
    """What becomes of recorded spans."""
    content = spans if isinstance(spans, str) else json.dumps(spans)
    (said,) = RecordedTeacher(task, "recorded", {"d": [content]}).annotate([Document("d", text)])
    assert_quoted(text, said)
    return said


def by_people(tmp_path, rows, task=FLAT, name="gold.jsonl", **data):
    file = tmp_path / name
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return list(read_documents([file], DataSettings(**data), task.read, task.check_in))


def assert_quoted(text, said):
    """I7: every span, certain or not, slices to its quote."""
    for span in (*(said.value or ()), *said.uncertain):
        assert text[span.start : span.end] == span.text


def marked(start, end, label="PER", text="Anna"):
    return {"start": start, "end": end, "label": label, "text": text}


ODD_OFFSETS = [
    (-3, 1),
    (0, 900),
    (900, 904),
    (4, 0),
    (2, 2),
    (0.0, 4.0),
    ("0", "4"),
    (None, None),
    (True, 4),
    (0, 1e400),
]
"""Below 0, beyond the end, the wrong way round, empty, no whole numbers."""


@pytest.mark.parametrize("offsets", ODD_OFFSETS)
def test_l06_odd_offsets_in_a_record_give_way_to_a_quote_with_one_place(offsets):
    said = recorded("Ms Anna left", [marked(*offsets)])
    assert (said.outcome, said.value) == (Outcome.LABELLED, (Span(3, 7, "PER", "Anna"),))
    assert said.reason == "1 by the quote, not the offsets"


@pytest.mark.parametrize("offsets", ODD_OFFSETS)
@pytest.mark.parametrize(("text", "why"), [("Anna and Anna", "at several places"), ("Bo left", "not in the text")])
def test_l06_odd_offsets_whose_quote_does_not_help_are_no_answer(offsets, text, why):
    said = recorded(text, [marked(*offsets)])
    assert (said.outcome, said.value) == (Outcome.UNPARSED, None)
    assert f"1 of 1 spans left out (1 {why})" in said.reason


@pytest.mark.parametrize("number", [0, -1, 3, 2.0, "2", None, True, [2], 10**30])
def test_l06_an_odd_number_of_the_place_counts_only_where_there_is_one_place(path, tmp_path, number):
    answer = {"entities": [{"text": "Anna", "type": "PER", "occurrence": number}]}
    said = asked(path, "Ms Anna left", answer)
    assert said.value == (Span(3, 7, "PER", "Anna"),)
    said = asked(tmp_path / "other.sqlite", "Anna and Anna", answer)
    assert (said.outcome, said.value) == (Outcome.UNPARSED, None)
    assert "1 at several places" in said.reason


def test_l06_offsets_that_a_model_volunteers_are_never_believed(path):
    said = asked(path, "Ms Anna left", {"entities": [{"text": "Anna", "type": "PER", "start": -3, "end": 900}]})
    assert said.value == (Span(3, 7, "PER", "Anna"),)
    bare = {"entities": [{"start": 3, "end": 7, "type": "PER"}]}
    assert asked(path, "He, Anna, left", bare).outcome is Outcome.UNPARSED


@pytest.mark.parametrize("offsets", ODD_OFFSETS)
def test_l06_odd_offsets_by_people_are_refused_with_their_row(tmp_path, offsets):
    with pytest.raises(UserError) as caught:
        by_people(tmp_path, [{"id": "1", "text": "Ms Anna left", "label": [marked(*offsets)]}])
    assert re.search("gold.jsonl (row|line) 1", caught.value.message)


OTHER_FORMS = [
    ("the “New  York”–based firm", '"new york"-based', (4, 21)),
    ("a well‑known man", "well-known", (2, 12)),
    ("it’s Anna’s book", "Anna's", (5, 11)),
    ("Anna\r\n Smith left", "anna smith", (0, 12)),
    ("from 3 − 4 to 5", "3-4", (5, 10)),
]
"""Quotation marks, dashes, a minus sign, white space and case other than in the text."""


@pytest.mark.parametrize(("text", "quote", "place"), OTHER_FORMS)
def test_l07_a_quote_in_another_form_is_found_and_the_answer_says_so(path, text, quote, place):
    wanted = (Span(*place, "PER", text[slice(*place)]),)
    said = asked(path, text, {"entities": [{"text": quote, "type": "PER", "occurrence": 1}]})
    assert (said.value, said.reason) == (wanted, "1 quoted in another form than the text's")
    said = recorded(text, [marked(0, 3, text=quote)])
    assert (said.value, said.reason) == (wanted, "1 by the quote, not the offsets")


def test_l07_tags_around_a_text_repeated_in_another_form(path):
    text = "the “New  York”–based firm"
    said = asked(path, text, 'the "<LOC>New York</LOC>"-based firm', "tags")
    assert said.value == (Span(5, 14, "LOC", "New  York"),)
    assert said.reason == "the text was repeated in another form"


@pytest.mark.parametrize("span_format", ["json", "llmaaa"])
def test_l07_a_quote_that_is_not_there_or_at_three_places_is_no_answer(path, tmp_path, span_format):
    def reply(quote):
        items = [{"text": quote, "span": quote, "type": "PER"}]
        return {"entities": items} if span_format == "json" else items

    foreign = asked(path, "Anna left", reply("Bo"), span_format)
    assert (foreign.outcome, foreign.uncertain) == (Outcome.UNPARSED, ())
    assert "1 not in the text" in foreign.reason
    thrice = asked(tmp_path / "thrice.sqlite", "May, May, May", reply("May"), span_format)
    assert thrice.outcome is Outcome.UNPARSED
    assert "1 at several places" in thrice.reason


def test_l07_the_other_spans_of_an_answer_survive_and_what_is_left_out_is_counted(path):
    text = "May met May and Anna"
    items = [{"text": quote, "type": "PER"} for quote in ("May", "Anna", "Bo")]
    said = asked(path, text, {"entities": items})
    assert said.value == (Span(16, 20, "PER", "Anna"),)
    assert said.uncertain == (Span(0, 3, "PER", "May"), Span(8, 11, "PER", "May"))
    assert said.reason == "2 of 3 spans left out (1 at several places, 1 not in the text)"


def test_l07_a_quote_by_people_must_stand_where_they_say(tmp_path):
    rows = [{"id": name, "text": "Anna left", "label": [marked(0, 4, text=name)]} for name in ("Anna", "Bobo")]
    with pytest.raises(UserError, match=r"(?s)the text there is.*gold\.jsonl row 2"):
        by_people(tmp_path, rows)


@pytest.mark.parametrize(
    ("span_format", "reply"),
    [
        ("tags", "💩This is an <PER>annotation</PER>"),
        ("json", {"entities": [{"text": "annotation", "type": "PER", "occurrence": 1, "start": 13, "end": 23}]}),
        ("llmaaa", [{"span": "annotation", "type": "PER"}]),
    ],
)
def test_l08_spans_behind_an_emoji_are_code_points_whatever_the_form(path, span_format, reply):
    assert asked(path, EMOJI, reply, span_format).value == (ANNOTATION,)


def test_l08_recorded_offsets_in_utf_16_units_are_converted_and_said():
    said = recorded(EMOJI, [marked(13, 23, text="annotation")])
    assert (said.value, said.reason) == ((ANNOTATION,), "1 by offsets in UTF-16 units")
    said = recorded("💩 Anna, Anna", [marked(9, 13)])  # 8 in code points: the quote alone would not tell which
    assert said.value == (Span(8, 12, "PER", "Anna"),)


@pytest.mark.parametrize(
    ("offsets", "start", "is_read"),
    [("utf-16", 13, True), ("code-points", 12, True), ("auto", 12, False), ("utf-16", 1, False)],
)
def test_l08_offsets_of_a_browser_are_converted_where_declared_and_never_guessed(tmp_path, offsets, start, is_read):
    rows = [{"id": 1, "text": EMOJI, "label": [[start, start + 10, "PER"]]}]
    data = {"format": "doccano", "offsets": offsets}
    if is_read:
        assert by_people(tmp_path, rows, **data)[0].value == (ANNOTATION,)
    else:
        with pytest.raises(UserError, match=r"gold\.jsonl|inside a character"):
            by_people(tmp_path, rows, **data)


def test_l08_a_human_quote_refutes_offsets_in_other_units(tmp_path):
    with pytest.raises(UserError, match=r"the text there is `nnotation`|ends outside"):
        by_people(tmp_path, [{"id": "1", "text": EMOJI, "label": [marked(13, 23, text="annotation")]}])


BOTH = "Bank of Rome"


@pytest.mark.parametrize(
    ("task", "said", "reason"),
    [
        (NESTED, [(0, "PER", BOTH), (8, "LOC", "Rome")], ""),
        (FLAT, [(0, "PER", BOTH)], "1 of 2 spans left out (1 overlapping another)"),
    ],
)
def test_l09_nested_spans_by_declared_policy(path, task, said, reason):
    tagged = asked(path, BOTH, "<PER>Bank of <LOC>Rome</LOC></PER>", "tags", task)
    as_recorded = recorded(BOTH, [marked(8, 12, "LOC", "Rome"), marked(0, 12, "PER", BOTH)], task)
    for found in (tagged, as_recorded):
        assert [(span.start, span.label, span.text) for span in found.value] == said
        assert found.reason == reason
        assert (found.uncertain == ()) is (task is NESTED)


@pytest.mark.parametrize("task", [FLAT, NESTED])
def test_l09_crossing_spans_by_declared_policy(task):
    said = recorded("Anna of Rome Inc", [marked(0, 12, text="Anna of Rome"), marked(8, 16, "LOC", "Rome Inc")], task)
    if task is NESTED:
        assert len(said.value) == 2
    else:
        assert said.outcome is Outcome.UNPARSED
        assert "2 overlapping another" in said.reason


def test_l09_identical_spans_are_one_and_two_types_at_one_place_are_none_or_both(path, tmp_path):
    twice = [{"text": "Anna", "type": "PER", "occurrence": 1}] * 2
    assert asked(path, "Anna left", {"entities": twice}).value == (Span(0, 4, "PER", "Anna"),)
    two_types = {"entities": [{"text": "Anna", "type": kind, "occurrence": 1} for kind in ("PER", "LOC")]}
    flat = asked(tmp_path / "flat.sqlite", "Anna left", two_types)
    assert (flat.outcome, flat.value) == (Outcome.UNPARSED, None)
    assert "2 with two types" in flat.reason
    assert len(asked(tmp_path / "nested.sqlite", "Anna left", two_types, task=NESTED).value) == 2


def test_l09_overlaps_by_people_are_refused_unless_declared(tmp_path):
    row = {"id": "1", "text": BOTH, "label": [marked(0, 12, text=BOTH), marked(8, 12, "LOC", "Rome")]}
    assert len(by_people(tmp_path, [row], NESTED)[0].value) == 2
    with pytest.raises(UserError, match=r"(?s)overlap.*gold\.jsonl row 1") as caught:
        by_people(tmp_path, [row])
    assert "codebook.nested = true" in caught.value.message
    row["label"] = [marked(8, 12, "LOC", "Rome")] * 2
    assert len(by_people(tmp_path, [row])[0].value) == 1
