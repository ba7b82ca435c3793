"""What every student keeps: shapes, order of columns, seeds, refusals, and the same answers after a reload."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from understudy.codebook import Codebook, Label, task_of
from understudy.embedding import load_encoder
from understudy.errors import UserError
from understudy.records import Document
from understudy.settings import EmbeddingSettings, NGramSettings, StudentSettings
from understudy.student import (
    STUDENTS,
    AutoStudent,
    ContrastiveStudent,
    DecoderStudent,
    EncoderStudent,
    LinearStudent,
    StaticStudent,
    TfidfStudent,
    load_student,
)

GOOD = ["good", "great", "fine", "lovely"]
BAD = ["bad", "awful", "poor", "nasty"]
OTHER = ["cat", "dog", "red", "green"]


def task_with(*labels, kind="classification", positive=None):
    return task_of(Codebook(kind=kind, positive=positive, labels=tuple(Label(name=name) for name in labels)))


def documents_from(words, n, rng):
    texts = [" ".join(["the film was", *rng.choice(words, 2), *["very"] * rng.integers(0, 4)]) for _ in range(n)]
    return [Document(f"{words[0]}-{i}", text) for i, text in enumerate(texts)]


def toy(n=30, seed=0):
    """Texts of three kinds, told apart by their words, and their column."""
    rng = np.random.default_rng(seed)
    documents = [doc for words in (GOOD, BAD, OTHER) for doc in documents_from(words, n, rng)]
    return documents, np.repeat([0, 1, 2], n)


def tiny_static(model):
    """A model2vec folder beside a tiny BERT, with its tokenizer and random vectors."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer

    folder = model.parent / "tiny-static"
    if not folder.exists():
        folder.mkdir()
        size = Tokenizer.from_file(str(model / "tokenizer.json")).get_vocab_size()
        vectors = np.random.default_rng(0).normal(size=(size, 16)).astype(np.float32)
        save_file({"embeddings": vectors}, folder / "model.safetensors")
        shutil.copy(model / "tokenizer.json", folder)
    return str(folder)


