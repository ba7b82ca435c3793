import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.codebook import task_of
from understudy.errors import UserError
from understudy.prompts import parse
from understudy.records import Answer, Outcome
from understudy.settings import Codebook, Label

SENTIMENT = task_of(Codebook(labels=(Label(name="pos", verbalised="Positive"), Label(name="neg"), Label(name="1"))))
TOPICS = task_of(Codebook(kind="multilabel", labels=(Label(name="tax"), Label(name="war", verbalised="War & peace"))))

EMPTY = "the answer is empty"
NO_ANSWER = "there is no answer after the reasoning"
ENDLESS = "the reasoning does not end"
FOREIGN = "it is not a label of the codebook"
FOREIGN_IN_SET = "it holds something that is not a label of the codebook"
SEVERAL = "it names several labels where exactly one holds"
BAD_JSON = "it is not one valid JSON value"
TWICE = "a JSON key stands twice"
NO_LABEL = "the JSON holds no label, or not in the expected form"

UNREADABLE = [
    ("", EMPTY),
    (" \n\t\r\n", EMPTY),
    ("``````", EMPTY),
    ("```\n```", EMPTY),
    ("<think>positive", ENDLESS),
    ("<think>", ENDLESS),
    ("[THINK]positive\npositive", ENDLESS),
    ("<think>a</think><think>positive", ENDLESS),
    ("<think>positive</think>", NO_ANSWER),
    ("positive</think>\n", NO_ANSWER),
    ("positive <think>or not</think> positive", FOREIGN),
    ("<think>x</think> The label is positive", FOREIGN),
    ("positiv", FOREIGN),
    ("positive.", FOREIGN),
    ("posi tive", FOREIGN),
    ("LABEL: positive", FOREIGN),
    ("label=positive", FOREIGN),
    ("it is positive", FOREIGN),
    ("positive\n\nBecause the writer praises it.", FOREIGN),
    ("none", FOREIGN),
    ("I'm sorry, but I can't help with that.", FOREIGN),
    ("unsure, probably positive", FOREIGN),
    ("'\"positive\"'", FOREIGN),
    ("***positive***", FOREIGN),
    ('"positive', FOREIGN),
    ("``", FOREIGN),
    ('"', FOREIGN),
    ("```\npositive\n```\n```\npositive\n```", FOREIGN),
    ("Here you are:\n```\npositive\n```", FOREIGN),
    ("```\npositive", FOREIGN),
    ("positive, neg", SEVERAL),
    ("positive\nneg", SEVERAL),
    ("`positive` | `neg`", SEVERAL),
    ("neg and 1", SEVERAL),
    ("{", BAD_JSON),
    ("{'label': 'positive'}", BAD_JSON),
    ('{"label": "positive",}', BAD_JSON),
    ('{"label": "positive"} {"label": "neg"}', BAD_JSON),
    ('{"label": "positive"}\n{"label": "positive"}', BAD_JSON),
    ('{"label": "positive"} because', BAD_JSON),
    ('{"label": "positive"', BAD_JSON),
    ('{"label":' * 100_000, BAD_JSON),
    ("[" * 100_000, BAD_JSON),
    ('{"label": ' + "9" * 5_000 + "}", BAD_JSON),
    ('{"label": "positive", "label": "neg"}', TWICE),
    ('{"label": "positive", "label": "positive"}', TWICE),
    ('{"label": "positive", "why": {"a": 1, "a": 1}}', TWICE),
    ("{}", NO_LABEL),
    ('{"label": null}', NO_LABEL),
    ('{"label": []}', NO_LABEL),
    ('{"label": ["positive"]}', NO_LABEL),
    ('{"label": {"label": "positive"}}', NO_LABEL),
    ('{"label": 1.0}', NO_LABEL),
    ('{"label": "positive."}', NO_LABEL),
    ('{"Label": "positive"}', NO_LABEL),
    ('{"labels": "positive"}', NO_LABEL),
    ('{"answer": "positive"}', NO_LABEL),
    ('["positive"]', NO_LABEL),
    ("é" * 2_000_000, FOREIGN),
    ("|" * 300_000, FOREIGN),
    ("```" * 100_000, FOREIGN),
    ("<think>" * 50_000, ENDLESS),
    ("<think></think>" * 10_000, NO_ANSWER),
]

