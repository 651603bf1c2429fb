"""The one error tree."""

from __future__ import annotations

import inspect
import pickle

import pytest

from heatlas.core import errors
from heatlas.core.errors import HeatlasError

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_a_heatlas_error_and_says_its_sentence_as_it_is(
    kind: type[HeatlasError],
) -> None:
    assert issubclass(kind, HeatlasError)
    assert str(kind("It's 'this'.")) == "It's 'this'."
    assert str(kind()) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_crosses_processes(kind: type[HeatlasError]) -> None:
    back = pickle.loads(pickle.dumps(kind("words")))
    assert type(back) is kind
    assert str(back) == "words"


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = {line.split()[1] for line in (errors.__doc__ or "").splitlines() if "──" in line}
    assert drawn == {kind.__name__ for kind in KINDS} - {"HeatlasError"}