def tiny_mistral(bert):
    """A folder with a randomly initialised Mistral of one layer, with the tiny BERT's tokenizer."""
    import torch
    from transformers import MistralConfig, MistralModel

    folder = bert.parent / "tiny-mistral"
    if not folder.exists():
        size = json.loads((bert / "config.json").read_text())["vocab_size"]
        config = MistralConfig(
            vocab_size=size, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=1, max_position_embeddings=64, initializer_range=0.2, pad_token_id=0, bos_token_id=2,
            eos_token_id=3,
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            MistralModel(config).save_pretrained(folder)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(bert / name, folder)
    return str(folder)


class StudentContract:
    """Inherited once per student; `make` gives an untrained one."""

    def make(self, task, seed=0):
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _folder(self, tiny_bert, tmp_path):
        self.model, self.tmp_path = str(tiny_bert), tmp_path

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls, tiny_bert):
        """One student of the toy texts for all tests that leave it as it is."""
        case = cls()
        case.model = str(tiny_bert)
        return case.fitted()

    @pytest.fixture(scope="class")
    @classmethod
    def trained_folder(cls, trained, tmp_path_factory):
        folder = tmp_path_factory.mktemp("trained") / "student"
        trained.save(folder)
        return folder

    @pytest.fixture
    def folder(self, trained_folder, tmp_path):
        """A student's folder to damage."""
        return Path(shutil.copytree(trained_folder, tmp_path / "copy"))

    def fitted(self, task=None, **arguments):
        documents, columns = toy()
        task = task or task_with("plus", "minus", "none")
        return self.make(task).fit(documents, np.eye(len(task.labels))[columns], **arguments)

    def test_learns_a_separable_task_with_columns_in_codebook_order(self, trained):
        documents, columns = toy(seed=1)
        probabilities = trained.predict_proba(documents)
        assert probabilities.shape == (90, 3)
        assert np.mean(probabilities.argmax(axis=1) == columns) > 0.95
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-9)

    def test_columns_follow_the_codebook_and_not_the_order_of_examples(self):
        documents, columns = toy()
        turned = self.make(task_with("none", "minus", "plus")).fit(documents, np.eye(3)[2 - columns])
        assert turned.predict(documents[:1]) == ["plus"]
        assert turned.predict_proba(documents[:1]).argmax() == 2

    def test_learns_independent_labels(self):
        documents, columns = toy()
        task = task_with("kind", "rude", kind="multilabel")
        targets = np.stack([columns == 0, columns != 2], axis=1).astype(float)  # good: both; bad: rude; other: none
        student = self.make(task).fit(documents, targets)
        assert student.score(documents, targets) > 0.9
        assert {student.predict(documents)[i] for i in (0, 30, 60)} == {("kind", "rude"), ("rude",), ()}

    def test_the_same_seed_gives_the_same_student_and_no_global_randomness_is_used_or_moved(self, trained):
        import torch

        torch.manual_seed(5)
        np.random.seed(5)
        expected = torch.rand(1).item(), np.random.random()
        torch.manual_seed(5)
        np.random.seed(5)
        again = self.fitted().predict_proba(toy(5)[0])
        assert (torch.rand(1).item(), np.random.random()) == expected
        np.testing.assert_array_equal(again, trained.predict_proba(toy(5)[0]))

    def test_predicts_in_input_order_whatever_stands_beside(self, trained):
        documents, _ = toy(5)
        together = trained.predict_proba(documents)
        alone = np.concatenate([trained.predict_proba([document]) for document in documents])
        np.testing.assert_allclose(together, alone, atol=1e-5)
        assert np.ptp(together, axis=0).max() > 0.5

    def test_ugly_texts_have_finite_probabilities(self, trained):
        texts = ["", " ", "\x00", "\ud800", "a" * 5000, "very " * 500, "是\u202e"]
        probabilities = trained.predict_proba([Document(str(i), text) for i, text in enumerate(texts)])
        assert np.isfinite(probabilities).all()

    def test_no_document_gives_no_row(self, trained):
        assert trained.predict_proba([]).shape == (0, 3)
        assert trained.predict([]) == []

    def test_is_an_estimator(self):
        student = self.make(task_with("plus", "minus", "none"), seed=3)
        parameters = student.get_params()
        assert parameters["seed"] == 3
        copy = clone(student).set_params(seed=4)
        assert (copy.get_params()["seed"], student.get_params()["seed"]) == (4, 3)
        with pytest.raises(NotFittedError):
            copy.predict_proba(toy(1)[0])
        with pytest.raises(NotFittedError):
            copy.save(self.tmp_path / "student")

    def test_parameters_are_stored_as_given_and_every_one_can_be_set(self):
        """scikit-learn's check_parameters_default_constructible, check_get_params_invariance, check_set_params."""
        student = self.make(task_with("plus", "minus", "none"))
        for name, value in student.get_params(deep=False).items():
            assert getattr(student, name) is value
            assert student.set_params(**{name: value}) is student
        with pytest.raises(ValueError, match="Invalid parameter"):
            student.set_params(no_such_parameter=1)

    def test_fit_changes_no_parameter_and_no_input_and_learns_attributes_that_end_in_an_underscore(self):
        """check_dont_overwrite_attributes, check_estimators_overwrite_params, check_readonly_memmap_input."""
        documents, columns = toy(8)
        targets, weights = np.eye(3)[columns], np.ones(24)
        for array in (targets, weights):
            array.flags.writeable = False
        student = self.make(task_with("plus", "minus", "none"))
        before, known = dict(student.get_params(deep=False)), set(vars(student))
        assert student.fit(documents, targets, sample_weight=weights) is student
        after = student.get_params(deep=False)
        assert all(after[name] is value for name, value in before.items())
        learned = set(vars(student)) - known
        assert {name for name in learned if not name.startswith("_") and not name.endswith("_")} == set()

    def test_fitting_again_forgets_and_predicting_changes_nothing(self, trained):
        """check_fit_idempotent, check_dict_unchanged, check_methods_subset_invariance."""
        documents, _ = toy(6)
        first = trained.predict_proba(documents)
        state = {name: id(value) for name, value in vars(trained).items()}
        np.testing.assert_allclose(trained.predict_proba(documents[3:9]), first[3:9], atol=1e-6)
        assert {name: id(value) for name, value in vars(trained).items()} == state
        student = self.make(trained.task).fit(toy(4, seed=9)[0], np.eye(3)[(toy(4, seed=9)[1] + 1) % 3])
        student.predict_proba(documents)
        shown, columns = toy()
        again = student.fit(shown, np.eye(3)[columns]).predict_proba(documents)
        np.testing.assert_array_equal(again, first)

    def test_init_stores_and_fit_learns(self):
        student = self.make(task_with("plus", "minus", "none"))
        assert not [name for name in vars(student) if name.endswith("_")]
        assert student.fit(toy()[0], np.eye(3)[toy()[1]]) is student
        assert {"thresholds_", "remarks_"} <= set(vars(student))

    def test_a_label_without_an_example_keeps_its_column_at_zero(self):
        documents, columns = toy()
        student = self.make(task_with("plus", "absent", "minus", "none"))
        student.fit(documents, np.eye(4)[np.array([0, 2, 3])[columns]])
        probabilities = student.predict_proba(documents)
        assert np.all(probabilities[:, 1] == 0)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-9)
        assert "No training text has `absent`: never predicted." in student.remarks_

    def test_t13_one_class_is_predicted_and_said(self):
        documents, _ = toy(2)
        student = self.make(task_with("plus", "minus")).fit(documents, np.tile([0.0, 1.0], (6, 1)))
        np.testing.assert_array_equal(student.predict_proba(documents), np.tile([0.0, 1.0], (6, 1)))
        assert "Every training text is `minus`: the student always answers that." in student.remarks_

    def test_t13_independent_labels_that_never_hold(self):
        documents, _ = toy(2)
        student = self.make(task_with("kind", "rude", kind="multilabel")).fit(documents, np.zeros((6, 2)))
        assert student.predict(documents) == [()] * 6

    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_t13_a_handful_of_texts_is_enough_to_run(self, n):
        documents = toy()[0][::30][:n]
        probabilities = self.make(task_with("a", "b", "c")).fit(documents, np.eye(3)[:n]).predict_proba(documents)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-9)

    def test_t13_nothing_to_learn_from_is_refused(self):
        student = self.make(task_with("a", "b"))
        with pytest.raises(UserError, match="cannot learn from 0 documents"):
            student.fit([], np.zeros((0, 2)))
        with pytest.raises(UserError, match="cannot learn from 1 documents whose weights are all 0"):
            student.fit(toy(1)[0][:1], np.array([[1.0, 0.0]]), sample_weight=np.zeros(1))

    @pytest.mark.parametrize(
        ("targets", "weights", "complaint"),
        [
            (np.ones((2, 3)) / 3, None, r"shape \(2, 3\), expected \(2, 2\)"),
            (np.array([[1.0, 0.0], [0.5, 0.4]]), None, r"row 1 sum to 0.9, expected 1"),
            (np.array([[1.0, 0.0], [np.nan, 1.0]]), None, "without nan"),
            (np.array([[1.0, 0.0], [-0.5, 1.5]]), None, r"in \[0, 1\]"),
            (np.eye(2), np.ones(3), r"shape \(3,\), expected \(2,\)"),
            (np.eye(2), np.array([1.0, -1.0]), "at least 0"),
            (np.eye(2), np.array([1.0, np.inf]), "finite"),
        ],
    )
    def test_wrong_arrays_are_refused(self, targets, weights, complaint):
        with pytest.raises(ValueError, match=complaint):
            self.make(task_with("a", "b")).fit(toy(1)[0][:2], targets, sample_weight=weights)

    def test_weights_count_and_only_their_ratios(self):
        documents, columns = toy()
        contradicted = [*documents, *documents]
        targets = np.eye(3)[np.concatenate([columns, (columns + 1) % 3])]
        weights = np.repeat([1.0, 0.05], len(documents))
        task = task_with("plus", "minus", "none")
        student = self.make(task).fit(contradicted, targets, sample_weight=weights)
        assert student.score(documents, np.eye(3)[columns]) > 0.9
        scaled = self.make(task).fit(contradicted, targets, sample_weight=weights * 40)
        np.testing.assert_allclose(scaled.predict_proba(documents), student.predict_proba(documents), atol=1e-6)

    def test_soft_targets_teach_doubt(self):
        documents = documents_from(GOOD, 60, np.random.default_rng(0))
        student = self.make(task_with("a", "b")).fit(documents, np.tile([0.7, 0.3], (60, 1)))
        np.testing.assert_allclose(student.predict_proba(documents), np.tile([0.7, 0.3], (60, 1)), atol=0.1)

    def test_thresholds_decide(self, trained):
        two = self.make(task_with("yes", "no", positive="yes")).fit(toy()[0][:60], np.eye(2)[toy()[1][:60]])
        assert set(two.set_thresholds(np.array([0.0, np.nan])).predict(toy()[0])) == {"yes"}
        assert set(two.set_thresholds(np.array([1.0, np.nan])).predict(toy()[0])) == {"no"}
        with pytest.raises(ValueError, match=r"shape \(2,\), expected \(3,\)"):
            trained.set_thresholds(np.array([0.5, 0.5]))
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            trained.set_thresholds(np.array([0.5, 2.0, np.nan]))

    def test_progress_is_told_to_the_end(self):
        steps = []
        self.fitted(on_progress=steps.append)
        assert steps[-1].done == steps[-1].total
        assert [step.done for step in steps] == sorted({step.done for step in steps})

    @pytest.mark.parametrize("kind", ["classification", "multilabel"])
    def test_after_loading_predictions_are_the_same_bits(self, kind):
        documents, _ = toy(7)
        student = self.fitted(task_with("plus", "minus", "none", kind=kind))
        student.set_thresholds(np.array([0.25, np.nan, 0.75])).save(
            self.tmp_path / "new" / "s", {"metrics": {"f1": 0.5}}
        )
        loaded = load_student(self.tmp_path / "new" / "s")
        np.testing.assert_array_equal(loaded.predict_proba(documents), student.predict_proba(documents))
        np.testing.assert_array_equal(loaded.thresholds_, student.thresholds_)
        assert loaded.get_params() | {"encoder": 0, "c": 0} == student.get_params() | {"encoder": 0, "c": 0}
        assert loaded.predict(documents) == student.predict(documents)

    def test_saving_again_replaces_the_student_whole(self, trained):
        folder = self.tmp_path / "student"
        trained.save(folder, {"run": 1})
        (folder / "arm.json").write_text("stale")
        trained.save(folder, {"run": 2})
        assert json.loads((folder / "understudy-student.json").read_text())["about"] == {"run": 2}
        assert not (folder / "arm.json").exists()
        assert [path.name for path in self.tmp_path.iterdir()] == ["student"]

    def test_another_folder_is_never_replaced(self, trained):
        (self.tmp_path / "thesis.txt").write_text("all of it")
        with pytest.raises(UserError, match="is not a student"):
            trained.save(self.tmp_path)
        assert (self.tmp_path / "thesis.txt").read_text() == "all of it"

    def test_the_file_says_what_the_student_is(self, trained):
        trained.save(self.tmp_path / "s", {"teacher": "someone"})
        stored = json.loads((self.tmp_path / "s" / "understudy-student.json").read_text())
        assert (stored["version"], stored["kind"], stored["labels"]) == (1, self.kind, ["plus", "minus", "none"])
        assert stored["codebook"]["labels"][0]["name"] == "plus"
        assert stored["thresholds"] == [None, None, None]
        assert stored["about"] == {"teacher": "someone"}

    def test_t06_a_payload_named_safetensors_is_refused(self, folder):
        self.rewrite(folder, "model.safetensors", b"\x80\x04cposix\nsystem\n(S'touch PWNED'\ntR.")
        with pytest.raises(UserError, match="not a safetensors file"):
            load_student(folder)

    @pytest.mark.parametrize("cut", [0, 10, 1000])
    def test_t02_cut_weights_are_refused(self, folder, cut):
        (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:cut])
        with pytest.raises(UserError, match="altered or cut"):
            load_student(folder)

    @pytest.mark.parametrize("name", ["pytorch_model.bin", "x.pt", "x.pkl", "model.joblib", "x.npy", "modeling.py"])
    def test_t05_files_that_can_run_code_are_refused(self, folder, name):
        (folder / name).write_bytes(b"cposix\nsystem\n(S'touch PWNED'\ntR.")
        with pytest.raises(UserError, match=f"can run code when read: {name}"):
            load_student(folder)

    def test_t11_weights_that_are_no_numbers_are_refused(self, folder):
        from safetensors.numpy import load_file, save

        arrays = load_file(folder / "model.safetensors")
        name = next(name for name, array in arrays.items() if array.ndim == 2)
        arrays[name][0, 0] = np.nan
        self.rewrite(folder, "model.safetensors", save(arrays))
        with pytest.raises(UserError, match=r"not a number|not finite"):
            load_student(folder)

    @pytest.mark.parametrize(
        ("change", "complaint"),
        [
            ({"labels": ["minus", "plus", "none"]}, "its weights are for the labels"),
            ({"thresholds": [0.5]}, "1 thresholds for 3 labels"),
            ({"version": 2}, "has version 2"),
            ({"kind": "oracle"}, "no student `oracle`"),
            ({"surprise": 1}, "surprise"),
            ({"parameters": {"surprise": 1}}, "no parameter surprise"),
            ({"sha256": {"../secret": "00"}}, "no file of a student"),
            ({"sha256": {}}, "lists"),
        ],
    )
    def test_t16_an_altered_description_is_refused(self, folder, change, complaint):
        path = folder / "understudy-student.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        with pytest.raises(UserError, match=complaint):
            load_student(folder)

    @pytest.mark.parametrize("content", ["", "{", "[]", "null", "[" * 100_000])
    def test_a_broken_description_is_refused(self, folder, content):
        (folder / "understudy-student.json").write_text(content)
        with pytest.raises(UserError):
            load_student(folder)

    def test_a_folder_without_a_student_is_refused(self):
        with pytest.raises(UserError, match="holds no student"):
            load_student(self.tmp_path)

    def rewrite(self, folder, name, content):
        """Put a file with its right hash, as an attacker would."""
        import hashlib

        (folder / name).write_bytes(content)
        path = folder / "understudy-student.json"
        stored = json.loads(path.read_text())
        stored["sha256"][name] = hashlib.sha256(content).hexdigest()
        path.write_text(json.dumps(stored))


