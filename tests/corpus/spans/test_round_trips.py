"""Write, read and write again: nothing moves, whatever characters stand in the text.

`UNDERSTUDY_SPAN_CASES` sets the number of generated texts for each format; the suite runs a few.
"""

import os
import tempfile
from pathlib import Path

import pytest
from hostile_text import HOSTILE
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

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

CASES = int(os.environ.get("UNDERSTUDY_SPAN_CASES", "25"))
LABELS = st.sampled_from(["PER", "B-x", "ORG.sub", "ort_ä"])


@st.composite
def documents(draw, nested=False, spaced=True):
    text = "".join(draw(st.lists(st.sampled_from(HOSTILE) | st.characters(codec="utf-8"), max_size=25)))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    if nested and pairs:
        pairs.append((pairs[0][0], pairs[-1][1]))
    spans = {Span(a, b, draw(LABELS), text[a:b]) for a, b in pairs if text[a:b].strip()}
    if not spaced:
        spans = {span for span in spans if span.text == span.text.strip()}
    return Document("d-1", text, tuple(sorted(spans, key=lambda span: (span.start, span.end, span.label))))


def round_trip(read, write, document, name):
    """The document as it was read, and whether writing what was read gives the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "a", name), Path(folder, "b", name)
        for path in (first, second):
            path.parent.mkdir()
        write([Marked(document)], first)
        found = list(read(first))
        write(found, second)
        assert contents(first) == contents(second)
        return found[0].document


def contents(path):
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [(file.name, file.read_bytes()) for file in files]


def check(read, write, document, name):
    found = round_trip(read, write, document, name)
    assert all(found.text[span.start : span.end] == span.text for span in found.value)
    assert found == document


SLOW_OR_RARE = [HealthCheck.too_slow, HealthCheck.filter_too_much]
many = settings(max_examples=CASES, deadline=None, suppress_health_check=SLOW_OR_RARE)


@many
@given(documents(nested=True))
def test_offset_lines(document):
    check(read_offset_lines, write_offset_lines, document, "d.jsonl")


@many
@given(documents(nested=True))
def test_prodigy(document):
    check(read_prodigy, write_prodigy, document, "d.jsonl")


@many
@given(documents(nested=True), st.sampled_from(["code-points", "utf-16"]))
def test_doccano(document, unit):
    def read(path):
        return read_doccano(path, unit=unit)

    def write(records, path):
        write_doccano(records, path, unit)

    check(read, write, document, "d.jsonl")


@many
@given(documents(nested=True), st.sampled_from(["code-points", "utf-16"]))
def test_label_studio(document, unit):
    def read(path):
        return read_label_studio(path, unit=unit)

    def write(records, path):
        write_label_studio(records, path, unit)

    check(read, write, document, "d.json")


@many
@given(documents(nested=True), st.sampled_from(["code-points", "utf-16"]))
def test_label_studio_finds_the_unit_by_the_quotes(document, unit):
    def write(records, path):
        write_label_studio([Marked(record.document) for record in records], path, unit)

    found = round_trip(read_label_studio, write, document, "d.json")
    assert [span.text for span in found.value] == [span.text for span in document.value]


MARK = Document("d-1", "\ufeffAna", (Span(0, 4, "PER", "\ufeffAna"),))


@many
@given(documents(nested=True))
@example(MARK)
def test_brat(document):
    check(read_brat, write_brat, document, "d")


@many
@given(documents())
def test_token_lines(document):
    check(read_token_lines, write_token_lines, document, "d.jsonl")


@many
@given(documents(spaced=False), st.sampled_from(["bio", "iob1", "bioes", "bmes", "bilou"]))
@example(MARK, "bio")
@example(Document("d-1", "# id = 1", (Span(0, 1, "PER", "#"),)), "bio")
def test_conll(document, scheme):
    assume("-DOCSTART-" not in document.text)

    def write(records, path):
        write_conll(records, path, scheme)

    check(read_conll, write, document, "d.conll")


@many
@given(documents(nested=True))
def test_docbin(document):
    pytest.importorskip("spacy")
    check(read_docbin, write_docbin, document, "d.spacy")


@st.composite
def pairs(draw, types=False):
    document = draw(documents())
    assume(len(document.value) > 1)
    head, tail = draw(st.permutations(document.value))[:2]
    if not types:
        head, tail = (Span(span.start, span.end, "", span.text) for span in (head, tail))
    return Document("d-1", document.text, "Cause-Effect(e1,e2)", head=head, tail=tail)


@many
@given(pairs())
def test_pairs_in_token_lines(document):
    assert round_trip(read_token_lines, write_token_lines, document, "d.jsonl") == document


@many
@given(pairs(types=True))
def test_pairs_in_offset_lines(document):
    assert round_trip(read_offset_lines, write_offset_lines, document, "d.jsonl") == document


@many
@given(pairs(types=True))
def test_tacred(document):
    assert round_trip(read_tacred, write_tacred, document, "d.json") == document


@many
@given(pairs())
def test_wiki80(document):
    assert round_trip(read_wiki80, write_wiki80, document, "d.jsonl") == document


@many
@given(pairs())
def test_semeval(document):
    assume(not set("\r\n") & set(document.text))
    assert round_trip(read_semeval, write_semeval, document, "d.txt") == document
