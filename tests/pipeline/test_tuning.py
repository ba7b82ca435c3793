from __future__ import annotations

import numpy as np
import pytest
from small_project import SmallProject

from understudy.pipeline.tuning import calibrated, tuned_thresholds
from understudy.records import Role


@pytest.fixture
def project(tmp_path, tiny_bert):
    small = SmallProject(tmp_path, tiny_bert, codebook='positive = "pos"', n_gold=400)
    small.settings |= {"gold.demo": "100", "gold.dev": "200"}
    return small.open()


def stated(project, rng, sureness):
    """Probabilities of a student that is right 4 times in 5 and says that it is sure."""
    dev = project.gold_of(Role.DEV)
    right = rng.random(len(dev)) < 0.8
    is_first = np.array([d.value == "pos" for d in dev]) == right
    return dev, np.where(is_first[:, None], [sureness, 1 - sureness], [1 - sureness, sureness])


def test_an_overconfident_student_is_calibrated_out_of_fold(project) -> None:
    dev, p = stated(project, np.random.default_rng(0), 0.99)
    found = calibrated(project, p, dev)
    assert found is not None
    assert found.temperature > 2
    assert found.ece[1] < 0.7 * found.ece[0]  # folds of 40 texts leave noise
    assert found.brier[1] < found.brier[0]
    assert f"{found.ece[0]:.3f} before" in found.sentence()


def test_without_enough_dev_texts_nothing_is_scaled(project) -> None:
    dev, p = stated(project, np.random.default_rng(0), 0.99)
    assert calibrated(project, p[:49], dev[:49]) is None


def test_prevalence_thresholds_give_the_label_as_often_as_people(project) -> None:
    settings = project.settings
    student = settings.student.model_copy(update={"threshold_for": "prevalence"})
    project.settings = settings.model_copy(update={"student": student})
    rng = np.random.default_rng(1)
    dev = project.gold_of(Role.DEV)
    first = rng.random(len(dev)) * 0.4  # never above one half
    threshold = tuned_thresholds(project, np.column_stack([first, 1 - first]), dev)
    n_given = int((first >= threshold[0]).sum())
    assert n_given == sum(d.value == "pos" for d in dev)
    assert np.isnan(threshold[1])
