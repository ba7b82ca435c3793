"""One of several processes that train together: ``python training_process.py MODEL WORKSPACE`` prints its result."""

import json
import sys
from pathlib import Path

import numpy as np

from understudy.codebook import Codebook, Label, task_of
from understudy.records import Document
from understudy.student import EncoderStudent

TASK = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"))))
WORDS = ("good", "bad", "great", "awful")
DOCUMENTS = [Document(str(i), f"the film was {'very ' * (i % 5)}{WORDS[i % 4]}") for i in range(17)]
TARGETS = np.eye(2)[np.arange(17) % 2]
"""17: the last step of an epoch has a single text, so that one process of two has none."""


def trained(model, **parameters):
    student = EncoderStudent(
        TASK, model, learning_rate=2e-3, epochs=2, batch_size=8, precision="fp32", **parameters
    )  # fmt: skip
    losses = []
    student.fit(DOCUMENTS, TARGETS, dev=(DOCUMENTS[:8], TARGETS[:8]), on_progress=lambda s: losses.append(s.loss))
    weights = None if student.history_ is None else [len(student.history_.of(i)) for i in range(len(DOCUMENTS))]
    return {"losses": losses, "probabilities": student.predict_proba(DOCUMENTS).tolist(), "visits": weights}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps([trained(sys.argv[1]), trained(sys.argv[1], reweight=True)]))
