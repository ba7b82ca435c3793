"""The settings of students: one table for each kind, what they share, and the choice among them. Reads no file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from understudy.settings.table import Table


class LinearSettings(Table):
    """Frozen embeddings, with or without n-grams, and logistic regression."""

    folds: int = Field(5, ge=2, description="Of the cross-validation that chooses C.")
    c: tuple[float, ...] = Field(
        (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0), min_length=1, description="Values of C to try."
    )
    ngrams: Literal["auto"] | bool = Field(
        "auto",
        description="Join word and character n-grams (of entities: the spelling of words); `auto`: where "
        "cross-validation says that they help.",
    )


class NGramSettings(Table):
    """Word and character n-grams, weighted by how rare they are (tf-idf)."""

    words: int = Field(2, ge=0, le=5, description="Longest sequence of words; 0: no words.")
    characters: int = Field(5, ge=0, le=10, description="Longest sequence of characters within a word; 0: none.")
    max_terms: int = Field(100_000, ge=1, description="Of either sort; the most frequent ones are kept.")


class EncoderSettings(Table):
    """Fine-tuning of a Hugging Face encoder."""

    model: str = Field("bundled", description="`bundled`, a folder, or a hub id.")
    learning_rate: float = Field(5e-5, gt=0, description="Peak, after the warm-up.")
    batch_size: int = Field(16, ge=1, description="Texts in one step.")
    epochs: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description="At most; early stopping may end sooner. `auto`: 5, or, where texts are few, as many as make 400 "
        "steps, but no more than 40, with patience in proportion.",
    )
    warmup: float = Field(0.06, ge=0, le=1, description="Share of the steps.")
    weight_decay: float = Field(0.01, ge=0, description="Of AdamW, not on biases and norms.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    max_tokens: int = Field(128, ge=8, description="Longer texts are cut.")
    patience: int = Field(2, ge=1, description="Epochs without a better dev loss before stopping.")
    reweight: bool = Field(False, description="Weigh noisy labels by what they do to gold dev texts.")
    tokens_at_once: int = Field(16384, ge=8, description="Padded; a step of more is computed in parts.")
    recompute: bool = Field(False, description="Keep few activations: less memory, a third more time.")


class SpanSettings(Table):
    """Students of spans: how words are tagged."""

    scheme: Literal["bio", "bioes"] = Field("bio", description="`bioes` marks the end of a span and single words too.")
    min_share: float = Field(
        0.0, ge=0, le=1, description="Words at which no tag has so large a share of the answers teach nothing."
    )


class RelationSettings(Table):
    """Students of relations: how head and tail are marked."""

    markers: Literal["typed", "shared"] = Field(
        "typed", description="`typed` markers tell head and tail apart; `shared` ones are LLMaAA's."
    )


class StaticSettings(Table):
    """A table of token vectors (model2vec) and logistic regression; needs the extra `static`."""

    model: str = Field("minishlab/potion-base-8M", description="A folder or a hub id of a model2vec model.")


class ContrastiveSettings(Table):
    """Contrastive fine-tuning of a sentence encoder on pairs of texts, then logistic regression."""

    model: str = Field("bundled", description="`bundled`, a folder, or a hub id.")
    learning_rate: float = Field(2e-5, gt=0, description="Peak, after the warm-up.")
    batch_size: int = Field(16, ge=1, description="Pairs in one step.")
    epochs: int = Field(1, ge=1, description="Each draws new pairs, two a text.")
    max_pairs: int = Field(4000, ge=1, description="Of one epoch.")
    max_tokens: int = Field(128, ge=8, description="Longer texts are cut.")


class DecoderSettings(Table):
    """A causal language model adapted with LoRA; needs the extra `lora`, and for 4-bit weights a GPU."""

    model: str = Field("mistralai/Mistral-7B-v0.3", description="A folder or a hub id.")
    rank: int = Field(16, ge=1, description="Of the matrices beside every linear layer.")
    alpha: float = Field(32.0, gt=0, description="Their updates are scaled by alpha / rank.")
    dropout: float = Field(0.05, ge=0, lt=1, description="Of the matrices' input.")
    learning_rate: float = Field(1e-4, gt=0, description="Peak, after the warm-up.")
    batch_size: int = Field(8, ge=1, description="Texts in one step.")
    epochs: int = Field(3, ge=1, description="At most; early stopping may end sooner.")
    warmup: float = Field(0.06, ge=0, le=1, description="Share of the steps.")
    weight_decay: float = Field(0.0, ge=0, description="Of AdamW, not on biases and norms.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    max_tokens: int = Field(256, ge=8, description="Longer texts are cut.")
    patience: int = Field(2, ge=1, description="Epochs without a better dev loss before stopping.")
    reweight: bool = Field(False, description="Weigh noisy labels by what they do to gold dev texts.")
    tokens_at_once: int = Field(16384, ge=8, description="Padded; a step of more is computed in parts.")
    recompute: bool = Field(False, description="Keep few activations: less memory, a third more time.")


StudentKind = Literal["tfidf-linear", "static", "linear", "setfit", "encoder", "decoder-lora"]
"""Students that learn by themselves."""


NoiseRecipe = Literal[
    "soft-targets",
    "trust-weights",
    "doubtful-spans",
    "filter",
    "gold-x4",
    "gold-x16",
    "reweighting",
    "confident-prune",
    "confident-weights",
    "neighbours",
    "candidates",
    "gce",
    "elr",
]
"""Recipes against label noise."""


Setting = bool | int | float | str | tuple[float, ...]


class SearchSettings(Table):
    """A search over settings of the student's own table, on the labels of each arm; needs the extra `search`."""

    method: Literal["off", "grid", "tpe"] = Field(
        "off", description="`grid` tries every combination, `tpe` samples them by what did well so far."
    )
    space: dict[str, tuple[Setting, ...]] = Field(
        default_factory=dict, description="Values to try by name, such as `learning_rate = [2e-5, 5e-5]`."
    )
    trials: int = Field(20, ge=1, description="Combinations that `tpe` tries.")
    runs: int = Field(1, ge=1, description="Training runs of each combination; their mean F1 counts.")


