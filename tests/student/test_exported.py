import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from understudy.codebook import Codebook, Label, task_of
from understudy.errors import UserError
from understudy.records import Document
from understudy.student import EncoderStudent
from understudy.student.exported import check_graph, export
from understudy.student.forms import in_form

TASK = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"))))
TEXTS = ["", "good " * 40, "a bad film", "the film was not good", "\ud800 odd", "great"]
DOCUMENTS = [Document(str(i), text) for i, text in enumerate(TEXTS)]


@pytest.fixture(scope="module")
def fitted(tiny_bert):
    documents = [Document(str(i), ("good great", "bad awful")[i % 2]) for i in range(16)]
    student = EncoderStudent(TASK, model=str(tiny_bert), epochs=4, learning_rate=2e-3)
    return student.fit(documents, np.eye(2)[np.arange(16) % 2])


def test_the_exported_student_answers_as_the_student(fitted):
    """Lengths that were not traced, an empty text and a lone surrogate among them."""
    exported = in_form(fitted, "onnx", n_threads=1)
    found = exported.predict_proba(DOCUMENTS)
    np.testing.assert_allclose(found, fitted.predict_proba(DOCUMENTS), atol=1e-5)
    assert exported.decode(found) == fitted.predict(DOCUMENTS)


def test_exporting_leaves_the_student_as_it_was(fitted):
    before = fitted.predict_proba(DOCUMENTS)
    attention = fitted.learner_.network.config._attn_implementation
    export(fitted.learner_.network)
    assert fitted.learner_.network.config._attn_implementation == attention
    np.testing.assert_array_equal(fitted.predict_proba(DOCUMENTS), before)


def test_the_quantised_student_holds_its_weights_in_int8(fitted):
    exported = in_form(fitted, "int8", n_threads=1)
    found = exported.predict_proba(DOCUMENTS)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found, fitted.predict_proba(DOCUMENTS), atol=0.1)
    assert not np.array_equal(found, in_form(fitted, "onnx", n_threads=1).predict_proba(DOCUMENTS))


def graph(domain="", external=False):
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    if external:
        weight.ClearField("float_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="../../etc/passwd")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    nodes = [helper.make_node("Add", ["x", "w"], ["y"], domain=domain)]
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y], [weight]), opset_imports=opsets)


def test_a_sound_graph_passes():
    check_graph(graph().SerializeToString())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (graph(domain="evil.ops").SerializeToString(), "evil.ops"),
        (graph(external=True).SerializeToString(), "another file"),
        (b"\xff\xff no graph", "no ONNX file"),
        (onnx.ModelProto().SerializeToString(), "cannot be used"),
    ],
)
def test_what_is_no_graph_of_ours_is_refused(content, complaint):
    with pytest.raises(UserError, match=complaint):
        check_graph(content)
