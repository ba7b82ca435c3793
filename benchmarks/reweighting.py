"""Time of a training step with automatic reweighting, relative to a plain step of the same precision.

    python benchmarks/reweighting.py [--quick] [--threads N]

Every form of `understudy.student.reweighting` and the double backward of the published code take steps of the same
kind on the bundled encoder, in turn, so that a busy machine slows all of them: 32 training texts of 25 tokens and 8 or
32 gold texts, AdamW, dropout as the model has it. A ratio is the median over rounds of a form's time over the plain
step's in the same round. The double backward steps by plain gradients where the published code uses Adam, which is
cheaper and gives the same weights. `error` is the largest difference of a weight from the double backward's, dropout
off. The last line is one JSON object, for fp32 and 8 gold texts: `ratio_to_plain` of the default form and
`ratio_of_reference`, how many times longer the double backward takes than that form.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, get_args

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from understudy.embedding import model_folder
from understudy.student.network import load_network
from understudy.student.reweighting import Form, Reweighting, learning_rates, normalised

N, M_DEFAULT, M_LARGE, TOKENS, LABELS = 32, 8, 32, 25, 4
PLAIN, REFERENCE, DEFAULT = "plain", "double backward", "finite-difference"
RATE_ENCODER, RATE_HEAD = 2e-5, 1e-4

Pair = tuple[Tensor, Tensor]


@dataclass
class Bench:
    """One model in training, in one precision."""

    is_bf16: bool
    network: Any = field(init=False)
    optimiser: torch.optim.Optimizer = field(init=False)
    rates: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        self.network = load_network(model_folder("bundled"), [f"label {k}" for k in range(LABELS)], pad_id=0).train()
        head = list(self.network.classifier.parameters())
        body = [p for name, p in self.network.named_parameters() if not name.startswith("classifier")]
        groups = [{"params": body, "lr": RATE_ENCODER}, {"params": head, "lr": RATE_HEAD}]
        self.optimiser = torch.optim.AdamW(groups, eps=1e-6, weight_decay=0.0, fused=True)
        self.rates = learning_rates(self.network, self.optimiser)

    def losses(self, network: Any, batch: Pair) -> Tensor:
        """Cross-entropy of each text."""
        ids, labels = batch
        with torch.autocast("cpu", torch.bfloat16, enabled=self.is_bf16):
            found = network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        return nn.functional.cross_entropy(found.float(), labels, reduction="none")

    def weights(self, form: str, batch: Pair, gold: Pair) -> tuple[Tensor, Tensor]:
        """Losses with graph and weights, by any of the forms."""
        if form == REFERENCE:
            weights = self._double_backward(batch, gold)
            return self.losses(self.network, batch), weights
        if form == PLAIN:
            return self.losses(self.network, batch), torch.full((len(batch[0]),), 1 / len(batch[0]))
        weigh: Reweighting[Pair] = Reweighting(self.network, self.losses, self.rates, form)  # type: ignore[arg-type]
        weighed = weigh(batch, gold)
        return weighed.losses, weighed.weights

    def step(self, form: str, batch: Pair, gold: Pair) -> None:
        """What is timed."""
        losses, weights = self.weights(form, batch, gold)
        (weights * losses).sum().backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.optimiser.zero_grad()

    def _double_backward(self, batch: Pair, gold: Pair) -> Tensor:
        trained = {name: p for name, p in self.network.named_parameters() if name in self.rates}
        with sdpa_kernel(SDPBackend.MATH):
            losses = self.losses(self.network, batch)
            eps = torch.zeros_like(losses, requires_grad=True)
            gradients = torch.autograd.grad(
                (eps * losses).sum(), list(trained.values()), create_graph=True, materialize_grads=True
            )
            moved = {
                name: p - self.rates[name] * gradient
                for (name, p), gradient in zip(trained.items(), gradients, strict=True)
            }

            def at_moved(**inputs: Tensor) -> Any:
                return torch.func.functional_call(self.network, moved, (), inputs)

            (gradient,) = torch.autograd.grad(self.losses(at_moved, gold).mean(), eps)
        return normalised(-gradient)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="5 rounds instead of 15, and 8 gold texts only")
    parser.add_argument("--threads", type=int, default=1, help="more than 1 only on a machine that does nothing else")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rounds, gold_sizes = (5, (M_DEFAULT,)) if given.quick else (15, (M_DEFAULT, M_LARGE))
    forms = (PLAIN, REFERENCE, *get_args(Form))
    print(f"{N} training texts of {TOKENS} tokens, {torch.get_num_threads()} thread(s), {rounds} rounds")
    print(f"{'precision':<10}{'gold':>5}  {'form':<20}{'ms':>8}{'to plain':>10}{'error':>10}")
    ratios: dict[tuple[bool, int, str], float] = {}
    for is_bf16 in (False, True):
        bench = Bench(is_bf16)
        for m in gold_sizes:
            errors = _errors(bench, m, forms)
            seconds = _seconds(bench, m, forms, rounds)
            for form in forms:
                ratio = _median_ratio(seconds[form], seconds[PLAIN])
                ratios[is_bf16, m, form] = ratio
                row = f"{'bf16' if is_bf16 else 'fp32':<10}{m:>5}  {form:<20}"
                milliseconds = 1000 * statistics.median(seconds[form])
                print(f"{row}{milliseconds:>8.0f}{ratio:>10.2f}{errors.get(form, float('nan')):>10.1e}", flush=True)
            ratios[is_bf16, m, "reference"] = _median_ratio(seconds[REFERENCE], seconds[DEFAULT])
    print(json.dumps(_summary(ratios)))


def _summary(ratios: dict[tuple[bool, int, str], float]) -> dict[str, float | str]:
    found = {"ratio_to_plain": (False, DEFAULT), "ratio_of_reference": (False, "reference")}
    found |= {"ratio_to_plain_bf16": (True, DEFAULT), "ratio_of_reference_bf16": (True, "reference")}
    numbers = {name: round(ratios[is_bf16, M_DEFAULT, form], 3) for name, (is_bf16, form) in found.items()}
    return {"form": DEFAULT, **numbers}


def _seconds(bench: Bench, m: int, forms: tuple[str, ...], rounds: int) -> dict[str, list[float]]:
    """Time of every step after a first round that only warms up; each round starts with another form."""
    seconds: dict[str, list[float]] = {form: [] for form in forms}
    for number in range(rounds + 1):
        for form in _rotated(forms, number):
            batch, gold = _texts(N), _texts(m)
            start = time.perf_counter()
            bench.step(form, batch, gold)
            if number:
                seconds[form].append(time.perf_counter() - start)
    return seconds


def _rotated(forms: tuple[str, ...], by: int) -> Iterator[str]:
    yield from (forms[(position + by) % len(forms)] for position in range(len(forms)))


def _median_ratio(times: list[float], others: list[float]) -> float:
    return statistics.median(time / other for time, other in zip(times, others, strict=True))


def _errors(bench: Bench, m: int, forms: tuple[str, ...]) -> dict[str, float]:
    batch, gold = _texts(N), _texts(m)
    with _no_dropout(bench.network):
        exact = bench.weights(REFERENCE, batch, gold)[1]
        return {
            form: float((bench.weights(form, batch, gold)[1] - exact).abs().max())
            for form in forms
            if form not in (PLAIN, REFERENCE)
        }


@contextmanager
def _no_dropout(network: nn.Module) -> Iterator[None]:
    network.eval()
    yield
    network.train()


def _texts(n: int) -> Pair:
    """Random tokens and labels."""
    return torch.randint(1_000, 30_000, (n, TOKENS)), torch.randint(0, LABELS, (n,))


if __name__ == "__main__":
    main()
