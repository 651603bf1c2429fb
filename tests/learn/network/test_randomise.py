"""Randomised networks forget layer by layer, and the same seed forgets the same."""

from __future__ import annotations

import numpy as np

from heatlas.learn.network.engine import as_array
from heatlas.learn.network.randomise import cascade, parameter_layers, randomise
from tests.learn.nets import network


def test_layers_are_listed_from_the_input_to_the_output() -> None:
    names = parameter_layers(network("plain-2d"))
    assert names == tuple(f"features.{k}" for k in (0, 1, 3, 4, 6, 7)) + ("scores",)


def test_only_the_named_layers_forget_and_keep_their_spread() -> None:
    net = network("residual-2d")
    other = randomise(net, layers=("blocks.2.first",), seed=1)
    before, after = net.module.state_dict(), other.module.state_dict()
    changed = {
        name for name in before if not np.array_equal(as_array(before[name]), as_array(after[name]))
    }
    assert changed == {"blocks.2.first.weight", "blocks.2.first.bias"}
    weights = [as_array(state["blocks.2.first.weight"]) for state in (before, after)]
    np.testing.assert_allclose(weights[1].std(), weights[0].std(), rtol=0.05)
    assert abs(np.corrcoef(weights[0].ravel(), weights[1].ravel())[0, 1]) < 0.1


def test_the_seed_decides_and_nothing_else() -> None:
    net = network("plain-2d")
    one, same, two = (randomise(net, layers=("scores",), seed=seed).digest for seed in (1, 1, 2))
    assert one == same
    assert one != two


def test_a_cascade_goes_from_the_output_to_the_input_and_steps_agree_on_what_they_share() -> None:
    net = network("residual-2d")
    steps = list(cascade(net, levels=4, seed=0))
    assert len(steps) == 4
    assert [name for name, _ in steps][0] == "scores"
    assert [name for name, _ in steps][-1] == parameter_layers(net)[0]
    first, last = (other.module.state_dict() for other in (steps[0][1], steps[-1][1]))
    assert np.array_equal(as_array(first["scores.weight"]), as_array(last["scores.weight"]))
    assert np.array_equal(
        as_array(first["stem.weight"]), as_array(net.module.state_dict()["stem.weight"])
    )
