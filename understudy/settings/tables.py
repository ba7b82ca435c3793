"""Every setting but students': name, type, default and meaning, as the model of `understudy.toml`. Reads no file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from understudy.settings.students import StudentKind, StudentSettings
from understudy.settings.table import Table

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=0)]
Amount = Count | Share


class ProjectSettings(Table):
    """What the project is called and the seed of everything random."""

    name: str = Field("my-project", min_length=1, description="Printed in the report.")
    seed: int = Field(0, ge=0, description="Seed of every split, draw and training run.")


class Label(Table):
    """One label of the codebook and what it means."""

    name: str = Field(min_length=1, description="The label as it stands in the data.")
    definition: str = Field("", description="When the label applies.")
    clarification: str = Field("", description="What also counts.")
    negative_clarification: str = Field("", description="What does not count, and where it goes instead.")
    positive_example: str = Field("", description="A text that has the label.")
    negative_example: str = Field("", description="A text that seems to have it but has not.")
    verbalised: str = Field(
        "", description="The name that the teacher reads; empty: the label itself. Relations: with {head}, {tail}."
    )
    heads: tuple[str, ...] = Field((), description="Relations: types that the head may have; empty: any.")
    tails: tuple[str, ...] = Field((), description="Relations: types that the tail may have; empty: any.")

    @property
    def spoken(self) -> str:
        """The name that the teacher reads."""
        return self.verbalised or self.name


class Codebook(Table):
    """The task: its kind, its instructions and its labels."""

    kind: Literal["classification", "multilabel", "entities", "relations"] = Field(
        "classification", description="One label a text, any number of labels, spans, or a relation of two spans."
    )
    instructions: str = Field("", description="What the annotator is asked, in a sentence or two.")
    positive: str | None = Field(None, description="With two labels: the one whose F1 is reported first.")
    null: str | None = Field(None, description="Relations: the label that means `none of these`.")
    nested: bool = Field(False, description="Entities: whether spans may overlap.")
    labels: tuple[Label, ...] = Field((), description="The labels, in the order of every table and column.")

    @property
    def names(self) -> tuple[str, ...]:
        """The labels as they stand in the data, in codebook order."""
        return tuple(label.name for label in self.labels)


Format = Literal[
    "table", "conll", "tokens", "brat", "spacy", "label-studio", "prodigy", "doccano", "tacred", "semeval", "wiki80"
]
"""How a file holds its texts."""


class DataSettings(Table):
    """Where the texts are and which columns to read."""

    pool: tuple[str, ...] = Field(("data/pool.csv",), description="Files of texts without human labels.")
    gold: tuple[str, ...] = Field(("data/gold.csv",), description="Files of texts with human labels.")
    id: str = Field("id", description="Column of the identifier; read verbatim as a string.")
    text: str = Field("text", description="Column of the text.")
    label: str = Field("label", description="Column of the human label.")
    head: str | None = Field(None, description="Relations: column of the head, `[start, end]` in code points.")
    tail: str | None = Field(None, description="Relations: column of the tail, `[start, end]` in code points.")
    role: str | None = Field(None, description="Column that says demo, dev or test; empty: split by [gold].")
    group: str | None = Field(None, description="Column whose equal values stay on one side of a split.")
    meta: tuple[str, ...] = Field((), description="Further columns to keep beside a document.")
    format: Literal["auto", Format] = Field("auto", description="Of the files; `auto` goes by name and first record.")
    offsets: Literal["auto", "code-points", "utf-16"] = Field(
        "auto", description="What doccano and Label Studio count; `auto` goes by the quotes and refuses to guess."
    )
    encoding: str = Field("utf-8", description="Of CSV and JSONL files; a byte order mark is understood.")
    label_separator: str = Field("|", min_length=1, description="Between the labels of one multi-label cell.")
    max_characters: int = Field(20_000, ge=1, description="Longer texts are overlong.")
    overlong: Literal["skip", "truncate", "keep"] = Field(
        "skip", description="What the teacher does with an overlong text; skipped ones are counted."
    )
    allow_duplicate_ids: bool = Field(False, description="Make a repeated id unique (`id#2`) instead of refusing it.")


class GoldSettings(Table):
    """How human labels are divided: seen by the teacher, used to tune, or kept to judge."""

    demo: Amount = Field(0.3, description="Demonstrations and human training labels; a count or a share.")
    dev: Amount = Field(0.2, description="Gate, thresholds, early stopping, choice of student; a count or a share.")
    share_demo_dev: bool = Field(False, description="Let demo and dev be one set, as LLMaAA does; the report says so.")


class EmbeddingSettings(Table):
    """The encoder behind neighbours and the `linear` student."""

    model: str = Field("bundled", description="`bundled` (all-MiniLM-L6-v2, English), a folder, or a hub id.")
    batch_size: int = Field(32, ge=1, description="Texts encoded at once.")
    max_tokens: int = Field(256, ge=8, description="Longer texts are cut for the encoder.")


class PromptSettings(Table):
    """What the teacher is shown beside the codebook and the text."""

    demonstrations: Literal["knn", "balanced-knn", "fixed+knn", "diverse", "fixed", "random", "none"] = Field(
        "knn", description="Which human-labelled examples the teacher sees; from role demo only."
    )
    k: int = Field(5, ge=0, description="Demonstrations in one prompt.")
    repair: bool = Field(True, description="Ask once more after an unreadable answer.")
    candidates: int = Field(0, ge=0, description="Show only so many labels, the likeliest for a text; 0: all of them.")
    mask: tuple[Literal["email", "url", "handle", "phone", "number", "name"], ...] = Field(
        (), description="Personal data that are replaced on this machine before a text is sent."
    )
    mask_names: tuple[str, ...] = Field((), description="The names that `name` in `mask` replaces.")
    span_format: Literal["auto", "tags", "json", "llmaaa"] = Field(
        "auto", description="Entities: how the teacher writes spans; `auto` tries each form on some texts of gold dev."
    )
    direction_check: float = Field(
        0.05, ge=0, le=1, description="Relations: share of those found that is asked again, head and tail exchanged."
    )


VENDORS = {
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "anthropic": ("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
    "gemini": ("https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY"),
}
"""Kinds of teacher behind an endpoint: the vendor's own address, and where the key usually stands."""


