"""Slices lie where they say, in mm, on any grid."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from heatlas.core.space import Grid, Mask
from heatlas.core.volume import Volume
from heatlas.show.planes import (
    Raster,
    field_of_view,
    gather_background,
    gather_elements,
    interpolate,
    mosaic_cuts,
    peak_position,
    prepare_background,
    show_small_survivors,
    voxels_of,
)
from heatlas.show.view import View
from tests.show.maps import blob_map, brain_mask, mean_map, template

OBLIQUE = np.array([[2, 0.6, 0.1, -20], [-0.6, 2, 0.3, -18], [0.1, -0.3, 2.4, -30], [0, 0, 0, 1.0]])
FLIPPED = np.diag([-3.0, 3.0, 3.0, 1.0])


@pytest.mark.parametrize("matrix", [None, OBLIQUE, FLIPPED])
@pytest.mark.parametrize("axis", ["x", "y", "z"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_each_pixel_shows_the_voxel_that_is_nearest_in_voxel_units(
    matrix: np.ndarray | None, axis: str, mirrored: bool
) -> None:
    mask = brain_mask((14, 16, 12), matrix)
    field = field_of_view([mask], None)
    middle = float(mask.positions_mm().mean(axis=0)["xyz".index(axis)]) + 0.37
    raster = Raster(axis, middle, field, 37, 41, mirrored)  # type: ignore[arg-type]
    elements = gather_elements(raster, mask)
    columns, rows = raster.lines_mm()
    fixed = "xyz".index(axis)
    across, up = (k for k in range(3) if k != fixed)
    for row, column in [(20, 18), (10, 10), (25, 30), (0, 0), (40, 36), (15, 22)]:
        position = np.empty(3)
        position[[fixed, across, up]] = middle, columns[column], rows[row]
        voxel = np.rint(mask.grid.to_voxels(position)).astype(int)
        inside = (voxel >= 0).all() and (voxel < mask.grid.shape).all()
        flat = int(np.ravel_multi_index(voxel, mask.grid.shape)) if inside else -1
        expected = np.flatnonzero(mask.indices == flat)
        assert elements[row, column] == (expected[0] if expected.size else -1)


def test_pixels_and_millimetres_agree_there_and_back() -> None:
    field = field_of_view([brain_mask()], None)
    for mirrored in (False, True):
        raster = Raster("y", 0.0, field, 50, 60, mirrored)
        columns, rows = raster.lines_mm()
        x, y = raster.to_pixels(np.array([columns[7], 0.0, rows[11]]))
        assert (x, y) == pytest.approx((7.5, 11.5))


def test_the_field_holds_every_voxel_with_its_edges() -> None:
    mask = brain_mask((14, 16, 12), OBLIQUE)
    field = field_of_view([mask], None)
    positions = mask.positions_mm()
    assert (field.low < positions.min(axis=0)).all()
    assert (field.high > positions.max(axis=0)).all()


def test_the_background_is_interpolated_linearly_between_dark_and_bright() -> None:
    volume, view = template(), View()
    backdrop = prepare_background(volume)
    raster = Raster("z", 0.7, field_of_view([brain_mask()], backdrop), 45, 50, mirrored=False)
    grey = gather_background(raster, backdrop, view=view)
    columns, rows = raster.lines_mm()
    position = np.array([columns[22], rows[25], 0.7])
    value = map_coordinates(volume.values, volume.grid.to_voxels(position)[:, None], order=1)[0]
    share = (value - backdrop.dark) / (backdrop.bright - backdrop.dark)
    palette = view.palette
    expected = palette.dark + share * (palette.bright - palette.dark)
    assert grey[25, 22] == pytest.approx(expected, abs=1)
    assert grey[0, 0] == palette.page
    assert grey[25, 35] > grey[25, 10]  # brighter towards the right, as the template is


@pytest.mark.parametrize("turn", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_interpolation_along_the_axes_is_that_of_scipy(
    turn: tuple[int, int, int], axis: str
) -> None:
    rng = np.random.default_rng(1)
    values = rng.random((9, 11, 10)).astype(np.float32)
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag([2.0, -2.5, 3.0])[list(turn)]
    matrix[:3, 3] = -np.diag(matrix[:3, :3] @ np.diag([4.0, 5, 4.5]))
    grid = Grid(shape=values.shape, affine=matrix)
    field = field_of_view([Mask(space=grid, inside=np.ones(grid.shape, bool))], None)
    middle = float((field.low + field.high)["xyz".index(axis)] / 2) + 0.3
    raster = Raster(axis, middle, field, 31, 29, mirrored=True)  # type: ignore[arg-type]
    found = interpolate(values, raster, grid=grid)
    places = np.stack(voxels_of(raster, grid))
    last = np.array(grid.shape)[:, None, None] - 1
    inside = ((places >= 0) & (places <= last)).all(axis=0)
    assert inside.sum() > 300
    expected = map_coordinates(values, places, order=1)
    np.testing.assert_allclose(found[inside], expected[inside], atol=2e-5)


def test_missing_values_of_a_background_are_page() -> None:
    volume = template()
    values = np.where(volume.values == 0, np.nan, volume.values)
    backdrop = prepare_background(Volume(values=values, grid=volume.grid))
    raster = Raster("z", 0.0, field_of_view([brain_mask()], backdrop), 30, 30, mirrored=False)
    grey = gather_background(raster, backdrop, view=View())
    assert grey[0, 0] == View().palette.page
    assert grey[15, 15] < View().palette.page


def test_the_peak_is_the_strongest_survivor() -> None:
    panel = blob_map({(19.5, 1.5, 7.5): 6.0, (-16.5, 4.5, 1.5): -9.0}, radius_mm=2)
    assert peak_position([mean_map(), panel]) == pytest.approx((-16.5, 4.5, 1.5))


def test_without_survivors_the_peak_is_the_largest_magnitude() -> None:
    panel = blob_map({(19.5, 1.5, 7.5): 2.0}, radius_mm=2)
    assert panel.threshold.n_surviving == 0
    assert peak_position([panel]) == pytest.approx((19.5, 1.5, 7.5))


def test_default_cuts_go_through_a_small_cluster_and_stay_apart() -> None:
    panel = blob_map({(13.5, -7.5, 4.5): 6.0}, radius_mm=1)
    assert panel.threshold.n_surviving == 1
    cuts = mosaic_cuts([panel], View())
    assert 13.5 in cuts["x"]
    assert -7.5 in cuts["y"]
    assert 4.5 in cuts["z"]
    for positions in cuts.values():
        assert len(positions) == 7
        assert (np.diff(positions) > 0).all()


def test_default_cuts_of_a_descriptive_map_are_even_and_the_same_every_time() -> None:
    cuts = mosaic_cuts([mean_map()], View(n_slices=5))
    assert cuts == mosaic_cuts([mean_map()], View(n_slices=5))
    assert np.ptp(np.diff(cuts["z"])) <= 1.0
    assert min(cuts["z"]) < -9 and max(cuts["z"]) > 9


def test_cuts_that_are_asked_for_are_kept() -> None:
    cuts = mosaic_cuts([blob_map()], View(cuts={"z": (5, -5)}, axes=("z", "x"), n_slices=3))
    assert cuts["z"] == (5.0, -5.0)
    assert len(cuts["x"]) == 3
    assert "y" not in cuts


def test_a_survivor_that_is_smaller_than_a_pixel_is_still_shown() -> None:
    grid = Grid(shape=(60, 60, 5), affine=np.diag([0.5, 0.5, 0.5, 1]))
    mask = Mask(space=grid, inside=np.ones(grid.shape, bool))
    panel = blob_map({(10.5, 7.5, 1.0): 9.0}, radius_mm=0.1, mask=mask)
    assert panel.threshold.n_surviving == 1
    raster = Raster("z", 1.0, field_of_view([mask], None), 11, 11, mirrored=False)
    plain = gather_elements(raster, mask)
    shown = show_small_survivors(plain, raster=raster, heat_map=panel)
    found = int(np.flatnonzero(panel.threshold.survives)[0])
    assert found not in plain
    assert (shown == found).sum() == 1