class StudentSettings(Table):
    """The small model that learns the part."""

    kind: Literal["auto", StudentKind] = Field(
        "linear", description="`linear` for a laptop, `encoder` to fine-tune, `auto` for the best of several."
    )
    auto: tuple[Literal[StudentKind, "linear+ngrams"], ...] = Field(
        ("linear+ngrams", "linear", "tfidf-linear"), min_length=1, description="What `auto` compares on gold dev."
    )
    seeds: int = Field(3, ge=1, description="Training runs of each arm; their spread is reported.")
    train_on_dev: bool = Field(False, description="Let gold dev texts also join the training of teacher+human.")
    soft_targets: bool = Field(True, description="Learn from the shares of repeated answers, not only the winner.")
    tune_threshold: bool = Field(
        True,
        description="Choose the decision threshold on dev; of the `linear` student of spans how readily words become "
        "spans, on held-out training texts.",
    )
    threshold_for: Literal["f1", "prevalence"] = Field(
        "f1", description="What it is chosen for: F1, or labels as frequent as people give them."
    )
    calibrate: bool = Field(True, description="Scale probabilities on dev so that they come true.")
    noise: Literal["off", "auto"] | tuple[NoiseRecipe, ...] = Field(
        "off",
        description="Recipes against wrong teacher labels; each is tried, and used only if it wins on gold dev.",
    )
    noise_consistency: float = Field(1.0, ge=0, le=1, description="Consistency that the recipe `filter` asks for.")
    quantise: bool = Field(
        False, description="`encoder`: let `predict` use int8 where gold dev shows at most 0.5 points of F1 lost."
    )
    search: SearchSettings = SearchSettings()
    linear: LinearSettings = LinearSettings()
    ngrams: NGramSettings = NGramSettings()
    static: StaticSettings = StaticSettings()
    setfit: ContrastiveSettings = ContrastiveSettings()
    encoder: EncoderSettings = EncoderSettings()
    spans: SpanSettings = SpanSettings()
    relations: RelationSettings = RelationSettings()
    decoder: DecoderSettings = DecoderSettings()
