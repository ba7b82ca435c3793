"""Case R-05: a scheduler's SIGTERM, a terminal that goes away; as with Ctrl-C, what is in flight is kept."""

import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest
from command_line import PROGRAM, environment, spawned
from fakellm import delay, ok, serving
from invariants import check_invariants
from small_project import KNOWN_BY, SmallProject

from understudy.corpus import read_documents
from understudy.journal import Journal
from understudy.settings import DataSettings

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP and a pseudo-terminal")

N_ASKED = 24
"""As many gold texts are asked about by `validate`."""


@pytest.fixture(autouse=True)
def _heeds_sighup():
    """What the suite's own parent ignores, `nohup` say, its children would ignore too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def paid(tmp_path):
    """A project whose teacher is a model on the loopback and needs no encoder."""
    project = SmallProject(tmp_path / "project", tmp_path / "no encoder", codebook='positive = "pos"')
    project.settings |= {"prompt.demonstrations": '"none"'}
    return project


def answers(call):
    return delay(0.05, ok("pos" if any(word in call.question for word in KNOWN_BY["pos"].split()) else "neg"))


def started(project, *before, **streams):
    command = [*before, *PROGRAM, "validate", str(project.folder), *project.arguments, "--json", "--yes"]
    return subprocess.Popen(command, env=environment(TERM="xterm"), text=True, **streams)


def wait_for_calls(server, n):
    deadline = time.monotonic() + 60
    while len(server.calls) < n and time.monotonic() < deadline:
        time.sleep(0.005)
    assert len(server.calls) >= n


def journal_of(project):
    return project.folder / "journal.sqlite"


def annotations(project):
    """All annotations, checked against the texts that they are about."""
    with Journal.open(journal_of(project), read_only=True) as journal:
        (keys,) = set(journal._read("select teacher, codebook, prompt from annotations"))
        found = journal.annotations(*keys, lambda value: value)
    texts = [d for d in read_documents([project.folder / "gold.csv"], DataSettings(), str) if d.id in found]
    check_invariants(journal_of(project), texts, found.values())
    return {name: (a.outcome, a.value) for name, a in found.items()}


def assert_drained(project, server):
    """I1, I2: every call that was sent has its reply in an intact journal."""
    n_calls = len(server.calls)
    assert 0 < n_calls < N_ASKED
    with Journal.open(journal_of(project), read_only=True) as journal:
        journal.check()
        assert journal.counts()["replies"] == n_calls


def assert_resumes(project, server):
    """I2, I3: nothing is asked twice, and the labels are those of the server."""
    ended = spawned(["validate", project.folder, *project.arguments])
    assert ended.code == 0, ended.err
    assert len(server.calls) == len({call.hash for call in server.calls}) == N_ASKED
    found = annotations(project)
    assert len(found) == N_ASKED
    assert {value for _, value in found.values()} == {"pos", "neg"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_r05_drains_says_how_far_it_came_and_resumes(paid, number, code):
    with serving(answers) as server:
        paid.use_model(server.url)
        child = started(paid, stdout=-1, stderr=-1)
        wait_for_calls(server, 6)
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
        assert child.returncode == code, err
        error = json.loads(out)["error"]
        assert (error["kind"], number.name in error["message"]) == ("Interrupted", True)
        assert "stopped: " in err
        assert f"of {N_ASKED} texts are finished" in err
        assert "goes on where this one stopped" in err
        assert "Traceback" not in err
        assert_drained(paid, server)
        assert_resumes(paid, server)


OWN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


def hung_up(project, server):
    """Run on a terminal of its own that goes away after six calls; how the process ended."""
    ours, terminal = pty.openpty()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
    child = started(project, sys.executable, "-c", OWN_TERMINAL, start_new_session=True, **streams)
    os.close(terminal)
    wait_for_calls(server, 6)
    os.close(ours)  # the kernel sends SIGHUP, and every further write fails
    return child.wait(timeout=60)


def test_r05_a_terminal_that_goes_away_costs_nothing(paid):
    with serving(answers) as server:
        paid.use_model(server.url)
        assert hung_up(paid, server) == 129
        assert_drained(paid, server)
        assert_resumes(paid, server)


def test_r05_nohup_is_obeyed(paid):
    with serving(answers) as server:
        paid.use_model(server.url)
        ignoring = (
            "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
        )
        child = started(paid, sys.executable, "-c", ignoring, stdout=-1, stderr=-1)
        wait_for_calls(server, 6)
        child.send_signal(signal.SIGHUP)
        _, err = child.communicate(timeout=60)
        assert child.returncode == 0, err
        assert len(server.calls) == N_ASKED
