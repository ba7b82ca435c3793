"""The built-in teacher: compares a text with the label definitions and with human-labelled texts; needs no network.

It learns nothing: its three constants are fixed, whatever the project. Let ``s_j`` be the cosine between the text and
label j's description (spoken name, definition, clarification, positive example), and ``w_i = max(0, cosine)`` for each
of the k nearest demonstrations. Then

    p_j = (DEFINITION_WEIGHT * q_j + sum_i w_i [demonstration i has label j]) / (DEFINITION_WEIGHT + sum_i w_i)

so the definitions count like that many perfectly similar demonstrations. Where one label holds, ``q`` is the softmax of
``s / TEMPERATURE`` and the answer is the most probable label. Where several may hold, ``q_j`` is
``exp((s_j - max s) / TEMPERATURE)``, so labels count by how far they fall behind the best one, and the answer is every
label with ``p_j`` of at least one half. The stated confidence is the probability of the least certain decision: it
orders texts, but nobody has calibrated it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.codebook import Label, Task
from understudy.corpus import is_blank
from understudy.prompts import select_demonstrations, text_to_compare
from understudy.records import Annotation, Answer, Document, Outcome, Provenance
from understudy.teacher.teacher import conclude, skip, utc_now

DEFINITION_WEIGHT = 1.0
TEMPERATURE = 0.05
TEXTS_AT_ONCE = 1024
BLANK = "the text is blank"

Encode = Callable[[Sequence[str]], NDArray[Any]]
Floats = NDArray[np.float64]


class NearestDefinitionTeacher:
    """Labels by likeness to definitions and demonstrations.

    Parameters
    ----------
    encode : n texts -> unit rows of shape (n, d).
    demonstrations : human-labelled documents, gold role `demo` only; empty: definitions alone decide. A document never
        counts as its own demonstration, nor does any with the same text.
    k : demonstrations that count for one text, >= 0.
    task, name, codebook_digest, prompt_digest : as in `RecordedTeacher`.
    """

    def __init__(
        self,
        task: Task,
        name: str,
        encode: Encode,
        demonstrations: Sequence[Document] = (),
        *,
        k: int = 5,
        codebook_digest: str = "",
        prompt_digest: str = "",
    ) -> None:
        self.name = name
        self._task = task
        self._encode = encode
        self._demonstrations = demonstrations
        self._k = k
        self._codebook = codebook_digest
        self._prompt = prompt_digest

    def annotate(self, documents: Sequence[Document]) -> Iterator[Annotation]:
        """One annotation for each document; blank texts are skipped, all others get a value."""
        definitions = _rows(self._encode([describe(label) for label in self._task.codebook.labels]))
        shown = (
            _rows(self._encode([text_to_compare(each) for each in self._demonstrations]))
            if self._demonstrations
            else None
        )
        for start in range(0, len(documents), TEXTS_AT_ONCE):
            yield from self._annotate_some(documents[start : start + TEXTS_AT_ONCE], definitions, shown)

    def _annotate_some(
        self, documents: Sequence[Document], definitions: Floats, shown: Floats | None
    ) -> Iterator[Annotation]:
        asked = [document for document in documents if not is_blank(document.text)]
        if asked:
            vectors = _rows(self._encode([text_to_compare(document) for document in asked]))
            evidence = self._evidence_of_definitions(vectors @ definitions.T)
            neighbours = self._neighbours(asked, vectors, shown)
            yield from map(self._judge, asked, vectors, evidence, neighbours)
        for document in documents:
            if is_blank(document.text):
                yield skip(document, BLANK, self._provenance(()))

    def _evidence_of_definitions(self, cosines: Floats) -> Floats:
        likeness: Floats = np.exp((cosines - cosines.max(axis=1, keepdims=True)) / TEMPERATURE)
        return likeness / likeness.sum(axis=1, keepdims=True) if self._task.is_exclusive else likeness

    def _neighbours(
        self, documents: Sequence[Document], vectors: Floats, shown: Floats | None
    ) -> list[tuple[tuple[Document, ...], Floats]]:
        """For each document its nearest demonstrations, nearest last, and their vectors."""
        if shown is None:
            return [((), np.zeros((0, vectors.shape[1])))] * len(documents)
        row_of = {document.id: row for row, document in enumerate(self._demonstrations)}
        chosen = select_demonstrations(
            "knn", self._k, self._demonstrations, shown, documents, vectors, np.random.default_rng(0)
        )
        return [(nearest, shown[[row_of[each.id] for each in nearest]]) for nearest in chosen]

    def _judge(
        self, document: Document, vector: Floats, evidence: Floats, nearest: tuple[tuple[Document, ...], Floats]
    ) -> Annotation:
        demonstrations, vectors = nearest
        weights = np.maximum(vectors @ vector, 0.0)
        votes = weights @ self._task.encode([each.value for each in demonstrations])
        probabilities = (DEFINITION_WEIGHT * evidence + votes) / (DEFINITION_WEIGHT + weights.sum())
        (value,) = self._task.decode(probabilities[None, :], None)
        chosen = self._task.encode([value])[0]
        certainty = np.where(chosen, probabilities, 1.0 - probabilities)
        confidence = float(certainty[chosen].min() if self._task.is_exclusive else certainty.min())
        answer = Answer(Outcome.LABELLED, value, min(1.0, max(0.0, confidence)))
        return conclude(self._task, document, [answer], self._provenance(demonstrations))

    def _provenance(self, demonstrations: Sequence[Document]) -> Provenance:
        ids = tuple(each.id for each in demonstrations)
        return Provenance(self.name, "", self._codebook, self._prompt, demonstrations=ids, created_at=utc_now())


def describe(label: Label) -> str:
    """What a text is compared with: the label's spoken name and what the codebook says it is."""
    spoken = label.spoken.replace("{head}", "[E1]").replace("{tail}", "[E2]")
    parts = (spoken, label.definition, label.clarification, label.positive_example)
    return ". ".join(part.strip().rstrip(".") for part in parts if part.strip())


def _rows(vectors: NDArray[Any]) -> Floats:
    return np.asarray(vectors, dtype=np.float64)
