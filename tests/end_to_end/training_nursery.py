"""Trains a tiny encoder in forked children that die by SIGKILL at a chosen moment; one line in, one line out.

    python training_nursery.py MODEL_FOLDER

Each line on stdin is ``FOLDER POINT``: the child trains with checkpoints after every step in FOLDER and dies at its
POINT-th file operation there or finished step (0: never). The line on stdout is JSON: ``null`` for a child that died,
else how its training ended.
"""

import hashlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from understudy.codebook import Codebook, Label, task_of
from understudy.records import Document
from understudy.student import EncoderStudent, fine_tuned
from understudy.student.checkpoint import Checkpoints

TASK = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"))))
OPERATIONS = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree")


def texts(n, words):
    documents = [Document(f"{words[0]}{i}", f"the film was {'very ' * (i % 5)}{words[i % 4]}") for i in range(n)]
    return documents, np.eye(2)[np.arange(n) % 2]


class Death:
    """Counts what happens and kills this process at the chosen number."""

    def __init__(self, point, folder):
        self.left, self.folder = point, str(folder)

    def nearer(self):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def at_operation(self, event, arguments):
        if event in OPERATIONS and str(arguments[0]).startswith(self.folder):
            self.nearer()


def train(model, folder, point):
    death = Death(point, folder)
    sys.addaudithook(death.at_operation)
    fine_tuned.Checkpoints = lambda path: Checkpoints(path, every_s=0.0)
    documents, targets = texts(24, ("good", "bad", "great", "awful"))
    student = EncoderStudent(TASK, model, learning_rate=2e-3, epochs=2, batch_size=8, patience=1, reweight=True)
    done = []

    def on_progress(step):
        done.append(step.done)
        death.nearer()

    dev = texts(8, ("fine", "poor", "lovely", "nasty"))
    student.fit(documents, targets, dev=dev, on_progress=on_progress, workspace=folder)
    probabilities = student.predict_proba(documents)
    return {
        "probabilities": hashlib.sha256(probabilities.tobytes()).hexdigest(),
        "score": student.score(documents, targets),
        "epochs": [(epoch.number, epoch.train_loss, epoch.dev_loss) for epoch in student.epochs_],
        "weights": student.history_.means().tolist(),
        "first_step": done[0] if done else None,
        "remarks": student.remarks_,
    }


def main():
    torch.set_num_threads(1)
    model = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        train(model, Path(folder), 0)  # so that children need not import anything
    for line in sys.stdin:
        folder, point = line.split()
        child = os.fork()
        if child == 0:
            sys.stdout.write(json.dumps(train(model, Path(folder), int(point))) + "\n")
            sys.stdout.flush()
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if status:
            assert os.WTERMSIG(status) == signal.SIGKILL, status
            sys.stdout.write("null\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