READABLE = [
    ("\x00positive\u2028", "pos"),
    ("<think>neg? no: ```neg``` {</think>\n\n**positive**", "pos"),
    ("so it is neg or rather\n</think>\npositive", "pos"),
    ("<THINK></THINK>positive", "pos"),
    ("[THINK]neg[/THINK]positive", "pos"),
    ("<think>a</think>\n<reasoning>b</reasoning> positive", "pos"),
    ("<thinking>a</thinking>```\npositive\n```", "pos"),
    ('```json\r\n{"label": "positive"}\r\n```', "pos"),
    ("```positive```", "pos"),
    ("```\n`positive`\n```", "pos"),
    ("POSITIVE", "pos"),
    ("pos", "pos"),
    (" Neg \n", "neg"),
    ('"neg"', "neg"),
    ("“neg”", "neg"),
    ("«neg»", "neg"),
    ("*neg*", "neg"),
    ("1", "1"),
    ('{"label": 1}', "1"),
    ('{"label": "Pos", "reason": "label: neg"}', "pos"),
    ('  {"reason": "neg", "label": "positive"}  ', "pos"),
]


def case_name(case):
    return repr(case)[:40] if isinstance(case, str) else None


@pytest.mark.parametrize(("reply", "reason"), UNREADABLE, ids=case_name)
def test_unreadable(reply, reason):
    assert parse(SENTIMENT, reply) == Answer(Outcome.UNPARSED, reason=reason)


@pytest.mark.parametrize(("reply", "label"), READABLE, ids=case_name)
def test_readable(reply, label):
    assert parse(SENTIMENT, reply) == Answer(Outcome.LABELLED, label)


@pytest.mark.parametrize("reply", ["unsure", "UNSURE\n", "`unsure`", "<think>x</think>unsure", '{"label": "unsure"}'])
@pytest.mark.parametrize("task", [SENTIMENT, TOPICS])
def test_unsure_abstains(task, reply):
    assert parse(task, reply) == Answer(Outcome.ABSTAINED, reason="the teacher is unsure")


def test_unsure_is_a_label_where_the_codebook_says_so():
    task = task_of(Codebook(labels=(Label(name="sure"), Label(name="Unsure"))))
    assert parse(task, "unsure") == Answer(Outcome.LABELLED, "Unsure")


@pytest.mark.parametrize(
    ("stated", "confidence", "is_flagged"),
    [
        ("NaN", None, True),
        ("Infinity", None, True),
        ("-0.1", None, True),
        ("1.7", None, True),
        ("1" + "0" * 400, None, True),
        ('"high"', None, True),
        ('"0.9"', None, True),
        ("true", None, True),
        ("[0.9]", None, True),
        ("null", None, False),
        ("0", 0.0, False),
        ("1", 1.0, False),
        ("0.25", 0.25, False),
    ],
)
def test_a_bad_confidence_is_dropped_and_said_and_the_label_survives(stated, confidence, is_flagged):
    answer = parse(SENTIMENT, f'{{"label": "neg", "confidence": {stated}}}')
    assert (answer.outcome, answer.value, answer.confidence) == (Outcome.LABELLED, "neg", confidence)
    assert answer.reason == ("the stated confidence is not a number between 0 and 1" if is_flagged else "")


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("none", ()),
        ("`None`", ()),
        ("[]", ()),
        ('{"labels": []}', ()),
        ('{"labels": "none"}', ()),
        ("tax", ("tax",)),
        ("tax | TAX", ("tax",)),
        ("War & Peace|tax", ("tax", "war")),
        ("`tax` | **war**", ("tax", "war")),
        ('"tax | war"', ("tax", "war")),
        ('{"labels": ["war", "tax"], "confidence": 2}', ("tax", "war")),
        ('{"label": "war"}', ("war",)),
        ('```json\n["tax"]\n```', ("tax",)),
        ("<think>none</think>tax", ("tax",)),
    ],
)
def test_sets(reply, value):
    answer = parse(TOPICS, reply)
    assert (answer.outcome, answer.value) == (Outcome.LABELLED, value)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", EMPTY),
        ("|", FOREIGN_IN_SET),
        ("tax |", FOREIGN_IN_SET),
        ("tax | none", FOREIGN_IN_SET),
        ("tax | unsure", FOREIGN_IN_SET),
        ("tax, war", FOREIGN_IN_SET),
        ("tax\nwar", FOREIGN_IN_SET),
        ("tax | sport", FOREIGN_IN_SET),
        ("tax | war.", FOREIGN_IN_SET),
        ("Labels: tax", FOREIGN_IN_SET),
        ("['tax']", BAD_JSON),
        ('["tax"] ["war"]', BAD_JSON),
        ('["tax", null]', NO_LABEL),
        ('["tax", ["war"]]', NO_LABEL),
        ('["tax", "none"]', NO_LABEL),
        ('{"labels": ["tax", "sport"]}', NO_LABEL),
        ('{"label": "tax", "labels": ["war"]}', NO_LABEL),
        ('{"labels": null}', NO_LABEL),
        ('{"labels": ["tax"], "labels": ["war"]}', TWICE),
        ("tax|" * 200_000, FOREIGN_IN_SET),
    ],
    ids=case_name,
)
def test_unreadable_sets(reply, reason):
    assert parse(TOPICS, reply) == Answer(Outcome.UNPARSED, reason=reason)


