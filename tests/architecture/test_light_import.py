"""Importing the package and asking for help load no heavy library: modules are counted, not seconds."""

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "sqlite3", "httpx", "openai", "sklearn", "scipy", "pyarrow", "matplotlib", "pandas"}


def loaded_after(code: str) -> set[str]:
    program = f"import sys, json\n{code}\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_is_light():
    assert not loaded_after("import understudy") & (HEAVY | {"numpy", "pydantic"})


@pytest.mark.parametrize("arguments", [[], ["--help"], ["run", "--help"], ["predict", "--help"]])
def test_help_is_light(arguments):
    code = f"""
import contextlib, io
from understudy.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    try:
        main({arguments!r})
    except SystemExit:
        pass
"""
    assert not loaded_after(code) & HEAVY


def test_the_probe_sees_what_is_loaded():
    assert "sqlite3" in loaded_after("import sqlite3")
