"""Comparisons over regions: images with an atlas, tables, both, and published effect sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.core.errors import DataError, UnknownNameError
from heatlas.study.compare import CompareOptions, Parcellation, compare_maps
from tests.phantom import SHAPE, ball, smooth_noise
from tests.study.images import write_nifti

LABELS = np.zeros(SHAPE, dtype=np.int16)
# Blocks of three voxels a side, 3 x 3 x 3 of them.
BLOCKS = np.indices(SHAPE) // 3
LABELS[(BLOCKS < 3).all(axis=0)] = (1 + BLOCKS[0] + 3 * BLOCKS[1] + 9 * BLOCKS[2])[
    (BLOCKS < 3).all(axis=0)
]
BRAIN = ball(SHAPE, radius=5.5)
AAL = CompareOptions(parcellation=Parcellation(atlas="aal"))


@pytest.fixture
def atlas(tmp_path: Path) -> Path:
    return write_nifti(tmp_path / "blocks.nii.gz", LABELS)


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Four maps with four backgrounds."""
    return [
        write_nifti(
            tmp_path / f"{name}.nii.gz", np.where(BRAIN, 5 + values, number).astype(np.float32)
        )
        for name, values, number in zip(
            "pqrs", smooth_noise(4, seed=8), (0, -1, np.nan, 9), strict=True
        )
    ]


def over(atlas: Path | None, **more: object) -> CompareOptions:
    return CompareOptions(parcellation=Parcellation(atlas=atlas, **more))  # type: ignore[arg-type]


def means_by_hand() -> np.ndarray:
    """Means of the four maps over the measured part of each block, NaN under half of it."""
    found = np.full((4, 27), np.nan)
    for k, values in enumerate(smooth_noise(4, seed=8)):
        stored = (5 + values).astype(np.float32).astype(np.float64)
        for label in range(1, 28):
            inside = BRAIN & (label == LABELS)
            if 2 * inside.sum() >= (label == LABELS).sum():
                found[k, label - 1] = stored[inside].mean()
    return found


def test_region_means_and_their_correlation_are_those_by_hand(
    images: list[Path], atlas: Path
) -> None:
    compared = compare_maps(images, options=over(atlas))
    expected = means_by_hand()
    assert compared.regions is not None
    shown = compared.regions.matrix
    assert shown.columns.names == ("p", "q", "r", "s")
    np.testing.assert_allclose(shown.values, expected.T, rtol=1e-6)
    held = np.isfinite(expected[0])
    assert 3 < held.sum() < 27
    np.testing.assert_allclose(compared.matrix.values, np.corrcoef(expected[:, held]), atol=1e-6)
    assert f"n = {held.sum()} regions" in compared.caption()
    assert "voxels that" not in compared.caption()


def test_the_order_of_files_changes_no_digit(images: list[Path], atlas: Path) -> None:
    one = compare_maps(images, options=over(atlas))
    other = compare_maps(images[::-1], options=over(atlas))
    np.testing.assert_array_equal(one.matrix.values, other.matrix.values[::-1, ::-1])
    np.testing.assert_array_equal(one.p_fwer, other.p_fwer[::-1, ::-1])


@pytest.mark.parametrize("measure", ["spearman", "concordance", "cosine", "dice"])
def test_every_measure_works_over_regions(images: list[Path], atlas: Path, measure: str) -> None:
    compared = compare_maps(images[:2], images[2:], measure=measure, options=over(atlas))
    values = means_by_hand()
    values = values[:, np.isfinite(values[0])]
    found = compared.matrix.values[0, 0]
    row, column = values[2], values[0]
    if measure == "spearman":
        stats = pytest.importorskip("scipy.stats")
        assert found == pytest.approx(stats.spearmanr(row, column)[0], abs=1e-6)
    elif measure == "cosine":
        size = np.linalg.norm(row) * np.linalg.norm(column)
        assert found == pytest.approx(row @ column / size, abs=1e-6)
    elif measure == "concordance":
        shared = 2 * np.cov(row, column, bias=True)[0, 1]
        gap = (row.mean() - column.mean()) ** 2
        assert found == pytest.approx(shared / (row.var() + column.var() + gap), abs=1e-6)
    else:
        assert found == 1.0  # all values are above zero


def test_partial_correlations_over_regions(images: list[Path], atlas: Path) -> None:
    options = CompareOptions(parcellation=Parcellation(atlas=atlas), given=(images[3],))
    compared = compare_maps(images[:2], options=options)
    values = means_by_hand()
    values = values[:, np.isfinite(values[0])]
    design = np.stack([np.ones(values.shape[1]), values[3]], axis=1)
    left = values[:2].T - design @ np.linalg.lstsq(design, values[:2].T, rcond=None)[0]
    expected = np.corrcoef(left.T)[0, 1]
    assert compared.matrix.values[0, 1] == pytest.approx(expected, abs=1e-5)
    assert compared.certainty.p[0, 1] > 0


