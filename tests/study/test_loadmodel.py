from __future__ import annotations

from pathlib import Path

import pytest
import torch

from heatlas.core.errors import DataError, NotSupportedError, UnknownNameError
from heatlas.learn.network.weights import state_dict_bytes
from heatlas.study.loadmodel import load_model
from tests.learn.nets import network, seeded


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A state dict in a file."""
    path = tmp_path / "net.pt"
    path.write_bytes(state_dict_bytes(network("plain-2d")))
    return path


def test_a_file_becomes_a_network_called_by_its_stem(weights: Path) -> None:
    found = load_model(weights, architecture="plain-2d")
    assert (found.name, found.origin) == ("net", "state dict")
    assert found.digest == network("plain-2d").digest


def test_files_that_give_no_network_are_one_sentence(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        load_model(tmp_path / "gone.pt")
    with pytest.raises(DataError, match="name their architecture"):
        load_model(weights)
    with pytest.raises(UnknownNameError, match="Did you mean 'plain-2d'"):
        load_model(weights, architecture="plain2d")
    weights.write_bytes(weights.read_bytes()[:900])
    with pytest.raises(DataError, match="damaged or cut short"):
        load_model(weights, architecture="plain-2d")
    torch.save(seeded("plain-2d"), weights)
    with pytest.raises(NotSupportedError, match=r"torch.save\(model.state_dict\(\)"):
        load_model(weights, architecture="plain-2d")
