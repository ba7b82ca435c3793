"""Cases L-13, P-19, P-22 and the dated pause of P-01: what is said while a teacher labels."""

import re

import pytest

from understudy.pipeline.labelling import Labelling
from understudy.records import Annotation, Outcome, Provenance
from understudy.teacher import Activity


class Heard:
    """A listener that remembers."""

    def __init__(self):
        self.said, self.lines = [], []

    def say(self, message):
        self.said.append(message)

    def progress(self, what, done, total, detail=""):
        self.lines.append((done, total, detail))


@pytest.fixture
def heard():
    return Heard()


def labelled(value, model="m", outcome=Outcome.LABELLED):
    return Annotation("d", "sha", outcome, value, Provenance("t", model))


def test_line_counts_what_is_no_label_and_shows_money_and_what_is_in_flight(heard):
    labelling = Labelling(heard, 4, 2)
    labelling.tell(labelled("pos"), "$0.10 of $1.00 (cap)")
    labelling.tell(labelled(None, outcome=Outcome.REFUSED), "$0.20 of $1.00 (cap)")
    labelling.watch(Activity(n_in_flight=20, oldest_s=3.2))
    assert heard.lines[-1] == (2, 4, "refused 1 · $0.20 of $1.00 (cap) · 20 in flight, oldest 3 s")
    assert heard.said == []


def test_p01_a_pause_is_said_once_with_its_end_and_its_reason(heard):
    labelling = Labelling(heard, 4, 2)
    for _ in range(3):
        labelling.watch(Activity(pause_s=37.0, pause_reason="the server answered 429", n_places=8))
    (said,) = heard.said
    assert re.match(
        r"paused by the provider until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(37 s\): the server answered 429", said
    )
    labelling.watch(Activity(pause_s=90.0, pause_reason="again"))
    assert len(heard.said) == 2


def test_p13_a_hanging_call_shows_its_age(heard):
    labelling = Labelling(heard, 4, 2)
    labelling.watch(Activity(n_in_flight=1, oldest_s=45.0))
    assert heard.lines == [(0, 4, "1 in flight, oldest 45 s")]


@pytest.mark.parametrize(("n_cut", "n_replies", "n_said"), [(1, 50, 0), (2, 50, 1), (49, 49, 0), (21, 1000, 1)])
def test_p19_many_cut_answers_are_warned_of_once(heard, n_cut, n_replies, n_said):
    labelling = Labelling(heard, 2000, 2)
    for _ in range(3):
        labelling.watch(Activity(n_replies=n_replies, n_cut=n_cut))
    assert len(heard.said) == n_said
    assert all("max_tokens" in said for said in heard.said)


def test_p22_another_model_in_mid_run_is_warned_of(heard):
    labelling = Labelling(heard, 9, 2)
    for model in ("m-2024", "m-2024", "", "m-2025", "m-2025", "m-2024"):
        labelling.tell(labelled("pos", model), "")
    (said,) = heard.said
    assert "`m-2025`" in said
    assert "`m-2024`" in said


def test_p22_another_model_than_in_earlier_runs_is_warned_of(heard):
    labelling = Labelling(heard, 9, 2, ["", "m-2024", "m-2024"])
    labelling.tell(labelled("pos", "m-2025"), "")
    assert "m-2025" in heard.said[0]


def test_l13_two_hundred_equal_labels_are_warned_of_once(heard):
    labelling = Labelling(heard, 500, 2)
    for _ in range(199):
        labelling.tell(labelled("pos"), "")
    labelling.tell(labelled(None, outcome=Outcome.FAILED), "")
    assert heard.said == []
    for _ in range(201):
        labelling.tell(labelled("pos"), "")
    assert len(heard.said) == 1
    assert "all the same (`pos`)" in heard.said[0]


@pytest.mark.parametrize(("n_labels", "odd"), [(1, 500), (2, 0), (2, 150)])
def test_l13_different_labels_or_a_codebook_of_one_are_no_collapse(heard, n_labels, odd):
    labelling = Labelling(heard, 500, n_labels)
    for number in range(400):
        labelling.tell(labelled("neg" if number == odd else "pos"), "")
    assert heard.said == []
