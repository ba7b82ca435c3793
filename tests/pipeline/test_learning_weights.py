"""The weights of the rounds' labels: those that contradict gold dev count less."""

import numpy as np
import pytest
from small_project import KNOWN_BY, SmallProject

from understudy.pipeline.annotation import teach
from understudy.pipeline.learning.pupils import School
from understudy.pipeline.sources import labelled_set


class Words:
    """An encoder that knows good words from bad ones, and nothing else."""

    def encode(self, texts):
        is_good = [any(word in text.split() for word in KNOWN_BY["pos"].split()) for text in texts]
        return np.array([[1.0, 0.0] if good else [0.0, 1.0] for good in is_good], dtype=np.float32)


def test_labels_that_contradict_gold_dev_weigh_less(tmp_path, tiny_bert):
    project = SmallProject(tmp_path / "project", tiny_bert, n_gold=160, n_pool=80)
    answers = {row["id"]: row["label"] for row in (*project.pool, *project.gold)}
    wrong = {row["id"] for i, row in enumerate(project.pool) if i % 5 == 0}
    answers |= {i: "neg" if answers[i] == "pos" else "pos" for i in wrong}
    project.write_recorded(answers)
    project.settings |= {"learn.enabled": "true", "learn.reweight": "true", "gold.dev": "0.5"}
    opened = project.open()
    opened.encoder = Words()
    lessons = labelled_set(opened, opened.candidates, teach(opened, opened.candidates))
    weights = School(opened).weights(lessons)
    is_wrong = np.array([document.id in wrong for document in lessons.documents])
    assert weights.mean() == pytest.approx(1)
    assert weights[is_wrong].max() < 0.5 * weights[~is_wrong].min()
    project.settings |= {"learn.reweight": "false"}
    assert School(project.open()).weights(lessons) is None
