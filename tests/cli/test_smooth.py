"""``heatlas smooth`` prints each file that it wrote."""

from __future__ import annotations

from pathlib import Path

from tests.cli.runner import Runner
from tests.study.images import signed_map, write_nifti


def test_several_images_go_into_a_folder(heatlas: Runner, tmp_path: Path) -> None:
    sources = [write_nifti(tmp_path / f"{name}.nii.gz", signed_map()) for name in "ab"]
    out = tmp_path / "smoothed"
    outcome = heatlas("smooth", *sources, "--fwhm", 6, "-o", out)
    assert outcome.code == 0
    assert outcome.out.splitlines() == [str(out / "a.nii.gz"), str(out / "b.nii.gz")]
    assert all((out / f"{name}.json").is_file() for name in "ab")


def test_one_file_cannot_hold_several(heatlas: Runner, tmp_path: Path) -> None:
    sources = [write_nifti(tmp_path / f"{name}.nii.gz", signed_map()) for name in "ab"]
    outcome = heatlas("smooth", *sources, "--fwhm", 6, "-o", tmp_path / "s.nii.gz")
    assert outcome.code == 2
    assert "name a folder" in outcome.sentence


def test_a_width_that_is_no_number_names_the_option(heatlas: Runner, z_map: Path) -> None:
    outcome = heatlas("smooth", z_map, "--fwhm", "wide", "-o", z_map.with_name("s.nii.gz"))
    assert outcome.code == 2
    assert "--fwhm" in outcome.err
