"""Trust of single spans: what is known of them by hand, who judges them, and where there is nothing to judge."""

from __future__ import annotations

import json

import numpy as np
import pytest

from understudy.pipeline import Project, copy_demo_project
from understudy.pipeline.span_trust import measure_span_trust, said_spans, span_features
from understudy.records import Annotation, Document, Outcome, Provenance, Role, Span

LABELS = ("place", "name")


def spans_in(text, **words):
    places = [(text.index(word), word, label) for word, label in words.items()]
    return tuple(sorted((Span(i, i + len(w), label, w) for i, w, label in places), key=lambda span: span.start))


def said(identifier, answers, n_asked=3, **more):
    return Annotation(
        identifier, "", Outcome.LABELLED, answers[0], Provenance("a"), answers=answers, n_asked=n_asked, **more
    )


def log_odds(k, n):
    return np.log((k + 0.5) / (n - k + 0.5))


def test_features_by_hand():
    texts = {"a": "Kim in Ulm", "b": "KIM again", "c": "Kim or Ulm", "d": "Nobody", "e": "kim, Kim"}
    first = spans_in(texts["a"], Kim="name", Ulm="place")
    annotations = {
        "a": said("a", (first, first[:1]), confidence=0.75, flags=("hidden",)),  # 3 asked, 2 readable
        "b": said("b", (spans_in(texts["b"], KIM="name"),) * 3),
        "c": said("c", (spans_in(texts["c"], Kim="place", Ulm="name"),) * 3),
        "d": said("d", ((),) * 3),
        "e": said("e", (spans_in(texts["e"], kim="name"),) * 3),
    }
    documents = [Document(identifier, text, first[:1]) for identifier, text in texts.items()]
    spans = said_spans(documents[:1], annotations)
    assert [(one.span.text, one.is_right) for one in spans] == [("Kim", True), ("Ulm", False)]
    assert [one.consistency for one in spans] == [2 / 3, 1 / 3]
    kim = [log_odds(2, 3), log_odds(2, 3), 0.75, np.log(4), np.log(3), 1, 0, 1]  # of b, c and e, b and e alike
    ulm = [log_odds(1, 3), log_odds(0, 1), 0.75, np.log(4), np.log(3), 1, 1, 0]  # in c alone, with the other label
    np.testing.assert_allclose(span_features(spans, documents, annotations, LABELS), [kim, ulm])
    alone = span_features(spans, documents[:1], annotations, LABELS)
    assert np.isnan(alone[:, 1]).all()
    assert span_features([], documents, annotations, LABELS).shape == (0, 8)


@pytest.fixture
def project(tmp_path, tiny_bert):
    copy_demo_project(tmp_path / "demo", "entities")
    return Project.open(tmp_path / "demo", {"embedding.model": json.dumps(str(tiny_bert)), "gold.dev": "0.4"})


def of_gold(project, answers):
    """Annotations of gold demo and dev; `answers` makes them of a text's human spans."""
    documents = [*project.gold_of(Role.DEMO), *project.gold_of(Role.DEV)]
    return {d.id: said(d.id, answers(d.value)) for d in documents}


def with_a_wrong_border(span):
    return Span(span.start, span.end - 1, span.label, span.text[:-1])


def test_spans_that_fewer_answers_hold_are_trusted_less_where_they_are_wrong(project):
    def answers(human):
        wrong = tuple(with_a_wrong_border(span) for span in human[:1] if len(span.text) > 1)
        voted = (*wrong, *human[len(wrong) :])
        return (voted, voted, human[len(wrong) :])

    annotations = of_gold(project, answers)
    report = measure_span_trust(project, annotations)
    n_spans = sum(len(annotations[d.id].value) for d in project.gold_of(Role.DEV))
    n_wrong = sum(bool(d.value) for d in project.gold_of(Role.DEV))
    assert (report.n, report.n_right) == (n_spans, n_spans - n_wrong)
    assert 0 < n_wrong < n_spans
    assert report.auroc.trust > 0.99  # two of three answers hold what is wrong, all hold what is right
    assert report.brier.trust < report.brier.consistency  # two thirds are said to be right, none is


def test_where_nothing_tells_right_from_wrong_trust_is_the_base_rate(project):
    report = measure_span_trust(project, of_gold(project, lambda human: (human,) * 3))
    assert report.n == report.n_right > 10
    assert min(one.confidence for one in report.trust_bins) > 0.8
    assert np.isnan(report.auroc.trust)


def test_no_report_without_spans_or_without_trust(project):
    assert measure_span_trust(project, of_gold(project, lambda human: ((),) * 3)) is None
    assert measure_span_trust(project, {}) is None
    off = Project.open(project.folder, {"trust.enabled": "false"})
    assert measure_span_trust(off, of_gold(off, lambda human: (human,) * 3)) is None
