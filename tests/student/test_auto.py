import json

import numpy as np
import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.embedding import Encoder, load_encoder
from understudy.errors import UserError
from understudy.records import Document
from understudy.settings import EmbeddingSettings, EncoderSettings, NGramSettings, StudentSettings
from understudy.student import LinearStudent, TfidfStudent, load_student, make_student
from understudy.student.auto import Member

TASK = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"))))
DOCUMENTS = [Document(str(i), f"the film was {('good', 'bad')[i % 2]} {'very ' * (i % 7)}") for i in range(40)]
FOREIGN = [Document(str(i), f"filmen var {('lækker', 'fjollet')[i % 2]} {'jo ' * (i % 7)}") for i in range(60)]
"""In words of which the tiny encoder knows none."""

NGRAMS = NGramSettings(characters=3)


def targets(documents):
    return np.eye(2)[np.arange(len(documents)) % 2]


def only(found):
    """The one student that answers for an `auto` student."""
    assert [member.share for member in found.members_] == [1.0]
    return found.members_[0].student


@pytest.fixture
def make(tiny_bert):
    encoder = load_encoder(EmbeddingSettings(model=str(tiny_bert), max_tokens=32), None)

    def student(*candidates, **settings):
        chosen = {"auto": candidates} if candidates else {}
        return make_student(StudentSettings(kind="auto", ngrams=NGRAMS, **chosen, **settings), TASK, encoder, seed=0)

    return student


def test_takes_ngrams_where_the_encoder_knows_no_word(make):
    found = make("linear", "tfidf-linear").fit(FOREIGN[:40], targets(FOREIGN[:40]))
    assert isinstance(only(found), TfidfStudent)
    assert found.score(FOREIGN[40:], targets(FOREIGN[40:])) == 1.0
    assert found.choice_.rated[1].behind > 0.3
    assert any("`tfidf-linear` was taken" in remark for remark in found.remarks_)


def test_predicts_what_the_winner_alone_predicts(make):
    found = make("linear+ngrams").fit(DOCUMENTS, targets(DOCUMENTS))
    assert isinstance(only(found), LinearStudent)
    alone = LinearStudent(TASK, found.encoder, ngrams=True, characters=3).fit(DOCUMENTS, targets(DOCUMENTS))
    np.testing.assert_array_equal(found.predict_proba(DOCUMENTS), alone.predict_proba(DOCUMENTS))
    assert only(found).ngrams_ is not None


def test_plain_linear_has_no_ngrams_even_where_they_would_help(make):
    found = make("linear").fit(FOREIGN, targets(FOREIGN))
    assert only(found).ngrams_ is None


def test_gold_dev_is_the_judge(make):
    """Training labels say the opposite of dev, so the student that learned them least is the best on dev."""
    dev = (FOREIGN, 1 - targets(FOREIGN))
    found = make("linear", "tfidf-linear", "linear+ngrams").fit(FOREIGN, targets(FOREIGN), dev=dev)
    assert found.choice_.name == "linear"
    assert found.choice_.n_dev == 60
    assert found.choice_.rated[0].dev_accuracy == 0.0


def test_long_trainings_of_candidates_have_a_folder_of_their_own(make, tiny_bert, tmp_path, monkeypatch):
    monkeypatch.setattr("understudy.student.checkpoint.Checkpoints.is_due", lambda _: True)
    settings = EncoderSettings(model=str(tiny_bert), epochs=1)
    found = make("encoder", "tfidf-linear", encoder=settings)
    found.fit(DOCUMENTS, targets(DOCUMENTS), workspace=tmp_path / "workspace")
    assert [path.name for path in (tmp_path / "workspace").iterdir()] == ["encoder"]
    assert list((tmp_path / "workspace" / "encoder").iterdir())


def test_a_fine_tuned_encoder_joins_when_asked(make, tiny_bert):
    settings = EncoderSettings(model=str(tiny_bert), learning_rate=2e-3, epochs=8)
    dev = (DOCUMENTS, targets(DOCUMENTS))
    found = make("encoder", "tfidf-linear", encoder=settings).fit(DOCUMENTS, targets(DOCUMENTS), dev=dev)
    assert [rated.name for rated in found.choice_.rated] == ["tfidf-linear", "encoder", "joint"]
    assert (found.choice_.n_dev, found.choice_.n_held_out) == (40, 0)


