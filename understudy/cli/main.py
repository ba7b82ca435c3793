"""Builds the command line from the commands and turns errors into messages and exit codes."""

from __future__ import annotations

import io
import os
import signal
import stat
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import FrameType

import typer
from typer.exceptions import TyperException

from understudy.cli import (
    annotate,
    audit,
    backup,
    check,
    compare_teachers,
    demo,
    doctor,
    estimate,
    evaluate,
    init,
    keys,
    learn,
    monitor,
    plan,
    predict,
    report,
    resume,
    run,
    status,
    study,
    train,
    validate,
)
from understudy.cli.console import print_error, print_lines
from understudy.errors import UnderstudyError, UserError, without_secrets

COMMANDS = (
    init,
    check,
    plan,
    validate,
    annotate,
    learn,
    train,
    evaluate,
    report,
    estimate,
    compare_teachers,
    audit,
    monitor,
    run,
    resume,
    status,
    backup,
    predict,
    study,
    keys,
    doctor,
    demo,
)

DEBUG_VARIABLE = "UNDERSTUDY_DEBUG"
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
HANGUP = getattr(signal, "SIGHUP", None)
"""What a process is sent whose terminal or remote shell is gone; None where there is no such signal."""

if HANGUP is not None:
    EXIT_CODES[HANGUP] = 129

RESUME = "The same command goes on where this one stopped."
NO_THREAD = "can't start new thread"
MORE_MEMORY = "Give it more memory, or set `teacher.concurrency` and `student.batch_size` lower."


class Signalled(BaseException):
    """Ctrl-C or its like: leave carefully; no KeyboardInterrupt, of which typer would not say how it came about."""

    def __init__(self, number: int) -> None:
        self.number = signal.Signals(number)


class Interrupted(UnderstudyError):  # noqa: N818  # an interruption is no error
    """How a signal is reported; nothing that was paid for is lost."""


class OutOfMemory(UnderstudyError):  # noqa: N818  # as above
    """How a lack of memory is reported; nothing that was paid for is lost.

    The exit code is that of a process that the system kills for the same reason.
    """

    exit_code = 137


def build() -> typer.Typer:
    """The application with all its commands."""
    app = typer.Typer(
        name="understudy",
        help="An LLM learns your codebook, a small model learns the part, human labels say how well it plays.\n\n"
        "Example: understudy demo",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_version)
    for module in COMMANDS:
        name = module.__name__.rsplit(".", 1)[1]
        app.command(name.replace("_", "-"))(getattr(module, name))
    return app


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code that the documentation promises."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _refuse_to_fail_on_encodings()
    for number in EXIT_CODES:
        if number != HANGUP or signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` ignores it for us
            signal.signal(number, _leave)
    raise SystemExit(_exit_code(arguments))


def _exit_code(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    if not arguments:
        return _greet()
    try:
        return int(build()(args=arguments, standalone_mode=False) or 0)
    except UnderstudyError as exc:
        print_error(exc, as_json)
        return exc.exit_code
    except TyperException as exc:
        print_error(UserError(_usage_message(exc), "Run `understudy --help`."), as_json)
        return UserError.exit_code
    except Signalled as exc:
        print_error(Interrupted(f"Interrupted by {exc.number.name}.", RESUME), as_json)
        return EXIT_CODES[exc.number]
    except typer.Abort:  # the end of input where a question was asked
        print_error(UserError("Nobody answered.", "`--yes` does not ask."), as_json)
        return UserError.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as exc:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        if lacks_memory(exc):
            print_error(OutOfMemory("There is not enough memory to go on.", f"{RESUME} {MORE_MEMORY}"), as_json)
            return OutOfMemory.exit_code
        print_error(_unexpected(exc), as_json)
        return UserError.exit_code


def _greet() -> int:
    """Without arguments: the help, and the next step in this folder."""
    from understudy.settings import FILE_NAME

    build()(args=["--help"], standalone_mode=False)
    is_project = (Path() / FILE_NAME).exists()
    step = (
        "understudy check`, then `understudy run" if is_project else "understudy demo`, or `understudy init my-project"
    )
    print_lines([f"This folder {'holds a' if is_project else 'is no'} project. Next: `{step}`."])
    return UserError.exit_code


def _refuse_to_fail_on_encodings() -> None:
    """A terminal that cannot show a character shows another; no text may end a run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _usage_message(error: TyperException) -> str:
    """The complaint about a command line, with the nearest right name where there is one."""
    format_message = getattr(error, "format_message", None)
    return str(format_message()) if format_message else str(error)


def lacks_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that it came out of, says that there is no memory, or none for one more thread."""
    while error is not None:
        if isinstance(error, MemoryError) or str(error) == NO_THREAD:
            return True
        error = error.__cause__ or error.__context__
    return False


def _unexpected(error: Exception) -> UserError:
    """One line for a fault of ours; the traceback, without the values of variables, goes to a file."""
    with NamedTemporaryFile("w", prefix="understudy-", suffix=".log", delete=False, encoding="utf-8") as file:
        file.write(without_secrets("".join(traceback.format_exception(error))))
    return UserError(
        f"unexpected {type(error).__name__}: {error}",
        f"This should not happen. The details are in {file.name}; `understudy doctor` says whether the machine is fit.",
    )


def _leave(number: int, _frame: FrameType | None) -> None:
    if number == HANGUP:
        _give_up_dead_terminals()
    raise Signalled(number)


def _give_up_dead_terminals() -> None:
    """Whatever is said from now on to a terminal that is gone is said to nobody; it must not fail."""
    for stream in (1, 2):
        if stat.S_ISCHR(os.fstat(stream).st_mode) and not os.isatty(stream):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
) -> None:
    if version:
        from understudy import __version__

        typer.echo(__version__)
        raise typer.Exit
