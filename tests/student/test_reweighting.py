from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from understudy.student.reweighting import (
    Distrust,
    Form,
    Reweighting,
    WeightHistory,
    finite_difference_scores,
    forward_mode_scores,
    gold_direction,
    last_linear,
    learning_rates,
    linear_weights,
    normalised,
)

Pair = tuple[Tensor, Tensor]
BETAS, ADAM_EPS = (0.9, 0.999), 1e-6
N, M, T, LABELS, WORDS = 12, 5, 6, 3, 40


class Toy(nn.Module):
    """Embedding, norm, a hidden layer over all positions, and a classifier."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, 8)
        self.norm = nn.LayerNorm(8)
        self.hidden = nn.Linear(8, 16)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(16, LABELS)

    def forward(self, ids: Tensor) -> Tensor:
        hidden = torch.tanh(self.hidden(self.norm(self.words(ids))))
        return torch.as_tensor(self.head(self.dropout(hidden.mean(1))))


def cross_entropy(model: nn.Module, batch: Pair) -> Tensor:
    return nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none")


def draw(n: int, seed: int) -> Pair:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randint(0, WORDS, (n, T), generator=generator),
        torch.randint(0, LABELS, (n,), generator=generator),
    )


def toy(dropout: float = 0.0) -> Toy:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Toy(dropout).double()


def tiny_bert() -> nn.Module:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=WORDS,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=T,
        num_labels=LABELS,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model: nn.Module = transformers.BertForSequenceClassification(config).double()
    return model.train()


def bert_losses(model: nn.Module, batch: Pair) -> Tensor:
    return nn.functional.cross_entropy(model(input_ids=batch[0]).logits, batch[1], reduction="none")


def rates_of(model: nn.Module, head_rate: float = 1e-4) -> dict[str, float]:
    """LLMaAA's groups: 2e-5 for the encoder, 1e-4 for the rest."""
    head = last_linear(model)[0]
    return {name: head_rate if name.startswith(head) else 2e-5 for name, _ in model.named_parameters()}


def fresh_adam(parameter: Tensor, gradient: Tensor, rate: float) -> Tensor:
    """First step of a differentiable Adam, as `higher` writes it: a second moment of 0 is replaced by a constant."""
    first, second = (1 - BETAS[0]) * gradient, (1 - BETAS[1]) * gradient * gradient
    second = torch.where(second == 0, torch.full_like(second, 1e-8), second)
    step = rate * math.sqrt(1 - BETAS[1]) / (1 - BETAS[0])
    return parameter - step * first / (second.sqrt() + ADAM_EPS)


def gradient_descent(parameter: Tensor, gradient: Tensor, rate: float) -> Tensor:
    return parameter - rate * gradient


def virtual_step_weights(
    model: nn.Module, losses: Any, batch: Pair, gold: Pair, rates: dict[str, float], inner: Any
) -> Tensor:
    """The method as published, with a second-order graph through the virtual step."""
    trained = {name: p for name, p in model.named_parameters() if name in rates}
    with sdpa_kernel(SDPBackend.MATH):
        found = losses(model, batch)
        eps = torch.zeros_like(found, requires_grad=True)
        gradients = torch.autograd.grad(
            (eps * found).sum(), list(trained.values()), create_graph=True, materialize_grads=True
        )
        moved = {
            name: inner(p, gradient, rates[name])
            for (name, p), gradient in zip(trained.items(), gradients, strict=True)
        }

        def at_moved(*args: Any, **kwargs: Any) -> Any:
            return torch.func.functional_call(model, moved, args, kwargs)

        gold_loss = losses(at_moved, gold).mean()
        (gradient,) = torch.autograd.grad(gold_loss, eps)
    clipped = (-gradient).clamp(min=0)
    return clipped / clipped.sum() if clipped.sum() > 0 else clipped


CASES = [(toy, cross_entropy), (tiny_bert, bert_losses)]