def test_the_whole_grid_is_what_the_usual_recipe_gives(images: list[Path], atlas: Path) -> None:
    maskers = pytest.importorskip("nilearn.maskers")
    masker = maskers.NiftiLabelsMasker(labels_img=str(atlas), standardize=None)
    compared = compare_maps([*images[:2], images[3]], options=over(atlas))
    usual = np.stack([
        np.ravel(masker.fit_transform(str(path))) for path in (*images[:2], images[3])
    ])  # fmt: skip
    np.testing.assert_allclose(compared.others["whole-grid"].values, np.corrcoef(usual), atol=1e-5)
    assert np.abs(compared.others["whole-grid"].values - compared.matrix.values).max() > 0.3


def test_images_and_tables_meet_over_an_atlas(
    images: list[Path], atlas: Path, tmp_path: Path
) -> None:
    expected = means_by_hand()[1]
    rows = [f"label {k + 1},{3 * v - 2}" for k, v in enumerate(expected) if np.isfinite(v)]
    table = tmp_path / "z.csv"
    table.write_text("region,thickness\n" + "\n".join(rows[::-1]) + "\n")
    compared = compare_maps([images[1], table], options=over(atlas))
    assert compared.matrix.at("q", "z") == pytest.approx(1, abs=1e-6)
    assert compared.regions is not None and compared.regions.unit == ""
    with pytest.raises(DataError, match="Tables of regions .z. and images .q.*name it .--atlas."):
        compare_maps([images[1], table])


def test_choices_for_voxels_do_not_fit_regions(images: list[Path], atlas: Path) -> None:
    with pytest.raises(DataError, match="--mask is for comparisons over voxels"):
        compare_maps(images, mask=images[0], options=over(atlas))
    with pytest.raises(DataError, match="--space is for comparisons over voxels"):
        compare_maps(images, space=images[0], options=over(atlas))
    with pytest.raises(DataError, match="--value is for tables of regions"):
        compare_maps(images, options=over(None, value="d"))
    with pytest.raises(DataError, match="compared over regions"):
        compare_maps(images, policy="mask", options=over(atlas))


def test_labels_without_names_and_names_without_voxels_are_reported(
    images: list[Path], atlas: Path, tmp_path: Path
) -> None:
    table = tmp_path / "blocks.csv"
    table.write_text("index,name\n" + "\n".join(f"{k},block {k}" for k in range(3, 31)))
    compared = compare_maps(images, options=over(atlas, labels=table))
    said = "; ".join(compared.warnings)
    assert "2 labels without a name (1 and 2)" in said
    assert "3 names without a voxel in blocks.nii.gz (block 28, block 29 and block 30)" in said
    assert compared.regions is not None
    assert compared.regions.matrix.rows.names[:3] == ("label 1", "label 2", "block 3")


def test_labels_and_groups_name_the_maps_of_regions_as_well(
    images: list[Path], atlas: Path, tmp_path: Path
) -> None:
    names = tmp_path / "names.tsv"
    names.write_text("name\tlabel\tgroup\np\tFirst\told\ns\tLast\tnew\n")
    options = CompareOptions(parcellation=Parcellation(atlas=atlas), labels=names)
    compared = compare_maps(images, options=options)
    assert compared.regions is not None
    assert compared.regions.matrix.columns.names == ("First", "q", "r", "Last")
    assert compared.regions.matrix.columns.groups == ("old", "", "", "new")


# -------------------------------------------------------------------------------- real data


def test_receptors_over_aal_agree_with_nilearn_where_nothing_is_background(
    real_data: Path,
) -> None:
    maskers = pytest.importorskip("nilearn.maskers")
    nibabel = pytest.importorskip("nibabel")
    path = next((real_data / "receptors").glob("VAChT*"))
    other = next((real_data / "receptors").glob("MU*hc39*"))
    compared = compare_maps([path, other], options=AAL)
    assert compared.regions is not None
    mine = compared.regions.matrix.values[
        :, compared.regions.matrix.columns.index("VAChT_feobv_hc4_tuominen")
    ]
    folder = real_data / "atlases"
    masker = maskers.NiftiLabelsMasker(
        labels_img=nibabel.load(folder / "atlas_aal.nii.gz"),
        resampling_target="data",
        standardize=None,
    )
    usual = np.ravel(masker.fit_transform(str(path)))
    assert len(mine) == len(usual) == 120
    # Voxels halfway between two of the atlas go to either side.
    np.testing.assert_allclose(mine, usual, rtol=0.02)
    assert np.corrcoef(mine, usual)[0, 1] > 0.9999


