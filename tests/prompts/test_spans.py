import json

import pytest

from understudy.codebook import task_of
from understudy.prompts import Wording, pose, text_to_compare
from understudy.prompts.alignment import align, fold_text, places
from understudy.prompts.masking import Mask
from understudy.prompts.shown import show
from understudy.prompts.spans import look_alikes, read_spans
from understudy.records import Document, Outcome, Span
from understudy.settings import Codebook, Label

NONCE = "5f0c9a77e2b1d304"
TYPES = (Label(name="PER", verbalised="person"), Label(name="LOC"), Label(name="ORG"), Label(name="DATE"))
FLAT, NESTED = (task_of(Codebook(kind="entities", labels=TYPES, nested=nested)) for nested in (False, True))
LONG = (
    "The committee met on Tuesday in the old town hall of New York to hear Anna Smith, who had come from Rome by train."
)


def read(text, reply, span_format="tags", task=FLAT, mask=None):
    shown = show(text, mask, look_alikes(task.codebook))
    return read_spans(task, shown, reply if isinstance(reply, str) else json.dumps(reply), span_format)


def said(answer):
    return [(span.start, span.label, span.text) for span in answer.value]


# What LLMaAA's parser loses or turns into "no entities".


@pytest.mark.parametrize(
    ("span_format", "reply"),
    [
        ("llmaaa", '```json\n[{"span": "Anna", "type": "PER"}]\n```'),
        ("llmaaa", '{"entities": [{"span": "Anna", "type": "PER"}]}'),
        ("llmaaa", '[\n  {"span": "Anna", "type": "PER"}\n]'),
        ("llmaaa", '[{"span": "Anna", "type": "Person"}]'),
        ("json", '{"entities": [{"text": "Anna", "type": "person", "occurrence": 1}]}'),
        ("tags", "```\n<person>Anna</person> left.\n```"),
    ],
)
def test_forms_that_are_not_quite_the_one_asked_for_are_read(span_format, reply):
    assert said(read("Anna left.", reply, span_format)) == [(0, "PER", "Anna")]