@pytest.mark.parametrize("inner", [fresh_adam, gradient_descent])
@pytest.mark.parametrize(("make", "losses"), CASES)
@pytest.mark.parametrize(("form", "tolerance"), [("forward-mode", 1e-9), ("finite-difference", 1e-5)])
def test_weights_equal_those_of_the_virtual_step(
    make: Any, losses: Any, inner: Any, form: Form, tolerance: float
) -> None:
    model, batch, gold = make(), draw(N, 1), draw(M, 2)
    rates = rates_of(model)
    expected = virtual_step_weights(model, losses, batch, gold, rates, inner)
    assert 0 < int((expected == 0).sum()) < N - 2
    found = Reweighting(model, losses, rates, form, step_length=1e-5)(batch, gold).weights
    assert float((found - expected).abs().max()) < tolerance


@pytest.mark.parametrize("form", ["forward-mode", "finite-difference"])
def test_the_ratio_of_learning_rates_matters_and_their_scale_does_not(form: Form) -> None:
    model, batch, gold = toy(), draw(N, 1), draw(M, 2)

    def weights(rates: dict[str, float]) -> Tensor:
        return Reweighting(model, cross_entropy, rates, form, step_length=1e-5)(batch, gold).weights

    plain, head_only = weights(rates_of(model)), weights(rates_of(model, head_rate=1.0))
    scaled = weights({name: 1e3 * rate for name, rate in rates_of(model).items()})
    assert torch.allclose(plain, scaled, atol=1e-8)
    assert not torch.allclose(plain, head_only, atol=1e-3)


def test_last_layer_equals_the_virtual_step_when_all_else_is_frozen() -> None:
    model, batch, gold = toy(), draw(N, 1), draw(M, 2)
    rates = {"head.weight": 1e-4, "head.bias": 3e-4}
    expected = virtual_step_weights(model, cross_entropy, batch, gold, rates, gradient_descent)
    found = Reweighting(model, cross_entropy, rates, "last-layer")(batch, gold).weights
    assert float((found - expected).abs().max()) < 1e-12


def test_last_layer_over_tokens_equals_the_virtual_step() -> None:
    head = nn.Linear(4, 3, bias=False).double()

    def token_losses(model: nn.Module, batch: Pair) -> Tensor:
        scores = model(batch[0]).transpose(1, 2)
        return nn.functional.cross_entropy(scores, batch[1], reduction="none").mean(1)

    generator = torch.Generator().manual_seed(5)
    batch, gold = (
        (
            torch.randn(n, T, 4, generator=generator, dtype=torch.double),
            torch.randint(0, 3, (n, T), generator=generator),
        )
        for n in (N, M)
    )
    expected = virtual_step_weights(head, token_losses, batch, gold, {"weight": 1.0}, gradient_descent)
    outer = nn.Sequential(head)
    found = Reweighting(outer, token_losses, {"0.weight": 1.0}, "last-layer")(batch, gold).weights
    assert float((found - expected).abs().max()) < 1e-12


def test_single_precision_stays_near_the_exact_weights() -> None:
    model, batch, gold = toy(), draw(N, 1), draw(M, 2)
    exact = Reweighting(model, cross_entropy, rates_of(model), "forward-mode")(batch, gold).weights
    rough = Reweighting(model.float(), cross_entropy, rates_of(model), "finite-difference")(batch, gold).weights
    assert float((rough - exact).abs().max()) < 5e-3


@pytest.mark.parametrize("form", ["forward-mode", "finite-difference", "last-layer"])
def test_dropout_masks_are_those_of_the_shared_forward_pass(form: Form) -> None:
    batch, gold = draw(N, 1), draw(M, 2)
    model = toy(dropout=0.5).train()
    torch.manual_seed(7)
    weighed = Reweighting(model, cross_entropy, rates_of(model), form, step_length=1e-5)(batch, gold)
    after = torch.rand(1)
    torch.manual_seed(7)
    losses = cross_entropy(model, batch)
    assert torch.equal(weighed.losses, losses)
    assert torch.equal(after, torch.rand(1)), "the weighing draws no random numbers of its own"
    if form == "last-layer":
        return
    # One example at a time, by the definition: the product of its gradient, under its mask, with the gold gradient.
    direction = gold_direction(model, cross_entropy, gold, rates_of(model))
    named = dict(model.named_parameters())
    scores = torch.zeros(N, dtype=torch.double)
    for i, loss in enumerate(losses):
        gradients = torch.autograd.grad(loss, [named[name] for name in direction], retain_graph=True)
        scores[i] = sum((g * d).sum() for g, d in zip(gradients, direction.values(), strict=True))
    assert float((weighed.weights - normalised(scores)).abs().max()) < 1e-5


