"""A chain of commands keeps its whole history."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heatlas.core.provenance import Provenance
from heatlas.io.nifti import read_volume
from heatlas.study.history import read_sidecar, steps_before, with_history
from heatlas.study.inspect import inspect_file
from heatlas.study.resample import Target, resample_file
from heatlas.study.show import draw
from heatlas.study.smooth import smooth_files
from tests.study.images import signed_map, write_nifti


def test_a_figure_knows_every_step_before_it(tmp_path: Path) -> None:
    first = write_nifti(tmp_path / "a.nii.gz", signed_map())
    second, third = tmp_path / "b.nii.gz", tmp_path / "c.nii.gz"
    smooth_files([first], out=second, fwhm_mm=6)
    resample_file(second, out=third, target=Target(voxel_size_mm=4))
    draw(third, out=tmp_path / "c.png")
    steps = inspect_file(tmp_path / "c.png").steps
    names = [step.name for step in steps]
    assert names == ["read", "smooth", "read", "resample", "read", "find background", "draw"]
    reads = [list(step.inputs) for step in steps if step.name == "read"]
    assert reads == [["a.nii.gz"], ["b.nii.gz"], ["c.nii.gz"]]


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000, '{"Provenance": {"steps": 1}}'])
def test_other_sidecars_tell_nothing(tmp_path: Path, text: str) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", signed_map())
    (tmp_path / "a.json").write_text(text)
    assert steps_before(read_sidecar(path)) == ()
    volume = read_volume(path)
    before = with_history(volume, path).provenance
    assert before.to_json() == volume.provenance.to_json()


def test_the_steps_of_our_own_sidecar_come_first(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", signed_map())
    content = {"Provenance": Provenance().then("scan").to_json()}
    (tmp_path / "a.json").write_text(json.dumps(content))
    steps = with_history(read_volume(path), path).provenance.steps
    assert [step.name for step in steps] == ["scan", "read"]
