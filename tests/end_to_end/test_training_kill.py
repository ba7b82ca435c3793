"""Cases T-01 and T-04: killed at any moment, training goes on and ends where it would have ended without."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
N_KILLS = 10

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


@pytest.fixture(scope="module")
def nursery(tiny_bert):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "training_nursery.py"), str(tiny_bert)]
    process = subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment, bufsize=1)

    def run(folder, point=0):
        process.stdin.write(f"{folder} {point}\n")
        return json.loads(process.stdout.readline())

    yield run
    process.kill()
    process.communicate()


def outcome(finished):
    return {name: finished[name] for name in ("probabilities", "score", "epochs", "weights")}


def test_t01_killed_ten_times_training_ends_as_if_never_killed(nursery, tmp_path):
    whole = nursery(tmp_path / "whole")
    assert not any("went on" in remark for remark in whole["remarks"])
    points = np.random.default_rng().integers(1, 20, N_KILLS)
    kills = [nursery(tmp_path / "killed", point) for point in points]
    finished = nursery(tmp_path / "killed")
    assert kills[0] is None, points
    assert outcome(finished) == outcome(whole), points


def test_t01_going_on_says_from_where_and_repeats_no_finished_step(nursery, tmp_path):
    whole = nursery(tmp_path / "whole")
    assert nursery(tmp_path / "killed", 30) is None
    kept = {path.name for path in (tmp_path / "killed").glob("step-*")}
    step = max(int(name.removeprefix("step-")) for name in kept)
    assert step > 1
    finished = nursery(tmp_path / "killed")
    assert finished["first_step"] == step + 1
    assert finished["remarks"][0] == f"Training went on after step {step} of 6, from its checkpoint."
    assert outcome(finished) == outcome(whole)


def test_t04_a_finished_training_is_not_repeated(nursery, tmp_path):
    first, again = nursery(tmp_path / "run"), nursery(tmp_path / "run")
    assert outcome(again) == outcome(first)
    assert again["first_step"] is None