@pytest.mark.parametrize("form", ["forward-mode", "finite-difference", "last-layer"])
def test_the_model_is_left_as_found_and_the_losses_can_be_learned_from(form: Form) -> None:
    model = toy(dropout=0.1).train()
    model.norm.eval()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    weighed = Reweighting(model, cross_entropy, rates_of(model), form)(draw(N, 1), draw(M, 2))
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    assert all(p.grad is None for p in model.parameters())
    assert model.training
    assert model.dropout.training
    assert not model.norm.training
    assert not model.head._forward_hooks
    assert torch.is_grad_enabled()
    assert not weighed.weights.requires_grad
    (weighed.weights * weighed.losses).sum().backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())


@pytest.mark.parametrize("form", ["forward-mode", "finite-difference", "last-layer"])
def test_examples_that_all_oppose_gold_get_no_weight(form: Form) -> None:
    # One text, gold label 0; wrong labels 1 and 2 only pull away from it while p_0 < 1.
    model = toy()
    text = draw(1, 1)[0]
    batch, gold = (text.repeat(2, 1), torch.tensor([1, 1])), (text, torch.tensor([0]))
    assert Reweighting(model, cross_entropy, rates_of(model), form)(batch, gold).weights.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("form", ["forward-mode", "finite-difference", "last-layer"])
def test_wrong_labels_lose_their_weight_in_training(form: Form) -> None:
    # Two kinds of texts; a third of the training labels is flipped, gold labels are right.
    generator = torch.Generator().manual_seed(6)
    kind = torch.randint(0, 2, (48,), generator=generator)
    x = torch.randn(48, 4, generator=generator) + 4 * (2 * kind[:, None] - 1)
    flipped = torch.arange(32) % 3 == 0
    given = torch.where(flipped, 1 - kind[:32], kind[:32])
    with torch.random.fork_rng():
        torch.manual_seed(8)
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    weigh = Reweighting(model, cross_entropy, learning_rates(model, optimiser), form)
    history = WeightHistory([f"t{i}" for i in range(32)])
    for _ in range(10):
        weighed = weigh((x[:32], given), (x[32:], kind[32:]))
        weights = history.record(range(32), weighed.weights)
        (weights * weighed.losses).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad()
    lowest = {item.id for item in history.distrusted(11)}
    assert lowest == {f"t{i}" for i in range(0, 32, 3)}
    assert bool((model(x).argmax(1) == kind).all())


def test_frozen_and_unused_parameters_take_no_part() -> None:
    model = toy()
    model.words.weight.requires_grad_(False)
    optimiser = torch.optim.AdamW([{"params": model.head.parameters(), "lr": 0.5}, {"params": [model.words.weight]}])
    rates = learning_rates(model, optimiser)
    assert rates == {"head.weight": 0.5, "head.bias": 0.5}
    assert set(gold_direction(model, cross_entropy, draw(M, 2), rates)) == {"head.weight", "head.bias"}
    model.unused = nn.Linear(2, 2).double()
    direction = gold_direction(model, cross_entropy, draw(M, 2), {"head.bias": 1.0, "unused.weight": 1.0})
    assert set(direction) == {"head.bias"}


def test_learning_rates_are_those_before_a_scheduler_warmed_them_up() -> None:
    model = nn.Linear(2, 2)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 0.0)
    assert optimiser.param_groups[0]["lr"] == 0.0
    assert learning_rates(model, optimiser) == {"weight": 0.1, "bias": 0.1}


def test_a_gold_gradient_of_zero_weighs_nothing() -> None:
    model, batch = nn.Linear(1, 1, bias=False).double(), (torch.ones(2, 1).double(), torch.ones(2, 1).double())

    def losses(m: nn.Module, b: Pair) -> Tensor:
        return (m(b[0]) - b[1]).square().mean(1)

    zero = {"weight": torch.zeros(1, 1).double()}
    base = losses(model, batch).detach()
    assert finite_difference_scores(model, losses, batch, zero, base=base).tolist() == [0.0, 0.0]
    assert forward_mode_scores(model, losses, batch, zero).tolist() == [0.0, 0.0]


