"""Files as other tools write them: found, read to the character, written back as they were."""

import json
import sys

import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.corpus import read_documents
from understudy.corpus.spans import (
    brat,
    conll,
    docbin,
    doccano,
    label_studio,
    prodigy,
    semeval,
    tacred,
    token_lines,
    wiki80,
)
from understudy.corpus.spans.marked import Marked
from understudy.corpus.spans.reading import format_of, remark_on
from understudy.corpus.spans.schemes import Detected, detect_scheme, read_tags, write_tags
from understudy.errors import UserError
from understudy.records import Document, Span
from understudy.settings import DataSettings

CONLL_2003 = """-DOCSTART- -X- O O

Ana NNP I-NP I-PER
Li NNP I-NP B-PER
of IN I-PP O
北京 NNP I-NP I-LOC

😀 SYM I-NP O
Ana NNP I-NP I-PER

"""
BRAT = "T1\tPER 2 5\tAna\nT2\tLOC 9 17\tNew York\nR1\tlives Arg1:T1 Arg2:T2\n#1\tAnnotatorNotes T1\tsure\n"
LABEL_STUDIO = {
    "id": 7,
    "data": {"text": "😀 Ana in York", "source": "x"},
    "annotations": [
        {"id": 1, "was_cancelled": True, "result": []},
        {
            "id": 2,
            "was_cancelled": False,
            "result": [
                {
                    "id": "abc",
                    "from_name": "ner",
                    "to_name": "text",
                    "type": "labels",
                    "value": {"start": 3, "end": 6, "text": "Ana", "labels": ["PER"]},
                },
                {"id": "k", "from_name": "note", "to_name": "text", "type": "choices", "value": {"choices": ["a"]}},
            ],
        },
    ],
    "total_annotations": 2,
}
PRODIGY = {
    "text": "😀 Ana in York",
    "_input_hash": 12,
    "tokens": [
        {"text": "😀", "start": 0, "end": 1, "id": 0},
        {"text": "Ana", "start": 2, "end": 5, "id": 1},
        {"text": "in", "start": 6, "end": 8, "id": 2},
        {"text": "York", "start": 9, "end": 13, "id": 3},
    ],
    "spans": [{"start": 2, "end": 5, "token_start": 1, "token_end": 1, "label": "PER"}],
    "answer": "accept",
}
DOCCANO = {
    "id": 3,
    "text": "Ana in York",
    "entities": [{"id": 41, "label": "PER", "start_offset": 0, "end_offset": 3}],
    "relations": [],
}
DOCCANO_LIST = {"id": 1, "text": "Ana", "label": [[0, 3, "PER"]]}
TACRED = {
    "id": "e1",
    "relation": "per:city_of_birth",
    "token": ["Ana", "Li", "of", "New", "York"],
    "subj_start": 0,
    "subj_end": 1,
    "obj_start": 3,
    "obj_end": 4,
    "subj_type": "PERSON",
    "obj_type": "CITY",
    "stanford_pos": ["NNP", "NNP", "IN", "NNP", "NNP"],
}
WIKI80 = {
    "token": ["Ana", "Li", "of", "New", "York"],
    "h": {"name": "ana li", "id": "Q1", "pos": [0, 2]},
    "t": {"name": "new york", "id": "Q60", "pos": [3, 5]},
    "relation": "residence",
}
SEMEVAL = """1\t"The system has its <e1>use</e1> in <e2>an "array"</e2>."
Component-Whole(e2,e1)
Comment: Not a collection.

2\t"No <e2>fog</e2> and <e1>rain</e1>."
Other
Comment:

"""


def save(path, content):
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False) + "\n")
    return path


def quotes(records):
    return [[(span.text, span.label) for span in record.document.value or ()] for record in records]


def test_conll_2003_is_iob1_and_goes_back_as_it_was(tmp_path):
    path = save(tmp_path / "a.conll", CONLL_2003)
    found = list(conll.read_conll(path))
    assert quotes(found) == [[("Ana", "PER"), ("Li", "PER"), ("北京", "LOC")], [("Ana", "PER")]]
    assert found[0].document.text == "Ana Li of北京"
    assert [record.rest["document"] for record in found] == [1, 1]
    conll.write_conll(found, tmp_path / "a2.conll")
    # the ids differ by the file's name, so they stand in comments
    lines = (tmp_path / "a2.conll").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("# id")] == CONLL_2003.splitlines()
    remark = remark_on(path, DataSettings())
    assert "IOB1" in remark.title


def test_conll_with_windows_line_ends_and_tabs(tmp_path):
    path = save(tmp_path / "a.bio", "#wnut\tO\r\nAna\tB-PER\r\n\r\nLi\tB-PER\r\n")
    assert quotes(conll.read_conll(path)) == [[("Ana", "PER")], [("Li", "PER")]]


