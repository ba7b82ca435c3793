"""How good can a student get? The limit predicted on gold texts, and what a student then reaches on others.

    python studies/student_limit.py [--sets NAME ...] [--work FOLDER] [--write]

The texts of a set that have a human label and an answer of the teacher are split by lot (3,000 at most): half to learn
from (human labels unseen), a quarter to predict on, a quarter to judge on. Predicted is the error of the vote of the
teacher's labels among the 15 nearest texts to learn from; then a `linear` student (`student.linear.ngrams` off, the
bundled encoder) learns the same labels and is judged. Three teachers of each set: the most accurate, the median and the
worst one that answered nine in ten texts.

The public data lie in `../shared/data` or where UNDERSTUDY_SHARED_DATA says; vectors are kept in the work folder.
`--write` keeps the table in `studies/results/student_limit.md`. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from understudy.codebook import Task, task_of
from understudy.embedding import Encoder, load_encoder
from understudy.evaluation import wilson
from understudy.evaluation.student_limit import StudentLimit, neighbour_vote, student_limit
from understudy.records import Document
from understudy.settings import Codebook, EmbeddingSettings, Label, StudentSettings
from understudy.student import make_student
from understudy.study.public import Item, read_items

SETS = (
    "global_warming_stance", "tcb_toxicity_en", "media_bias_babe", "mr_sentiment", "finance_fomc", "tcb_policy_en",
)  # fmt: skip
FEWEST_ANSWERED = 0.9
MOST_TEXTS = 3000
RESULT = Path(__file__).parent / "results" / "student_limit.md"

Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Line:
    """One set and teacher.

    Attributes
    ----------
    predicted, teacher, random : error of the vote, of the teacher, and their difference, on the texts to predict on.
    low, high : 95 % Wilson interval of `predicted`.
    says_beat : whether the teacher's error averages out beyond chance, so that a student can beat it.
    achieved, achieved_low, achieved_high : the student's error on the texts to judge on, with its interval.
    teacher_judged : the teacher's error there.
    gained, gained_low, gained_high : teacher's minus student's error there; above 0 the student is better.
    """

    set: str
    model: str
    n_labels: int
    n: int
    teacher: float
    random: float
    says_beat: bool
    predicted: float
    low: float
    high: float
    achieved: float
    achieved_low: float
    achieved_high: float
    teacher_judged: float
    gained: float
    gained_low: float
    gained_high: float


def main() -> None:
    """Print a line for each set and teacher, then all of them as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--work", type=Path, default=Path(__file__).parents[2] / "student-limit-work")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    encoder = load_encoder(EmbeddingSettings(), given.work / "embeddings")
    lines = []
    for name in given.sets:
        for line in study(name, encoder):
            print(_row(line), flush=True)
            lines.append(line)
    if given.write:
        RESULT.write_text(_page(lines), encoding="utf-8")
    print(json.dumps({"lines": [asdict(line) for line in lines]}))


def study(name: str, encoder: Encoder) -> Iterator[Line]:
    """One line for each of three teachers."""
    asked = [item for item in read_items(_shared_data() / name) if item.label is not None and item.said]
    drawn = np.random.default_rng(2).permutation(len(asked))[:MOST_TEXTS]
    items = [asked[i] for i in sorted(drawn)]
    vectors: dict[str, NDArray[np.float64]] = {}
    for model in _three(_accuracies(items)):
        answered = [item for item in items if _answer(item, model) is not None]
        missing = [item.text for item in answered if item.id not in vectors]
        new = zip((i.id for i in answered if i.id not in vectors), encoder.encode(missing), strict=True)
        vectors |= {identifier: vector.astype(np.float64) for identifier, vector in new}
        yield _line(name, model, answered, np.array([vectors[item.id] for item in answered]), encoder)


def _accuracies(items: Sequence[Item]) -> dict[str, float]:
    """Of the models that answered enough texts."""
    found = {}
    for model in sorted({model for item in items for model in item.said}):
        right = [_answer(item, model) == item.label for item in items if _answer(item, model) is not None]
        if len(right) >= FEWEST_ANSWERED * len(items):
            found[model] = float(np.mean(right))
    return found