def test_what_cannot_be_weighed_is_refused() -> None:
    model, batch, gold = toy(), draw(N, 1), draw(M, 2)
    with pytest.raises(ValueError, match="no parameter of the model"):
        Reweighting(model, cross_entropy, {"typo": 1.0})(batch, gold)
    with pytest.raises(ValueError, match="`head` has no learning rate"):
        Reweighting(model, cross_entropy, {"norm.weight": 1.0}, "last-layer")(batch, gold)
    with pytest.raises(ValueError, match=r"one loss per example.*found shape \(\)"):
        Reweighting(model, lambda m, b: cross_entropy(m, b).mean(), rates_of(model))(batch, gold)
    with pytest.raises(ValueError, match="step_length"):
        Reweighting(model, cross_entropy, rates_of(model), step_length=0.0)(batch, gold)
    with pytest.raises(ValueError, match="no linear layer"):
        last_linear(nn.Embedding(2, 2))
    twice = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="found 2 times"):
        Reweighting(nn.Sequential(twice, twice), cross_entropy, {"0.weight": 1.0}, "last-layer")(
            (torch.ones(1, 2), torch.tensor([0])), (torch.ones(1, 2), torch.tensor([0]))
        )


def test_normalising_clips_keeps_zero_and_refuses_the_undefined() -> None:
    assert normalised(torch.tensor([-1.0, 1.0, 3.0])).tolist() == [0.0, 0.25, 0.75]
    assert normalised(torch.tensor([-1.0, 0.0])).tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match=r"\[1\] in the batch are not finite"):
        normalised(torch.tensor([1.0, float("nan")]))


def test_linear_weights_by_hand() -> None:
    # Gold: residual (-.5, .5) at h = 1, so its gradient is (-.5, .5) for weight and intercept alike.
    # Products: (-.5, .5) at h = 1: .5 + .5 = 1; the opposite label: -1; (-.2, .2) at h = 2: .4 + .2 = .6.
    residuals = np.array([[-0.5, 0.5], [0.5, -0.5], [-0.2, 0.2]])
    features = np.array([[1.0], [1.0], [2.0]])
    gold = np.array([[-0.5, 0.5]]), np.array([[1.0]])
    assert linear_weights(residuals, features, *gold) == pytest.approx([1 / 1.6, 0.0, 0.6 / 1.6])
    # Without intercept: .5, -.5, .4
    assert linear_weights(residuals, features, *gold, has_intercept=False) == pytest.approx([5 / 9, 0.0, 4 / 9])


def test_linear_weights_equal_the_virtual_step() -> None:
    model = nn.Linear(4, LABELS).double()
    generator = torch.Generator().manual_seed(9)
    (x, y), (gx, gy) = (
        (
            torch.randn(n, 4, generator=generator, dtype=torch.double),
            torch.randint(0, LABELS, (n,), generator=generator),
        )
        for n in (N, M)
    )
    rates = {"weight": 1.0, "bias": 1.0}
    expected = virtual_step_weights(model, cross_entropy, (x, y), (gx, gy), rates, gradient_descent)
    with torch.no_grad():
        residuals, gold_residuals = (
            (torch.softmax(model(inputs), 1) - nn.functional.one_hot(labels, LABELS)).numpy()
            for inputs, labels in ((x, y), (gx, gy))
        )
    assert np.abs(linear_weights(residuals, x.numpy(), gold_residuals, gx.numpy()) - expected.numpy()).max() < 1e-12


def test_linear_weights_refuse_what_does_not_fit() -> None:
    ok = np.ones((2, 2)), np.ones((2, 3))
    with pytest.raises(ValueError, match="gold residuals"):
        linear_weights(*ok, np.ones((0, 2)), np.ones((0, 3)))
    with pytest.raises(ValueError, match="training residuals"):
        linear_weights(np.ones((3, 2)), np.ones((2, 3)), *ok)