@pytest.mark.parametrize("span_format", ["tags", "json", "llmaaa"])
@pytest.mark.parametrize(
    "reply",
    [
        "", "I cannot do that.", "[{'span': 'Anna', 'type': 'PER'}]", 'Here it is: [{"span": "Anna", "type": "PER"}]',
        '[{"span": "Anna", "type": "PE', "null", "7", '{"entities": 3}', '[{"span": "Anna", "type": "geopolitical"}]',
        '[{"span": "Bob", "type": "PER"}]', "Anna left.", "<think>Anna", '[{"span": "", "type": "PER"}]', '["Anna"]',
        '[{"span": ["Anna"], "type": "PER"}]', '[{"span": 4, "type": "PER"}]', '[{"span": " ", "type": "PER"}]',
        "[" * 5000,
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_unparsed_and_never_no_entities(span_format, reply):
    answer = read("Anna left.", reply, span_format)
    assert (answer.outcome, answer.value) == (Outcome.UNPARSED, None)
    assert answer.reason


@pytest.mark.parametrize(
    ("span_format", "reply"),
    [("tags", "none"), ("tags", "`None`"), ("json", {"entities": []}), ("llmaaa", []), ("llmaaa", "none")],
)
def test_only_an_answer_that_says_so_means_no_span(span_format, reply):
    assert read("Anna left.", reply, span_format).value == ()


def test_no_span_breaks_the_one_around_it():
    text = "北京大学在北京"
    both = "<ORG><LOC>北京</LOC>大学</ORG>在<LOC>北京</LOC>"
    assert said(read(text, both, task=NESTED)) == [(0, "LOC", "北京"), (0, "ORG", "北京大学"), (5, "LOC", "北京")]
    flat = read(text, both)
    assert said(flat) == [(0, "ORG", "北京大学"), (5, "LOC", "北京")]
    assert flat.uncertain == (Span(0, 2, "LOC", "北京"),)
    assert flat.reason == "1 of 3 spans left out (1 overlapping another)"


def test_each_mention_has_its_own_type():
    text = "May will go in May."
    wanted = [(0, "PER", "May"), (15, "DATE", "May")]
    assert said(read(text, "<person>May</person> will go in <DATE>May</DATE>.")) == wanted
    second = {"text": "May", "type": "DATE", "occurrence": 2}
    assert said(read(text, {"entities": [second, {"text": "May", "type": "PER", "occurrence": 1}]}, "json")) == wanted
    assert said(read(text, [{"span": "May", "type": "PER"}, {"span": "May", "type": "DATE"}], "llmaaa")) == wanted
    assert said(read(text, "May will go in <DATE>May</DATE>.")) == wanted[1:]


def test_one_quote_for_several_places_is_marked_and_counted():
    reply = [{"span": "May", "type": "PER"}, {"span": "Rome", "type": "LOC"}]
    answer = read("May met May in Rome.", reply, "llmaaa")
    assert said(answer) == [(15, "LOC", "Rome")]
    assert answer.uncertain == (Span(0, 3, "PER", "May"), Span(8, 11, "PER", "May"))
    assert answer.reason == "1 of 2 spans left out (1 at several places)"


def test_a_quote_with_or_without_its_full_stop_is_not_lost_in_silence():
    assert said(read("The U.S. won.", [{"span": "U.S", "type": "LOC"}], "llmaaa")) == [(4, "LOC", "U.S")]
    answer = read("The U.S won in Rome", [{"span": "U.S.", "type": "LOC"}, {"span": "Rome", "type": "LOC"}], "llmaaa")
    assert (said(answer), answer.reason) == ([(15, "LOC", "Rome")], "1 of 2 spans left out (1 not in the text)")


# Alignment.


def test_quotation_marks_case_white_space_and_composition_do_not_move_a_span():
    text = "“Cafe\u0301  Anna”\r\nsaid\u200b BOB"
    answer = read(text, '"CAFÉ <person>anna</person>" said <person>Bob</person>')
    assert said(answer) == [(8, "PER", "Anna"), (21, "PER", "BOB")]
    assert answer.reason == "the text was repeated in another form"


def test_a_dropped_character_far_from_a_span_does_not_cost_it():
    answer = read(LONG, LONG.replace("Tuesday", "Tuesdy").replace("Rome", "<LOC>Rome</LOC>"))
    assert said(answer) == [(LONG.index("Rome"), "LOC", "Rome")]
    # without white space 91 characters were shown and 90 repeated: 2 * 90 / 181
    assert answer.reason == "the text was repeated with changes (99.4% of its characters match)"


def test_a_long_text_with_changes_all_over_it_is_laid_step_by_step():
    text = " ".join(f"{number:05d} Anna went to town number {number * 7919 % 100003}." for number in range(300))
    changed = [text.index(f"{number:05d} ") for number in range(0, 300, 3)]
    letters = list(text)
    for place in changed:
        letters[place] = "x"
    said_text = "".join(letters)
    place = text.index("00151 Anna") + 6
    answer = read(text, f"{said_text[:place]}<person>Anna</person>{said_text[place + 4 :]}")
    assert said(answer) == [(place, "PER", "Anna")]
    assert "with changes" in answer.reason
    assert align("a" * 3000, "b" * 3000) is None


def test_a_change_inside_a_span_leaves_its_stretch_uncertain():
    tagged = LONG.replace("Anna Smith", "<person>Anna Smit</person>").replace("Rome", "<LOC>Rome</LOC>")
    answer = read(LONG, tagged)
    assert said(answer) == [(LONG.index("Rome"), "LOC", "Rome")]
    assert answer.uncertain == (Span(LONG.index("Anna"), LONG.index(", who"), "PER", "Anna Smith"),)
    assert "1 of 2 spans left out (1 quoted with a change)" in answer.reason


def test_a_text_that_is_repeated_badly_is_not_used_at_all():
    answer = read(LONG, LONG[:60].replace("town", "<LOC>town</LOC>"))
    assert (answer.outcome, answer.reason) == (Outcome.UNPARSED, "it does not repeat the text with tags")


def test_a_tag_without_its_other_one_is_counted():
    answer = read("Anna met Bob\nin Rome.", "<person>Anna met <person>Bob</person>\nin <LOC>Rome.")
    assert said(answer) == [(9, "PER", "Bob")]
    assert [(span.start, span.text) for span in answer.uncertain] == [(0, "Anna met"), (16, "Rome.")]
    assert answer.reason == "2 of 3 spans left out (2 without its other tag)"


def test_types_of_no_codebook_are_counted():
    answer = read("Anna left in May.", "<person>Anna</person> left in <MONTH>May</MONTH>.")
    assert said(answer) == [(0, "PER", "Anna")]
    assert answer.uncertain == (Span(13, 16, "", "May"),)


def test_tags_in_the_text_are_no_tags_of_the_answer():
    text = "He wrote <PER>Bob</PER> to Anna, <b>boldly</b>."
    shown = show(text, None, look_alikes(FLAT.codebook))
    assert shown.text == "He wrote ‹PER>Bob‹/PER> to Anna, <b>boldly</b>."
    assert said(read(text, shown.text.replace("Anna", "<person>Anna</person>"))) == [(27, "PER", "Anna")]
    assert read(text, text).outcome is Outcome.UNPARSED


def test_spans_over_placeholders_are_those_of_the_stored_text():
    mask = Mask(("name", "email"), ("Anna",))
    answer = read("Call Anna at a@b.co now", "Call [NAME_1] at <LOC>[EMAIL_1]</LOC> now", mask=mask)
    assert said(answer) == [(13, "LOC", "a@b.co")]


def test_places_prefer_whole_words_and_never_cut_a_composed_letter():
    text = "Maybe May, cafe\u0301"
    assert places(text, fold_text(text), "May") == ([(6, 9)], True)
    assert places(text, fold_text(text), "ayb") == ([(1, 4)], True)
    assert places(text, fold_text(text), "cafe") == ([], False)
    assert places(text, fold_text(text), "CAFÉ") == ([(11, 16)], False)


def test_a_text_and_nothing_are_not_alike():
    assert align("abc", "") is None
    assert align("", "").place(0, 0) is None


# Questions.


@pytest.mark.parametrize("paraphrase", ["", "brief", "steps", "expert"])
@pytest.mark.parametrize(
    ("span_format", "is_structured", "answer"),
    [
        ("tags", False, "<person>Anna</person> left"),
        ("tags", True, "<person>Anna</person> left"),
        ("json", False, '{"entities": [{"text": "Anna", "type": "person", "occurrence": 1}]}'),
        ("json", True, '{"entities": [{"text": "Anna", "type": "person", "occurrence": 1}], "unsure": false}'),
        ("llmaaa", False, '[{"span": "Anna", "type": "person"}]'),
        ("llmaaa", True, '{"entities": [{"span": "Anna", "type": "person"}], "unsure": false}'),
    ],
)
def test_a_question_about_spans_shows_what_it_wants_and_reads_it(paraphrase, span_format, is_structured, answer):
    wording = Wording(paraphrase, span_format=span_format, is_structured=is_structured)
    demo = Document("d", "Anna left", (Span(0, 4, "PER", "Anna"),))
    question = pose(FLAT, Document("q", "Anna left"), [demo], NONCE, wording)
    assert question.messages[2].content == answer
    assert question.read(answer).value == demo.value
    assert (question.schema is not None) == (is_structured and span_format != "tags")
    for message in (question.messages[0], question.messages[-1], question.repair(question.read("x"), "x")):
        assert "`none`" in message.content or '"entities": []' in message.content or "`[]`" in message.content
        assert "unsure" in message.content
    assert "\n\n\n" not in question.messages[0].content
    assert "## person" in question.messages[0].content


RELATIONS = task_of(
    Codebook(
        kind="relations",
        null="no_relation",
        labels=(
            Label(name="spouse", verbalised="{head} is married to {tail}", heads=("PER",), tails=("PER",)),
            Label(name="born_in", verbalised="{head} was born in {tail}", heads=("PER",), tails=("LOC",)),
            Label(name="no_relation"),
        ),
    )
)
PAIR = Document("r", "Ann [E1]x[/E1] wed Bob", head=Span(0, 3, "PER", "Ann"), tail=Span(19, 22, "PER", "Bob"))


def test_head_and_tail_are_marked_and_cannot_be_imitated():
    assert text_to_compare(PAIR) == "[E1]Ann[/E1] ［E1]x［/E1] wed [E2]Bob[/E2]"
    inside = Document("r", "Rome's mayor", head=Span(0, 12, "PER", "Rome's mayor"), tail=Span(0, 4, "LOC", "Rome"))
    assert text_to_compare(inside) == "[E1][E2]Rome[/E2]'s mayor[/E1]"


@pytest.mark.parametrize("paraphrase", ["", "brief", "steps", "expert"])
def test_a_question_about_a_relation_says_it_in_a_sentence_and_offers_none_of_them(paraphrase):
    question = pose(RELATIONS, PAIR, (), NONCE, Wording(paraphrase))
    assert "Says: E1 is married to E2" in question.messages[0].content
    assert "`no_relation` is an answer like any other" in question.messages[0].content
    assert "(`spouse`, `no_relation`), or `unsure`" in question.messages[-1].content
    assert question.read("no_relation").value == "no_relation"
    assert "\n\n\n" not in question.messages[0].content


def test_declared_types_rule_relations_out_and_unknown_types_do_not():
    demo = Document("d", "Al from Rome", "born_in", head=Span(0, 2, "PER", "Al"), tail=Span(8, 12, "LOC", "Rome"))
    question = pose(RELATIONS, PAIR, [demo], NONCE)
    assert question.messages[2].content == "born_in"
    assert question.read("spouse").value == "spouse"
    assert question.read("born_in").outcome is Outcome.UNPARSED
    untyped = Document("u", PAIR.text, head=Span(0, 3, "", "Ann"), tail=Span(19, 22, "", "Bob"))
    assert pose(RELATIONS, untyped, (), NONCE).read("born_in").value == "born_in"


def test_the_other_way_round_head_and_tail_change_places():
    question = pose(RELATIONS, PAIR, (), NONCE, Wording(is_swapped=True))
    assert "[E2]Ann[/E2]" in question.messages[-1].content
    assert "[E1]Bob[/E1]" in question.messages[-1].content
