"""A student whose answers are plain arithmetic on the text, so that tests can work them out by hand."""

import re

import numpy as np

from understudy.codebook import task_of
from understudy.records import Span
from understudy.settings import Codebook, Label


def codebook(kind="classification", labels=("neg", "pos"), positive="pos"):
    return Codebook(kind=kind, positive=positive, labels=tuple(Label(name=name) for name in labels))


class LengthStudent:
    """p(label k) is proportional to k + 1 + (length mod 7) * k."""

    def __init__(self, labels=("neg", "pos"), positive="pos", threshold=np.nan):
        self.task = task_of(codebook(labels=labels, positive=positive))
        self.thresholds = np.array([np.nan] * (len(labels) - 1) + [threshold])
        self.asked = []

    def predict_proba(self, documents):
        self.asked += [document.text for document in documents]
        lengths = np.array([len(document.text) % 7 for document in documents], dtype=float)
        columns = np.arange(len(self.task.labels))
        weights = columns + 1 + lengths[:, None] * columns
        return weights / weights.sum(axis=1, keepdims=True)

    def decode(self, probabilities):
        return self.task.decode(probabilities, self.thresholds)


class TopicStudent:
    """Multi-label: 0.75 for each topic that the text names, 0.125 for the others."""

    def __init__(self):
        self.task = task_of(codebook("multilabel", ("cost", "staff", "food"), None))

    def predict_proba(self, documents):
        return np.array([[0.75 if t in d.text else 0.125 for t in self.task.labels] for d in documents])

    def decode(self, probabilities):
        return self.task.decode(probabilities, None)


class NameStudent:
    """Entities: every capitalised word is a name; the probability of a name is 0.9 where there is one."""

    def __init__(self):
        self.task = task_of(codebook("entities", ("name", "place"), None))

    def label(self, documents):
        values = [
            tuple(Span(m.start(), m.end(), "name", m[0]) for m in re.finditer(r"[A-Z]\w+", document.text))
            for document in documents
        ]
        return values, np.array([[0.9 if value else 0.2, 0.125] for value in values])

    def predict_proba(self, documents):
        return self.label(documents)[1]

    def decode(self, probabilities):
        return self.task.decode(probabilities, None)


class PairStudent:
    """Relations: `before` if the head stands before the tail, else `after`."""

    def __init__(self):
        self.task = task_of(codebook("relations", ("before", "after"), None))

    def predict_proba(self, documents):
        return np.array([[0.75, 0.25] if d.head.start < d.tail.start else [0.25, 0.75] for d in documents])

    def decode(self, probabilities):
        return self.task.decode(probabilities, None)
