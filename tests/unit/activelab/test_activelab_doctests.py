"""The examples in the docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import activelab

MODULES = [module.name for module in pkgutil.iter_modules(activelab.__path__, "activelab.")]


@pytest.mark.parametrize("name", ["activelab", *MODULES])
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    found = doctest.DocTestFinder().find(activelab)
    assert any(test.examples for test in found)