def test_a_set_with_bars_in_names_is_read_as_json():
    task = task_of(Codebook(kind="multilabel", labels=(Label(name="a|b"), Label(name="a"), Label(name="b"))))
    assert parse(task, '["a|b", "a"]').value == ("a|b", "a")
    assert parse(task, "a|b").value == ("a|b",)
    assert parse(task, "a | b").value == ("a", "b")


@pytest.mark.parametrize(
    "name",
    ['"quoted"', "`", "*x*", "two\nlines", "💩", "no", "None", "1", "a, b", '{"label": "x"}', "<think>x", "x.", "```"],
)
def test_a_label_that_looks_like_wrapping_is_matched_as_it_is(name):
    task = task_of(Codebook(labels=(Label(name="x"), Label(name=name), Label(name="quoted"))))
    assert parse(task, name) == Answer(Outcome.LABELLED, name)
    assert parse(task, json.dumps({"label": name})) == Answer(Outcome.LABELLED, name)


def test_a_kind_without_prompt_is_refused():
    class Spans:
        codebook = Codebook(kind="entities", labels=(Label(name="a"),))

    with pytest.raises(UserError, match="entities"):
        parse(Spans(), "a")


FRAGMENTS = st.sampled_from(
    [
        "<think>",
        "</think>",
        "```",
        "json\n",
        "{",
        "}",
        '"label"',
        ":",
        '"pos"',
        "pos",
        "|",
        "[",
        "]",
        '"',
        "**",
        " ",
        "\n",
        "\\",
    ]
)
REPLIES = st.one_of(st.text(), st.text('{}[]":,`*|<>/\\ \nposn'), st.lists(FRAGMENTS, max_size=12).map("".join))


@settings(deadline=None, database=None, max_examples=500)
@given(REPLIES, st.sampled_from([SENTIMENT, TOPICS]))
def test_every_reply_gets_an_answer_that_holds_together(reply, task):
    answer = parse(task, reply)
    if answer.outcome is Outcome.LABELLED:
        assert task.check(answer.value) == answer.value
    else:
        assert answer.outcome in {Outcome.UNPARSED, Outcome.ABSTAINED}
        assert answer.value is None
        assert answer.reason


PROSE = st.text(min_size=1).filter(lambda prose: prose[-1].isalnum())


@settings(deadline=None, database=None)
@given(PROSE, st.sampled_from(["pos", "neg", "Positive"]))
def test_a_label_after_prose_is_never_read(prose, label):
    assert parse(SENTIMENT, f"{prose} {label}").outcome is Outcome.UNPARSED