@pytest.mark.parametrize("line", ["Ana", "Ana PER", "Ana B-", "Ana X-PER", "Ana "])
def test_a_line_without_a_tag_is_refused_with_its_number(tmp_path, line):
    path = save(tmp_path / "a.conll", f"Li O\n{line}\n")
    with pytest.raises(UserError, match="line 2"):
        list(conll.read_conll(path))


@pytest.mark.parametrize(
    ("sentences", "scheme", "n_irregular"),
    [
        ([], "bio", 0),
        ([["O", "O"]], "bio", 0),
        ([["B-A", "I-A", "B-A"]], "bio", 0),
        ([["I-A", "B-A", "I-B"]], "iob1", 0),
        ([["B-A", "E-A", "S-B"]], "bioes", 0),
        ([["B-A", "M-A", "E-A", "S-B"]], "bmes", 0),
        ([["B-A", "I-A", "L-A", "U-B"]], "bilou", 0),
        ([["B-A"], ["B-A", "I-A"], ["O", "I-A"]], "bio", 1),
    ],
)
def test_the_scheme_is_found(sentences, scheme, n_irregular):
    assert detect_scheme(sentences) == Detected(scheme, n_irregular)


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("bio", ["B-A", "I-A", "I-A", "B-A", "O", "B-B"]),
        ("iob1", ["I-A", "I-A", "I-A", "B-A", "O", "I-B"]),
        ("bioes", ["B-A", "I-A", "E-A", "S-A", "O", "S-B"]),
        ("bmes", ["B-A", "M-A", "E-A", "S-A", "O", "S-B"]),
        ("bilou", ["B-A", "I-A", "L-A", "U-A", "O", "U-B"]),
    ],
)
def test_tags_of_every_scheme_by_hand(scheme, tags):
    spans = ((0, 3, "A"), (3, 4, "A"), (5, 6, "B"))
    assert read_tags(tags) == spans
    assert write_tags(spans, 6, scheme) == tags


def test_brat_keeps_ids_relations_and_notes(tmp_path):
    save(tmp_path / "d.txt", "\r\nAna in New\nYork")
    save(tmp_path / "d.ann", BRAT)
    found = list(brat.read_brat(tmp_path))
    assert quotes(found) == [[("Ana", "PER"), ("New\nYork", "LOC")]]
    brat.write_brat(found, tmp_path / "again")
    assert (tmp_path / "again" / "d.ann").read_text(encoding="utf-8") == BRAT
    assert (tmp_path / "again" / "d.txt").read_bytes() == (tmp_path / "d.txt").read_bytes()
    assert format_of(tmp_path, DataSettings()) == "brat"


@pytest.mark.parametrize("line", ["T1\tPER 0 2;3 5\tAna", "T1\tPER 0 3\tLi", "T1\tPER 0 99\tx", "T1"])
def test_brat_spans_that_do_not_fit_are_refused(tmp_path, line):
    save(tmp_path / "d.txt", "Ana in York")
    save(tmp_path / "d.ann", line + "\n")
    with pytest.raises(UserError):
        list(brat.read_brat(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "read", "write", "form"),
    [
        ("a.json", [LABEL_STUDIO], label_studio.read_label_studio, label_studio.write_label_studio, "label-studio"),
        ("a.jsonl", PRODIGY, prodigy.read_prodigy, prodigy.write_prodigy, "prodigy"),
        ("a.jsonl", PRODIGY | {"answer": "reject"}, prodigy.read_prodigy, prodigy.write_prodigy, "prodigy"),
        ("a.jsonl", DOCCANO, doccano.read_doccano, doccano.write_doccano, "doccano"),
        ("a.jsonl", DOCCANO_LIST, doccano.read_doccano, doccano.write_doccano, "doccano"),
        ("a.json", [TACRED], tacred.read_tacred, tacred.write_tacred, "tacred"),
        ("a.jsonl", WIKI80, wiki80.read_wiki80, wiki80.write_wiki80, "wiki80"),
        (
            "a.jsonl",
            {"id": "x", "tokens": ["Ana", "北"], "tags": ["I-PER", "O"], "lang": "zh"},
            token_lines.read_token_lines,
            token_lines.write_token_lines,
            "tokens",
        ),
        (
            "a.jsonl",
            {"id": "x", "tokens": ["Fog", "hurts"], "head": [1, 2], "tail": [0, 1], "label": "y"},
            token_lines.read_token_lines,
            token_lines.write_token_lines,
            "tokens",
        ),
    ],
)  # fmt: skip
def test_json_goes_back_as_it_was(tmp_path, name, content, read, write, form):
    path = save(tmp_path / name, content)
    assert format_of(path, DataSettings()) == form
    write(list(read(path)), tmp_path / f"again{path.suffix}")
    assert json.loads((tmp_path / f"again{path.suffix}").read_text(encoding="utf-8")) == content


