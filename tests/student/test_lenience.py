"""How much O loses before tags are decoded: what it changes, and how it is chosen."""

import numpy as np
import pytest

from understudy.student.spans.lenience import choose_lenience
from understudy.student.spans.tags import TagScheme

TAGS = TagScheme(("name",))


def unsure(*starts):
    """Words that start a name with these probabilities, and are O otherwise."""
    return np.array([[[1 - p, p, 0.0]] for p in starts])


def test_lenience_is_taken_from_o_in_log_odds():
    said = unsure(0.6, 0.3, 0.1)  # log-odds of O: -0.405, 0.847, 2.197
    assert TAGS.decode(said) == [(0, 1, 0)]
    assert TAGS.decode(said, 0.8) == [(0, 1, 0)]
    assert TAGS.decode(said, 0.9) == [(0, 1, 0), (1, 2, 0)]
    assert TAGS.decode(said, 2.2) == [(0, 1, 0), (1, 2, 0), (2, 3, 0)]
    assert said[0, 0].tolist() == [0.4, 0.6, 0.0]


@pytest.mark.parametrize(
    ("right", "best"),
    [
        ([(0, 1, 0)], 0.0),
        ([(0, 1, 0), (1, 2, 0)], 1.0),  # 0.5 is below the second word's 0.847
        ([(0, 1, 0), (1, 2, 0), (2, 3, 0)], 1.0),  # no lenience reaches the third word's 2.197
        ([], 0.0),
    ],
)
def test_the_smallest_lenience_with_the_best_f1_is_chosen(right, best):
    assert choose_lenience(TAGS, [unsure(0.6, 0.3, 0.1)], [right], np.ones(1)) == best


def test_texts_count_by_their_weight():
    said = [unsure(0.3), unsure(0.3)]
    right = [[(0, 1, 0)], []]  # decoded: F1 2w / (w + 1 + w), not decoded: 0
    assert choose_lenience(TAGS, [*said, unsure(0.9)], [*right, [(0, 1, 0)]], np.array([3.0, 1.0, 1.0])) == 1.0
    # of weights 1, 3, 1: not decoded 2 / (1 + 2) = .67, decoded 2 * 2 / (5 + 2) = .57
    assert choose_lenience(TAGS, [*said, unsure(0.9)], [*right, [(0, 1, 0)]], np.array([1.0, 3.0, 1.0])) == 0.0


def test_without_texts_nothing_changes():
    assert choose_lenience(TAGS, [], [], np.zeros(0)) == 0.0
