"""Scores a file again and again in forked children, each killed by SIGKILL at some file operation.

    python killed_runs.py SOURCE TARGET every    kill a fresh run at its 1st, 2nd, ... operation, then let it finish
    python killed_runs.py SOURCE TARGET SEED     kill 20 runs in a row at random operations, then let one finish

Writes one JSON line: the digests of the finished targets and the number of kills.
"""

import hashlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from fake_student import LengthStudent

from understudy.scoring import score_file

OPERATIONS = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree")
BATCH_ROWS = 7
N_RANDOM = 20


def die_at(operation, folder):
    """SIGKILL this process when it is about to do its n-th file operation in the folder."""
    seen = 0

    def hook(event, arguments):
        nonlocal seen
        if event in OPERATIONS and str(arguments[0]).startswith(folder):
            seen += 1
            if seen == operation:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def run(source, target, operation):
    """Whether a child that dies at that operation (0: never) got through."""
    child = os.fork()
    if child == 0:
        die_at(operation, str(target.parent))
        score_file(LengthStudent(), source, target, batch_rows=BATCH_ROWS)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL, status
    return status == 0


def every_operation(source, target):
    operation, digests, finished = 0, [], False
    while not finished:
        operation += 1
        target.unlink(missing_ok=True)
        finished = run(source, target, operation)
        assert run(source, target, 0)
        digests.append(digest(target))
    return digests, operation - 1


def random_operations(source, target, rng):
    kills = sum(not run(source, target, int(rng.integers(3, 60))) for _ in range(N_RANDOM))
    assert run(source, target, 0)
    return [digest(target)], kills


def digest(target):
    assert [path.name for path in target.parent.iterdir()] == [target.name], "something was left behind"
    return hashlib.sha256(target.read_bytes()).hexdigest()


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:3]]
    with tempfile.TemporaryDirectory() as folder:
        score_file(LengthStudent(), paths[0], Path(folder, paths[1].name))  # so that children need not import anything
    if sys.argv[3] == "every":
        found = every_operation(*paths)
    else:
        found = random_operations(*paths, np.random.default_rng(int(sys.argv[3])))
    sys.stdout.write(json.dumps({"digests": found[0], "kills": found[1]}))
