"""From files to one comparison: backgrounds, grids, names, policies and the seed's own case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.space import Grid
from heatlas.core.volume import Volume
from heatlas.io.templates import template_brain_mask
from heatlas.study.compare import CompareOptions, compare_maps
from tests.phantom import SHAPE, affine, ball, smooth_noise
from tests.study.images import write_nifti

SEED_SHAPE = (57, 66, 40)
BACKGROUNDS = (0.0, -1.0, np.nan)
DAT, GABA = "DAT_fpcit_hc174_dukart_spect", "GABAa_flumazenil_hc6_dukart"
BRAIN = ball(SHAPE, radius=4.4)


def write(path: Path, values: NDArray[np.float64], *, background: float = 0.0) -> Path:
    return write_nifti(path, np.where(BRAIN, values, background).astype(np.float32))


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Three small maps with three backgrounds."""
    noise = smooth_noise(3, seed=2)
    return [
        write(tmp_path / f"{name}.nii.gz", 4 + values, background=number)
        for name, values, number in zip("abc", noise, BACKGROUNDS, strict=True)
    ]


def seed_set(folder: Path) -> tuple[list[Path], list[Path], NDArray[np.float64]]:
    """20 experiments, 4 activity maps and the true correlations inside the brain they share."""
    rng = np.random.default_rng(1)
    brains = [ball(SEED_SHAPE, centre=(28, 33, 19.5 + dx), radius=18) for dx in (-1, 0, 1)]
    shared = np.logical_and.reduce(brains)
    noise = smooth_noise(24, SEED_SHAPE, fwhm_voxels=4, seed=6)
    inside = noise[:, shared] - noise[:, shared].mean(axis=1, keepdims=True)
    white = np.linalg.inv(np.linalg.cholesky(np.cov(inside, bias=True)))
    loadings = rng.normal(size=(24, 5))
    covariance = loadings @ loadings.T + np.eye(24)
    truth = covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    mixed = np.tensordot(np.linalg.cholesky(truth) @ white, noise, axes=1)
    paths = []
    for k, values in enumerate(mixed):
        name = f"exp{k + 1:02d}" if k < 20 else f"act{k - 19}"
        stored = np.where(brains[k % 3], 3 + values, BACKGROUNDS[k % 3])
        paths.append(write_nifti(folder / f"{name}.nii.gz", stored.astype(np.float32)))
    return paths[:20], paths[20:], truth[20:, :20]


def test_the_seeds_own_case_finds_every_r(tmp_path: Path) -> None:
    experiments, activity, truth = seed_set(tmp_path)
    compared = compare_maps(experiments, activity)
    assert compared.matrix.shape == (4, 20)
    np.testing.assert_allclose(compared.matrix.values, truth, atol=0.01)
    assert compared.matrix.columns.names[0] == "exp01"
    usual = compared.others["whole-grid"].values
    assert np.abs(usual - truth).max() > 0.5


def test_backgrounds_are_stated_for_each_file(three: list[Path]) -> None:
    table = compare_maps(three).backgrounds
    assert table.words("map") == ("a", "b", "c")
    np.testing.assert_array_equal(table.numbers("value"), [0, -1, np.nan])
    assert table.words("background")[2].startswith("background NaN")  # type: ignore[union-attr]


def test_the_order_of_the_files_changes_nothing(three: list[Path]) -> None:
    one, other = compare_maps(three), compare_maps(three[::-1])
    np.testing.assert_array_equal(one.matrix.values, other.matrix.values[::-1, ::-1])
    np.testing.assert_array_equal(one.p_fwer, other.p_fwer[::-1, ::-1])
    assert one.caption() == other.caption()
    assert one.provenance.to_json() == other.provenance.to_json()


def test_maps_come_onto_the_coarsest_grid_or_the_one_that_is_named(
    tmp_path: Path, three: list[Path]
) -> None:
    shape = (6, 7, 5)
    coarse = write_nifti(
        tmp_path / "coarse.nii.gz", smooth_noise(1, shape)[0], matrix=affine(6.0, shape)
    )
    assert "6 x 6 x 6 mm voxels (maps on 2 grids)" in compare_maps([*three, coarse]).caption()
    named = compare_maps([*three, coarse], space=three[0])
    assert "3 x 3 x 3 mm voxels" in named.caption()


