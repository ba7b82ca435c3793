"""Libraries that only some students need: imported when such a student is used."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from understudy.errors import UserError


def extra(module: str, name: str) -> ModuleType:
    """The module of an extra.

    Raises
    ------
    UserError
        If it is not installed; names the install line.
    """
    try:
        return import_module(module)
    except ImportError as exc:
        raise UserError(
            f"this student needs `{module}`, which is not installed.", f"Run `pip install 'understudy[{name}]'`."
        ) from exc
