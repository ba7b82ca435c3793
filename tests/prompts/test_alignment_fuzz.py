"""Answers about spans, mutated as models do it; ``python test_alignment_fuzz.py 5000`` runs so many cases."""

import json
import random
import re
import sys
from collections import Counter

import pytest

from understudy.codebook import task_of
from understudy.prompts.masking import Mask
from understudy.prompts.shown import show
from understudy.prompts.spans import SPAN_FORMATS, look_alikes, read_spans, say_spans
from understudy.records import Document, Outcome, Span
from understudy.settings import Codebook, Label

LABELS = (Label(name="PER", verbalised="person"), Label(name="LOC"), Label(name="ORG", verbalised="an org"))
FLAT, NESTED = (task_of(Codebook(kind="entities", labels=LABELS, nested=nested)) for nested in (False, True))
MASK = Mask(("number", "name"), ("Anna",))
N_IN_SUITE = 300

WORDS = [
    "Anna", "May", "may", "北京大学", "北京", "is", "in", "“Acme”", "U.S.", "U.S",
    "cafe\u0301", "café", "👩‍👩‍👧", "O'Neil",
    "שלום", "עולם", "İstanbul", "ﬁn", "straße", "\u200b", "\ufeff", "<PER>", "</loc>", "[E1]", "a<b", "12", "4711",
    "\r\n", "\n", "\t", "\x00", "»Zeit«", "the", "New", "York", "No\u0308el", "각", "\u1100\u1161\u11a8",
    "&amp;", "```",
]  # fmt: skip


def a_text(rng):
    glue = rng.choice([" ", " ", " ", "", "  "])
    return glue.join(rng.choice(WORDS) for _ in range(rng.randrange(1, rng.choice([6, 30, 200]))))


def spans_of(rng, text, task):
    found = []
    for _ in range(rng.randrange(8)):
        start = rng.randrange(len(text))
        end = min(len(text), start + rng.randrange(1, 12))
        quote = text[start:end]
        is_free = task is NESTED or all(end <= s.start or s.end <= start for s in found)
        if quote.strip() and quote == quote.strip() and is_free:
            found.append(Span(start, end, rng.choice(task.labels), quote))
    return task.check(tuple(found))


def fenced(rng, said):
    return rng.choice([f"```\n{said}\n```", f"```json\n{said}```", f"<think>hm</think>\n{said}", f"Sure! {said}"])


def without_a_tag(rng, said):
    tags = [*re.finditer(r"</?[^<>]+>|[\[\]{}]", said)]
    found = rng.choice(tags) if tags else None
    return said if found is None else said[: found.start()] + said[found.end() :]


def other_quotes(rng, said):
    return said.translate(str.maketrans({"“": '"', "”": '"', "'": "’", "»": '"', "«": '"'}))


def without_a_word(rng, said):
    words = said.split(" ")
    del words[rng.randrange(len(words))]
    return " ".join(words)


def twice_the_same(rng, said):
    half = rng.randrange(len(said) + 1)
    return said[:half] + said[max(0, half - 12) :]


def nested_tags(rng, said):
    start, end = sorted(rng.randrange(len(said) + 1) for _ in range(2))
    return f"{said[:start]}<LOC>{said[start:end]}</LOC>{said[end:]}"


def invented(rng, said):
    if said.startswith(("[", "{")):
        extra = {
            rng.choice(["text", "span"]): rng.choice([*WORDS, 7, None, ""]),
            "type": rng.choice(["LOC", "DATE", 3]),
        }
        return re.sub(r"\]", lambda _: ", " + json.dumps(extra) + "]", said, count=1)
    return said + rng.choice(["<DATE>1999</DATE>", "<LOC>Atlantis</LOC>", "<PER></PER>", "</ORG>", "<PER> </PER>"])


def cut(rng, said):
    return said[: rng.randrange(len(said) + 1)]


def other_case(rng, said):
    return rng.choice([said.upper(), said.lower(), said.title()])


def noise(rng, said):
    at = rng.randrange(len(said) + 1)
    return said[:at] + rng.choice([*WORDS, "<", ">", "{", '"', "\\", "\ud800"]) + said[at + rng.randrange(3) :]


MUTATIONS = (
    fenced, without_a_tag, other_quotes, without_a_word, twice_the_same, nested_tags, invented, cut, other_case, noise,
)  # fmt: skip


def run(n, seed=0):
    """How `n` mutated answers ended, and how many spans they brought."""
    rng, counted = random.Random(seed), Counter()
    for case in range(n):
        task = rng.choice([FLAT, NESTED])
        text, span_format = a_text(rng), rng.choice(SPAN_FORMATS)
        shown = show(text, rng.choice([None, None, MASK]), look_alikes(task.codebook))
        said = say_spans(task, shown, spans_of(rng, text, task), span_format, is_structured=rng.random() < 0.3)
        for mutate in rng.sample(MUTATIONS, rng.choice([1, 1, 2, 3])):
            said = mutate(rng, said)
        answer = read_spans(task, shown, said, span_format)
        assert answer.outcome in (Outcome.LABELLED, Outcome.ABSTAINED, Outcome.UNPARSED), case
        assert (answer.value is None) == (answer.outcome is not Outcome.LABELLED), case
        assert (answer.outcome is Outcome.LABELLED) or answer.reason, case
        if answer.value is not None:
            assert task.check_in(answer.value, Document("x", text)) == answer.value, case
        assert all(text[s.start : s.end] == s.text for s in answer.uncertain), case
        counted[answer.outcome.value] += 1
        counted["spans"] += len(answer.value or ())
        counted["uncertain"] += len(answer.uncertain)
        counted["left out"] += "left out" in answer.reason and answer.value is not None
    return counted


@pytest.mark.parametrize("seed", range(3))
def test_mutated_answers_end_in_one_outcome_and_quote_the_text(seed):
    counted = run(N_IN_SUITE // 3, seed)
    assert counted["labelled"] + counted["unparsed"] + counted["abstained"] == N_IN_SUITE // 3
    assert min(counted["labelled"], counted["unparsed"], counted["spans"], counted["left out"]) > 0


@pytest.mark.parametrize("span_format", ["tags", "json"])
def test_an_answer_that_is_not_mutated_brings_back_the_spans(span_format):
    rng, n_spans = random.Random(1), 0
    for case in range(150):
        text = a_text(rng)
        shown = show(text, None, look_alikes(FLAT.codebook))
        words = [*re.finditer(r"(?<!\S)\w[\w.']*(?!\S)", text)]
        spans = FLAT.check(tuple(Span(*w.span(), rng.choice(FLAT.labels), w[0]) for w in words if rng.random() < 0.3))
        answer = read_spans(FLAT, shown, say_spans(FLAT, shown, spans, span_format, is_structured=False), span_format)
        assert (answer.value, answer.uncertain) == (spans, ()), case
        n_spans += len(spans)
    assert n_spans > 100


if __name__ == "__main__":
    sys.stdout.write(f"{dict(run(int(sys.argv[1])))}\n")