def test_each_volume_of_a_file_becomes_a_column(tmp_path: Path, three: list[Path]) -> None:
    four = np.stack([np.where(BRAIN, v, 0) for v in smooth_noise(2, seed=9)], axis=-1)
    path = write_nifti(tmp_path / "networks.nii.gz", four.astype(np.float32))
    compared = compare_maps([path], three)
    assert compared.matrix.columns.names == ("networks[0]", "networks[1]")
    assert compared.matrix.rows.names == ("a", "b", "c")


def test_files_of_one_name_keep_their_folders_apart(tmp_path: Path) -> None:
    noise = smooth_noise(2, seed=3)
    paths = [write(tmp_path / f"s{k}" / "map.nii.gz", noise[k]) for k in range(2)]
    assert compare_maps(paths).matrix.rows.names == ("s0/map", "s1/map")


def test_a_file_of_both_sides_is_one_map(three: list[Path]) -> None:
    compared = compare_maps(three, three[:2])
    np.testing.assert_allclose(np.diag(compared.matrix.values), 1, atol=1e-9)
    assert np.isnan(compared.p_fwer[0, 0])


def test_volumes_serve_as_well_as_files(three: list[Path]) -> None:
    grid = Grid(shape=SHAPE, affine=affine())
    values = np.where(BRAIN, smooth_noise(1, seed=8)[0], 0)
    compared = compare_maps([*three, Volume(values=values, grid=grid, name="mine")])
    assert compared.matrix.rows.names[-1] == "mine"


def test_labels_and_groups_come_from_a_table(tmp_path: Path, three: list[Path]) -> None:
    table = tmp_path / "labels.tsv"
    table.write_text("name\tlabel\tgroup\na\tAlpha\tfirst\nc\tGamma\tlast\n")
    compared = compare_maps(three, options=CompareOptions(labels=table))
    assert compared.matrix.rows.names == ("Alpha", "b", "Gamma")
    assert compared.matrix.rows.groups == ("first", "", "last")
    assert set(compared.sensitivity().words("row")) <= {"Alpha", "b", "Gamma"}
    table.write_text("name\tlabel\naa\tAlpha\n")
    with pytest.raises(DataError, match="Did you mean 'a'"):
        compare_maps(three, options=CompareOptions(labels=table))
    table.write_text("name\tlabel\na\tb\n")
    with pytest.raises(DataError, match="labels: b would stand for more than one map"):
        compare_maps(three, options=CompareOptions(labels=table))


def test_given_maps_are_read_with_the_others(tmp_path: Path, three: list[Path]) -> None:
    fourth = write(tmp_path / "d.nii.gz", smooth_noise(1, seed=12)[0])
    compared = compare_maps([fourth, *three[:2]], options=CompareOptions(given=(three[2],)))
    assert compared.matrix.rows.names == ("d", "a", "b")
    assert compared.given == ("c",)
    assert "Partial Pearson r of 3 maps" in compared.caption()
    with pytest.raises(DataError, match="cannot be compared as well"):
        compare_maps(three, options=CompareOptions(given=(three[2],)))


def test_masks_among_maps_are_pointed_out(tmp_path: Path, three: list[Path]) -> None:
    lesion = write_nifti(tmp_path / "lesion.nii.gz", ball(SHAPE, radius=2).astype(np.uint8))
    compared = compare_maps([*three, lesion])
    assert any("lesion" in words and "masks" in words for words in compared.warnings)
    assert np.isfinite(compared.matrix.values).all()


def test_one_map_under_two_names_is_pointed_out(tmp_path: Path, three: list[Path]) -> None:
    copy = tmp_path / "copy.nii.gz"
    copy.write_bytes(three[0].read_bytes())
    assert "the same values stand in a and copy" in compare_maps([*three, copy]).warnings


def test_many_volumes_of_one_file_keep_their_numbers(tmp_path: Path) -> None:
    noise = smooth_noise(19, seed=9)
    four = np.stack([np.where(BRAIN, values, 0) for values in noise], axis=-1)
    path = write_nifti(tmp_path / "many.nii.gz", four.astype(np.float32))
    compared = compare_maps([path])
    assert compared.matrix.rows.names[-1] == "many[18]"
    wanted = np.corrcoef(noise[:, BRAIN])
    np.testing.assert_allclose(compared.matrix.values, wanted, atol=1e-5)