class TestLinear(StudentContract):
    kind = "linear"

    def make(self, task, seed=0):
        encoder = load_encoder(EmbeddingSettings(model=self.model, max_tokens=32), None)
        return LinearStudent(task, encoder, seed=seed)


class TestLinearWithNGrams(TestLinear):
    def make(self, task, seed=0):
        return super().make(task, seed).set_params(ngrams=True, characters=3)


class TestTfidf(StudentContract):
    kind = "tfidf-linear"

    def make(self, task, seed=0):
        return TfidfStudent(task, characters=4, seed=seed)


class TestAuto(StudentContract):
    kind = "auto"

    def make(self, task, seed=0):
        encoder = load_encoder(EmbeddingSettings(model=self.model, max_tokens=32), None)
        return AutoStudent(task, encoder, StudentSettings(ngrams=NGramSettings(characters=3)), seed)


class TestStatic(StudentContract):
    kind = "static"

    def make(self, task, seed=0):
        pytest.importorskip("model2vec", reason="the extra `static` is not installed")
        return StaticStudent(task, tiny_static(Path(self.model)), seed=seed)


class TestContrastive(StudentContract):
    kind = "setfit"

    def make(self, task, seed=0):
        return ContrastiveStudent(task, self.model, learning_rate=1e-3, epochs=2, max_tokens=32, seed=seed)


