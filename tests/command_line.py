"""The command line as tests run it: inside this process, or as one of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy.cli import main
from understudy.cli.main import EXIT_CODES

PROGRAM = [sys.executable, "-c", "from understudy.cli import main; main()"]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def called(capsys, *arguments: object) -> Ended:
    """Run a command in this process; capsys must be the test's."""
    capsys.readouterr()
    handlers = {number: signal.getsignal(number) for number in EXIT_CODES}
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        code = end.code
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    captured = capsys.readouterr()
    return Ended(code, captured.out, captured.err)


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without what changes output, and with `variables`."""
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "CI", "FORCE_COLOR", "TERM"}}
    return {**kept, "OMP_NUM_THREADS": "1", **variables}


def spawned(arguments: Sequence[object], variables: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ended:
    """Run a command as a process of its own."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)], capture_output=True, text=True, env=environment(**variables or {}), cwd=cwd
    )
    return Ended(done.returncode, done.stdout, done.stderr)
