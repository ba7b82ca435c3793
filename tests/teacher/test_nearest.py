import numpy as np
import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.records import Document, Outcome
from understudy.teacher import NearestDefinitionTeacher
from understudy.teacher.nearest import describe

FOOD, SPORT = Label(name="food", definition="about eating"), Label(name="sport", definition="about games")
ONE = task_of(Codebook(labels=(FOOD, SPORT)))
MANY = task_of(Codebook(kind="multilabel", labels=(FOOD, SPORT)))
WORDS = ("eating", "games", "soup", "ball", "tax")


def encode(texts):
    """Counts of five words, as unit rows; `soup` also means eating, `ball` also means games."""
    rows = np.array([[text.split().count(word) for word in WORDS] for text in texts], dtype=float)
    rows[:, 0] += rows[:, 2]
    rows[:, 1] += rows[:, 3]
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def annotate(texts, demonstrations=(), task=ONE, k=5):
    teacher = NearestDefinitionTeacher(task, "built in", encode, demonstrations, k=k)
    return list(teacher.annotate([Document(str(i), text) for i, text in enumerate(texts)]))


def test_blank_texts_are_skipped_and_not_encoded():
    annotations = annotate(["", " \n\t", "\u200b", "soup"])
    assert sorted((a.document_id, a.outcome) for a in annotations) == [
        ("0", Outcome.SKIPPED),
        ("1", Outcome.SKIPPED),
        ("2", Outcome.SKIPPED),
        ("3", Outcome.LABELLED),
    ]


def test_no_documents_no_annotations():
    assert annotate([]) == []
    assert [a.outcome for a in annotate([""])] == [Outcome.SKIPPED]


def test_definitions_decide_without_demonstrations():
    assert [a.value for a in annotate(["soup", "ball ball soup", "eating"])] == ["food", "sport", "food"]


def test_demonstrations_outvote_definitions():
    # "tax" is like neither definition (cosine 0); three equal demonstrations say sport.
    demonstrations = [Document(f"d{i}", f"tax {'tax ' * i}", "sport") for i in range(3)]
    (annotation,) = annotate(["tax " * 9], demonstrations)
    assert annotation.value == "sport"
    # q = 1/2 for each label: p = (1 * 0.5 + 3) / (1 + 3) = 0.875
    assert annotation.confidence == pytest.approx(0.875)
    assert annotation.provenance.demonstrations == ("d2", "d1", "d0")


def test_only_the_k_nearest_count():
    demonstrations = [Document("near", "tax tax", "food"), *[Document(f"d{i}", "tax ball", "sport") for i in range(4)]]
    assert annotate(["tax"], demonstrations, k=1)[0].value == "food"
    assert annotate(["tax"], demonstrations, k=0)[0].provenance.demonstrations == ()


def test_a_document_is_never_its_own_demonstration():
    own = [Document("0", "tax tax", "sport"), Document("copy", "tax", "sport"), Document("other", "tax soup", "food")]
    (annotation,) = annotate(["tax"], own)
    assert annotation.provenance.demonstrations == ("other",)
    assert annotation.value == "food"


def test_several_labels_by_their_distance_to_the_best():
    annotations = annotate(["eating games", "eating", "tax"], task=MANY)
    assert [a.value for a in annotations] == [("food", "sport"), ("food",), ("food", "sport")]


def test_neighbours_without_labels_make_the_set_empty():
    demonstrations = [Document(f"d{i}", "tax " * (i + 2), ()) for i in range(5)]
    (annotation,) = annotate(["tax"], demonstrations, task=MANY)
    assert annotation.value == ()
    # q = 1 for both (equal cosines): p = 1 / 6 each; the least certain decision is right with 5 / 6
    assert annotation.confidence == pytest.approx(5 / 6)


def test_two_runs_and_any_order_give_the_same():
    texts = ["soup ball", "tax", "eating games games", "ball"]
    demonstrations = [Document("d0", "tax soup", "food"), Document("d1", "ball tax", "sport")]
    first = {a.document_id: (a.value, a.confidence) for a in annotate(texts, demonstrations)}
    teacher = NearestDefinitionTeacher(ONE, "built in", encode, demonstrations)
    documents = [Document(str(i), text) for i, text in enumerate(texts)]
    again = {a.document_id: (a.value, a.confidence) for a in teacher.annotate(documents[::-1])}
    assert first == again


def test_confidence_stays_a_probability():
    for annotation in annotate(["soup", "tax", "ball soup"], [Document("d", "soup soup", "food")]):
        assert 0.0 <= annotation.confidence <= 1.0


def test_description_leaves_out_what_the_codebook_leaves_empty():
    assert describe(FOOD) == "food. about eating"
    assert describe(Label(name="x", verbalised="spoken", positive_example="An example.")) == "spoken. An example"
