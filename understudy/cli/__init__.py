"""The command line: one file per command; each parses, calls one library function and prints."""

from understudy.cli.main import main

__all__ = ["main"]
