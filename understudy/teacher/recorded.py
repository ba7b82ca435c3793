"""A teacher whose answers are already on file, one or several for each document; asks nobody and costs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from understudy.codebook import Task
from understudy.errors import UserError
from understudy.prompts import read_offsets
from understudy.records import Annotation, Answer, Document, Outcome, Provenance
from understudy.teacher.teacher import conclude, skip, utc_now

NO_RECORD = "no recorded answer"
UNREADABLE = "the recorded answer is marked as unreadable"


class RecordedTeacher:
    """Answers from a file.

    Parameters
    ----------
    task : says what an answer may be; one outside the codebook is `unparsed`. Spans are laid on the text by their
        offsets or else their quotes; an answer of which no span has a place is `unparsed`.
    name : how reports call the teacher.
    answers : document id -> its answers as they stand in the file; None for one that nobody could read.
        A document without answers is `skipped`.
    codebook_digest, prompt_digest : stand in the provenance of every annotation.
    """

    def __init__(
        self,
        task: Task,
        name: str,
        answers: Mapping[str, Sequence[str | None]],
        codebook_digest: str = "",
        prompt_digest: str = "",
    ) -> None:
        self.name = name
        self._task = task
        self._answers = answers
        self._codebook = codebook_digest
        self._prompt = prompt_digest

    def annotate(self, documents: Sequence[Document]) -> Iterator[Annotation]:
        """One annotation for each document, in their order."""
        provenance = Provenance(self.name, "", self._codebook, self._prompt, created_at=utc_now())
        for document in documents:
            recorded = self._answers.get(document.id, ())
            if recorded:
                yield conclude(self._task, document, [self._read(document, answer) for answer in recorded], provenance)
            else:
                yield skip(document, NO_RECORD, provenance)

    def _read(self, document: Document, recorded: str | None) -> Answer:
        if recorded is None:
            return Answer(Outcome.UNPARSED, reason=UNREADABLE)
        if self._task.marks_spans:
            return read_offsets(self._task, document.text, recorded)
        try:
            value = self._task.read(recorded)
        except UserError as exc:
            return Answer(Outcome.UNPARSED, reason=f"recorded {exc.message}")
        return Answer(Outcome.UNPARSED, reason=UNREADABLE) if value is None else Answer(Outcome.LABELLED, value)
