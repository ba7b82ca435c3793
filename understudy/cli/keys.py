"""`understudy keys`: keep an API key where only its owner can read it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from understudy.cli.console import print_lines

Action = Annotated[Literal["set"], typer.Argument(help="What to do: set.")]
Name = Annotated[str, typer.Argument(help="Name that `teacher.api_key_env` gives, such as OPENAI_API_KEY.")]
InKeyring = Annotated[bool, typer.Option("--keyring", help="Use the system's keyring instead of a file.")]


def keys(action: Action, name: Name, in_keyring: InKeyring = False) -> int:  # noqa: ARG001
    """Ask for a key without showing it and keep it; the environment variable of the same name still goes first.

    Example: understudy keys set OPENAI_API_KEY
    """
    from understudy.teacher.keys import store_in_keyring, store_key

    key = typer.prompt(f"{name} (not shown)", hide_input=True, err=True)
    if in_keyring:
        store_in_keyring(name, key)
        print_lines([f"{name} is in the system's keyring"])
    else:
        print_lines([f"{name} is in {store_key(name, key)}, which only you can read"])
    return 0
