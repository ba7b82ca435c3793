"""The student for few labels: a sentence encoder whose vectors are first pulled together by label, then read linearly.

References
----------
Tunstall et al. (2022), Efficient few-shot learning without prompts (SetFit).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding

from understudy.codebook import Task
from understudy.embedding import (
    Encoder,
    Tokens,
    batches_by_length,
    config_text,
    load_tokens,
    model_folder,
    network_config,
)
from understudy.errors import UserError
from understudy.records import Document
from understudy.settings import ContrastiveSettings, EmbeddingSettings, LinearSettings, StudentSettings
from understudy.student.base import Examples, Report, Step, Student
from understudy.student.encoder import tokens_of
from understudy.student.folder import StudentFile, StudentFiles
from understudy.student.logistic import Problem
from understudy.student.network import best_device, load_body, own_randomness, restore_body, weights_of
from understudy.student.optimising import learning_rate, make_optimiser, set_rate
from understudy.student.regression import Regression, Search, learn_regression, restored_regression
from understudy.student.relations.marked import texts_of
from understudy.student.training import SCORING_BATCH

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DEFAULTS = ContrastiveSettings.model_construct()
SEARCH = LinearSettings.model_construct()
BODY = "body."
"""Before the names of the encoder's weights, which lie beside the regression's."""

WARMUP, WEIGHT_DECAY, MAX_GRAD_NORM = 0.1, 0.01, 1.0


@dataclass(frozen=True)
class Body:
    """An encoder with what it reads; a text's vector is the mean over its tokens, of length 1."""

    network: Any
    tokens: Tokens

    def vectors(self, encodings: Sequence[Encoding]) -> torch.Tensor:
        """Shape (n, d), with gradients where the caller records them."""
        batch = {name: tensor.to(self.network.device) for name, tensor in self.tokens.pad(encodings).items()}
        mask = batch["attention_mask"]
        hidden = self.network(input_ids=batch["input_ids"], attention_mask=mask).last_hidden_state.float()
        mean = (hidden * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)
        return torch.nn.functional.normalize(mean, dim=1)

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Shape (n, d), in input order."""
        self.network.eval()
        encodings = self.tokens.read(texts)
        lengths = np.array([len(encoding.ids) for encoding in encodings], dtype=np.int64)
        found = np.empty((len(texts), self.network.config.hidden_size))
        with torch.inference_mode():
            for rows in batches_by_length(lengths, SCORING_BATCH):
                found[rows] = self.vectors([encodings[row] for row in rows]).cpu().numpy()
        return found


class ContrastiveStudent(Student):
    """A sentence encoder fine-tuned on pairs of texts, equal label or not, with a logistic regression on its vectors.

    Parameters
    ----------
    task : what is learned.
    model : ``bundled``, a folder, or a hub id.
    learning_rate, batch_size, epochs, max_pairs, max_tokens : see the settings.
    folds, c : of the regression, as in `LinearStudent`.
    seed : of pairs, dropout and folds.

    Attributes
    ----------
    body_ : the fine-tuned encoder.
    regression_ : on its vectors.
    """

    kind: ClassVar[str] = "setfit"

    body_: Body
    regression_: Regression

    def __init__(
        self,
        task: Task,
        model: str = DEFAULTS.model,
        learning_rate: float = DEFAULTS.learning_rate,
        batch_size: int = DEFAULTS.batch_size,
        epochs: int = DEFAULTS.epochs,
        max_pairs: int = DEFAULTS.max_pairs,
        max_tokens: int = DEFAULTS.max_tokens,
        folds: int = SEARCH.folds,
        c: Sequence[float] = SEARCH.c,
        seed: int = 0,
    ) -> None:
        self.task = task
        self.model = model
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.max_pairs = max_pairs
        self.max_tokens = max_tokens
        self.folds = folds
        self.c = c
        self.seed = seed

    @classmethod
    def from_settings(cls, settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Self:  # noqa: ARG003
        """An untrained student as the project file describes it."""
        linear = settings.linear
        return cls(task, **settings.setfit.model_dump(), folds=linear.folds, c=linear.c, seed=seed)

    def _learn(self, examples: Examples, dev: Examples | None, report: Report) -> None:  # noqa: ARG002
        texts = texts_of(self.task, examples.documents)
        folder, device = model_folder(self.model), best_device()
        with own_randomness(self.seed, device):
            tokens = load_tokens(folder, network_config(folder), self.max_tokens)
            self.body_ = Body(load_body(folder).to(device), tokens)
            self._pull_together(examples, report)
        problem = Problem(self.body_.embed(texts), examples.targets, examples.weights, self.task.is_exclusive)
        self.regression_ = learn_regression(problem, Search(self.c, self.folds, self.seed))

    def _pull_together(self, examples: Examples, report: Report) -> None:
        """Fine-tune in place; with one group there is nothing to tell apart."""
        groups = groups_of(examples.targets, is_exclusive=self.task.is_exclusive)
        if len(np.unique(groups)) < 2:
            return
        encodings = self.body_.tokens.read(texts_of(self.task, examples.documents))
        optimiser = make_optimiser(self.body_.network, self.learning_rate, WEIGHT_DECAY)
        self.body_.network.train()
        batches = list(self._batches(groups, examples.weights))
        for done, (epoch, rows) in enumerate(batches):
            set_rate(optimiser, learning_rate(done, len(batches), WARMUP, self.learning_rate))
            loss = self._step(optimiser, encodings, rows, groups)
            report(Step(done + 1, len(batches), epoch, loss))

    def _batches(self, groups: IntArray, weights: FloatArray) -> Iterator[tuple[int, IntArray]]:
        """Pairs of every epoch, counted from 1, in batches."""
        rng = np.random.default_rng(self.seed)
        for epoch in range(1, self.epochs + 1):
            pairs = sample_pairs(groups, weights, rng)[: self.max_pairs]
            for start in range(0, len(pairs), self.batch_size):
                yield epoch, pairs[start : start + self.batch_size]

    def _step(
        self, optimiser: torch.optim.Optimizer, encodings: Sequence[Encoding], rows: IntArray, groups: IntArray
    ) -> float:
        vectors = self.body_.vectors([encodings[row] for row in rows.ravel().tolist()])
        similarity = (vectors[0::2] * vectors[1::2]).sum(dim=1)
        is_equal = torch.from_numpy((groups[rows[:, 0]] == groups[rows[:, 1]]).astype(np.float32))
        loss = torch.nn.functional.mse_loss(similarity, is_equal.to(similarity.device))
        loss.backward()  # type: ignore[no-untyped-call]
        if not np.isfinite(value := float(loss.detach())):
            raise UserError(f"training diverged: the loss is {value}.", "Set a smaller `student.setfit.learning_rate`.")
        torch.nn.utils.clip_grad_norm_(self.body_.network.parameters(), MAX_GRAD_NORM)
        optimiser.step()
        optimiser.zero_grad()
        return value

    def _probabilities(self, documents: Sequence[Document]) -> FloatArray:
        return self.regression_.logistic.probabilities(self.body_.embed(texts_of(self.task, documents)))

    def _parameters(self) -> dict[str, Any]:
        parameters = {name: value for name, value in self.get_params(deep=False).items() if name != "task"}
        return parameters | {"c": list(self.c)}

    def _embedding(self) -> tuple[EmbeddingSettings, str] | None:
        return None

    def _files(self) -> StudentFiles:
        network, tokens = self.body_.network, self.body_.tokens
        body = {BODY + name: array for name, array in weights_of(network).items()}
        texts = {"config.json": config_text(network.config), "tokenizer.json": tokens.to_json()}
        return StudentFiles(self.regression_.arrays() | body, texts)

    @classmethod
    def restore(cls, stored: StudentFile, files: StudentFiles, task: Task, encoder_cache: Path | None) -> Self:  # noqa: ARG003
        """The student from its checked files, without thresholds."""
        student = cls(task, **stored.parameters)
        body = {name.removeprefix(BODY): array for name, array in files.arrays.items() if name.startswith(BODY)}
        network = restore_body(files.texts.get("config.json", ""), body).to(best_device()).eval()
        student.body_ = Body(network, tokens_of(files.texts.get("tokenizer.json", "")))
        shape = (len(task.labels), int(network.config.hidden_size))
        student.regression_ = restored_regression(files.arrays, shape, is_exclusive=task.is_exclusive)
        return student


def groups_of(targets: FloatArray, *, is_exclusive: bool) -> IntArray:
    """A number for each row, equal where the likeliest label is, or for independent labels the set of likely ones."""
    sets = np.unique(targets >= 0.5, axis=0, return_inverse=True)[1].reshape(-1)
    groups: IntArray = (targets.argmax(axis=1) if is_exclusive else sets).astype(np.int64)
    return groups


def sample_pairs(groups: IntArray, weights: FloatArray, rng: np.random.Generator) -> IntArray:
    """Two pairs for each of n drawn texts, one within its group and one across, shuffled: rows of shape (2 n, 2).

    Texts are drawn in proportion to their weights, the partner too. A text alone in its group is its own partner.

    Parameters
    ----------
    groups : shape (n,), at least two different ones.
    weights : shape (n,), > 0.
    """
    anchors = rng.choice(len(groups), size=len(groups), p=weights / weights.sum())
    partners = np.array(list(_partners(anchors, groups, weights, rng)), dtype=np.int64)
    pairs: IntArray = rng.permutation(np.column_stack([np.repeat(anchors, 2), partners.ravel()]))
    return pairs


def _partners(
    anchors: IntArray, groups: IntArray, weights: FloatArray, rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    for anchor in anchors:
        is_same = groups == groups[anchor]
        same = np.flatnonzero(is_same & (np.arange(len(groups)) != anchor))
        yield (
            _one_of(same if len(same) else np.array([anchor]), weights, rng),
            _one_of(np.flatnonzero(~is_same), weights, rng),
        )


def _one_of(rows: NDArray[np.intp], weights: FloatArray, rng: np.random.Generator) -> int:
    shares = np.cumsum(weights[rows])
    return int(rows[min(np.searchsorted(shares, rng.uniform(0, shares[-1]), side="right"), len(rows) - 1)])
