import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from understudy.codebook import Codebook, Label, task_of
from understudy.embedding import load_encoder
from understudy.errors import UserError
from understudy.records import Document
from understudy.settings import EmbeddingSettings
from understudy.student import LinearStudent, load_student, regression
from understudy.student import kernel as kernels
from understudy.student.kernel import BASIS, GAMMA, LANDMARKS, learn_kernel, restored_kernel

TASK = task_of(Codebook(labels=(Label(name="in"), Label(name="out"))))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def vectors(rng):
    return rng.normal(size=(60, 5)).astype(np.float32).astype(np.float64)


class Rings:
    """An encoder of "texts" that are points: "in" lies around the middle, "out" around that; no line parts them."""

    settings = EmbeddingSettings()
    digest = "0" * 12
    dimension = 2

    def encode(self, texts, on_progress=None):
        return np.array([[float(part) for part in text.split()] for text in texts], dtype=np.float32)

    def __deepcopy__(self, memo):
        return self


def rings(n, rng):
    angles, is_out = rng.uniform(0, 2 * np.pi, n), np.arange(n) % 2
    radii = np.where(is_out, 2.0, 0.5) + rng.normal(scale=0.2, size=n)
    points = radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    return [Document(str(i), f"{x:.4f} {y:.4f}") for i, (x, y) in enumerate(points)], np.eye(2)[is_out]


def test_inner_products_of_features_are_the_kernel(vectors, rng):
    found = learn_kernel(vectors, rng)
    features = found.features(vectors)
    gamma = 1 / vectors.var(axis=0).sum()
    np.testing.assert_allclose(features @ features.T, rbf_kernel(vectors, gamma=gamma), atol=1e-4)
    assert features.shape == (60, found.width)


def test_landmarks_are_few_and_the_others_are_approximated(vectors, rng, monkeypatch):
    monkeypatch.setattr(kernels, "MOST_LANDMARKS", 40)
    found = learn_kernel(vectors, rng)
    assert found.landmarks.shape == (40, 5)
    assert {tuple(row) for row in found.landmarks.astype(np.float64)} < {tuple(row) for row in vectors}
    features = found.features(vectors)
    error = np.abs(features @ features.T - rbf_kernel(vectors, gamma=found.gamma))
    is_landmark = (vectors[:, None] == found.landmarks[None]).all(axis=2).any(axis=1)
    assert error[np.ix_(is_landmark, is_landmark)].max() < 1e-4
    assert 0.001 < error[~is_landmark].max() < 1


def test_equal_vectors_have_no_kernel(rng):
    assert learn_kernel(np.ones((5, 3)), rng) is None
    assert learn_kernel(np.ones((1, 3)), rng) is None


def test_very_many_vectors_are_left_as_they_are(vectors, rng, monkeypatch):
    monkeypatch.setattr(kernels, "MOST_VECTORS", 59)
    assert learn_kernel(vectors, rng) is None
    assert learn_kernel(vectors[1:], rng) is not None


def test_a_part_of_many_texts_decides(rng, monkeypatch):
    documents, targets = rings(160, rng)
    monkeypatch.setattr(regression, "MOST_IN_SPAN", 60)
    student = LinearStudent(TASK, Rings(), ngrams=False).fit(documents, targets)
    assert student.kernel_ is not None
    assert len(student.kernel_.landmarks) == 160
    assert student.held_out_.shape == (160, 2)
    assert np.isfinite(student.held_out_).all()
    assert student.score(documents, targets) > 0.95


def test_arrays_bring_it_back(vectors, rng):
    found = learn_kernel(vectors, rng)
    back = restored_kernel(found.arrays(), 5)
    np.testing.assert_array_equal(back.features(vectors), found.features(vectors))
    assert restored_kernel({}, 5) is None


@pytest.mark.parametrize(
    "damage",
    [
        {LANDMARKS: np.zeros((60, 4), np.float32)},
        {BASIS: np.zeros((59, 5), np.float32)},
        {BASIS: np.zeros(60, np.float32)},
        {GAMMA: np.array([-1.0])},
        {GAMMA: np.array([np.nan])},
        {GAMMA: np.array(1.0)},
        {LANDMARKS: np.full((60, 5), np.nan, np.float32)},
    ],
)
def test_damaged_arrays_are_refused(vectors, rng, damage):
    arrays = learn_kernel(vectors, rng).arrays()
    with pytest.raises(UserError, match="do not fit together"):
        restored_kernel(arrays | damage, 5)
    missing = {name: array for name, array in arrays.items() if name not in damage}
    with pytest.raises(UserError, match="do not fit together"):
        restored_kernel(missing, 5)


def test_the_regression_bends_where_a_line_does_not_do(rng):
    documents, targets = rings(160, rng)
    straight = LinearStudent(TASK, Rings(), ngrams=False, kernel=False).fit(documents[:80], targets[:80])
    bent = LinearStudent(TASK, Rings(), ngrams=False).fit(documents[:80], targets[:80])
    assert straight.score(documents[80:], targets[80:]) < 0.7
    assert bent.score(documents[80:], targets[80:]) > 0.95
    assert bent.kernel_ is not None


def test_it_stays_straight_where_that_does(rng):
    documents, _ = rings(80, rng)
    right = np.array([document.text[0] != "-" for document in documents])
    student = LinearStudent(TASK, Rings(), ngrams=False).fit(documents, np.eye(2)[right.astype(int)])
    assert student.kernel_ is None
    assert student.logistic_.coefficients.shape == (2, 2)


@pytest.mark.parametrize("ngrams", [False, True])
def test_a_saved_student_says_the_same(tiny_bert, tmp_path, ngrams):
    encoder = load_encoder(EmbeddingSettings(model=str(tiny_bert), max_tokens=32), tmp_path / "cache")
    documents = [Document(str(i), f"the film was {('good', 'bad')[i % 2]} {'very ' * (i % 7)}") for i in range(30)]
    student = LinearStudent(TASK, encoder, ngrams=ngrams, kernel=True).fit(documents, np.eye(2)[np.arange(30) % 2])
    student.save(tmp_path / "s")
    loaded = load_student(tmp_path / "s", tmp_path / "cache")
    assert loaded.kernel_ is not None
    assert (loaded.ngrams_ is not None) == ngrams
    np.testing.assert_array_equal(loaded.predict_proba(documents), student.predict_proba(documents))