def test_label_studio_before_1_4_counts_utf_16_units(tmp_path):
    (record,) = label_studio.read_label_studio(save(tmp_path / "a.json", [LABEL_STUDIO]))
    assert record.document.value == (Span(2, 5, "PER", "Ana"),)
    assert record.rest["unit"] == "utf-16"


def test_label_studio_regions_that_quote_another_text_are_refused(tmp_path):
    task = json.loads(json.dumps(LABEL_STUDIO))
    task["data"]["text"] = "Anna in York"
    with pytest.raises(UserError, match="neither in code points nor in UTF-16"):
        list(label_studio.read_label_studio(save(tmp_path / "a.json", [task])))


def test_doccano_does_not_guess_what_an_offset_behind_an_emoji_means(tmp_path):
    path = save(tmp_path / "a.jsonl", {"id": 1, "text": "😀 Ana", "label": [[3, 6, "PER"]]})
    with pytest.raises(UserError, match="count as two"):
        list(doccano.read_doccano(path))
    (record,) = doccano.read_doccano(path, unit="utf-16")
    assert record.document.value == (Span(2, 5, "PER", "Ana"),)


def test_what_was_not_accepted_in_prodigy_has_no_label(tmp_path):
    (record,) = prodigy.read_prodigy(save(tmp_path / "a.jsonl", PRODIGY | {"answer": "ignore"}))
    assert record.document.value is None


def test_semeval_goes_back_as_it_was(tmp_path):
    path = save(tmp_path / "a.txt", SEMEVAL)
    found = list(semeval.read_semeval(path))
    assert format_of(path, DataSettings()) == "semeval"
    assert [(r.document.head.text, r.document.tail.text, r.document.value) for r in found] == [
        ("use", 'an "array"', "Component-Whole(e2,e1)"),
        ("rain", "fog", "Other"),
    ]
    semeval.write_semeval(found, tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_text(encoding="utf-8") == SEMEVAL


@pytest.mark.parametrize("block", ["no number", '1\t"no <e1>mark</e1>"\nx', '1\t"<e1>a</e1> <e2>b</e2>"'])
def test_semeval_blocks_of_another_form_are_refused(tmp_path, block):
    with pytest.raises(UserError, match="line 1"):
        list(semeval.read_semeval(save(tmp_path / "a.txt", block + "\n")))


def test_overlapping_spans_are_refused_where_tags_cannot_hold_them(tmp_path):
    path = save(
        tmp_path / "a.jsonl",
        PRODIGY | {"spans": [{"start": 2, "end": 8, "label": "A"}, {"start": 6, "end": 13, "label": "B"}]},
    )
    found = list(prodigy.read_prodigy(path))
    for write in (conll.write_conll, token_lines.write_token_lines):
        with pytest.raises(UserError, match="overlapping"):
            write(found, tmp_path / "b")


def test_a_docbin_without_spacy_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(UserError, match="need spaCy") as caught:
        list(docbin.read_docbin(tmp_path / "a.spacy"))
    assert "pip install spacy" in caught.value.hint


def test_a_project_reads_documents_from_any_format(tmp_path):
    spans = task_of(Codebook(kind="entities", labels=(Label(name="PER"), Label(name="LOC"))))
    data = DataSettings(meta=("document",))
    found = list(read_documents([save(tmp_path / "a.conll", CONLL_2003)], data, spans.read, spans.check_in))
    assert [(document.id, len(document.value), document.meta["document"]) for document in found] == [
        ("a-1", 3, "1"),
        ("a-2", 1, "1"),
    ]
    relations = task_of(Codebook(kind="relations", labels=(Label(name="per:city_of_birth", heads=("PERSON",)),)))
    data = DataSettings(head="head", tail="tail")
    (pair,) = read_documents([save(tmp_path / "a.json", [TACRED])], data, relations.read, relations.check_in)
    assert (pair.head, pair.tail) == (Span(0, 6, "PERSON", "Ana Li"), Span(10, 18, "CITY", "New York"))


@pytest.mark.parametrize(
    "row",
    [
        {"id": "1", "text": "a", "label": "x"},
        {"id": "1", "text": "a", "label": ["x", "y"]},
        {"id": "1", "text": "a", "label": []},
        {"id": "1", "text": "a", "data": "b"},
    ],
)
def test_tables_stay_tables(tmp_path, row):
    path = save(tmp_path / "a.jsonl", row)
    assert format_of(path, DataSettings()) == "table"
    assert remark_on(path, DataSettings()) is None


@pytest.mark.parametrize("text", ["-DOCSTART- here", "a b"])
def test_what_a_column_cannot_hold_is_refused(tmp_path, text):
    spaced = (Span(1, 3, "PER", " b"),) if text == "a b" else ()
    with pytest.raises(UserError, match="which a column cannot"):
        conll.write_conll([Marked(Document("d", text, spaced))], tmp_path / "a.conll")
