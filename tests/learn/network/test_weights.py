from __future__ import annotations

import io

import pytest
import torch

from heatlas.learn.network.weights import state_dict_bytes
from tests.learn.nets import network, seeded


@pytest.mark.parametrize("name", ["plain-2d", "residual-2d", "transformer-2d"])
def test_parameters_come_back_as_they_were_and_without_code(name: str) -> None:
    found = torch.load(io.BytesIO(state_dict_bytes(network(name))), weights_only=True)
    expected = seeded(name).state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_equal_parameters_give_equal_bytes() -> None:
    assert state_dict_bytes(network("plain-2d")) == state_dict_bytes(network("plain-2d"))
