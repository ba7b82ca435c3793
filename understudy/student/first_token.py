"""Shortens an exported graph that reads its last layer at the first token alone: nothing else is computed there.

What comes after the last mixing of tokens is done row by row, so that the answers stay what they were.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

ROW_WISE = {
    "Add", "BiasGelu", "Cast", "Div", "Erf", "FastGelu", "Gelu", "LayerNormalization", "MatMul", "Mul",
    "SkipLayerNormalization", "Sub", "Tanh",
}  # fmt: skip
"""Operators that leave rows apart, given constants without a token axis."""

TOKEN_AXIS = 1


def first_token_only(model: Any) -> Any:
    """The same model, altered: rows that nobody reads are cut off after the last layer's attention.

    A graph that does not end in the first token's row, or reads the others too, is left as it is.
    """
    nodes, constants = list(model.graph.node), _constants(model.graph)
    reading = [node for node in nodes if _reads_first_row(node, constants)]
    if len(reading) != 1:
        return model
    narrow = _narrow(nodes, reading[0], constants, {output.name for output in model.graph.output})
    cut = _wide_inputs(nodes, narrow, constants)
    if len(narrow) > 1:
        shortened = list(_shortened(nodes, narrow, cut))
        model.graph.ClearField("node")
        model.graph.ClearField("value_info")
        model.graph.node.extend(shortened)
        model.graph.initializer.extend(_slice_constants())
    return model


def _constants(graph: Any) -> dict[str, Any]:
    """Arrays by name."""
    from onnx import numpy_helper

    made = [(n.output[0], n.attribute[0]) for n in graph.node if n.op_type == "Constant"]
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return stored | {name: numpy_helper.to_array(a.t) for name, a in made if a.name == "value"}


def _reads_first_row(node: Any, constants: dict[str, Any]) -> bool:
    """Whether a node takes row 0 along the axis of tokens."""
    if node.op_type != "Gather" or node.input[1] not in constants:
        return False
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
    index = constants[node.input[1]]
    return axis == TOKEN_AXIS and index.ndim == 0 and int(index) == 0


def _narrow(nodes: Sequence[Any], reading: Any, constants: dict[str, Any], answers: Collection[str]) -> set[str]:
    """First outputs of the reading node and of those before it whose rows nobody else takes."""
    narrow, users = {reading.output[0]}, defaultdict[str, set[str]](set)
    for node in nodes:
        for name in node.input:
            users[name].add(node.output[0])
    for node in reversed(nodes):
        taking = set[str]().union(*(users[name] for name in node.output))
        if taking and taking <= narrow and not set(node.output) & set(answers) and _is_row_wise(node, constants):
            narrow.add(node.output[0])
    return narrow


def _is_row_wise(node: Any, constants: dict[str, Any]) -> bool:
    known = [constants[name] for name in node.input if name in constants]
    if node.op_type == "MatMul":
        return node.input[1] in constants and node.input[0] not in constants and known[0].ndim == 2
    return node.op_type in ROW_WISE and all(array.ndim <= 1 for array in known)


def _wide_inputs(nodes: Sequence[Any], narrow: Collection[str], constants: Collection[str]) -> set[str]:
    """What narrow nodes take from others; the optional inputs that are left out have the name ""."""
    taken = {name for node in nodes if node.output[0] in narrow for name in node.input}
    return taken - set(narrow) - set(constants) - {""}


def _shortened(nodes: Sequence[Any], narrow: Collection[str], cut: Collection[str]) -> Iterator[Any]:
    """The nodes, with slices before those that take what is cut."""
    from onnx import helper

    done: set[str] = set()
    for node in nodes:
        if node.output[0] in narrow:
            for place, name in enumerate(node.input):
                if name in cut and name not in done:
                    yield helper.make_node("Slice", [name, *_SLICE], [_first(name)])
                    done.add(name)
                if name in cut:
                    node.input[place] = _first(name)
        yield type(node).FromString(node.SerializeToString())


def _first(name: str) -> str:
    return f"{name}.first_token"


def _slice_constants() -> list[Any]:
    from onnx import numpy_helper

    return [numpy_helper.from_array(np.array([value], dtype=np.int64), name) for name, value in _SLICE.items()]


_SLICE = {"first_token.start": 0, "first_token.stop": 1, "first_token.axis": TOKEN_AXIS}