SPAN_TOKENS = 1024
"""Ceiling of an answer about entities, if the project sets none."""


class TeacherSettings(Table):
    """Who labels at scale."""

    kind: Literal["nearest-definition", "recorded", "openai", "anthropic", "gemini"] = Field(
        "nearest-definition",
        description="Built-in without a key, labels at hand, any OpenAI-compatible endpoint, Anthropic, or Google.",
    )
    model: str = Field("", description="Model id as the endpoint knows it; for recorded labels, who gave them.")
    base_url: str = Field("", description="Endpoint, up to and without /chat/completions; empty: the vendor's own.")
    api_key_env: str = Field(
        "", description="Environment variable that holds the key, may be unset; empty: OPENAI_API_KEY and the like."
    )
    temperature: float = Field(0.0, ge=0, le=2, description="0 for one answer; above 0 with several replicates.")
    replicates: int = Field(1, ge=1, description="Answers asked for each text.")
    replicate_by: Literal["temperature", "label_order"] = Field(
        "temperature", description="What varies between replicates; `label_order` shuffles the labels for each."
    )
    max_tokens: int = Field(64, ge=1, description="Ceiling of one answer; of entities 1024 unless it is set.")
    structured: Literal["auto", "off"] = Field(
        "auto", description="Hold answers to a JSON schema until the endpoint says that it cannot, or never."
    )
    logprobs: bool = Field(False, description="Take the probability of a label's tokens as the teacher's confidence.")
    batch: bool = Field(
        False, description="Let `annotate` ask in batches of openai or anthropic: half the price, within a day."
    )
    texts_per_call: int = Field(
        1, ge=1, le=50, description="Texts in one prompt, where a paired check on gold dev shows that nothing is lost."
    )
    concurrency: int = Field(16, ge=1, description="Calls in flight at once; fewer while the provider complains.")
    requests_per_minute: float | None = Field(None, gt=0, description="What the provider allows; empty: no limit.")
    tokens_per_minute: float | None = Field(None, gt=0, description="What the provider allows; empty: no limit.")
    timeout_s: float = Field(60.0, gt=0, description="Deadline of one attempt, connection to last byte.")
    max_attempts: int = Field(5, ge=1, description="Attempts of one call before the text is counted as failed.")
    price_in_usd: float | None = Field(
        None,
        ge=0,
        description="Per million prompt tokens; empty: from `prices.toml` or the built-in table, or unknown.",
    )
    price_out_usd: float | None = Field(None, ge=0, description="Per million answer tokens; empty: as price_in_usd.")
    price_cached_usd: float | None = Field(
        None, ge=0, description="Per million prompt tokens that the provider had cached; empty: as price_in_usd."
    )
    budget_usd: float | None = Field(None, ge=0, description="Stop before spending more; empty: no limit.")
    budget_tokens: int | None = Field(
        None,
        ge=0,
        description="Stop before more tokens of prompts and answers, where no price is known; empty: no limit.",
    )
    max_labels: int | None = Field(None, ge=1, description="Pool texts to label; empty: all of them.")
    recorded: tuple[str, ...] = Field((), description="Recorded labels: files; empty: the pool and gold files.")
    recorded_column: str = Field("teacher", description="Recorded labels: column with one value or a list of them.")

    @property
    def is_language_model(self) -> bool:
        """Whether a model is asked behind an endpoint, which can cost money."""
        return self.kind in VENDORS

    @property
    def endpoint(self) -> str:
        """Where the model is reached; "" if none is."""
        return self.base_url or VENDORS.get(self.kind, ("", ""))[0]

    @property
    def key_name(self) -> str:
        """The environment variable that holds the key; "" if none is needed."""
        return self.api_key_env or VENDORS.get(self.kind, ("", ""))[1]

    @property
    def name(self) -> str:
        """How reports call the teacher."""
        if self.kind == "nearest-definition":
            return "nearest-definition (built in)"
        return f"{self.model or 'unnamed'} (recorded)" if self.kind == "recorded" else self.model


