"""Torch is run in one thread, deterministically, and its settings are left as they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from heatlas.learn.network.engine import Call, Interception, as_array, as_tensor, in_parts, settled


def test_settings_hold_inside_and_are_put_back_even_after_an_error() -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    with pytest.raises(ValueError, match="inside"), settled(seed=3):
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        torch.rand(5)
        raise ValueError("inside")
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_same_seed_gives_the_same_numbers() -> None:
    draws = []
    for seed in (1, 1, 2):
        with settled(seed=seed):
            draws.append(torch.rand(4))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_arrays_and_tensors_share_no_memory() -> None:
    values = np.ones((2, 3), dtype=np.float32)
    tensor = as_tensor(values)
    back = as_array(tensor)
    tensor += 1
    assert (values == 1).all()
    assert (back == 1).all()


def test_an_interception_sees_calls_by_plain_name_and_may_change_their_outcome() -> None:
    names = []

    def double(called: Call) -> object:
        names.append(called.name)
        return 2 * called.run() if called.name == "relu" else called.run()

    with Interception(double):
        outcome = torch.relu(torch.ones(2))
        torch.ops.aten.relu.default(torch.ones(2))
    assert outcome.tolist() == [2, 2]
    assert names.count("relu") == 2


def test_parts_hold_every_item_once() -> None:
    assert list(in_parts(range(5), 2)) == [[0, 1], [2, 3], [4]]
