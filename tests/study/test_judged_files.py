"""Files of judged contrasts say what they are, and are never read as 1 - p."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.infer.request import ClusterForming, PermutationSettings
from heatlas.io.nifti import read_volume
from heatlas.io.picture import read_provenance
from heatlas.io.tables import read_table
from heatlas.stats.contrast import parse_contrast
from heatlas.stats.formula import build_model
from heatlas.study.backdrop import Background
from heatlas.study.findings import JudgedContrast
from heatlas.study.judged_files import check_free, write_judged
from heatlas.study.mapfile import read_map
from heatlas.study.permutations import permutation_test
from tests.phantom import ball
from tests.study.stacks import SHAPE, noise, stack_of

PLAIN = Background(volume=None, words="none")


def judged(settings: PermutationSettings) -> JudgedContrast:
    """Twelve maps of two groups under one contrast called ``b-a``."""
    maps = noise(12)
    maps[6:, ball(SHAPE, radius=1.5)] += 4
    stack = stack_of(maps, {"group": ["a"] * 6 + ["b"] * 6})
    model = build_model(stack.table, model="group", ids=stack.ids)
    contrast = parse_contrast(model, name="b-a", test="group[b] - group[a]")
    return permutation_test(stack, model.design, contrasts=[contrast], settings=settings)[0]


@pytest.fixture(scope="module")
def mass() -> JudgedContrast:
    """Judged by the mass of clusters."""
    forming = ClusterForming(p=0.01)
    return judged(
        PermutationSettings(method="cluster-mass", n_permutations=200, cluster_forming=forming)
    )


def sidecar(folder: Path, stat: str) -> dict[str, object]:
    return dict(json.loads((folder / f"contrast-ba_stat-{stat}_statmap.json").read_text()))


def test_every_map_has_a_sidecar_and_every_file_a_history(
    mass: JudgedContrast, tmp_path: Path
) -> None:
    written = write_judged(tmp_path, [mass], background=PLAIN, sources=["sha256:1"])
    names = [path.name.removeprefix("contrast-ba_") for path in written]
    assert names[0] == "stat-t_statmap.nii.gz"
    assert "stat-clustermass_statmap.nii.gz" in names
    assert names[-2:] == ["mosaic.png", "clusters.tsv"]
    for path in written:
        assert "permute" in [step.name for step in read_provenance(path).steps]


def test_the_map_of_p_says_that_it_is_minus_log10_and_never_1_minus_p(
    mass: JudgedContrast, tmp_path: Path
) -> None:
    write_judged(tmp_path, [mass], background=PLAIN)
    told = sidecar(tmp_path, "logpfwe")
    assert told["Description"] == "-log10 of the p corrected for the family-wise error rate"
    assert "1.301 is p = .05" in str(told["Reading"])
    assert "not 1 - p" in str(told["Reading"])
    assert "Reading" not in sidecar(tmp_path, "t")


def test_maps_are_read_back_with_their_judgement(mass: JudgedContrast, tmp_path: Path) -> None:
    write_judged(tmp_path, [mass], background=PLAIN)
    for stat in ("t", "clustermass"):
        read = read_map(tmp_path / f"contrast-ba_stat-{stat}_statmap.nii.gz")
        assert read.threshold is not None, read.notes
        assert read.threshold.n_surviving == mass.threshold.n_surviving > 0


def test_the_table_of_clusters_holds_the_corrected_p(mass: JudgedContrast, tmp_path: Path) -> None:
    write_judged(tmp_path, [mass], background=PLAIN)
    table = read_table(tmp_path / "contrast-ba_clusters.tsv")
    assert table.numbers("p_corrected").max() <= 0.05
    assert "cluster_mass" in table.names


def test_earlier_results_of_the_contrast_are_removed_and_others_stay(
    mass: JudgedContrast, tmp_path: Path
) -> None:
    write_judged(tmp_path, [mass], background=PLAIN)
    (tmp_path / "contrast-bax_stat-t_statmap.nii.gz").touch()
    write_judged(tmp_path, [judged(PermutationSettings(n_permutations=50))], background=PLAIN)
    assert not (tmp_path / "contrast-ba_stat-clustermass_statmap.nii.gz").exists()
    assert (tmp_path / "contrast-bax_stat-t_statmap.nii.gz").exists()


def test_nothing_is_replaced_unless_told_and_an_input_never(tmp_path: Path) -> None:
    check_free(tmp_path / "new", ["b-a"], inputs=[], overwrite=False)
    old = tmp_path / "contrast-ba_stat-t_statmap.nii.gz"
    old.touch()
    with pytest.raises(DataError, match="exists already.*--overwrite"):
        check_free(tmp_path, ["b-a"], inputs=[], overwrite=False)
    check_free(tmp_path, ["b-a"], inputs=[], overwrite=True)
    check_free(tmp_path, ["other"], inputs=[], overwrite=False)
    with pytest.raises(DataError, match="an input, which is never replaced"):
        check_free(tmp_path, ["b-a"], inputs=[old], overwrite=True)


def test_two_contrasts_of_one_file_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="same file name"):
        check_free(tmp_path, ["b-a", "ba"], inputs=[], overwrite=False)


def test_the_map_of_p_holds_one_value_per_element(mass: JudgedContrast, tmp_path: Path) -> None:
    write_judged(tmp_path, [mass], background=PLAIN)
    stored = read_volume(tmp_path / "contrast-ba_stat-logpfwe_statmap.nii.gz").values
    assert mass.threshold.logp is not None
    np.testing.assert_allclose(stored.ravel(), mass.threshold.logp, rtol=1e-6)
