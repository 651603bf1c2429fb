"""One source of chance."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from heatlas.core.random import stream

KEYS = st.tuples(st.integers(0, 2**40), st.text(max_size=5), st.integers(0, 10**6))


def numbers(seed: int, step: str, index: int = 0, n: int = 4) -> list[int]:
    """Return the first numbers of a stream."""
    return stream(seed, step, index=index).integers(0, 2**62, n).tolist()


@given(KEYS)
def test_the_same_keys_give_the_same_numbers(key: tuple[int, str, int]) -> None:
    assert numbers(*key) == numbers(*key)


@given(KEYS, KEYS)
def test_different_keys_give_different_numbers(
    first: tuple[int, str, int], second: tuple[int, str, int]
) -> None:
    assert (numbers(*first) == numbers(*second)) == (first == second)


@pytest.mark.parametrize(
    ("first", "second"), [((1, "a", 11), (1, "a1", 1)), ((1, "1", 1), (11, "", 1))]
)
def test_keys_that_read_alike_when_glued_together_differ(
    first: tuple[int, str, int], second: tuple[int, str, int]
) -> None:
    assert numbers(*first) != numbers(*second)


def test_another_process_draws_the_same_numbers() -> None:
    script = (
        "from heatlas.core.random import stream;"
        "print(stream(2026, 'permute', index=3).integers(0, 2**62, 4).tolist())"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={"PYTHONHASHSEED": "7"},
    ).stdout  # fmt: skip
    assert said.strip() == str(numbers(2026, "permute", 3))


def test_the_numbers_are_those_of_the_first_release() -> None:
    assert numbers(2026, "permute", 0, 2) == FIRST_NUMBERS


def test_neighbouring_streams_are_uniform_together() -> None:
    drawn = np.concatenate([stream(1, "step", index=k).random(50) for k in range(200)])
    assert stats.kstest(drawn, "uniform").pvalue > 1e-4
    pairs = np.corrcoef(np.stack([stream(1, "step", index=k).random(5000) for k in range(8)]))
    assert np.abs(pairs[~np.eye(8, dtype=bool)]).max() < 0.08


FIRST_NUMBERS = [2719804908349498382, 1216487514870319088]
