import numpy as np
import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.embedding import load_encoder
from understudy.errors import UserError
from understudy.records import Document
from understudy.settings import EmbeddingSettings, LinearSettings, StudentSettings
from understudy.student import EncoderStudent, LinearStudent, load_student, make_student

TASK = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"))))
DOCUMENTS = [Document(str(i), f"the film was {('good', 'bad')[i % 2]} {'very ' * (i % 7)}") for i in range(40)]
TARGETS = np.eye(2)[np.arange(40) % 2]


@pytest.fixture
def encoder(tiny_bert):
    return load_encoder(EmbeddingSettings(model=str(tiny_bert), max_tokens=32), None)


def test_scikit_learn_searches_its_parameters(encoder):
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(LinearStudent(TASK, encoder, ngrams=False), {"c": [(1e-6,), (10.0,)]}, cv=2)
    search.fit(DOCUMENTS, TARGETS)
    assert search.best_params_ == {"c": (10.0,)}
    assert search.best_score_ == 1.0


def test_documents_are_embedded_once_where_there_is_a_cache(tiny_bert, tmp_path):
    settings = EmbeddingSettings(model=str(tiny_bert), max_tokens=32)
    fitted = LinearStudent(TASK, load_encoder(settings, tmp_path / "c")).fit(DOCUMENTS, TARGETS)
    fitted.save(tmp_path / "s")
    size = next((tmp_path / "c").iterdir()).stat().st_size
    loaded = load_student(tmp_path / "s", tmp_path / "c")
    np.testing.assert_array_equal(loaded.predict_proba(DOCUMENTS), fitted.predict_proba(DOCUMENTS))
    assert next((tmp_path / "c").iterdir()).stat().st_size == size == 14 * (32 + 32 * 4)  # 7 lengths of 2 words


def test_another_version_of_the_encoder_is_refused(encoder, tiny_bert, tmp_path):
    from safetensors.torch import load_file, save_file

    LinearStudent(TASK, encoder).fit(DOCUMENTS, TARGETS).save(tmp_path / "s")
    path = tiny_bert / "model.safetensors"
    original = path.read_bytes()
    weights = load_file(path)
    try:
        save_file({name: tensor + 0.01 for name, tensor in weights.items()}, path, {"format": "pt"})
        with pytest.raises(UserError, match="another version of the encoder"):
            load_student(tmp_path / "s")
    finally:
        path.write_bytes(original)


def test_settings_make_the_student_they_name(encoder):
    made = make_student(StudentSettings(linear=LinearSettings(folds=3, c=(1.0,))), TASK, encoder, seed=7)
    assert isinstance(made, LinearStudent)
    assert (made.folds, made.c, made.seed, made.encoder) == (3, (1.0,), 7, encoder)
    other = make_student(StudentSettings(kind="encoder"), TASK, encoder, seed=7)
    assert isinstance(other, EncoderStudent)
    assert (other.epochs, other.learning_rate, other.seed) == ("auto", 5e-5, 7)
    with pytest.raises(UserError, match="no student `linera`"):
        make_student(StudentSettings.model_construct(kind="linera"), TASK, encoder, seed=0)
