"""``heatlas resample`` writes one image onto the named grid."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib

from tests.cli.runner import Runner


def test_the_grid_is_said_and_the_path_printed(heatlas: Runner, z_map: Path) -> None:
    out = z_map.with_name("r.nii.gz")
    outcome = heatlas("resample", z_map, "-o", out, "--voxel-size", 4)
    assert (outcome.code, outcome.out) == (0, f"{out}\n")
    shape = " x ".join(map(str, nib.load(out).shape))
    assert outcome.err == f"{shape} voxels of 4 x 4 x 4 mm\n"


def test_two_targets_or_none_are_refused(heatlas: Runner, z_map: Path) -> None:
    out = z_map.with_name("r.nii.gz")
    for words in ([], ["--voxel-size", 4, "--template", "MNI152"]):
        outcome = heatlas("resample", z_map, "-o", out, *words)
        assert outcome.code == 2
        assert "only one" in outcome.sentence
    assert not out.exists()


def test_overwriting_needs_a_word(heatlas: Runner, z_map: Path) -> None:
    words = ["resample", z_map, "-o", z_map.with_name("r.nii.gz"), "--voxel-size", 4]
    assert heatlas(*words).code == 0
    assert "--overwrite" in heatlas(*words).sentence
    assert heatlas(*words, "--overwrite").code == 0


def test_a_folder_that_cannot_be_made_is_one_sentence(heatlas: Runner, z_map: Path) -> None:
    blocked = z_map / "r.nii.gz"
    outcome = heatlas("resample", z_map, "-o", blocked, "--voxel-size", 4)
    assert outcome.code == 2
    assert "cannot be written" in outcome.sentence
