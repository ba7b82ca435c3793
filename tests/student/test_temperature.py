from __future__ import annotations

import numpy as np
import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.records import Document
from understudy.student import TfidfStudent, load_student
from understudy.student.temperature import fit_temperature, temper


def test_heat_makes_less_sure_and_keeps_the_order() -> None:
    p = np.array([[0.9, 0.1, 0.0]])
    hot = temper(p, 2.0, is_exclusive=True)
    # Square roots 0.9487 and 0.3162, normalised by 1.2649.
    assert hot == pytest.approx(np.array([[0.75, 0.25, 0.0]]), abs=1e-4)
    assert temper(p, 1.0, is_exclusive=True) is p


def test_independent_labels_are_scaled_each_on_its_own() -> None:
    # logit 0.8 = ln 4; half of it is ln 2: 2 / 3. What is certain stays certain.
    found = temper(np.array([[0.8, 0.0, 1.0]]), 2.0, is_exclusive=False)
    assert found == pytest.approx(np.array([[2 / 3, 0.0, 1.0]]))


@pytest.mark.parametrize("true_temperature", [0.5, 3.0])
def test_the_temperature_that_was_applied_is_found(true_temperature: float) -> None:
    rng = np.random.default_rng(0)
    right = rng.dirichlet([1.0, 1.0, 1.0], size=4000)
    truth = np.eye(3)[[rng.choice(3, p=row) for row in right]]
    stated = temper(right, 1 / true_temperature, is_exclusive=True)
    assert fit_temperature(stated, truth, is_exclusive=True) == pytest.approx(true_temperature, rel=0.1)


def test_few_texts_change_nothing() -> None:
    assert fit_temperature(np.full((49, 2), 0.5), np.eye(2)[np.zeros(49, dtype=int)], is_exclusive=True) == 1.0


def test_a_label_that_was_thought_impossible_does_not_break_it() -> None:
    stated = np.tile([1.0, 0.0], (60, 1))
    truth = np.eye(2)[(np.arange(60) % 10 == 0).astype(int)]
    assert np.isfinite(fit_temperature(stated, truth.astype(float), is_exclusive=True))


def test_a_student_keeps_its_temperature_on_disk(tmp_path) -> None:
    task = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"))))
    documents = [Document(str(i), ("good great", "bad awful")[i % 2] + f" {i}") for i in range(40)]
    student = TfidfStudent(task).fit(documents, np.eye(2)[np.arange(40) % 2])
    before = student.predict_proba(documents)
    student.set_temperature(3.0)
    after = student.predict_proba(documents)
    assert np.abs(after - 0.5).mean() < np.abs(before - 0.5).mean()
    assert (after.argmax(axis=1) == before.argmax(axis=1)).all()
    student.save(tmp_path / "student")
    np.testing.assert_array_equal(load_student(tmp_path / "student").predict_proba(documents), after)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_impossible_temperatures_are_refused(bad: float) -> None:
    task = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"))))
    student = TfidfStudent(task).fit([Document("1", "good"), Document("2", "bad")], np.eye(2))
    with pytest.raises(ValueError, match="temperature"):
        student.set_temperature(bad)