def _three(accuracies: Mapping[str, float]) -> list[str]:
    """The best, the median and the worst, each once."""
    order = sorted(accuracies, key=lambda model: -accuracies[model])
    return list(dict.fromkeys([order[0], order[len(order) // 2], order[-1]]))


def _line(name: str, model: str, items: Sequence[Item], vectors: NDArray[np.float64], encoder: Encoder) -> Line:
    labels = sorted({str(item.label) for item in items})
    task = task_of(Codebook(labels=tuple(Label(name=label, definition=label) for label in labels)))
    truth = np.array([labels.index(str(item.label)) for item in items])
    said = np.array([_code(labels, _answer(item, model)) for item in items])
    order = np.random.default_rng(0).permutation(len(items))
    half, quarter = len(items) // 2, 3 * len(items) // 4
    learn, predict, judge = order[:half], order[half:quarter], order[quarter:]
    learn = learn[said[learn] < len(labels)]
    rng = np.random.default_rng(1)
    texts = [[items[i].text for i in rows] for rows in (learn, predict)]
    voted = neighbour_vote(
        vectors[learn], said[learn], vectors[predict], len(labels), texts=texts[0], texts_around=texts[1]
    )
    found = student_limit(truth[predict], said[predict], voted, rng)
    student = _student(task, items, learn, said, judge, encoder)
    reached = student_limit(truth[judge], said[judge], student, rng)
    return _described(name, model, len(learn), found, reached)


def _described(name: str, model: str, n_labels: int, found: StudentLimit, reached: StudentLimit) -> Line:
    """`reached` has the student's labels in the place of the vote, so that its `random` is what the student gained."""
    predicted, achieved = (wilson(round(one.systematic * one.n), one.n) for one in (found, reached))
    return Line(
        name, model, n_labels, found.n, found.teacher_error, found.random, found.can_beat_teacher,
        found.systematic, predicted.low, predicted.high, reached.systematic, achieved.low, achieved.high,
        reached.teacher_error, reached.random, reached.gain_interval.low, reached.gain_interval.high,
    )  # fmt: skip


def _student(task: Task, items: Sequence[Item], learn: Codes, said: Codes, judge: Codes, encoder: Encoder) -> Codes:
    settings = StudentSettings()
    settings = settings.model_copy(update={"linear": settings.linear.model_copy(update={"ngrams": False})})
    student = make_student(settings, task, encoder, 0)
    documents = [Document(item.id, item.text) for item in items]
    student.fit([documents[i] for i in learn], np.eye(len(task.labels))[said[learn]])
    return student.predict_proba([documents[i] for i in judge]).argmax(axis=1)


def _answer(item: Item, model: str) -> str | None:
    """The most frequent readable answer; of equals the first."""
    answers = [answer for answer in item.said.get(model, ()) if answer is not None]
    return Counter(answers).most_common(1)[0][0] if answers else None


def _code(labels: Sequence[str], answer: str | None) -> int:
    """Beyond the last label for an answer outside the codebook: it is wrong, and nothing is learned from it."""
    return labels.index(answer) if answer in labels else len(labels)


HEAD = (
    "set", "teacher", "labels", "gold", "teacher's error", "averages out", "predicted limit", "student reaches",
    "teacher there", "student better by", "said so",
)  # fmt: skip


def _row(line: Line) -> str:
    says = "can beat" if line.says_beat else "not shown"
    return (
        f"| {line.set} | {line.model} | {line.n_labels:,} | {line.n:,} | {line.teacher:.3f} | {line.random:+.3f} | "
        f"{line.predicted:.3f} [{line.low:.3f}, {line.high:.3f}] | "
        f"{line.achieved:.3f} [{line.achieved_low:.3f}, {line.achieved_high:.3f}] | {line.teacher_judged:.3f} | "
        f"{line.gained:+.3f} [{line.gained_low:+.3f}, {line.gained_high:+.3f}] | {says} |"
    )


def _page(lines: Sequence[Line]) -> str:
    distance = np.array([line.achieved - line.predicted for line in lines])
    overlap = sum(line.achieved_low <= line.high and line.low <= line.achieved_high for line in lines)
    correlation = np.corrcoef([line.predicted for line in lines], [line.achieved for line in lines])[0, 1]
    beat = [line for line in lines if line.gained_low > 0]
    said = [line for line in lines if line.says_beat]
    text = (
        "`python studies/student_limit.py --write`. Shares of wrong labels. *Predicted limit* is the error of the vote "
        "of the teacher's labels among the 15 nearest texts, on one quarter of the gold; *student reaches* is the "
        "error of a `linear` student of the same labels on another quarter. *Averages out* is the teacher's error "
        "minus the predicted limit: at most so much a student can be better than its teacher. Intervals are 95 %.\n\n"
        f"Over {len(lines)} pairs of set and teacher the student's error is on average {distance.mean():+.3f} away "
        f"from the prediction (mean absolute distance {np.abs(distance).mean():.3f}, correlation {correlation:.2f}); "
        f"the intervals overlap in {overlap}. The prediction said of {len(said)} teachers that a student can beat "
        f"them; of these {sum(line.gained_low > 0 for line in said)} were beaten beyond chance, of the other "
        f"{len(lines) - len(said)} teachers {sum(not line.says_beat for line in beat)}."
    )
    table = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD), *map(_row, lines)]
    return "\n".join(["# The limit of a student, predicted and reached", "", text, "", *table, ""])


def _shared_data() -> Path:
    return Path(os.environ.get("UNDERSTUDY_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


if __name__ == "__main__":
    main()
