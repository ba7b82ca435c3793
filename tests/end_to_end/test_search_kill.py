"""A search that is killed in a training run: finished runs stand, the others follow, the same values win."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from searching_child import N_RUNS, project_in, search

from understudy.pipeline import searching
from understudy.pipeline.arms import plan_arms

CHILD = Path(__file__).parents[1] / "searching_child.py"
METHODS = ("grid", "tpe")
N_ENDED = 3

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


@pytest.fixture(scope="module")
def killed(tiny_bert, tmp_path_factory):
    """A folder with a project per method, whose search was killed."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, CHILD, folder, tiny_bert, N_ENDED, *METHODS]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([*map(str, command)], check=True, stdout=-1, text=True, env=environment)
    assert [*map(int, ended.stdout.split())] == [signal.SIGKILL] * len(METHODS)
    return folder


def without_times(found):
    return replace(found, trials=tuple(replace(trial, train_s=0.0) for trial in found.trials))


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_search_goes_on_where_it_was(killed, tmp_path, tiny_bert, monkeypatch, method):
    """Three of six runs ended: the first combination, and one run of the second."""
    project = project_in(killed / method, tiny_bert, method)
    assert n_trials(project) == N_ENDED

    seen, learn = [], searching.fit_on
    monkeypatch.setattr(searching, "fit_on", lambda *given: (seen.append(given), learn(*given))[1])
    resumed = search(project)
    assert len(seen) == N_RUNS - N_ENDED
    assert n_trials(project) == N_RUNS

    uninterrupted = search(project_in(tmp_path / "whole", tiny_bert, method))
    assert without_times(resumed) == without_times(uninterrupted)
    assert len(resumed.trials) == 3
    assert resumed.chosen != {"c": [1e-6]}


def n_trials(project):
    """Runs with an F1 in the journal."""
    key = searching._Trials(project, next(iter(plan_arms(project)))).key
    with project.journal() as journal:
        return sum(trial.f1 is not None for trial in journal.trials(key))