class TrustSettings(Table):
    """How far each of the teacher's labels can be trusted, learned on gold dev."""

    enabled: bool = Field(True, description="Store with each label the calibrated probability that it is right.")


class GateSettings(Table):
    """When the teacher is good enough to go on."""

    min_f1: float = Field(0.6, ge=0, le=1, description="The bar; raised to the best constant answer's F1.")
    texts: int = Field(250, ge=1, description="Gold texts to ask about: all of dev, filled up from demo.")


ChoiceOfTexts = Literal[
    "random",
    "least_confidence",
    "margin",
    "entropy",
    "density",
    "cal",
    "k_means",
    "typical",
    "k_means_plus_plus",
    "k_centre",
    "badge",
    "hybrid",
    "bald",
    "disagreement",
    "evidence",
]
"""Strategies for the loop: `bald` needs a fine-tuned student, `disagreement` the teacher's labels of the whole pool."""


class LearnSettings(Table):
    """The loop that chooses which texts the teacher labels."""

    enabled: bool = Field(False, description="Let `run` choose texts in rounds instead of labelling the whole pool.")
    strategy: ChoiceOfTexts = Field("hybrid", description="Chooses in every round after the first.")
    start: Literal["random", "typical", "k_means", "k_means_plus_plus", "k_centre", "evidence"] = Field(
        "random", description="Chooses the first texts, before there is a student."
    )
    labels: int = Field(500, ge=2, description="Pool texts that are asked about at most.")
    budget_usd: float | None = Field(
        None, gt=0, description="End the loop once its labels have cost so much; empty: no limit but the teacher's."
    )
    schedule: Literal["linear", "quadratic"] = Field("linear", description="Equal batches, or growing ones.")
    first: int = Field(50, ge=1, description="Texts of the first round; `linear`.")
    batch: int = Field(50, ge=1, description="Texts of every further round; `linear`.")
    rounds: int = Field(9, ge=1, description="Rounds after the first; `quadratic`.")
    random_share: float = Field(
        0.3, ge=0, le=1, description="Of each batch, drawn by lot: it shows whether choosing pays."
    )
    test_every: int = Field(3, ge=1, description="Rounds between two tests of choosing against drawing by lot.")
    stop: tuple[Literal["agreement", "plateau"], ...] = Field(
        ("agreement", "plateau"), description="Also stop when students no longer change, or gold dev no longer gains."
    )
    student: Literal["same"] | StudentKind = Field(
        "same", description="Student of the rounds: `same` as student.kind, or a quicker one."
    )
    reweight: bool = Field(
        False, description="Weigh the rounds' labels by whether they help on gold dev, whose figures are then too good."
    )
    tune_threshold: bool = Field(
        False, description="Let the students of the rounds decide with thresholds from gold dev, as those of `run` do."
    )
    reduce: Literal["mean", "sum", "max"] = Field(
        "mean", description="Of the uncertainties of a text's words, for students that decide about words."
    )
    sub_pool: int = Field(50_000, ge=100, description="Texts, drawn by lot, that a strategy looks at in a round.")
    keywords: tuple[str, ...] = Field((), description="Of a rare class, for `evidence`; `tax*` finds `taxes`.")
    proposals: int = Field(
        20, ge=0, description="Texts for a person to confirm as demonstrations where no gold text may be shown; 0: off."
    )
    for_people: int = Field(
        0, ge=0, description="Texts for a person to label, the student unsure and the teacher not trusted; 0: off."
    )


