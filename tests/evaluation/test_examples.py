from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import understudy.evaluation

MODULES = [module.name for module in pkgutil.walk_packages(understudy.evaluation.__path__, "understudy.evaluation.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0


def test_public_names_are_sorted_and_exist() -> None:
    names = understudy.evaluation.__all__
    assert names == sorted(names)
    assert all(hasattr(understudy.evaluation, name) for name in names)
