"""The trust step on tiny projects: what it stores, what it learns from, and what it must never touch."""

from dataclasses import replace

import numpy as np
import pytest
from small_project import SmallProject

from understudy.errors import GoldMisuse
from understudy.evaluation import report_trust
from understudy.journal import Journal
from understudy.pipeline.annotation import stored_annotations
from understudy.pipeline.trust_features import agreement
from understudy.pipeline.trusting import estimate_trust, measure_trust, refuse_test, trust
from understudy.records import Outcome, Role


class Ears:
    """A listener that remembers what was said."""

    def __init__(self):
        self.said = []

    def say(self, message):
        self.said.append(message)

    def progress(self, what, done, total, detail=""):
        pass


@pytest.fixture
def project(tmp_path, tiny_bert):
    """A recorded teacher with three answers a text: wrong on every fifth text, and then it is split."""
    small = SmallProject(tmp_path / "project", tiny_bert, codebook='positive = "pos"', n_gold=60, n_pool=30)
    small.write_recorded({row["id"]: answers(row, i) for i, row in enumerate(small.gold + small.pool)})
    return small


def answers(row, number):
    right = row["label"]
    wrong = "neg" if right == "pos" else "pos"
    if number % 7 == 3:
        return [None, None, None]
    return [wrong, wrong, right] if number % 5 == 0 else [right] * 3


def ids(documents):
    return {document.id for document in documents}


def test_every_label_but_those_of_gold_test_has_trust(project):
    opened = project.open()
    opened.annotate()
    stored = stored_annotations(opened)
    labelled = {i for i, a in stored.items() if a.outcome is Outcome.LABELLED}
    trusted = {i for i, a in stored.items() if a.trust is not None}
    assert trusted == labelled - ids(opened.gold_of(Role.TEST))
    assert {stored[i].outcome for i in set(stored) - labelled} == {Outcome.UNPARSED}
    assert all(0 < stored[i].trust < 1 for i in trusted)


def test_split_answers_are_trusted_less(project):
    opened = project.open()
    opened.annotate()
    stored = [a for a in stored_annotations(opened).values() if a.trust is not None]
    split = np.array([agreement(a) < 1 for a in stored])
    values = np.array([a.trust for a in stored])
    assert values[split].max() < values[~split].min()


def test_what_the_teacher_said_stays_as_it_was(project):
    project.settings["trust.enabled"] = "false"
    before = project.open()
    before.annotate()
    plain = stored_annotations(before)
    assert all(annotation.trust is None for annotation in plain.values())
    project.settings["trust.enabled"] = "true"
    after = project.open()
    after.annotate()
    assert {i: replace(a, trust=None) for i, a in stored_annotations(after).items()} == plain


def test_rows_are_appended_once_and_never_changed(project):
    opened = project.open()
    opened.annotate()
    n = n_rows(opened)
    stored = stored_annotations(opened)
    assert n == len(stored) + sum(a.trust is not None for a in stored.values())
    assert trust(project.open()) is not None
    assert n_rows(opened) == n


def test_trust_follows_the_human_labels(project):
    """A human label that changes on gold dev changes the trust, and only trust is appended."""
    first = project.open()
    first.annotate()
    changed = next(d.id for d in first.gold_of(Role.DEV) if stored_annotations(first)[d.id].value == d.value)
    for row in project.gold:
        if row["id"] == changed:
            row["label"] = "neg" if row["label"] == "pos" else "pos"
    project.write()
    before = stored_annotations(first)
    again = project.open()
    again.annotate()
    after = stored_annotations(again)
    assert changed in ids(again.gold_of(Role.DEV))
    assert after["p1001"].trust != before["p1001"].trust
    assert {i: a.value for i, a in after.items()} == {i: a.value for i, a in before.items()}


def test_human_labels_of_test_and_demo_do_not_matter(project):
    """Whatever people said about test and demo texts, trust stays: it is learned on dev alone."""
    opened = project.open()
    opened.annotate()
    before = estimate_trust(opened, stored_annotations(opened))
    others = ids(opened.gold_of(Role.TEST)) | ids(opened.gold_of(Role.DEMO))
    gold = tuple(replace(d, value="pos") if d.id in others else d for d in opened.ledger.gold)
    opened.ledger = replace(opened.ledger, gold=gold)
    after = estimate_trust(opened, stored_annotations(opened))
    assert after.trust.tolist() == before.trust.tolist()
    assert before.model.n == sum(a.outcome is Outcome.LABELLED for a in dev_annotations(opened))


def test_gold_test_cannot_calibrate(project):
    opened = project.open()
    with pytest.raises(GoldMisuse, match="cannot calibrate trust"):
        refuse_test(opened, opened.gold_of(Role.TEST))


def test_the_report_measures_the_stored_trust_of_dev(project):
    opened = project.open()
    opened.annotate()
    stored = stored_annotations(opened)
    dev = [d for d in opened.gold_of(Role.DEV) if stored[d.id].trust is not None]
    expected = report_trust(
        [stored[d.id].trust for d in dev],
        [agreement(stored[d.id]) for d in dev],
        [stored[d.id].value == d.value for d in dev],
        np.random.default_rng(0),
        n_resamples=5,
    )
    found = measure_trust(opened, stored)
    assert (found.n, found.n_right) == (expected.n, expected.n_right)
    assert (found.brier.trust, found.ece.consistency) == (expected.brier.trust, expected.ece.consistency)


def test_dev_has_out_of_fold_trust(project):
    opened = project.open()
    opened.annotate()
    stored = stored_annotations(opened)
    trusted = estimate_trust(opened, stored)
    stored_dev = [stored[d.id].trust for d in opened.gold_of(Role.DEV) if stored[d.id].trust is not None]
    assert stored_dev == trusted.model.out_of_fold.tolist()


def test_without_a_label_on_dev_there_is_no_trust_and_no_failure(project):
    project.settings["trust.enabled"] = "true"
    opened = project.open()
    dev = ids(opened.gold_of(Role.DEV))
    project.write_recorded({row["id"]: answers(row, 1) for row in project.gold + project.pool if row["id"] not in dev})
    ears = Ears()
    again = project.open(ears)
    again.annotate()
    stored = stored_annotations(again)
    assert measure_trust(again, stored) is None
    assert all(annotation.trust is None for annotation in stored.values())
    assert not any("trust" in line for line in ears.said)


def test_the_step_says_what_it_did(project):
    ears = Ears()
    project.open(ears).annotate()
    assert any(line.startswith("trust: learned on ") for line in ears.said)


def test_a_shared_demo_and_dev_set_calibrates_each_text_once(project):
    project.settings["gold.share_demo_dev"] = "true"
    opened = project.open()
    opened.annotate()
    trusted = estimate_trust(opened, stored_annotations(opened))
    assert len(ids(trusted.documents)) == len(trusted.documents)
    assert trusted.model.n == sum(a.outcome is Outcome.LABELLED for a in dev_annotations(opened))


def dev_annotations(opened):
    stored = stored_annotations(opened)
    return [stored[document.id] for document in opened.gold_of(Role.DEV)]


def n_rows(opened):
    with Journal.open(opened.folder / "journal.sqlite", read_only=True) as journal:
        return journal.counts()["annotations"]
