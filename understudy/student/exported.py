"""A fine-tuned encoder computed by ONNX Runtime: fused float32, or int8. Keeps no graph on disk and judges no loss.

The graph is made from the student in memory, so that a student's folder holds nothing that computes.
"""

from __future__ import annotations

import inspect
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch

from understudy.errors import UserError
from understudy.student.extras import extra
from understudy.student.first_token import first_token_only
from understudy.student.other_form import OtherForm
from understudy.student.training import Learner

OPSET = 17
KNOWN_DOMAINS = {"", "ai.onnx", "com.microsoft"}
FUSED_AS_BERT = {"bert", "roberta", "xlm-roberta", "distilbert", "camembert", "electra"}
FLOAT32 = 1
"""ONNX's number for the element type float32."""

TOKEN_AXIS = {1: "tokens"}


class Exported(OtherForm):
    """A fitted network in ONNX Runtime.

    Parameters
    ----------
    learner : fitted; it is left as it is.
    is_quantised : weights and activations of matrix products in int8, weights scaled per output channel.
    n_threads : each computes batches of its own; 0 for as many as torch uses.
    graph : its `export`, where that is at hand.

    Raises
    ------
    UserError
        If the extra `onnx` is not installed, or the architecture cannot be exported.
    """

    tokens_at_once: ClassVar[int] = 512

    def __init__(
        self, learner: Learner, *, is_quantised: bool = False, n_threads: int = 0, graph: bytes | None = None
    ) -> None:
        super().__init__(learner.tokens, n_threads or torch.get_num_threads())
        graph = graph or export(learner.network)
        self._session = _session(quantised(graph) if is_quantised else graph)
        self._inputs = [found.name for found in self._session.get_inputs()]

    def _logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        (found,) = self._session.run(None, {name: batch[name].numpy() for name in self._inputs})
        return torch.from_numpy(found)


def export(network: Any) -> bytes:
    """The network as a checked ONNX graph in float32, attention and normalisation fused where known.

    Inputs are those of `Tokens.pad` that the network takes, of shape (n, tokens), int64; the output ``logits`` has
    shape (n, K), or (n, tokens, K) where every token has its own.

    Raises
    ------
    UserError
        If the extra `onnx` is not installed, or the architecture cannot be exported.
    """
    onnx: Any = extra("onnx", "onnx")
    extra("onnxruntime", "onnx")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plain.onnx"
        try:
            _trace(network, path)
        except (RuntimeError, ValueError, TypeError) as exc:
            kind = network.config.model_type
            raise UserError(f"a `{kind}` cannot be exported to ONNX: {exc}", "Predict without ONNX.") from exc
        graph = _fused(path, network.config)
    shortened: bytes = first_token_only(onnx.load_model_from_string(graph)).SerializeToString()
    check_graph(shortened)
    return shortened


def quantised(graph: bytes) -> bytes:
    """The graph with its matrix products in int8, weights scaled per output channel, activations as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        plain.write_bytes(graph)
        with _quiet():
            quantize_dynamic(
                plain,
                small,
                per_channel=True,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["MatMul", "Attention"],
                extra_options={"DefaultTensorType": FLOAT32},
            )
        content = small.read_bytes()
    check_graph(content)
    return content


def check_graph(content: bytes) -> None:
    """Refuse a graph that is none, points outside itself, or needs operators that ONNX Runtime does not bring.

    Raises
    ------
    UserError
        Says what is wrong.
    """
    onnx: Any = extra("onnx", "onnx")
    try:
        model = onnx.load_model_from_string(content)
        _refuse_foreign(model)
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as exc:
        raise UserError(f"the ONNX graph cannot be used: {exc}", "Export the student again.") from exc
    except Exception as exc:
        if type(exc).__name__ != "DecodeError":
            raise
        raise UserError("the ONNX graph cannot be used: it is no ONNX file.", "Export the student again.") from exc


def _refuse_foreign(model: Any) -> None:
    foreign = {node.domain for node in model.graph.node} - KNOWN_DOMAINS
    if foreign:
        raise ValueError(f"it needs operators of {', '.join(sorted(foreign))}")
    outside = [tensor.name for tensor in model.graph.initializer if tensor.external_data]
    if outside:
        raise ValueError(f"{outside[0]} lies in another file")


def _trace(network: Any, path: Path) -> None:
    """Write the plain graph; attention is written out meanwhile, as the optimiser knows it."""
    accepted = inspect.signature(network.forward).parameters
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in accepted]
    example = torch.ones((2, 9), dtype=torch.int64)
    values = tuple(torch.zeros_like(example) if name == "token_type_ids" else example for name in names)
    attention = network.config._attn_implementation
    network.set_attn_implementation("eager")
    traced = _Logits(network, names).eval()
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            axes = {"logits": {0: "n"} | (TOKEN_AXIS if traced(*values).ndim == 3 else {})}
            torch.onnx.export(
                traced, values, str(path), dynamo=False, opset_version=OPSET,
                input_names=names, output_names=["logits"],
                dynamic_axes={name: {0: "n"} | TOKEN_AXIS for name in names} | axes,
            )  # fmt: skip
    finally:
        network.set_attn_implementation(attention)


class _Logits(torch.nn.Module):
    """A network that takes its inputs by place and answers with a tensor, as tracing wants it."""

    def __init__(self, network: Any, names: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.names = names

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(**dict(zip(self.names, values, strict=True))).logits
        return logits


def _fused(path: Path, config: Any) -> bytes:
    if config.model_type not in FUSED_AS_BERT:
        return path.read_bytes()
    from onnxruntime.transformers.optimizer import optimize_model

    with _quiet():
        optimised = optimize_model(
            str(path), "bert", config.num_attention_heads, config.hidden_size, opt_level=0, only_onnxruntime=False
        )
    fused = path.with_name("fused.onnx")
    optimised.save_model_to_file(str(fused))
    return fused.read_bytes()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the advice that these tools log for their developers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _session(graph: bytes) -> Any:
    """One thread a batch: several batches side by side leave no thread waiting, as parts of one batch do."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
