"""``heatlas mask`` says the rule and how many voxels it leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.cli.runner import Runner
from tests.study.images import write_nifti


def test_the_rule_and_the_number_of_voxels_are_said(heatlas: Runner, tmp_path: Path) -> None:
    maps = [write_nifti(tmp_path / f"m{k}.nii.gz", np.full((4, 4, 4), k / 10)) for k in (1, 2)]
    out = tmp_path / "mask.nii.gz"
    outcome = heatlas("mask", *maps, "--minimum", 0.2, "--coverage", 0.5, "-o", out)
    assert (outcome.code, outcome.out) == (0, f"{out}\n")
    assert outcome.err == "64 voxels: voxels that are >= 0.2 in at least 50 % of the 2 maps\n"


def test_an_empty_mask_is_one_sentence(heatlas: Runner, tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "m.nii.gz", np.ones((4, 4, 4)))
    outcome = heatlas("mask", path, "--minimum", 2, "-o", tmp_path / "mask.nii.gz")
    assert outcome.code == 2
    assert outcome.sentence.startswith("The mask is empty")