def test_bad_input_is_refused_with_the_way_out(tmp_path: Path, three: list[Path]) -> None:
    flat = write_nifti(tmp_path / "flat.nii.gz", np.zeros(SHAPE, np.float32))
    far = np.array(affine())
    far[:3, 3] += 500
    away = write_nifti(tmp_path / "away.nii.gz", smooth_noise(1)[0], matrix=far)
    for wrong, kind, words in (
        ([three[0]], DataError, "One map alone"),
        ([], DataError, "No map is given"),
        ([three[0], three[0]], DataError, "named more than once: a"),
        ([three[0], flat], DataError, "flat: it is constant"),
        ([three[0], away], SpaceMismatchError, "no voxel of the new grid"),
    ):
        with pytest.raises(kind, match=words):
            compare_maps(wrong)
    with pytest.raises(DataError, match="list of maps"):
        compare_maps(three[0])  # type: ignore[arg-type]


def test_a_map_that_is_constant_in_the_shared_voxels_leaves_its_cells_empty(
    tmp_path: Path, three: list[Path]
) -> None:
    constant = write(tmp_path / "constant.nii.gz", np.full(SHAPE, 2.0))
    compared = compare_maps([*three, constant])
    assert np.isnan(compared.matrix.values[3]).all()
    assert np.isfinite(compared.matrix.values[:3, :3]).all()
    assert any("3 cells have no value" in words for words in compared.warnings)


# ---------------------------------------------------------------------------- real receptors


@pytest.fixture(scope="module")
def receptors(real_data: Path) -> list[Path]:
    return sorted((real_data / "receptors").glob("*.nii.gz"))


def test_one_pair_has_three_answers_and_the_default_is_the_right_one(
    receptors: list[Path], tmp_path: Path
) -> None:
    pair = [path for path in receptors if path.name.startswith((DAT, GABA))]
    compared = compare_maps(pair)
    assert compared.matrix.at(DAT, GABA) == pytest.approx(-0.271, abs=5e-4)
    assert compared.matrix.n is not None
    assert compared.matrix.n[0, 1] == 63_936
    for policy, wanted in (("pairwise", -0.271), ("union-zero", -0.271), ("whole-grid", 0.852)):
        assert compared.others[policy].at(DAT, GABA) == pytest.approx(wanted, abs=5e-4)
    assert compared.sign_depends[0, 1]


def test_a_mask_with_zeros_as_data_gives_the_other_sign(receptors: list[Path]) -> None:
    datasets = pytest.importorskip("nilearn.datasets")
    image = pytest.importorskip("nilearn.image")
    pair = [path for path in receptors if path.name.startswith((DAT, GABA))]
    brain = image.resample_to_img(
        datasets.load_mni152_brain_mask(resolution=2),
        str(pair[0]),
        interpolation="nearest",
        force_resample=True,
        copy_header=True,
    )
    mask = Volume(
        values=np.asarray(brain.dataobj, dtype=np.float32),
        grid=Grid(shape=brain.shape, affine=brain.affine),
        name="mni",
    )
    compared = compare_maps(pair, policy="mask", mask=mask)
    assert compared.matrix.n is not None
    assert compared.matrix.n[0, 1] == 69_217
    assert compared.matrix.at(DAT, GABA) == pytest.approx(0.308, abs=5e-4)


def test_all_receptors_in_one_call_in_any_order(receptors: list[Path]) -> None:
    one, other = compare_maps(receptors), compare_maps(receptors[::-1])
    assert one.matrix.shape == (14, 14)
    assert "maps on 3 grids" in one.caption()
    np.testing.assert_array_equal(one.matrix.values, other.matrix.values[::-1, ::-1])
    np.testing.assert_array_equal(one.p_fwer, other.p_fwer[::-1, ::-1])
    assert any("VAChT" in words for words in one.warnings)


def test_the_mask_is_brought_to_the_maps_grid(receptors: list[Path]) -> None:
    brain = template_brain_mask(resolution_mm=2)
    mask = Volume(values=brain.inside.reshape(brain.grid.shape).astype(np.float32), grid=brain.grid)
    pair = [path for path in receptors if path.name.startswith((DAT, GABA))]
    compared = compare_maps(pair, mask=mask)
    # At ties of the 2 mm and the 3 mm grid the voxel with the higher index is taken.
    assert compared.others["mask"].at(DAT, GABA) == pytest.approx(0.335, abs=5e-4)