class TestEncoder(StudentContract):
    kind = "encoder"

    def make(self, task, seed=0):
        return EncoderStudent(task, model=self.model, learning_rate=4e-3, epochs=10, max_tokens=32, seed=seed)


class TestDecoder(StudentContract):
    kind = "decoder-lora"

    def make(self, task, seed=0):
        pytest.importorskip("peft", reason="the extra `lora` is not installed")
        model = tiny_mistral(Path(self.model))
        return DecoderStudent(
            task, model, rank=8, learning_rate=1e-2, batch_size=16, epochs=6, max_tokens=32, seed=seed
        )


def test_a_grid_search_of_scikit_learn_works_on_linear(tiny_bert):
    """Its folds index documents and targets; its score is `score`."""
    from sklearn.model_selection import GridSearchCV, KFold

    documents, columns = toy(40)
    encoder = load_encoder(EmbeddingSettings(model=str(tiny_bert), max_tokens=32), None)
    student = LinearStudent(task_with("plus", "minus", "none"), encoder, folds=2, ngrams=False)
    folds = KFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(student, {"c": [(1e-9,), (10.0,)]}, cv=folds, error_score="raise")
    search.fit(documents, np.eye(3)[columns])
    assert search.best_params_ == {"c": (10.0,)}
    assert search.best_score_ > 0.85
    assert search.cv_results_["mean_test_score"][0] < 0.6
    assert search.best_estimator_.predict(documents[:1]) == ["plus"]


def test_every_student_is_held_to_the_contract():
    assert {case.kind for case in StudentContract.__subclasses__()} == set(STUDENTS)
