import numpy as np

from understudy.codebook import Codebook, Label, task_of
from understudy.records import Document
from understudy.student import ContrastiveStudent
from understudy.student.contrastive import groups_of, sample_pairs

TASK = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"))))
WORDS = (["good", "great"], ["bad", "awful"])
DOCUMENTS = [Document(str(i), f"the film was {'very ' * (i % 5)}{WORDS[i % 2][i % 4 // 2]}") for i in range(24)]
TARGETS = np.eye(2)[np.arange(24) % 2]


def test_groups_are_the_likeliest_label_or_the_set_of_likely_ones():
    assert groups_of(np.array([[0.4, 0.6], [0.9, 0.1]]), is_exclusive=True).tolist() == [1, 0]
    independent = groups_of(np.array([[0.9, 0.6], [0.5, 1.0], [0.1, 0.9]]), is_exclusive=False)
    assert independent[0] == independent[1] != independent[2]


def test_each_drawn_text_has_a_pair_within_and_one_across():
    groups = np.array([0, 0, 0, 1, 1, 2])
    pairs = sample_pairs(groups, np.ones(6), np.random.default_rng(0))
    is_equal = groups[pairs[:, 0]] == groups[pairs[:, 1]]
    assert pairs.shape == (12, 2)
    assert is_equal.sum() == 6
    own = pairs[is_equal & (pairs[:, 0] == pairs[:, 1])]
    assert set(own.ravel()) <= {5}  # alone in its group


def test_texts_are_drawn_by_weight():
    """Weight 1 against 99: of 400 draws some 4 take the light text as anchor."""
    groups, weights = np.repeat([0, 1], 200), np.where(np.arange(400) % 2, 99.0, 1.0)
    pairs = sample_pairs(groups, weights, np.random.default_rng(0))
    assert (pairs % 2 == 1).mean() > 0.95


def test_fine_tuning_pulls_labels_apart(tiny_bert):
    def gap(learning_rate):
        """Mean similarity within labels minus across."""
        student = ContrastiveStudent(
            TASK, str(tiny_bert), learning_rate=learning_rate, epochs=12, batch_size=8, max_tokens=32
        )
        vectors = student.fit(DOCUMENTS, TARGETS).body_.embed([document.text for document in DOCUMENTS])
        similarity, is_same = vectors @ vectors.T, TARGETS @ TARGETS.T == 1
        return similarity[is_same].mean() - similarity[~is_same].mean()

    assert gap(2e-3) > gap(1e-9) + 0.3


def test_epochs_draw_at_most_so_many_pairs(tiny_bert):
    steps = []
    student = ContrastiveStudent(TASK, str(tiny_bert), epochs=2, max_pairs=20, batch_size=8, max_tokens=32)
    student.fit(DOCUMENTS, TARGETS, on_progress=steps.append)
    assert [step.done for step in steps] == [1, 2, 3, 4, 5, 6]  # 20 pairs in batches of 8, twice
    assert [step.epoch for step in steps] == [1, 1, 1, 2, 2, 2]
