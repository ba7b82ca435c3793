"""Understudy: an LLM learns your codebook, a small model learns the part, human labels say how well it plays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.pipeline import Project as Project
    from understudy.student import load_student as load_student

__version__ = "0.1.0"
__all__ = ["Project", "__version__", "load_student"]

_HOMES = {"Project": "understudy.pipeline", "load_student": "understudy.student"}


def __getattr__(name: str) -> Any:
    """Load the public names on first use, so that importing the package loads no library."""
    if name not in _HOMES:
        raise AttributeError(f"module 'understudy' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
