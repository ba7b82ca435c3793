from collections import Counter

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from understudy.student.first_token import first_token_only

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 4)).astype(np.float32)
CONSTANTS = {
    "w": RNG.normal(size=(4, 4)).astype(np.float32),
    "b": RNG.normal(size=4).astype(np.float32),
    "by_token": RNG.normal(size=(5, 4)).astype(np.float32),
    "zero": np.array(0),
    "one": np.array(1),
}


def model(*nodes, outputs=("y",)):
    """Inputs x of shape (n, 5, 4)."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 5, 4])
    found = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    used = {name for node in nodes for name in node.input}
    stored = [numpy_helper.from_array(array, name) for name, array in CONSTANTS.items() if name in used]
    made = [helper.make_node(op, inputs, [output], **how) for op, inputs, output, how in map(parts, nodes)]
    graph = helper.make_graph(made, "g", [x], found, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def parts(node):
    how = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return node.op_type, list(node.input), node.output[0], how


def node(op, inputs, output, **how):
    return helper.make_node(op, inputs.split(), [output], **how)


def run(made):
    return onnxruntime.InferenceSession(made.SerializeToString()).run(None, {"x": X})


def kinds(made):
    return Counter(found.op_type for found in made.graph.node)


MIX = node("Softmax", "x", "mixed", axis=1)
FIRST = node("Gather", "h zero", "y", axis=1)


def checked(made):
    """Shortens the model; its answers must stay."""
    before = run(made)
    shortened = first_token_only(made)
    for old, new in zip(before, run(shortened), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)
    return shortened


def test_rows_are_cut_where_they_were_last_mixed():
    """The residual connection needs a slice of its own: of x, and of what was mixed from it."""
    dense, residual = node("MatMul", "mixed w", "d"), node("Add", "d x", "r")
    shortened = checked(model(MIX, dense, residual, node("Add", "r b", "h"), FIRST))
    assert [found.op_type for found in shortened.graph.node] == [
        "Softmax", "Slice", "MatMul", "Slice", "Add", "Add", "Gather",
    ]  # fmt: skip


DENSE = node("MatMul", "mixed w", "h")
OTHERS = {
    "second token": (MIX, DENSE, node("Gather", "h one", "y", axis=1)),
    "other axis": (MIX, DENSE, node("Gather", "h zero", "y", axis=2)),
    "constant by token": (MIX, node("Add", "mixed by_token", "h"), FIRST),
    "product of two inputs": (
        node("Transpose", "x", "t", perm=[0, 2, 1]), node("MatMul", "x t", "s"), node("MatMul", "s x", "h"), FIRST
    ),
    "nothing after mixing": (node("Softmax", "x", "h", axis=1), FIRST),
    "others are read too": (MIX, DENSE, node("Gather", "h zero", "z", axis=1), node("Gather", "h one", "y", axis=1)),
}  # fmt: skip


@pytest.mark.parametrize("nodes", OTHERS.values(), ids=OTHERS)
def test_other_graphs_stay_as_they_are(nodes):
    made = model(*nodes)
    before = made.SerializeToString()
    assert first_token_only(made).SerializeToString() == before


def test_rows_that_are_an_output_too_stay():
    made = model(MIX, node("MatMul", "mixed w", "h"), FIRST, outputs=("y", "h"))
    assert "Slice" not in kinds(checked(made))
