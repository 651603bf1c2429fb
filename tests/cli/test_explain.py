"""``heatlas explain`` prints the verdict, writes its files, and says in one line what is wrong."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from heatlas.io.encode import write_volume
from heatlas.learn.network.weights import state_dict_bytes
from heatlas.study.explainfiles import FILES
from tests.cli.runner import Runner
from tests.learn.nets import network, seeded
from tests.study.explaining import bright_scan


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The state dict of an untrained network."""
    path = tmp_path / "net.pt"
    path.write_bytes(state_dict_bytes(network("plain-2d")))
    return path


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A small scan in HU."""
    path = tmp_path / "scan.nii.gz"
    write_volume(path, bright_scan().volume)
    return path


def words(model: Path, scan: Path, *more: object) -> tuple[object, ...]:
    out = model.parent / "out"
    known = ("--architecture", "plain-2d", "--window", "brain", "--quick", "-o", out)
    return ("explain", model, scan, *known, *more)


def test_an_untrained_network_is_told_and_everything_is_written(
    heatlas: Runner, model: Path, scan: Path
) -> None:
    outcome = heatlas(*words(model, scan, "--class", 1, "--slices", 4, "--size", "32x32"))
    assert outcome.code == 0, outcome.err
    assert "do not read this map as model evidence" in outcome.err
    assert "0 to 80 HU becomes 0 to 1" in outcome.err
    written = [Path(line) for line in outcome.out.splitlines()]
    assert {path.name for path in written} == set(FILES) - {"saliency.json"}
    again = heatlas(*words(model, scan))
    assert "exists already" in again.sentence


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--class", "2"), "2 classes, numbered 0 to 1"),
        (("--layer", "featurs"), "Nearest: features"),
        (("--method", "gradcam"), "Did you mean 'grad-cam'"),
        (("--slices", "9"), "there are 5 slices, numbered from 1 to 5"),
        (("--size", "128"), "expected rows and columns"),
        (("--size", "8x8x8"), "name 2 lengths"),
        (("--input", "hu 3"), "expected a range"),
        (("--crop", "0:10,90:95"), "does not lie in an image"),
        (("--axes", "3"), "takes 2-D images"),
        (("--window", "brian"), "Did you mean 'brain'"),
    ],
)
def test_options_that_do_not_suit_are_one_sentence(
    heatlas: Runner, model: Path, scan: Path, more: tuple[str, ...], said: str
) -> None:
    outcome = heatlas(*words(model, scan, *more))
    assert outcome.code == 2
    assert said in outcome.sentence
    assert not (model.parent / "out").exists()


def test_without_a_window_nothing_is_guessed(heatlas: Runner, model: Path, scan: Path) -> None:
    outcome = heatlas(
        "explain", model, scan, "--architecture", "plain-2d", "-o", model.parent / "out"
    )
    assert outcome.code == 2
    assert "nothing says which values become the network's 0 and 1" in outcome.sentence


def test_files_that_are_no_network_are_one_sentence(
    heatlas: Runner, model: Path, scan: Path
) -> None:
    out = model.parent / "out"
    bare = heatlas("explain", model, scan, "--window", "brain", "-o", out)
    assert "name their architecture" in bare.sentence
    whole = model.read_bytes()
    model.write_bytes(whole[: len(whole) // 2])
    assert "damaged or cut short" in heatlas(*words(model, scan)).sentence
    torch.save(seeded("plain-2d"), model)
    assert "save the weights alone" in heatlas(*words(model, scan)).sentence
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(seeded("plain-2d"), torch.zeros(1, 1, 48, 40)), model)
    assert "TorchScript is code" in heatlas(*words(model, scan)).sentence


def test_a_mask_of_another_place_is_told(
    heatlas: Runner, model: Path, scan: Path, tmp_path: Path
) -> None:
    from dataclasses import replace

    volume = bright_scan().volume
    affine = volume.grid.affine.copy()
    affine[:3, 3] += 900
    there = replace(volume, values=np.ones(volume.grid.shape, np.float32),
                    grid=replace(volume.grid, affine=affine))  # fmt: skip
    write_volume(tmp_path / "mask.nii.gz", there)
    outcome = heatlas(*words(model, scan, "--mask", tmp_path / "mask.nii.gz"))
    assert "none of its voxels lies in the image" in outcome.sentence


def test_a_missing_torch_says_what_to_install(
    heatlas: Runner, model: Path, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util
    import sys

    known = importlib.util.find_spec
    for name in [
        name for name in sys.modules if name.startswith(("heatlas.learn", "heatlas.study.e"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith("heatlas.study.network")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "torch" else known(name, *a)
    )
    outcome = heatlas(*words(model, scan))
    assert outcome.code == 2
    assert "pip install 'heatlas[saliency]'" in outcome.sentence
