"""What a report says, as plain records: the pipeline fills them, the page and the JSON print them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation import Comparison, GateVerdict, Interval, Scores, TrustReport
from understudy.evaluation.economics import BreakEven, Option
from understudy.evaluation.inference import Estimate
from understudy.evaluation.student_limit import StudentLimit
from understudy.records import Outcome, Remark, Role, Span, Usage, Value
from understudy.settings import Codebook


@dataclass(frozen=True)
class ArmResult:
    """One way to obtain a labeller, judged on human labels.

    Attributes
    ----------
    name : such as ``human-250``, ``teacher-1000``, ``teacher+human``, ``teacher-direct``.
    description : what it is, in plain words.
    n_labels : labels it learned from; 0 for `teacher-direct`.
    n_test : documents it was judged on.
    judged_on : ``test``; ``dev`` only where a recorded teacher has no answers for the test texts.
    scores : means over seeds.
    intervals : for ``f1`` (the headline), ``precision``, ``recall``, ``accuracy``; a missing key means undefined.
    label_intervals : F1 interval of each label, codebook order.
    seed_f1 : headline F1 of each training run.
    confusion : mean counts of shape (K, K + 1): human label by given label, last column no answer; None for
        multi-label.
    probabilities, truth : of the first seed on the judged documents, shape (n, K); None without probabilities.
    span_kinds : spans of each kind of `evaluation.span_errors`, means over seeds; empty where answers are no spans.
    overlap_f1 : F1 in which an overlapping span of the same label counts; nan where answers are no spans.
    relation_kinds : pairs of each verdict of `evaluation.relation_errors`, means over seeds; empty without pairs.
    cost_usd : of its labels; None if unknown.
    human_labels : human labels it needed for training.
    train_s : seconds of training, all seeds.
    is_written : whether the teacher wrote the texts that it learned from.
    """

    name: str
    description: str
    n_labels: int
    n_test: int
    judged_on: str
    scores: Scores
    intervals: Mapping[str, Interval]
    label_intervals: tuple[Interval | None, ...] = ()
    seed_f1: tuple[float, ...] = ()
    confusion: NDArray[np.float64] | None = None
    probabilities: NDArray[np.float64] | None = None
    truth: NDArray[np.bool_] | None = None
    span_kinds: Mapping[str, float] = field(default_factory=dict)
    overlap_f1: float = float("nan")
    relation_kinds: Mapping[str, float] = field(default_factory=dict)
    cost_usd: float | None = None
    human_labels: int = 0
    train_s: float = 0.0
    is_written: bool = False


@dataclass(frozen=True)
class ConsistencyLevel:
    """How right the teacher is where its repeated answers agree this much."""

    title: str
    n: int
    n_right: int
    interval: Interval | None


@dataclass(frozen=True)
class Account:
    """What asking was planned to take, and what it took.

    Attributes
    ----------
    planned_calls, planned_calls_at_most : without and with a second question for each.
    planned_prompt_tokens : expected, from a random sample of real prompts.
    planned_usd, planned_usd_at_most : None if the price was unknown.
    used : of this teacher in this project, whatever the codebook and prompt were.
    price : per million tokens and who says so; "" if unknown.
    """

    planned_calls: int
    planned_calls_at_most: int
    planned_prompt_tokens: int
    planned_usd: float | None
    planned_usd_at_most: float | None
    used: Usage
    price: str = ""


@dataclass(frozen=True)
class PairedCheck:
    """Gold dev texts asked about alone and several in one call: may texts be asked about together?

    Attributes
    ----------
    texts_per_call : in one call; `n` texts in all, the same ones in both ways.
    alone, together : headline F1; None where undefined or not asked.
    difference, low, high : together minus alone, with its paired 95% interval.
    reason : why not, or "".
    """

    texts_per_call: int
    n: int
    is_allowed: bool
    alone: float | None = None
    together: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    @property
    def line(self) -> str:
        """The result in words."""
        found = ""
        if self.difference is not None:
            found = (
                f"; on {self.n:,} texts of gold dev F1 is {self.together:.3f} together and {self.alone:.3f} alone "
                f"({self.difference:+.3f} [{self.low:+.3f}, {self.high:+.3f}], paired)"
            )
        if self.is_allowed:
            return f"asking about {self.texts_per_call} texts in one call{found}"
        return f"asking about one text in each call, not {self.texts_per_call}: {self.reason}{found}"


@dataclass(frozen=True)
class DirectionCheck:
    """Relations asked about once more with head and tail exchanged.

    Attributes
    ----------
    n : asked, of those found; `n_unusable` of them brought no relation at all.
    by_label : label as found, how often it was given the other way round too, and how often that could be told.
    """

    n: int
    n_unusable: int
    by_label: tuple[tuple[str, int, int], ...]

    @property
    def line(self) -> str:
        """The result in words."""
        n_same, n_told = sum(same for _, same, _ in self.by_label), sum(n for _, _, n in self.by_label)
        labels = ", ".join(f"{label} {same} of {n}" for label, same, n in self.by_label)
        found = f" ({labels})" if labels else ""
        unusable = f"; {self.n_unusable} of {self.n} unusable" if self.n_unusable else ""
        return f"head and tail exchanged: {n_same} of {n_told} relations given both ways{found}{unusable}"


@dataclass(frozen=True)
class TeacherResult:
    """Who labelled, how it was validated and what it did.

    Attributes
    ----------
    account : planned against actual; None for a teacher that is free.
    span_consistency : how right its spans are, by the share of the answers that hold them; empty without repeats.
    span_trust : trust of its single spans beside the share of the answers that hold them, likewise; None without any.
    trust : stored trust beside raw consistency on gold dev, out of fold; None without any.
    together : whether several texts are asked about in one call; None if the settings want only one.
    direction : of relations, whether the teacher tells head from tail; None if nothing was asked for it.
    """

    name: str
    kind: str
    gate: GateVerdict | None
    gate_n: int
    gate_roles: str
    outcomes: Mapping[Outcome, int]
    reasons: Mapping[str, int]
    consistency: tuple[ConsistencyLevel, ...]
    n_replicates: int
    cost_usd: float | None
    models_answered: tuple[str, ...] = ()
    account: Account | None = None
    trust: TrustReport | None = None
    together: PairedCheck | None = None
    direction: DirectionCheck | None = None
    span_consistency: tuple[ConsistencyLevel, ...] = ()
    span_trust: TrustReport | None = None


@dataclass(frozen=True)
class Disagreement:
    """One judged document on which teacher, student and human do not agree; relations have a head and a tail."""

    document_id: str
    text: str
    human: Value | None
    teacher: Value | None
    student: Value | None
    confidence: float
    head: Span | None = None
    tail: Span | None = None


@dataclass(frozen=True)
class NoiseTrial:
    """One recipe against label noise, tried on an arm's labels and judged on gold dev against plain training.

    Attributes
    ----------
    n : texts of gold dev that judged; 0 if it was not tried.
    f1, plain_f1 : headline F1 on them, with the recipe and without; thresholds from other texts. None if undefined.
    gain, gain_interval : the difference, and its 90 % interval (paired bootstrap): the lower end bounds one side at
        95 %.
    is_better : whether it won.
    is_used : whether the arm's students are trained with it; at most one recipe an arm.
    reason : why it was not tried, or "".
    """

    arm: str
    name: str
    title: str
    n: int = 0
    f1: float | None = None
    plain_f1: float | None = None
    gain: float | None = None
    gain_interval: tuple[float, float] | None = None
    is_better: bool = False
    is_used: bool = False
    reason: str = ""


@dataclass(frozen=True)
class SearchTrial:
    """One combination of settings that a search trained students with.

    Attributes
    ----------
    f1 : mean headline F1 of its runs on the texts that judge; None if one failed or is undefined.
    train_s : seconds, all its runs.
    reason : why there is no F1, or "".
    """

    parameters: Mapping[str, Any]
    f1: float | None
    n_runs: int
    train_s: float
    reason: str = ""


@dataclass(frozen=True)
class SearchResult:
    """The search over settings of an arm's students.

    Attributes
    ----------
    judged_on : ``gold dev`` or ``held-out training labels``; `n` of them.
    chosen : the values of the best trial, with which the arm's students are trained.
    seed_f1 : headline F1 of those students on gold dev, one a training run; None where undefined.
    """

    arm: str
    method: str
    judged_on: str
    n: int
    trials: tuple[SearchTrial, ...]
    chosen: Mapping[str, Any]
    seed_f1: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class PayoffTest:
    """Students of equally many labels on gold dev: texts as the batches had them, against texts drawn by lot.

    Attributes
    ----------
    n_labels : of each of the two.
    batches, lot : headline F1; None where undefined.
    difference, low, high : batches minus lot with its paired 95 % interval; None where undefined.
    verdict : ``pays``, ``not shown`` or ``hurts``.
    """

    n_labels: int
    batches: float | None
    lot: float | None
    difference: float | None
    low: float | None
    high: float | None
    verdict: str


@dataclass(frozen=True)
class LearningRound:
    """One finished round of the learning loop; counts are of all rounds so far but for `n_chosen` and `n_random`.

    Attributes
    ----------
    number : 0 for the seed set.
    strategy : that picked `n_chosen` texts; `n_random` were drawn by lot.
    n_asked, n_labels : texts asked about, and those with a usable label.
    f1, low, high : headline F1 of the round's student on gold dev with its 95 % interval; None where undefined.
    kappa : agreement with the student before, on texts without a label; None for the first or where undefined.
    cost_usd : paid to the teacher; None if unknown.
    payoff : the test of choosing against drawing by lot, in the rounds that have one.
    """

    number: int
    strategy: str
    n_chosen: int
    n_random: int
    n_asked: int
    n_labels: int
    f1: float | None
    low: float | None
    high: float | None
    kappa: float | None
    cost_usd: float | None
    payoff: PayoffTest | None = None


@dataclass(frozen=True)
class PoolShare:
    """How frequent a label is in the pool by the teacher's labels: from the texts drawn by lot, and naively.

    Attributes
    ----------
    share, low, high : from what was drawn by lot, weighed by how likely that was; None where it cannot be said.
    naive : among all labelled texts, most of which were chosen.
    """

    label: str
    share: float | None
    low: float | None
    high: float | None
    naive: float


@dataclass(frozen=True)
class LearningCurve:
    """What the learning loop did.

    Attributes
    ----------
    stopped : why it ended; "" while it has not.
    fell_back_at : number of the first round that drew by lot because choosing did not pay; None if none did.
    shares : of every label in the pool.
    dev_taught : whether the students of the rounds took weights of labels or the end of their training from gold dev,
        which makes their figures on it too good.
    """

    rounds: tuple[LearningRound, ...]
    stopped: str
    fell_back_at: int | None
    shares: tuple[PoolShare, ...] = ()
    dev_taught: bool = False


@dataclass(frozen=True)
class Distrusted:
    """A training label that gold texts gave little weight (automatic reweighting).

    Attributes
    ----------
    arm : whose student was trained with it.
    value : the label.
    weight : mean over the steps that contained it; 1 is what plain training gives.
    visits, zeros : those steps, and the ones in which it got no weight at all.
    """

    arm: str
    document_id: str
    text: str
    value: Value | None
    weight: float
    visits: int
    zeros: int


@dataclass(frozen=True)
class Worth:
    """What labellers cost and reach, and how good a student of these labels can get.

    Attributes
    ----------
    volume : texts to label that costs are reckoned for.
    options : every arm judged on test, with the cost of making it and of labelling `volume` texts.
    frontier : names of the options that no other one beats on cost and F1 at once, the cheapest first.
    break_even : of the chosen student; None where a price is unknown or nothing was paid.
    limit : of the chosen student; None where labels do not exclude each other or too few texts were answered.
    """

    volume: int
    options: tuple[Option, ...]
    frontier: tuple[str, ...]
    break_even: BreakEven | None = None
    limit: StudentLimit | None = None


@dataclass(frozen=True)
class EstimatedRow:
    """A share, a difference or a coefficient, as machine labels alone, gold alone, and both together have it.

    Attributes
    ----------
    corrected, gold_only : None where gold is too small; `refusal` says so.
    p_value : of the corrected one, by Holm; nan for shares and refusals.
    is_overturned : whether the naive figure would have led to another conclusion.
    """

    what: str
    naive: Estimate
    corrected: Estimate | None
    gold_only: Estimate | None
    p_value: float = float("nan")
    is_overturned: bool = False
    refusal: str = ""


@dataclass(frozen=True)
class Flips:
    """Of the figures of `n` labellers about one thing, how many have another sign, or significance, than most."""

    n: int
    signs: int
    significances: int


@dataclass(frozen=True)
class Multiverse:
    """One contrast from every labeller at hand."""

    what: str
    labellers: tuple[str, ...]
    naive: Flips
    corrected: Flips


@dataclass(frozen=True)
class Estimated:
    """What was concluded from one labeller's labels.

    Attributes
    ----------
    command : that prints the same.
    labeller : `teacher` or an arm.
    n_gold, n_machine, n_silent : gold texts it has not learned from, texts with its labels only, and those without a
        usable answer.
    refusal : why there is nothing, or "".
    """

    command: str
    labeller: str
    n_gold: int = 0
    n_machine: int = 0
    n_silent: int = 0
    shares: tuple[EstimatedRow, ...] = ()
    contrasts: tuple[EstimatedRow, ...] = ()
    multiverse: tuple[Multiverse, ...] = ()
    refusal: str = ""


@dataclass(frozen=True)
class LookBack:
    """One look of monitoring: when, what was found, each in words, and whether it alarmed."""

    at: str
    parts: tuple[str, ...]
    is_alarm: bool


@dataclass(frozen=True)
class ReportData:
    """Everything a report prints."""

    project: str
    kind: str
    codebook: Codebook
    headline: str
    created_at: str
    version: str
    n_pool: int
    gold: Mapping[Role, int]
    share_demo_dev: bool
    teacher: TeacherResult
    student_kind: str
    arms: tuple[ArmResult, ...]
    comparisons: tuple[Comparison, ...]
    recommended: str | None
    recommendation: str
    disagreements: tuple[Disagreement, ...] = ()
    remarks: tuple[Remark, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[str, ...] = ()
    wall_s: float = 0.0
    noise: tuple[NoiseTrial, ...] = ()
    search: tuple[SearchResult, ...] = ()
    distrusted: tuple[Distrusted, ...] = ()
    learning: LearningCurve | None = None
    worth: Worth | None = None
    estimates: tuple[Estimated, ...] = ()
    looks: tuple[LookBack, ...] = ()
