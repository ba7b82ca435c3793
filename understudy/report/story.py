"""The result in plain words: what was done, who is best, what these texts can decide, what to do next.

Words only; every number in them stands elsewhere in `ReportData`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from understudy.evaluation import Gate
from understudy.records import Outcome, Role
from understudy.report.data import ArmResult, ReportData, TeacherResult
from understudy.report.derived import Family, chosen_student, direct_teacher, family_of
from understudy.report.words import counted, decimal, estimate, listed, percent

FEW_TEXTS = 20
"""Test texts of a label below which the page warns that its numbers say little."""

UNUSABLE = (Outcome.REFUSED, Outcome.UNPARSED, Outcome.FAILED, Outcome.SKIPPED)
MANY_UNUSABLE = 0.05


@dataclass(frozen=True)
class Tile:
    """One of the answers at the top: a question, the answer in a word or two, a sentence, and its tone."""

    question: str
    answer: str
    detail: str
    tone: str


def tell_done(data: ReportData) -> str:
    """What was done, in three sentences."""
    teacher = data.teacher
    asked = sum(teacher.outcomes.values())
    labelled = teacher.outcomes.get(Outcome.LABELLED, 0)
    test = data.gold.get(Role.TEST, 0)
    what = f"{_who(teacher)} {labelled:,} of {counted(asked, 'text')}{_how(teacher)}. " if asked else ""
    return (
        f"{what}"
        f"{_students(data)}"
        f"Everybody was judged on human labels: {counted(test, 'test text')} that no student learned from and the "
        "teacher was never shown as examples."
    )


def describe_teacher(teacher: TeacherResult) -> str:
    """What kind of teacher it is, so that nobody takes recorded or built-in labels for a live model's."""
    if teacher.kind == "recorded":
        return "recorded labels, given earlier and read from a file; no model was asked"
    if teacher.kind == "nearest-definition":
        return "built in: compares texts with the codebook's definitions; no language model was asked"
    if teacher.models_answered:
        return f"a language model; the server says it is {listed(list(teacher.models_answered))}"
    return "a language model behind an API"


def tell_tiles(data: ReportData) -> tuple[Tile, ...]:
    """The three questions everybody asks first."""
    return _gate_tile(data), _best_tile(data), _decidable_tile(data)


def tell_next(data: ReportData) -> tuple[str, ...]:
    """What to do next, most useful first."""
    return tuple(_next(data))


def tell_limits(data: ReportData) -> tuple[str, ...]:
    """What these numbers cannot say."""
    return tuple(_limits(data))


def rarely_tested(data: ReportData) -> list[str]:
    """Labels that fewer than `FEW_TEXTS` of the judged texts have."""
    arm = chosen_student(data) or next(iter(data.arms), None)
    return [] if arm is None else [label.label for label in arm.scores.labels if label.support < FEW_TEXTS]


def undecided(data: ReportData) -> list[str]:
    """Names of the arms that cannot be told from the recommended one."""
    rivals = [c for c in data.comparisons if data.recommended in (c.a, c.b)]
    open_ones = [c for c in rivals if c.better is None and not c.is_equivalent]
    return [c.b if c.a == data.recommended else c.a for c in open_ones]


def _who(teacher: TeacherResult) -> str:
    if teacher.kind == "recorded":
        return f"Labels of {teacher.name.replace(' (recorded)', '')}, recorded earlier, give an answer for"
    built_in = " (built in)" if teacher.kind == "nearest-definition" and "built in" not in teacher.name else ""
    return f"The teacher, {teacher.name}{built_in}, labelled"


def _how(teacher: TeacherResult) -> str:
    return f", with {teacher.n_replicates} answers for each" if teacher.n_replicates > 1 else ""


def _students(data: ReportData) -> str:
    trained = [arm for arm in data.arms if arm.n_labels > 0]
    if not trained:
        return "No student was trained. "
    runs = max(len(arm.seed_f1) for arm in trained)
    each = f", each {runs} times with other random draws" if runs > 1 else ""
    return f"Small models of kind `{data.student_kind}`, the students, learned from {_sources(trained)}{each}. "


def _sources(trained: list[ArmResult]) -> str:
    sizes = sorted({arm.n_labels for arm in trained})
    few, many = f"{sizes[0]:,}", f"{sizes[-1]:,}"
    return f"{few} labels" if few == many else f"{few} to {many} labels"


def _gate_tile(data: ReportData) -> Tile:
    gate = data.teacher.gate
    if gate is None:
        return Tile("Is the teacher good enough?", "Not judged", "There is no gold text it could be judged on.", "open")
    tones = {Gate.GO: "good", Gate.NOT_YET: "open", Gate.NO: "bad"}
    return Tile("Is the teacher good enough?", gate.verdict.value.capitalize(), gate.reason, tones[gate.verdict])


def _best_tile(data: ReportData) -> Tile:
    question = "Which labeller to use?"
    chosen = chosen_student(data)
    if chosen is None:
        return Tile(question, "None yet", data.recommendation or "No student was trained.", "open")
    return Tile(question, chosen.name, data.recommendation + _top_note(data, chosen), "good")