class ArmSettings(Table):
    """Which labellers are compared on the test texts."""

    human: tuple[int, ...] = Field((250, 1000), description="Students from that many human labels (role demo).")
    teacher: tuple[int, ...] = Field((250, 1000), description="Students from that many teacher labels.")
    teacher_on_demo: bool = Field(
        True, description="When the pool is too small, teacher labels of demo texts fill the teacher arms."
    )
    all_teacher: bool = Field(True, description="Also a student from every teacher label, if there are more.")
    zerogen: tuple[int, ...] = Field((), description="Students from that many texts that the teacher writes itself.")
    fewgen: tuple[int, ...] = Field((), description="The same, where it sees 5 gold demo texts in every call.")
    teacher_human: bool = Field(True, description="Also a student from every teacher and every human label.")


class CostSettings(Table):
    """Prices beside the teacher's, for the comparison of costs."""

    volume: int = Field(100_000, ge=1, description="Texts to label in the end, for the comparison of costs.")
    human_usd: float | None = Field(None, ge=0, description="What one human label costs; empty: unknown.")
    engineering_usd: float = Field(0.0, ge=0, description="People's time to make a student.")
    machine_usd_per_hour: float = Field(0.0, ge=0, description="Of the machine that trains.")


class EstimateSettings(Table):
    """What the report concludes from the labels; one table each, written down before the answers are known."""

    labels: str = Field("teacher", description="Whose labels: `teacher` or an arm.")
    label: str | None = Field(None, description="The only label to look at; empty: the positive one, or all.")
    by: str | None = Field(None, description="Compare the groups in this column of `data.meta`.")
    regress: tuple[str, ...] = Field((), description="Regress the label on these columns of `data.meta`.")
    kind: Literal["linear", "logistic"] = Field("linear", description="Of the regression.")
    method: Literal["ppi", "dsl"] = Field(
        "ppi", description="How regressions are corrected: prediction-powered or design-based."
    )


class Settings(Table):
    """The whole of `understudy.toml`."""

    project: ProjectSettings = ProjectSettings()
    codebook: Codebook = Codebook()
    data: DataSettings = DataSettings()
    gold: GoldSettings = GoldSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    prompt: PromptSettings = PromptSettings()
    teacher: TeacherSettings = TeacherSettings()
    trust: TrustSettings = TrustSettings()
    gate: GateSettings = GateSettings()
    student: StudentSettings = StudentSettings()
    learn: LearnSettings = LearnSettings()
    arms: ArmSettings = ArmSettings()
    costs: CostSettings = CostSettings()
    estimates: tuple[EstimateSettings, ...] = Field((), description="What the report concludes, one table each.")