def test_parts_of_one_document_have_one_mean_weight() -> None:
    history = WeightHistory(["a", "a", "b"])
    history.record([0, 1, 2], torch.tensor([0.75, 0.25, 0.0]))
    history.record([2], torch.tensor([1.0]))
    # Relative to 1/n: a 2.25 and .75, b 0 and 1.
    assert history.means().tolist() == [1.5, 0.5]
    assert history.distrusted(5) == [Distrust("b", 0.5, 2, 1), Distrust("a", 1.5, 2, 0)]
    assert history.of(1).tolist() == [0.75]


def test_history_keeps_every_weight_and_shows_the_least_trusted() -> None:
    history = WeightHistory(["a", "b", "c", "d"])
    first = torch.tensor([0.5, 0.5, 0.0])
    assert history.record([0, 1, 2], first) is first
    history.record([2, 0], torch.tensor([0.25, 0.75]))
    # Relative to 1/n: a 1.5, 1.5; b 1.5; c 0, .5; d never seen.
    assert history.of(0).tolist() == [1.5, 1.5]
    assert history.of(2).tolist() == [0.0, 0.5]
    assert history.of(3).tolist() == []
    assert np.array_equal(history.means(), [1.5, 1.5, 0.25, np.nan], equal_nan=True)
    assert history.distrusted(2) == [Distrust("c", 0.25, 2, 1), Distrust("a", 1.5, 2, 0)]
    assert [item.id for item in history.distrusted(9)] == ["c", "a", "b"]


def test_history_of_nothing_says_so() -> None:
    history = WeightHistory(["a"])
    assert np.isnan(history.means()).tolist() == [True]
    assert history.distrusted(3) == []


def test_decay_and_floor_smooth_what_is_trained_with_but_not_what_is_kept() -> None:
    history = WeightHistory(["a", "b"], decay=0.5, floor=0.3)
    # a: .5 * 1 + .5 * 0 = .5;  b: .5 * 1 + .5 * 2 = 1.5;  of 2
    assert history.record([0, 1], torch.tensor([0.0, 1.0])).tolist() == [0.25, 0.75]
    # a: .5 * .5 + 0 = .25, raised to .3;  b: .5 * 1.5 + 1 = 1.75;  of 2.05
    assert history.record([0, 1], torch.tensor([0.0, 1.0])).tolist() == pytest.approx([0.3 / 2.05, 1.75 / 2.05])
    assert history.of(0).tolist() == [0.0, 0.0]
    # The floor does not enter the memory: a is at .25, not .3; .5 * .25 + .5 * 1 = .625; b .5 * 1.75 + .5 = 1.375
    assert history.record([0, 1], torch.tensor([0.5, 0.5])).tolist() == [0.3125, 0.6875]


def test_a_batch_without_weight_trains_on_nothing_unless_there_is_a_floor() -> None:
    nothing = torch.zeros(2)
    assert WeightHistory(["a", "b"]).record([0, 1], nothing).tolist() == [0.0, 0.0]
    assert WeightHistory(["a", "b"], floor=0.05).record([0, 1], nothing).tolist() == [0.5, 0.5]


def test_history_refuses_what_it_cannot_attribute() -> None:
    history = WeightHistory(["a", "b"])
    with pytest.raises(ValueError, match="2 different positions"):
        history.record([0, 0], torch.tensor([0.5, 0.5]))
    with pytest.raises(ValueError, match="1 different positions"):
        history.record([0, 1], torch.tensor([1.0]))
    with pytest.raises(ValueError, match="decay"):
        WeightHistory(["a"], decay=1.0)
    with pytest.raises(ValueError, match="floor"):
        WeightHistory(["a"], floor=-0.1)


def test_the_direction_is_overwritten_only_on_request() -> None:
    model, batch = toy(), draw(N, 1)
    direction = gold_direction(model, cross_entropy, draw(M, 2), rates_of(model))
    before = {name: along.clone() for name, along in direction.items()}
    base = cross_entropy(model, batch).detach()
    kept = finite_difference_scores(model, cross_entropy, batch, direction, base=base)
    assert all(torch.equal(along, before[name]) for name, along in direction.items())
    spent = finite_difference_scores(model, cross_entropy, batch, direction, base=base, reuses_memory=True)
    assert torch.equal(kept, spent)
    assert not torch.equal(direction["head.weight"], before["head.weight"])