def _top_note(data: ReportData, chosen: ArmResult) -> str:
    """Who is highest on test, where that is another one: chosen by test it would be flattered."""
    known = [arm for arm in data.arms if math.isfinite(arm.scores.headline.f1) and arm.judged_on == "test"]
    top = max(known, key=lambda arm: arm.scores.headline.f1, default=chosen)
    if top.name == chosen.name or not math.isfinite(chosen.scores.headline.f1):
        return ""
    best = f"`{top.name}`, {estimate(top.scores.headline.f1, top.intervals.get('f1'))}"
    if family_of(top) is Family.DIRECT:
        return f" Highest on test is the teacher itself, {best}, but every text has to be given to it."
    return f" Highest on test is {best}; choosing by test would flatter it."


def _decidable_tile(data: ReportData) -> Tile:
    question = "Is it decidable?"
    rivals = [c for c in data.comparisons if data.recommended in (c.a, c.b)]
    if not rivals:
        return Tile(question, "Nothing to compare", "No two labellers were judged on the same test texts.", "open")
    wins = [c for c in rivals if c.better == data.recommended]
    losses = [c for c in rivals if c.better not in (None, data.recommended)]
    equal = [c for c in rivals if c.better is None and c.is_equivalent]
    counts = (("better than", wins), ("worse than", losses), ("equivalent to", equal))
    said = [f"{word} {len(found)}" for word, found in counts if found]
    detail = f"`{data.recommended}` against {counted(len(rivals), 'other')}: " + ", ".join(
        [*said, *([f"not decidable against {len(undecided(data))}"] if undecided(data) else [])]
    )
    answer = "Yes" if not undecided(data) else "No" if not said else "In part"
    return Tile(
        question, answer, f"{detail}, with n = {rivals[0].n:,} test texts.", "good" if answer == "Yes" else "open"
    )


def _next(data: ReportData) -> Iterator[str]:
    yield from _next_at_gate(data)
    if chosen_student(data) is not None:
        yield "Label all your texts with the chosen student: `understudy predict texts.csv labelled.csv`."
    yield from _next_comparison(data)
    yield from _next_labels(data)
    if data.disagreements:
        yield (
            "Read the disagreements below: where the human label is right and the definition allowed the other, "
            "sharpen the definition."
        )


def _next_at_gate(data: ReportData) -> Iterator[str]:
    gate = data.teacher.gate
    if gate is not None and gate.verdict is Gate.NO:
        yield (
            "Sharpen the codebook or take another teacher, then run `understudy validate` again: the teacher does not "
            "reach the bar."
        )
    if gate is not None and gate.verdict is Gate.NOT_YET and gate.additional_gold:
        more = counted(_two_digits(gate.additional_gold), "more gold text")
        yield f"Label about {more} by hand to decide whether the teacher is good enough."


def _next_comparison(data: ReportData) -> Iterator[str]:
    rivals = [c for c in data.comparisons if data.recommended in (c.a, c.b) and c.better is None]
    needed = [c.n_to_decide for c in rivals if c.n_to_decide is not None]
    if needed:
        yield (
            f"To tell `{data.recommended}` from a rival, judge on about {_two_digits(min(needed)):,} test texts "
            f"instead of {rivals[0].n:,}; worth it only if the difference matters to you."
        )
    elif any(c.seed_variance > c.standard_error**2 for c in rivals):
        yield "The training runs scatter more than the texts: more of them (`student.seeds`) make differences clearer."


def _next_labels(data: ReportData) -> Iterator[str]:
    rare = rarely_tested(data)
    if rare:
        named = listed([f"`{label}`" for label in rare])
        yield f"Label more gold texts of {named}: with fewer than {FEW_TEXTS} test texts their numbers say little."
    asked = sum(data.teacher.outcomes.values())
    unusable = sum(data.teacher.outcomes.get(outcome, 0) for outcome in UNUSABLE)
    if unusable > MANY_UNUSABLE * asked:
        yield f"Look at the outcomes: {unusable:,} of {asked:,} answers ({percent(unusable, asked)}) cannot be used."


def _two_digits(number: int) -> int:
    step: int = 10 ** max(0, len(str(number)) - 2)
    return math.ceil(number / step) * step


def _limits(data: ReportData) -> Iterator[str]:
    yield "Human labels are taken as the truth. Where people disagree among themselves, no labeller can reach 1."
    yield "The test texts stand for texts drawn like them. On other sources, topics or years the numbers may be lower."
    yield (
        "Intervals (95 %) hold for sampling test texts and for the spread of training runs, one number at a time; only "
        "the p-values of the comparisons are corrected for their number (Holm)."
    )
    yield (
        "Intervals of a single label's precision and recall (Wilson's) take texts as independent and leave out the "
        "spread of training runs."
    )
    if chosen_student(data) is not None:
        yield (
            "The student was chosen on gold dev. Whoever changes the codebook after reading test results should judge "
            "again on new test texts."
        )
    yield from _teacher_limits(data)
    if data.share_demo_dev:
        yield "Gold demo and dev are one set: demonstrations, early stopping and thresholds saw the same texts."


def _teacher_limits(data: ReportData) -> Iterator[str]:
    if data.teacher.kind == "recorded":
        yield "The teacher's labels are recorded: how they were prompted, sampled and paid for is not known here."
    if data.teacher.kind == "nearest-definition":
        yield "The built-in teacher is a simple stand-in; its numbers say nothing about what a language model would do."
    direct = direct_teacher(data)
    if direct is not None and direct.judged_on != "test":
        yield (
            f"`{direct.name}` (F1 {decimal(direct.scores.headline.f1)}) was judged on gold {direct.judged_on}, not on "
            "test, and is not comparable with the students."
        )