def test_what_was_compared_is_kept_and_read_back(make, tmp_path):
    found = make().fit(FOREIGN, targets(FOREIGN))
    found.save(tmp_path / "s")
    stored = json.loads((tmp_path / "s" / "understudy-student.json").read_text())
    assert [rated["name"] for rated in stored["winner"]["choice"]["rated"]] == [
        "tfidf-linear",
        "linear",
        "linear+ngrams",
        "joint",
    ]
    loaded = load_student(tmp_path / "s")
    assert loaded.choice_ == found.choice_
    assert loaded.remarks_ == found.remarks_
    with pytest.raises(UserError, match="cannot learn"):
        loaded.fit(DOCUMENTS, targets(DOCUMENTS))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"winner": None}, "names no winner"),
        ({"kind": "auto"}, "no student `auto`"),
        ({"parameters": {"surprise": 1}}, "no parameter surprise"),
        ({"name": "linear"}, "`linear` has no share"),
    ],
)
def test_t16_an_altered_winner_is_refused(make, tmp_path, change, complaint):
    make("tfidf-linear").fit(DOCUMENTS, targets(DOCUMENTS)).save(tmp_path / "s")
    path = tmp_path / "s" / "understudy-student.json"
    stored = json.loads(path.read_text())
    if "winner" in change:
        stored["winner"] = None
    else:
        stored["winner"]["members"][0] |= change
    path.write_text(json.dumps(stored))
    with pytest.raises(UserError, match=complaint):
        load_student(tmp_path / "s")


def test_ngrams_join_embeddings_only_where_they_help(tiny_bert):
    encoder = load_encoder(EmbeddingSettings(model=str(tiny_bert), max_tokens=32), None)
    helped = LinearStudent(TASK, encoder, characters=3).fit(FOREIGN, targets(FOREIGN))
    assert helped.ngrams_ is not None
    noise = np.eye(2)[np.random.default_rng(0).integers(0, 2, 60)]
    assert LinearStudent(TASK, encoder, characters=3).fit(FOREIGN, noise).ngrams_ is None


@pytest.fixture
def joint(make):
    """Noisy labels, of which neither student makes the best alone."""
    noisy = np.eye(2)[(np.arange(40) + np.random.default_rng(0).binomial(1, 0.3, 40)) % 2]
    return make("tfidf-linear", "linear").fit(DOCUMENTS, noisy)


def test_a_joint_answer_is_the_weighted_mean_of_its_members(joint):
    assert [member.name for member in joint.members_] == ["tfidf-linear", "linear"]
    assert joint.choice_.name == "joint"
    ngrams, vectors = (member.share * member.student.predict_proba(DOCUMENTS) for member in joint.members_)
    np.testing.assert_allclose(joint.predict_proba(DOCUMENTS), ngrams + vectors)
    assert sum(member.share for member in joint.members_) == pytest.approx(1)
    assert any("a joint answer was taken, the mean of `tfidf-linear`" in remark for remark in joint.remarks_)


def test_a_joint_answer_is_read_back_and_decided_as_one(joint, tmp_path):
    joint.set_thresholds(np.array([0.6, np.nan])).set_temperature(2.0)
    joint.save(tmp_path / "s")
    names = {path.name for path in (tmp_path / "s").iterdir()}
    assert names == {"model.safetensors", "understudy-student.json", "0.vocabulary.json"}
    loaded = load_student(tmp_path / "s")
    np.testing.assert_array_equal(loaded.predict_proba(DOCUMENTS), joint.predict_proba(DOCUMENTS))
    found = loaded.label(DOCUMENTS)
    np.testing.assert_array_equal(found.probabilities, loaded.predict_proba(DOCUMENTS))
    assert found.values == loaded.decode(found.probabilities) == joint.predict(DOCUMENTS)


def test_t16_files_outside_the_folder_are_no_members(joint, tmp_path):
    joint.save(tmp_path / "s")
    path = tmp_path / "s" / "understudy-student.json"
    stored = json.loads(path.read_text())
    stored["sha256"]["../s/0.vocabulary.json"] = stored["sha256"].pop("0.vocabulary.json")
    path.write_text(json.dumps(stored))
    with pytest.raises(UserError, match="cannot be used"):
        load_student(tmp_path / "s")


def test_linear_members_read_each_text_once(make, monkeypatch):
    found = make("linear", "linear+ngrams").fit(DOCUMENTS, targets(DOCUMENTS))
    students = found._candidates()
    for student in students.values():
        student.fit(DOCUMENTS, targets(DOCUMENTS))
    found.members_ = tuple(Member(name, student, 0.5) for name, student in students.items())
    expected = np.mean([student.predict_proba(DOCUMENTS) for student in students.values()], axis=0)
    n_read, encode = [], Encoder.encode
    monkeypatch.setattr(Encoder, "encode", lambda *given: n_read.append(1) or encode(*given))
    np.testing.assert_allclose(found.predict_proba(DOCUMENTS), expected)
    assert len(n_read) == 1
