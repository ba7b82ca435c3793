import numpy as np
import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.records import Document
from understudy.settings import NGramSettings
from understudy.student import TfidfStudent
from understudy.student.base import Examples
from understudy.student.opinions import Opinions, opinions_of

TASK = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"))))
DOCUMENTS = [Document(str(i), f"{('good', 'bad')[i % 2]} film {i}") for i in range(12)]
TARGETS = np.eye(2)[np.arange(12) % 2]
NGRAMS = NGramSettings(words=1, characters=0).model_dump()


def of_first_label(right, n_dev=0):
    """Opinions about texts of the first of two labels, from its probabilities by student."""
    right = np.asarray(right, dtype=float)
    return Opinions(np.stack([right, 1 - right], axis=-1), np.tile([1.0, 0.0], (right.shape[1], 1)), n_dev, True)


def test_who_has_next_to_nothing_to_say_is_left_out():
    """Of the prior's ten texts a third is the useless one's: 3.3 of 1,010, less than a share of 0.05."""
    found = of_first_label([[0.9, 0.4] * 500, [0.4, 0.9] * 500, [0.0] * 1000]).shares()
    assert found == pytest.approx([0.5, 0.5, 0.0], abs=1e-3)


def test_nobody_but_one_is_left_where_one_is_right():
    assert of_first_label([[0.99] * 1000, [0.01] * 1000]).shares().tolist() == [1.0, 0.0]


def test_held_out_texts_weigh_at_most_as_much_as_dev():
    """20 dev texts against 1,000 held-out ones that say the opposite, at a fiftieth: neither side wins."""
    dev, held_out = [[0.9] * 20, [0.3] * 20], [[0.3] * 1000, [0.9] * 1000]
    found = of_first_label(np.concatenate([dev, held_out], axis=1), n_dev=20).shares()
    assert found == pytest.approx([0.5, 0.5], abs=1e-6)


def test_no_text_has_a_part_in_the_shares_by_which_it_is_judged():
    """One text at odds with all others: shares from the others, nearly all the first one's, answer for it."""
    opinions = of_first_label([[0.95] * 399 + [0.1], [0.2] * 399 + [0.8]])
    joint = opinions.joint(np.random.default_rng(0))
    assert joint[-1, 0] == pytest.approx(0.1, abs=0.05)
    np.testing.assert_allclose(joint.sum(axis=1), 1)


def test_losses_by_hand():
    found = of_first_label([[0.5, 0.25]]).losses()
    np.testing.assert_allclose(found, -np.log([[0.5, 0.25]]))


def test_texts_that_somebody_never_held_out_do_not_judge():
    examples = Examples(DOCUMENTS, TARGETS, np.ones(12), [()] * 12, [()] * 12)
    students = [TfidfStudent(TASK, **NGRAMS, seed=seed).fit(DOCUMENTS, TARGETS) for seed in range(2)]
    everything = opinions_of(students, examples, Examples(DOCUMENTS[:4], TARGETS[:4], np.ones(4), [()] * 4, [()] * 4))
    assert (everything.said.shape, everything.n_dev) == ((2, 16, 2), 4)
    np.testing.assert_array_equal(everything.said[0, :4], students[0].predict_proba(DOCUMENTS[:4]))
    students[1].regression_.strength.held_out[3:] = np.nan
    assert opinions_of(students, examples, None).said.shape == (2, 3, 2)
