"""``heatlas extract`` writes a table of region means."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from heatlas.io.tables import read_table
from tests.cli.runner import Runner
from tests.study.images import write_nifti


def test_maps_and_regions_are_counted(heatlas: Runner, tmp_path: Path) -> None:
    labels = np.repeat(np.array([1, 2], np.int16), 32).reshape(4, 4, 4)
    atlas = write_nifti(tmp_path / "atlas.nii.gz", labels)
    maps = [write_nifti(tmp_path / f"m{k}.nii.gz", k * labels.astype(float)) for k in (1, 2, 3)]
    out = tmp_path / "means.tsv"
    outcome = heatlas("extract", *maps, "--atlas", atlas, "-o", out)
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{out}\n", "3 maps, 2 regions\n")
    table = read_table(out)
    np.testing.assert_array_equal(table.numbers("label 2"), [2, 4, 6])


def test_an_atlas_that_is_none_is_one_sentence(heatlas: Runner, z_map: Path) -> None:
    outcome = heatlas("extract", z_map, "--atlas", z_map, "-o", z_map.with_name("t.tsv"))
    assert outcome.code == 2
    assert "label image" in outcome.sentence
