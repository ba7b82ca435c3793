"""Thousands of generated texts through one file of each format: every span comes back to the character, none shifted.

`UNDERSTUDY_SPAN_CASES` sets the number of texts for each format; the suite takes a few.
"""

import os
import random
from dataclasses import dataclass, field
from functools import partial

import pytest
from hostile_text import HOSTILE

from understudy.corpus.spans.brat import read_brat, write_brat
from understudy.corpus.spans.conll import read_conll, write_conll
from understudy.corpus.spans.docbin import read_docbin, write_docbin
from understudy.corpus.spans.doccano import read_doccano, write_doccano
from understudy.corpus.spans.label_studio import read_label_studio, write_label_studio
from understudy.corpus.spans.marked import Marked
from understudy.corpus.spans.offset_lines import read_offset_lines, write_offset_lines
from understudy.corpus.spans.prodigy import read_prodigy, write_prodigy
from understudy.corpus.spans.semeval import read_semeval, write_semeval
from understudy.corpus.spans.tacred import read_tacred, write_tacred
from understudy.corpus.spans.token_lines import read_token_lines, write_token_lines
from understudy.corpus.spans.wiki80 import read_wiki80, write_wiki80
from understudy.records import Document, Span

N_TEXTS = int(os.environ.get("UNDERSTUDY_SPAN_CASES", "200"))
LABELS = ("PER", "B-x", "ORG.sub", "ort_ä")
LONGEST, MOST_CUTS = 25, 8


@dataclass(frozen=True)
class Texts:
    """Which texts and spans a format can hold."""

    nested: bool = False
    spaced: bool = True
    without: tuple[str, ...] = ()
    pairs: bool = False
    types: bool = False


@dataclass(frozen=True)
class Format:
    """How it is read and written, and what fits."""

    read: object
    write: object
    name: str
    texts: Texts = field(default_factory=Texts)


NESTED = Texts(nested=True)
UNITS = ("code-points", "utf-16")
FORMATS = {
    "offset lines": Format(read_offset_lines, write_offset_lines, "d.jsonl", NESTED),
    "Prodigy": Format(read_prodigy, write_prodigy, "d.jsonl", NESTED),
    "brat": Format(read_brat, write_brat, "d", NESTED),
    "token lines": Format(read_token_lines, write_token_lines, "d.jsonl"),
    "DocBin": Format(read_docbin, write_docbin, "d.spacy", NESTED),
    "pairs in token lines": Format(read_token_lines, write_token_lines, "d.jsonl", Texts(pairs=True)),
    "pairs in offset lines": Format(read_offset_lines, write_offset_lines, "d.jsonl", Texts(pairs=True, types=True)),
    "TACRED": Format(read_tacred, write_tacred, "d.json", Texts(pairs=True, types=True)),
    "Wiki80": Format(read_wiki80, write_wiki80, "d.jsonl", Texts(pairs=True)),
    "SemEval": Format(read_semeval, write_semeval, "d.txt", Texts(pairs=True, without=("\r", "\n"))),
}
FORMATS |= {
    f"{name}, {unit}": Format(partial(read, unit=unit), partial(write, unit=unit), file, NESTED)
    for name, read, write, file in (
        ("doccano", read_doccano, write_doccano, "d.jsonl"),
        ("Label Studio", read_label_studio, write_label_studio, "d.json"),
    )
    for unit in UNITS
}
FORMATS |= {
    f"CoNLL, {scheme}": Format(
        read_conll, partial(write_conll, scheme=scheme), "d.conll", Texts(spaced=False, without=("-DOCSTART-",))
    )
    for scheme in ("bio", "iob1", "bioes", "bmes", "bilou")
}


def any_character(rng):
    """Any code point but surrogates."""
    number = rng.choice([rng.randrange(0x300), rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)])
    return chr(number)


def generated_text(rng, without):
    pieces = [rng.choice(HOSTILE) if rng.random() < 0.7 else any_character(rng) for _ in range(rng.randint(0, LONGEST))]
    text = "".join(pieces)
    for part in without:
        text = text.replace(part, "")
    return text


def generated_spans(rng, text, texts):
    cuts = sorted(rng.sample(range(len(text) + 1), min(len(text) + 1, rng.randint(0, MOST_CUTS))))
    places = list(zip(cuts[::2], cuts[1::2], strict=False))
    if texts.nested and places:
        places.append((places[0][0], places[-1][1]))
    spans = {Span(start, end, rng.choice(LABELS), text[start:end]) for start, end in places if text[start:end].strip()}
    if not texts.spaced:
        spans = {span for span in spans if span.text == span.text.strip()}
    return tuple(sorted(spans, key=lambda span: (span.start, span.end, span.label)))


def generated(number, texts):
    """The document of this number that fits."""
    rng = random.Random(number)
    while True:
        text = generated_text(rng, texts.without)
        spans = generated_spans(rng, text, texts)
        if not texts.pairs:
            return Document(f"d-{number}", text, spans)
        if len(spans) > 1:
            ends = rng.sample(spans, 2)
            head, tail = ends if texts.types else (Span(one.start, one.end, "", one.text) for one in ends)
            return Document(f"d-{number}", text, "Cause-Effect(e1,e2)", head=head, tail=tail)


def places_of(document):
    """Everything that is marked, pairs included."""
    ends = [span for span in (document.head, document.tail) if span is not None]
    return [span for span in document.value if isinstance(span, Span)] + ends


@pytest.mark.parametrize("name", FORMATS)
def test_no_span_of_any_text_is_shifted(name, tmp_path):
    if name == "DocBin":
        pytest.importorskip("spacy")
    form = FORMATS[name]
    documents = [generated(number, form.texts) for number in range(N_TEXTS)]
    form.write([Marked(document) for document in documents], tmp_path / form.name)
    found = [record.document for record in form.read(tmp_path / form.name)]
    assert len(found) == len(documents)
    by_id = {document.id: document for document in found}
    n_spans = n_shifted = 0
    for document in documents:
        spans, theirs = places_of(document), by_id.get(document.id, Document("", "", ()))
        n_spans += len(spans)
        n_shifted += sum(
            span not in places_of(theirs) or theirs.text[span.start : span.end] != span.text for span in spans
        )
    assert n_shifted == 0
    assert n_spans > N_TEXTS
    assert [by_id[document.id] for document in documents] == documents
