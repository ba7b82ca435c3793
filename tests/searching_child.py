"""Searches settings in processes that die by SIGKILL in the middle of a training run.

``python searching_child.py FOLDER ENCODER_FOLDER N METHOD...``: for each method, a forked child searches in the folder
of its name; N runs end, the next one is killed when it has learned. Prints the children's exit statuses.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path

from small_project import SmallProject

from understudy.pipeline import searching
from understudy.pipeline.arms import plan_arms

N_RUNS = 6


def project_in(folder, encoder, method):
    """Three values of `c`, two runs each."""
    project = SmallProject(
        Path(folder), Path(encoder), codebook='positive = "pos"', values=("pos", "neg", "neg"), n_gold=90
    )
    project.settings |= {
        "arms.human": "[24]", "arms.teacher": "[]", "arms.all_teacher": "false", "arms.teacher_human": "false",
        "student.linear.ngrams": "false", "student.tune_threshold": "false", "student.search.method": method,
        "student.search.runs": "2", "student.search.trials": "8",
        "student.search.space": "{c = [[1e-6], [0.1], [100.0]]}",
    }  # fmt: skip
    return project.open()


def search(project):
    return searching.search(project, next(iter(plan_arms(project))))


def search_until_killed(project, n):
    learn, n_left = searching.fit_on, n

    def fit_on(*arguments):
        nonlocal n_left
        student = learn(*arguments)
        if n_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        n_left -= 1
        return student

    searching.fit_on = fit_on
    search(project)


def main(folder, encoder, n, *methods):
    with tempfile.TemporaryDirectory() as warm_up:
        search(project_in(warm_up, encoder, "grid"))  # so that children need not import anything
    for method in methods:
        child = os.fork()
        if child == 0:
            search_until_killed(project_in(Path(folder, method), encoder, method), int(n))
            os._exit(0)
        sys.stdout.write(f"{os.waitpid(child, 0)[1]}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
