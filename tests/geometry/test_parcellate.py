"""Region means are plain means over labelled voxels, and say over how many."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from heatlas.core.atlas import Atlas
from heatlas.core.errors import DataError
from heatlas.core.space import Grid, Mask
from heatlas.core.stack import MapStack
from heatlas.core.table import table_from_columns
from heatlas.core.volume import Volume
from heatlas.geometry.parcellate import (
    label_means,
    labels_on,
    parcels_of,
    region_mask,
    region_means,
    region_names,
)
from tests.phantom import SHAPE, affine, smooth_noise

GRID = Grid(shape=SHAPE, affine=affine())
LABELS = np.zeros(SHAPE, np.int32)
LABELS[:4], LABELS[4:8], LABELS[9:] = 3, 7, 20
ATLAS = Atlas(name="Thirds", labels=LABELS, grid=GRID, names={3: "left", 7: "middle", 20: "right"})


def volume(seed: int, *, name: str = "") -> Volume:
    return Volume(values=smooth_noise(1, seed=seed)[0].astype(np.float32), grid=GRID, name=name)


def stack(mask: Mask) -> MapStack:
    values = np.stack([mask.gather(volume(seed).values) for seed in (1, 2, 3)])
    ids = ("a", "b", "c")
    return MapStack(
        values=values,
        mask=mask,
        ids=ids,
        table=table_from_columns({"id": ids}),
        measure="grey-matter volume",
    )


def test_means_equal_scipy() -> None:
    table = region_means([volume(1, name="one"), volume(2)], ATLAS)
    assert table.names == ("id", "left", "middle", "right")
    assert table.words("id") == ("one", "map 2")
    for row, seed in enumerate((1, 2)):
        expected = ndimage.mean(volume(seed).values.astype(float), LABELS, [3, 7, 20])
        ours = [table.numbers(name)[row] for name in ("left", "middle", "right")]
        assert_allclose(ours, expected, rtol=1e-6)


def test_a_stack_counts_the_elements_of_its_mask_only() -> None:
    inside = np.zeros(SHAPE, bool)
    inside[:6, 5:9] = True
    mask = Mask(space=GRID, inside=inside)
    table = region_means(stack(mask), ATLAS)
    expected = [volume(seed).values[:4, 5:9].astype(float).mean() for seed in (1, 2, 3)]
    assert table.words("id") == ("a", "b", "c")
    assert_allclose(table.numbers("left"), expected, rtol=1e-6)
    assert np.isnan(table.numbers("right")).all()
    said = table.column("left").description
    assert said == "Mean of grey-matter volume in left over 160 voxels."


def test_voxels_without_a_value_are_left_out_and_counted() -> None:
    values = volume(1).values.copy()
    values[0, 0, :3] = np.nan
    table = region_means(Volume(values=values, grid=GRID), ATLAS)
    assert_allclose(table.numbers("left"), np.nanmean(values[:4].astype(float)), rtol=1e-6)
    assert "over 557 voxels; up to 3 voxels" in table.column("left").description


def test_labels_come_from_the_nearest_voxel_when_grids_differ_and_the_caption_says_so() -> None:
    fine = Grid(shape=(24, 28, 20), affine=affine(1.5, (24, 28, 20)))
    assert_array_equal(labels_on(ATLAS, grid=fine), np.kron(LABELS, np.ones((2, 2, 2), np.int32)))
    table = region_means(Volume(values=np.ones(fine.shape), grid=fine), ATLAS)
    assert "nearest voxel" in table.caption
    assert "over 4,480 voxels" in table.column("left").description
    assert "own grid" in region_means(volume(1), ATLAS).caption


def test_maps_on_different_grids_say_the_range_of_voxels() -> None:
    fine = Grid(shape=(24, 28, 20), affine=affine(1.5, (24, 28, 20)))
    table = region_means([volume(1), Volume(values=np.ones(fine.shape), grid=fine)], ATLAS)
    assert "560 to 4,480 voxels" in table.column("left").description


def test_names_that_occur_twice_get_their_label() -> None:
    twins = Atlas(name="Twins", labels=LABELS, grid=GRID, names={3: "hemi", 7: "hemi", 20: "id"})
    names = region_means(volume(1), twins).names
    assert names == ("id", "hemi (label 3)", "hemi (label 7)", "id (label 20)")


def test_a_region_becomes_a_mask() -> None:
    mask = region_mask(ATLAS, ["left", "right"], grid=GRID)
    assert_array_equal(mask.inside.reshape(SHAPE), np.isin(LABELS, [3, 20]))
    assert mask.words == "left and right (Thirds)"


def test_an_unknown_region_is_refused() -> None:
    with pytest.raises(DataError, match="Thirds has no region centre"):
        region_mask(ATLAS, ["centre"], grid=GRID)


def test_maps_outside_of_every_region_are_refused() -> None:
    far = affine()
    far[:3, 3] += 1000
    with pytest.raises(DataError, match="same space"):
        region_means(Volume(values=np.ones(SHAPE), grid=Grid(shape=SHAPE, affine=far)), ATLAS)


def test_no_map_is_refused() -> None:
    with pytest.raises(DataError, match="no map"):
        region_means([], ATLAS)


def test_maps_may_come_one_at_a_time() -> None:
    listed = [volume(1, name="a"), volume(2, name="b")]
    table = region_means((v for v in listed), ATLAS)
    assert table.words("id") == ("a", "b")
    assert_array_equal(table.numbers("left"), region_means(listed, ATLAS).numbers("left"))
    with pytest.raises(DataError, match="no map given"):
        region_means(iter([]), ATLAS)


def test_label_means_agree_with_scipy() -> None:
    values = volume(4).values.astype(np.float64)
    values[0, 0] = np.nan
    found = label_means(values, labels=LABELS, atlas=ATLAS)
    usable = np.where(np.isfinite(values), LABELS, 0)
    assert_allclose(found.mean, ndimage.mean(np.nan_to_num(values), usable, [3, 7, 20]))
    assert_array_equal(found.n + found.n_left_out, [(k == LABELS).sum() for k in (3, 7, 20)])
    assert found.n_left_out[0] == SHAPE[2]


def test_parcels_lie_at_the_middle_of_their_voxels() -> None:
    parcels = parcels_of(ATLAS)
    assert parcels.names == ("left", "middle", "right")
    voxels = ndimage.center_of_mass(LABELS == 7)
    assert_allclose(parcels.positions_mm()[1], GRID.to_mm(voxels))


def test_regions_of_one_name_are_told_apart_by_their_labels() -> None:
    twins = Atlas(name="x", labels=LABELS, grid=GRID, names={3: "area", 7: "area", 20: "c"})
    assert region_names(twins) == ("area (label 3)", "area (label 7)", "c")
    assert parcels_of(twins).size == 3
