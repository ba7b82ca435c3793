"""Reports to look at: simulated labellers of known skill on invented texts, judged by the real evaluation."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from understudy.evaluation import (
    Counts,
    Headline,
    accuracy_by_consistency,
    accuracy_interval,
    adjust_for_table,
    bootstrap_statistic,
    compare,
    confusion,
    count,
    decide,
    headline_interval,
    headline_score,
    label_intervals,
    report_trust,
    score,
)
from understudy.evaluation.metrics import defined_mean, precision, recall
from understudy.records import Outcome, Role
from understudy.report.data import (
    ArmResult,
    ConsistencyLevel,
    Disagreement,
    Remark,
    ReportData,
    TeacherResult,
)
from understudy.report.figures import draw_figures
from understudy.settings import Codebook, Label

# name, labels learned from, human labels among them, chance that it knows the answer
ARMS = (
    ("human-100", 100, 100, 0.45),
    ("human-250", 250, 250, 0.55),
    ("teacher-250", 250, 0, 0.5),
    ("teacher-1000", 1000, 0, 0.66),
    ("teacher+human", 1250, 250, 0.72),
    ("teacher-direct", 0, 0, 0.74),
)


class Simulation:
    """Simulated truth on `n` texts, and labellers who know the answer with some chance and guess otherwise."""

    def __init__(self, labels, n=250, multilabel=False, positive=None, seed=0):
        self.rng = np.random.default_rng(seed)
        self.labels, self.n, self.multilabel = labels, n, multilabel
        self.headline = Headline("macro") if positive is None else Headline("positive", positive)
        if multilabel:
            self.truth = self.rng.random((n, len(labels))) < np.linspace(0.5, 0.1, len(labels))
        else:
            shares = 1 / np.arange(1, len(labels) + 1) ** 0.6
            self.truth = np.eye(len(labels), dtype=bool)[self.rng.choice(len(labels), n, p=shares / shares.sum())]

    def guess(self, skill, silent=0.0):
        """Probabilities and answers of one labeller."""
        noise = self.rng.random(self.truth.shape)
        if self.multilabel:
            stated = np.clip(np.where(self.truth, 0.5 + skill * 0.6, 0.5 - skill * 0.6) + (noise - 0.5), 0.01, 0.99)
            return stated, stated >= 0.5
        signal = np.where(self.rng.random((self.n, 1)) < skill, 2.5, 0.2) * self.truth + 2 * noise
        stated = np.exp(signal) / np.exp(signal).sum(axis=1, keepdims=True)
        answer = np.eye(len(self.labels), dtype=bool)[stated.argmax(axis=1)]
        answer[self.rng.random(self.n) < silent] = False
        return stated, answer

    def arm(self, name, n_labels, human_labels, skill, seeds=3):
        is_direct = n_labels == 0
        runs = [self.guess(skill, 0.04 if is_direct else 0.0) for _ in range(1 if is_direct else seeds)]
        counts = [count(self.truth, answer) for _, answer in runs]
        mean = Counts.mean(counts)
        reduced = self.headline.reduce(mean)
        found = {
            "f1": headline_interval(counts, self.headline, self.rng),
            "precision": bootstrap_statistic(reduced, lambda t: defined_mean(precision(t)), self.rng),
            "recall": bootstrap_statistic(reduced, lambda t: defined_mean(recall(t)), self.rng),
            "accuracy": accuracy_interval(counts),
        }
        result = ArmResult(
            name=name,
            description="the teacher labels the texts itself"
            if is_direct
            else f"students trained on {n_labels} labels",
            n_labels=n_labels,
            n_test=self.n,
            judged_on="test",
            scores=score(mean, self.labels, self.headline),
            intervals={key: interval for key, interval in found.items() if interval.is_defined},
            label_intervals=label_intervals(counts),
            seed_f1=tuple(headline_score(run, self.headline).f1 for run in counts),
            confusion=None
            if self.multilabel
            else np.mean([confusion(self.truth, answer) for _, answer in runs], axis=0),
            probabilities=None if is_direct else runs[0][0],
            truth=self.truth,
            cost_usd=0.00042 * (self.n if is_direct else n_labels - human_labels),
            human_labels=human_labels,
            train_s=0 if is_direct else 4.2 * n_labels / 100,
        )
        return result, counts


def consistency_levels(rng, n=120):
    shares = rng.choice([1.0, 2 / 3, 1 / 3, np.nan], n, p=[0.7, 0.2, 0.08, 0.02])
    right = (rng.random(n) < np.nan_to_num(shares, nan=0.0) * 0.9) & ~np.isnan(shares)
    table = accuracy_by_consistency(shares, right)
    levels = (table.unanimous, table.split, *table.by_value)
    return tuple(ConsistencyLevel(x.name, x.n, round(x.n * x.accuracy) if x.n else 0, x.interval) for x in levels)


def trust_report(rng, n=120):
    """Consistency that is overconfident, and trust that is not."""
    consistency = rng.choice([1.0, 2 / 3, 1 / 3], n, p=[0.7, 0.2, 0.1])
    trust = np.clip(consistency - 0.15 + rng.normal(0, 0.1, n), 0.05, 0.95)
    return report_trust(trust, consistency, rng.random(n) < trust, rng, n_resamples=200)


def build(
    labels=("hazard", "service_failure", "question", "application", "proposal", "praise"),
    n=250,
    multilabel=False,
    positive=None,
    arms=ARMS,
    **changes,
):
    """A report on `n` invented test texts; `changes` replace fields."""
    simulation = Simulation(labels, n, multilabel, positive)
    results, counts = zip(*[simulation.arm(*arm) for arm in arms], strict=True)
    recommended = "teacher+human"
    by_name = {result.name: runs for result, runs in zip(results, counts, strict=True)}
    comparisons = [
        compare(recommended, by_name[recommended], name, runs, simulation.headline, simulation.rng)
        for name, runs in by_name.items()
        if name != recommended
    ]
    gate = decide(counts[-1][0], simulation.headline, labels, 0.5, simulation.rng)
    chosen = next(result for result in results if result.name == recommended)
    headline = "macro F1" if positive is None else f"F1 of `{labels[positive]}`"
    data = ReportData(
        project="marlow-quay",
        kind="multilabel" if multilabel else "classification",
        codebook=Codebook(
            kind="multilabel" if multilabel else "classification",
            instructions="Sort the messages that residents send to the town hall.\nGive the label of what they want.",
            positive=None if positive is None else labels[positive],
            labels=tuple(
                Label(
                    name=name,
                    definition=f"The message is about {name.replace('_', ' ')} and nothing else.",
                    clarification="Also when it is phrased as a question.",
                    negative_example="Not this one." if name != labels[0] else "",
                )
                for name in labels
            ),
        ),
        headline=headline,
        created_at="2026-01-02T03:04:05+00:00",
        version="0.1.0",
        n_pool=2_000,
        gold={Role.DEMO: 250, Role.DEV: 120, Role.TEST: n},
        share_demo_dev=False,
        teacher=TeacherResult(
            name="example-model",
            kind="openai",
            gate=gate,
            gate_n=120,
            gate_roles="dev",
            outcomes=Counter(
                {Outcome.LABELLED: 1_930, Outcome.ABSTAINED: 21, Outcome.UNPARSED: 30, Outcome.FAILED: 4,
                 Outcome.REFUSED: 7, Outcome.SKIPPED: 8}
            ),
            reasons={"not a label of the codebook: `maybe`": 30, "timeout after 5 attempts": 4},
            consistency=consistency_levels(simulation.rng),
            n_replicates=3,
            cost_usd=0.84,
            models_answered=("example-model-2025-11-20",),
            trust=trust_report(simulation.rng),
        ),
        student_kind="linear",
        arms=results,
        comparisons=adjust_for_table(comparisons),
        recommended=recommended,
        recommendation=f"Deploy the student `{recommended}`: best of the students on gold dev (n = 120); on {n} test "
        f"texts its {headline} is {chosen.scores.headline.f1:.3f}.",
        disagreements=(
            Disagreement("m-17", "Thanks for the wonderful hole in Kelp Lane, it now swallows bicycles.",
                         labels[0], labels[1], labels[1], 0.913),
            Disagreement("m-203", "Could somebody say when the ferry runs on Sunday? " * 30, labels[1], labels[0],
                         labels[0], 0.77),
        ),
        remarks=(
            Remark("ok", "codebook: all labels defined"),
            Remark("warning", "3 near-duplicates across gold `demo` and `test`", ("m-1 and m-88", "m-9 and m-70")),
        ),
        notes=("12 pool texts repeat another pool text or a gold text and were neither labelled nor learned from.",),
        provenance={"understudy": "0.1.0", "python": "3.11", "seed": "0", "codebook sha256": "ab12" * 16,
                    "settings": '{\n  "project": "marlow-quay"\n}'},
        commands=("understudy run",),
        wall_s=754.2,
    )  # fmt: skip
    return replace(data, **changes)


@pytest.fixture(scope="session")
def build_report():
    """The builder; see `build`."""
    return build


@pytest.fixture(scope="session")
def six_labels():
    """One ordinary report, built once: records are frozen."""
    return build()


@pytest.fixture(scope="session")
def figures(six_labels):
    """The figures of that report, drawn once, for tests of what stands beside them."""
    return draw_figures(six_labels)
