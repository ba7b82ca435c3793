"""The loop itself: choose, ask, train, judge, stop; every round is in the journal before the next step begins.

Killed at any moment it goes on with the round it was at: what was chosen stays chosen, what was answered is not asked
again, and students are trained again from the same labels.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.acquisition import Arm, stop_by_agreement, stop_by_budget, stop_by_plateau
from understudy.errors import UserError
from understudy.evaluation.finite import finite_or_none
from understudy.pipeline.annotation import (
    NOT_USABLE,
    WORRYING_SHARE,
    gold_to_label,
    stored_annotations,
    teach,
    total_cost,
)
from understudy.pipeline.learning.choosing import Chooser
from understudy.pipeline.learning.demonstrations import propose
from understudy.pipeline.learning.fallback import fell_back_at
from understudy.pipeline.learning.people import queue_for_people
from understudy.pipeline.learning.pupils import Codes, School
from understudy.pipeline.learning.rounds import control_documents, next_size, result_of, stopped_name
from understudy.pipeline.learning.telling import announce, tell
from understudy.pipeline.sources import labelled_set
from understudy.pipeline.trusting import trust
from understudy.records import Annotation, Document, Outcome, Round
from understudy.report.data import LearningRound, PayoffTest

if TYPE_CHECKING:
    from understudy.journal import Journal
    from understudy.pipeline.project import Project
    from understudy.student import Student

BY_LOT = "random"


@dataclass(frozen=True)
class Learned:
    """How a loop ended.

    Attributes
    ----------
    rounds : as they were finished.
    stopped : why no further round follows.
    outcomes : of the texts that it asked about.
    """

    rounds: tuple[LearningRound, ...]
    stopped: str
    outcomes: Counter[Outcome]

    @property
    def has_findings(self) -> bool:
        """Whether more than 2% of the answers cannot be used."""
        return sum(self.outcomes[outcome] for outcome in NOT_USABLE) > WORRYING_SHARE * self.outcomes.total()

    def to_json(self) -> dict[str, Any]:
        """The rounds, why they ended and how asking ended, as a JSON object."""
        return {
            "rounds": [asdict(one) for one in self.rounds],
            "stopped": self.stopped,
            "fell_back_at": fell_back_at(self.rounds),
            "outcomes": {outcome.value: self.outcomes[outcome] for outcome in Outcome},
        }

    def lines(self) -> list[str]:
        """The end of the loop in words."""
        counts = " · ".join(f"{outcome.value} {n:,}" for outcome, n in self.outcomes.items() if n)
        return [f"{self.outcomes.total():,} texts in {len(self.rounds)} rounds: {counts}", f"stopped: {self.stopped}"]


def learn(project: Project) -> Learned:
    """Choose texts, have them labelled and learn from them, round by round, until a rule says stop.

    Then the teacher answers the gold texts that it is compared on, and a control drawn by lot where that is free.
    """
    with project.journal() as journal:
        loop = Loop(project, journal)
        announce(project, loop.rounds, loop.results)
        stopped = loop.run()
        journal.remember(stopped_name(project.loop), stopped)
        loop.propose_demonstrations()
        _say_trust(project)
        teach(project, [*control_documents(project), *gold_to_label(project)])
        loop.queue_for_people()
    return Learned(tuple(loop.results), stopped, Counter(a.outcome for a in loop.annotations.values()))


def _say_trust(project: Project) -> None:
    """Learn how far the labels can be trusted, as after `annotate`, and say so."""
    trusted = trust(project)
    for line in trusted.lines() if trusted is not None else ():
        project.listener.say(line)


def _watch_nothing(number: int, student: Student | None) -> None:
    del number, student


class Loop:
    """One learning loop, as far as it is; made from what the journal has of it.

    Parameters
    ----------
    journal : has its rounds; need not be the project's, which has the labels.
    watch : called with every round that is finished from now on, and its student (None where nothing was labelled).
    """

    def __init__(
        self, project: Project, journal: Journal, watch: Callable[[int, Student | None], None] = _watch_nothing
    ) -> None:
        if not project.candidates:
            raise UserError("the pool holds no text to choose from.", "Name the files in `data.pool`.")
        _refuse_unknown_price(project)
        self.project = project
        self.journal = journal
        self.rounds: list[Round] = journal.rounds(project.loop)
        self.results: list[LearningRound] = [result_of(one) for one in journal.round_results(project.loop)]
        self.annotations: dict[str, Annotation] = {}
        self._settings = project.settings.learn
        self._row_of = {document.id: row for row, document in enumerate(project.candidates)}
        self._school = School(project)
        self._chooser = Chooser(project, project.loop, project.candidates)
        self._watch = watch
        self._students: dict[int, Student | None] = {}
        self._codes: dict[int, Codes | None] = {}
        self._recall()

    def run(self) -> str:
        """Do the rounds that are left; why it stopped."""
        while True:
            if len(self.rounds) == len(self.results):
                if stopped := self._stopped():
                    return stopped
                self._choose()
            self._ask()
            self._judge()

    def propose_demonstrations(self) -> None:
        """Where no gold text may be shown to the teacher, write texts that a person can confirm as demonstrations."""
        path = propose(self.project, self.student(len(self.rounds) - 1), list(self._by_id().values()), self.annotations)
        if path is not None:
            self.project.listener.say(
                f"`{path}`: texts for a person to label. Once the label column is filled in, they are demonstrations: "
                "the prompt changes, and the next loop asks anew."
            )

    def queue_for_people(self) -> None:
        """Write which of the labelled texts a person should look at, if the settings ask for that."""
        path = queue_for_people(self.project, self.student(len(self.rounds) - 1), list(self._by_id().values()))
        if path is not None:
            self.project.listener.say(
                f"`{path}`: texts for a person to label, of which the student is unsure and whose teacher's label is "
                "not trusted. Fill in the label column and name the file in `data.gold`."
            )

    def _recall(self) -> None:
        """Annotations of the rounds that are finished; those of an unfinished one are for `teach` to find."""
        finished = [d for chosen in self.rounds[: len(self.results)] for d in self._documents(chosen)]
        if finished:
            self.annotations = stored_annotations(self.project, finished)

    def _choose(self) -> None:
        number = len(self.rounds)
        student = self.student(number - 1) if number else None
        chosen = self._chooser.choose(number, self._size(), self._strategy(number, student), self._taken(), student)
        self.journal.add_round(chosen).result()
        self.rounds.append(chosen)

    def _strategy(self, number: int, student: Student | None) -> str:
        if number == 0 or student is None:
            return self._settings.start
        return BY_LOT if fell_back_at(self.results) is not None else self._settings.strategy

    def _ask(self) -> None:
        documents = self._documents(self.rounds[-1])
        self.annotations |= teach(self.project, documents)

    def _judge(self) -> None:
        number = len(self.results)
        student = self.student(number)
        score = self._school.score(student)
        before = self._said(number - 1) if number else None
        kappa = self._school.agreement(before, self._said(number), set(self.annotations))
        chosen = self.rounds[number]
        n_random = sum(one.arm == Arm.RANDOM for one in chosen.selections)
        result = LearningRound(
            number=number,
            strategy=chosen.strategy,
            n_chosen=len(chosen.selections) - n_random,
            n_random=n_random,
            n_asked=len(self.annotations),
            n_labels=sum(a.outcome is Outcome.LABELLED for a in self.annotations.values()),
            f1=finite_or_none(score.f1),
            low=finite_or_none(score.low),
            high=finite_or_none(score.high),
            kappa=finite_or_none(kappa),
            cost_usd=total_cost(self.annotations.values()),
            payoff=self._payoff(number),
        )
        self.journal.add_round_result(self.project.loop, number, json.dumps(asdict(result))).result()
        self.results.append(result)
        tell(self.project, self.results)
        self._watch(number, student)

    def _payoff(self, number: int) -> PayoffTest | None:
        is_due = number > 0 and number % self._settings.test_every == 0
        if not is_due or self.rounds[number].strategy == BY_LOT:
            return None
        return self._school.payoff(self.rounds, self._by_id(), self.annotations)

    def _stopped(self) -> str:
        """Why no round may follow; "" if one may."""
        if not self.results:
            return ""
        last = self.results[-1]
        if last.n_asked == len(self.project.candidates):
            return f"Every one of the {last.n_asked:,} candidate texts was asked about."
        most_usd = None if last.cost_usd is None else self._settings.budget_usd
        stop = stop_by_budget(
            last.n_asked, _number(last.cost_usd), max_labels=self._settings.labels, max_cost_usd=most_usd
        )
        if stop is None and "agreement" in self._settings.stop:
            stop = stop_by_agreement([_number(one.kappa) for one in self.results])
        if stop is None and "plateau" in self._settings.stop:
            stop = stop_by_plateau([one.n_asked for one in self.results], [_number(one.f1) for one in self.results])
        if stop is None and self._size() == 0:
            return "The budget does not reach another text."
        return "" if stop is None else stop.reason

    def _size(self) -> int:
        """Texts of the next round: what the schedule says, as far as the loop's money reaches at the mean cost."""
        n = next_size(self._settings, self.rounds, len(self.project.candidates))
        if self._settings.budget_usd is None or not self.results or not self.results[-1].cost_usd:
            return n
        last = self.results[-1]
        left_usd = self._settings.budget_usd - self.results[-1].cost_usd
        return min(n, int(left_usd * last.n_asked / self.results[-1].cost_usd))

    def student(self, number: int) -> Student | None:
        """Of a finished or answered round, trained again if need be; only the last two are kept."""
        if number not in self._students:
            documents = [document for chosen in self.rounds[: number + 1] for document in self._documents(chosen)]
            lessons = labelled_set(self.project, documents, self.annotations)
            self._students = {n: one for n, one in self._students.items() if abs(n - number) == 1}
            self._students[number] = self._school.train(lessons, number)
        return self._students[number]

    def _said(self, number: int) -> Codes | None:
        if number not in self._codes:
            self._codes = {n: one for n, one in self._codes.items() if abs(n - number) == 1}
            self._codes[number] = self._school.codes(self.student(number))
        return self._codes[number]

    def _taken(self) -> NDArray[np.intp]:
        rows = [self._row_of[one.document_id] for chosen in self.rounds for one in chosen.selections]
        return np.array(rows, dtype=np.intp)

    def _documents(self, chosen: Round) -> Sequence[Document]:
        return [self.project.candidates[self._row_of[one.document_id]] for one in chosen.selections]

    def _by_id(self) -> dict[str, Document]:
        return {d.id: d for chosen in self.rounds for d in self._documents(chosen)}


def _refuse_unknown_price(project: Project) -> None:
    teacher, learn = project.settings.teacher, project.settings.learn
    if learn.budget_usd is not None and project.teacher_costs_money and teacher.price_in_usd is None:
        raise UserError(
            f"`learn.budget_usd` is {learn.budget_usd:g}, but the price of `{teacher.model}` is unknown.",
            "Set `teacher.price_in_usd` and `price_out_usd`, or limit `learn.labels` instead.",
        )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
