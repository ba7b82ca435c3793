"""Spans out of tags, against seqeval and conlleval."""

import json
import os
from pathlib import Path

import pytest

from understudy.evaluation.spans import count_tags, tag_spans

SHARED = Path(os.environ.get("UNDERSTUDY_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


def vectors(name):
    path = SHARED / "metric_vectors" / name
    if not path.is_file():
        pytest.skip(f"{path.name} is not on this machine")
    return json.loads(path.read_text(encoding="utf-8"))


def micro(truth, predicted, strict=False):
    labels = sorted({tag.partition("-")[2] for tags in (*truth, *predicted) for tag in tags if tag != "O"})
    totals = count_tags(truth, predicted, labels, strict=strict).total()
    tp, fp, fn = (float(part.sum()) for part in (totals.tp, totals.fp, totals.fn))
    return {"p": tp / (tp + fp or 1), "r": tp / (tp + fn or 1), "f1": 2 * tp / (2 * tp + fp + fn or 1)}


@pytest.mark.parametrize(("style", "strict"), [("conlleval_style", False), ("strict_iob2", True)])
def test_small_cases_as_seqeval(style, strict):
    for case in vectors("ner_small_cases.json")["cases"]:
        assert micro(case["true"], case["pred"], strict) == pytest.approx(case[style]["micro"]), case["src"]


def test_the_chunking_sample_as_conlleval_and_seqeval():
    sample = vectors("conlleval_chunking.json")
    found = micro(sample["true"], sample["pred"])
    for short, long in (("p", "precision"), ("r", "recall"), ("f1", "f1")):
        assert round(100 * found[short], 2) == sample["conlleval_pl"][long]
        assert found[short] == pytest.approx(sample["seqeval"][short])


@pytest.mark.parametrize(
    ("tags", "lenient", "strict"),
    [
        ([], (), ()),
        (["O"], (), ()),
        (["I-A", "I-A"], ((0, 2, "A"),), ()),
        (["B-A", "I-B"], ((0, 1, "A"), (1, 2, "B")), ((0, 1, "A"),)),
        (["B-A", "I-B", "I-A"], ((0, 1, "A"), (1, 2, "B"), (2, 3, "A")), ((0, 1, "A"),)),
        (["B-A", "B-A", "I-A"], ((0, 1, "A"), (1, 3, "A")), ((0, 1, "A"), (1, 3, "A"))),
        (["B-a-b", "I-a-b"], ((0, 2, "a-b"),), ((0, 2, "a-b"),)),
    ],
)
def test_spans_by_hand(tags, lenient, strict):
    assert tag_spans(tags) == lenient
    assert tag_spans(tags, strict=True) == strict


def test_sentences_of_unlike_length_are_refused():
    with pytest.raises(ValueError, match="as many tags"):
        count_tags([["O"]], [["O", "O"]], ["A"])


def test_recorded_answers_of_models_as_seqeval_and_conlleval():
    compared = 0
    for case in vectors("ner_reference.json"):
        path = SHARED / case["set"] / case["file"]
        if not path.is_file():
            continue
        compared += 1
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        truth, said = answered(rows, case["model"], case["repeat_index"])
        assert len(truth) == case["n"]
        found, strict = micro(truth, said), micro(truth, said, strict=True)
        for short, long in (("p", "precision"), ("r", "recall"), ("f1", "f1")):
            assert found[short] == pytest.approx(case["seqeval"][short])
            assert 100 * found[short] == pytest.approx(case["conlleval_pl"][long], abs=0.00501), "to two decimals"
            assert strict[short] == pytest.approx(case["seqeval_strict_iob2"][short])
    if not compared:
        pytest.skip("none of the sets is on this machine")


def answered(rows, model, repeat):
    """Truth and answers of one model, its missing answers left out."""
    said = [(row["tags"], row.get("llm", {}).get(model)) for row in rows]
    said = [(tags, answer if repeat is None or answer is None else answer[repeat]) for tags, answer in said]
    kept = [(tags, answer) for tags, answer in said if answer is not None]
    return [tags for tags, _ in kept], [answer for _, answer in kept]
