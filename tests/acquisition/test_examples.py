from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import understudy.acquisition

MODULES = [module.name for module in pkgutil.iter_modules(understudy.acquisition.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(f"understudy.acquisition.{name}")
    assert doctest.testmod(module).failed == 0


def test_public_names_exist():
    assert all(hasattr(understudy.acquisition, name) for name in understudy.acquisition.__all__)