def test_all_receptors_over_aal(real_data: Path) -> None:
    receptors = sorted((real_data / "receptors").glob("*.nii.gz"))
    compared = compare_maps(receptors, options=AAL)
    assert compared.matrix.shape == (14, 14)
    assert "n = 85 regions, 120 regions of AAL" in compared.caption()
    distinct = ~compared.question.repeated
    n_eff = compared.certainty.n_eff[distinct]
    assert (n_eff > 1).all() and (n_eff < 85).all()
    assert np.isfinite(compared.p_fwer[distinct]).all()
    assert compared.regions is not None
    frame = compared.regions.matrix.to_frame()
    shared = frame.dropna()
    assert len(shared) == 85
    np.testing.assert_allclose(compared.matrix.values, shared.corr().to_numpy(), atol=1e-6)
    assert set(compared.others) == {"pairwise", "union-zero", "whole-grid"}
    np.testing.assert_allclose(
        compared.others["pairwise"].values, frame.corr().to_numpy(), atol=1e-6
    )


@pytest.fixture(scope="module")
def disorders(real_data: Path) -> list[Path]:
    folder = real_data / "enigma" / "summary_statistics"
    return sorted(folder.glob("*_case-controls_CortThick.csv"))


def test_published_effect_sizes_agree_with_pandas(disorders: list[Path]) -> None:
    pandas = pytest.importorskip("pandas")
    compared = compare_maps(disorders)
    tables = {
        path.stem: pandas.read_csv(path).set_index("Structure")["d_icv"] for path in disorders
    }
    frame = pandas.DataFrame(tables)
    assert compared.matrix.shape == (17, 17)
    assert compared.matrix.n is not None
    assert compared.matrix.n[0, 1] == 66
    np.testing.assert_allclose(
        compared.to_frame().to_numpy(), frame.dropna().corr().to_numpy(), atol=1e-6
    )
    np.testing.assert_allclose(
        compared.others["pairwise"].values, frame.corr().to_numpy(), atol=1e-6
    )
    ranks = compare_maps(disorders, measure="spearman").to_frame()
    np.testing.assert_allclose(
        ranks.to_numpy(), frame.dropna().corr(method="spearman").to_numpy(), atol=1e-6
    )
    assert compared.regions is not None
    assert compared.regions.unit == "d_icv"
    shown = compared.regions.matrix.to_frame()
    np.testing.assert_array_equal(shown.loc[frame.index].to_numpy(), frame.to_numpy())


def test_tables_without_places_are_not_tested_and_say_why(disorders: list[Path]) -> None:
    compared = compare_maps(disorders)
    assert np.isnan(compared.p_fwer).all() and np.isnan(compared.certainty.low).all()
    assert "Not tested: positions unknown" in compared.caption()
    assert "--centres" in compared.caption()
    assert compare_maps(disorders, measure="cosine").caption()[-11:] == "Not tested."


def test_published_tables_are_tested_with_the_centres_that_come_along(
    disorders: list[Path],
) -> None:
    compared = compare_maps(disorders, options=over(None, centres="desikan-killiany"))
    assert compared.untested == ""
    own = compared.question.own
    assert np.isfinite(compared.certainty.p[~own]).all()
    assert np.median(compared.certainty.n_eff[~own]) < 60


def test_centres_that_do_not_come_along_are_named_with_those_that_do(
    disorders: list[Path],
) -> None:
    with pytest.raises(UnknownNameError, match="desikan-killiany"):
        compare_maps(disorders, options=over(None, centres="desikan-kiliany"))


def test_a_table_of_centres_makes_the_test_possible(disorders: list[Path], tmp_path: Path) -> None:
    names = [f"{side}_{k}" for side in "LR" for k in range(20)]
    rng = np.random.default_rng(0)
    lines = ["region,one,two,x,y,z"]
    for name in names:
        lines.append(",".join([name, *(f"{v:.4f}" for v in rng.normal(size=2)),
                               *(f"{v:.1f}" for v in rng.uniform(-60, 60, 3))]))  # fmt: skip
    path = tmp_path / "maps.csv"
    path.write_text("\n".join(lines))
    compared = compare_maps([path], options=over(None, centres=path))
    assert compared.matrix.rows.names == ("one", "two")
    assert compared.untested == ""
    assert 0 < compared.certainty.p[0, 1] < 1
    assert 10 < compared.certainty.n_eff[0, 1] <= 40
