"""A scene says what is where: sides, millimetres, survivors, captions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heatlas.core.colour import value_faded
from heatlas.core.errors import DataError
from heatlas.core.space import Grid, Mask
from heatlas.show.compile import compile_scene
from heatlas.show.lettering import text_width
from heatlas.show.planes import field_of_view
from heatlas.show.raster import tile_pixels
from heatlas.show.scene import Scene, Tile
from heatlas.show.view import View
from tests.phantom import affine
from tests.show.ct import ct_grid, value_map, windowed
from tests.show.maps import SHAPE, blob_map, brain_mask, mean_map, template, with_values

RIGHT = {(18.0, 0.0, 6.0): 6.0}
BOTH = {(18.0, 0.0, 6.0): 6.0, (-15.0, 3.0, 0.0): -6.0}


def texts(scene: Scene) -> list[str]:
    return [word.text for word in scene.words]


def tiles_of(scene: Scene, axis: str) -> list[Tile]:
    return [tile for tile in scene.panels[0].tiles if tile.axis == axis]


def mean_column(tile: Tile, survives: np.ndarray) -> float:
    return float(np.nonzero(np.append(survives, False)[tile.elements])[1].mean())


@pytest.mark.parametrize("axis", ["z", "y"])
@pytest.mark.parametrize("left_is_left", [True, False])
@pytest.mark.parametrize("flip", [False, True])
def test_a_blob_on_the_right_is_drawn_on_the_side_of_the_r(
    axis: str, left_is_left: bool, flip: bool
) -> None:
    matrix = affine(shape=SHAPE)
    if flip:  # stored from right to left
        matrix = matrix @ np.array([
            [-1, 0, 0, SHAPE[0] - 1],
            [0, 1, 0, 0],
            [0, 0, 1, 0],
            [0, 0, 0, 1],
        ])
    panel = blob_map(RIGHT, mask=brain_mask(matrix=matrix))
    view = View(kind="ortho", left_is_left=left_is_left)
    scene = compile_scene([panel], view)
    (tile,) = tiles_of(scene, axis)
    column = mean_column(tile, panel.threshold.survives)
    width = tile.elements.shape[1]
    assert (column > width / 2) == left_is_left
    letters = {
        word.text: word.x
        for word in scene.words
        if word.text in "LR" and tile.left - 9 <= word.x <= tile.left + width + 9
    }
    assert (letters["R"] > letters["L"]) == left_is_left


def test_up_is_superior_and_right_is_anterior_on_sagittal_slices() -> None:
    panel = blob_map({(0.0, 18.0, 12.0): 6.0})
    (tile,) = tiles_of(compile_scene([panel], View(kind="ortho")), "x")
    rows, columns = np.nonzero(np.append(panel.threshold.survives, False)[tile.elements])
    height, width = tile.elements.shape
    assert rows.mean() < height / 2
    assert columns.mean() > width / 2


def test_positions_are_told_in_mm_with_their_side() -> None:
    scene = compile_scene([blob_map()], View(cuts={"x": (-24, 0, 16.5)}, axes=("x",)))
    assert [t for t in texts(scene) if t.startswith("x =")] == [
        "x = −24 mm (L)",
        "x = 0 mm",
        "x = 16.5 mm (R)",
    ]
    assert [tile.position_mm for tile in scene.panels[0].tiles] == [-24, 0, 16.5]


def test_a_position_next_to_zero_has_no_sign() -> None:
    scene = compile_scene([blob_map()], View(axes=("x",), cuts={"x": (-0.0004,)}))
    assert "x = 0 mm" in texts(scene)


def test_a_note_stands_at_the_foot() -> None:
    scene = compile_scene([blob_map()], View(note="Beneath: a template."))
    assert any(text.endswith("Beneath: a template.") for text in texts(scene))


def test_a_grid_of_unknown_unit_does_not_claim_millimetres() -> None:
    grid = Grid(shape=SHAPE, affine=affine(shape=SHAPE), unit="unknown")
    mask = Mask(space=grid, inside=brain_mask().inside)
    scene = compile_scene([blob_map(mask=mask)])
    assert not [text for text in texts(scene) if "mm" in text]
    assert [text for text in texts(scene) if text.startswith("z =")]


def test_both_letters_stand_by_every_axial_and_coronal_slice() -> None:
    scene = compile_scene([blob_map()])
    n = len(tiles_of(scene, "z")) + len(tiles_of(scene, "y"))
    assert texts(scene).count("L") == texts(scene).count("R") == n == 14


@pytest.mark.parametrize(("left_is_left", "words"), [(True, "Left is left."), (False, "radiolog")])
def test_the_convention_is_stated(left_is_left: bool, words: str) -> None:
    scene = compile_scene([blob_map()], View(left_is_left=left_is_left))
    assert any(words in text for text in texts(scene))


def test_orthogonal_planes_cross_at_the_peak_and_say_where() -> None:
    panel = blob_map({(13.5, -7.5, 4.5): 6.0}, radius_mm=1)
    scene = compile_scene([panel], View(kind="ortho"))
    assert {"x = 13.5 mm (R)", "y = −7.5 mm", "z = 4.5 mm"} <= set(texts(scene))
    assert [path.role for path in scene.paths].count("cross-hair") == 12


def test_orthogonal_planes_cross_where_they_are_asked_to() -> None:
    scene = compile_scene([blob_map()], View(kind="ortho", position_mm=(1, 2, 3)))
    assert {tile.axis: tile.position_mm for tile in scene.panels[0].tiles} == {
        "x": 1,
        "y": 2,
        "z": 3,
    }


def test_outlines_are_solid_for_plus_and_dashed_for_minus() -> None:
    scene = compile_scene([blob_map(BOTH)])
    solid = [path for path in scene.paths if path.role == "outline +"]
    dashed = [path for path in scene.paths if path.role == "outline -"]
    assert solid and dashed
    assert all(path.closed and not path.dash for path in solid)
    assert all(path.closed and path.dash for path in dashed)


def test_an_outline_lies_around_the_blob_of_its_sign() -> None:
    scene = compile_scene([blob_map(BOTH)], View(cuts={"z": (3.0,)}, axes=("z",)))
    (tile,) = scene.panels[0].tiles
    middle = tile.left + tile.elements.shape[1] / 2
    for path in scene.paths:
        if path.role == "outline +":
            assert (path.points[:, 0] > middle).all()
        if path.role == "outline -":
            assert (path.points[:, 0] < middle).all()


def test_one_surviving_voxel_has_an_outline() -> None:
    scene = compile_scene([blob_map({(13.5, -7.5, 4.5): -6.0}, radius_mm=1)])
    assert len([path for path in scene.paths if path.role == "outline -"]) == 3
    assert "1 voxel (0 +, 1 −) survives" in texts(scene)


def test_an_empty_result_is_said_on_the_figure_in_heavy_letters() -> None:
    scene = compile_scene([blob_map({})])
    (said,) = [word for word in scene.words if word.text == "no voxel survives"]
    assert said.bold
    assert not [path for path in scene.paths if path.role.startswith("outline")]


def test_descriptive_maps_are_neither_outlined_nor_counted() -> None:
    scene = compile_scene([mean_map()])
    assert not [path for path in scene.paths if path.role.startswith("outline")]
    assert not [text for text in texts(scene) if "survive" in text]
    assert not scene.panels[0].judged


def test_the_caption_with_n_of_each_group_stands_under_the_panel() -> None:
    panel = blob_map(BOTH)
    scene = compile_scene([panel], View(width_px=600))
    words = " ".join(texts(scene))
    assert "n = 22 (12 a, 10 b), df = 20" in words
    assert scene.panels[0].caption == panel.caption()
    without = compile_scene([panel], View(captions=False))
    assert "n = 22" not in " ".join(texts(without))


def test_no_words_leave_the_canvas() -> None:
    for width in (1270, 640):
        scene = compile_scene([mean_map(), blob_map(BOTH)], View(width_px=width))
        for word in scene.words:
            if word.upright:
                continue
            length = text_width(word.text, size=word.size, bold=word.bold)
            start = word.x - {"left": 0, "centre": length / 2, "right": length}[word.align]
            assert start >= 0
            assert start + length <= scene.width, word.text
            assert word.y < scene.height


def test_without_background_the_shape_of_the_mask_is_grey() -> None:
    scene = compile_scene([blob_map()])
    palette = View().palette
    for tile in scene.panels[0].tiles:
        assert set(np.unique(tile.grey[tile.elements >= 0])) <= {palette.backdrop}
        assert (tile.grey[tile.elements < 0] == palette.page).all()


def test_panels_show_the_same_slices() -> None:
    scene = compile_scene([mean_map(), blob_map(BOTH)], background=template())
    first, second = ([(t.axis, t.position_mm) for t in p.tiles] for p in scene.panels)
    assert first == second


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 40, 1), (3, 2, 5)])
def test_tiny_maps_can_be_drawn(shape: tuple[int, int, int]) -> None:
    mask = Mask(space=Grid(shape=shape, affine=affine(shape=shape)), inside=np.ones(shape, bool))
    for view in (View(), View(kind="ortho")):
        scene = compile_scene([blob_map({(0.0, 0.0, 0.0): 5.0}, mask=mask)], view)
        assert all((tile.elements >= 0).any() for tile in scene.panels[0].tiles)


def test_a_fine_grid_costs_no_more_pixels() -> None:
    grid = Grid(shape=(200, 220, 180), affine=np.diag([0.3, 0.3, 0.3, 1]))
    inside = np.zeros(grid.shape, bool)
    inside[20:180, 20:200, 20:160] = True
    scene = compile_scene([mean_map(mask=Mask(space=grid, inside=inside))])
    assert scene.width * scene.height < 1_500_000


def test_missing_values_show_the_background() -> None:
    panel = blob_map()
    holes = with_values(panel, np.where(panel.shown.values > 3, np.nan, panel.shown.values))
    scene = compile_scene([holes], background=template())
    opacity = scene.panels[0].opacity
    assert (opacity[np.isnan(holes.shown.values)] == 0).all()
    assert "no voxel survives" in texts(scene)


def test_an_oblique_grid_is_cut_in_mm() -> None:
    matrix = np.array([
        [2, 0.6, 0.1, -26],
        [-0.6, 2, 0.3, -20],
        [0.1, -0.3, 2.4, -22],
        [0, 0, 0, 1.0],
    ])
    mask = brain_mask(matrix=matrix)
    positions = mask.positions_mm()
    values = np.where(positions[:, 0] > positions[:, 0].mean(), 5.0, -5.0)
    scene = compile_scene(
        [with_values(blob_map(mask=mask), values)],
        View(kind="ortho", position_mm=tuple(positions.mean(axis=0))),
    )
    (tile,) = tiles_of(scene, "z")
    shown = np.append(values, 0)[tile.elements]
    field = field_of_view([mask], None)
    columns = np.linspace(field.low[0], field.high[0], shown.shape[1]) - positions[:, 0].mean()
    clear = np.abs(columns) > 4  # mm; nearer, voxels reach over the border
    drawn = shown != 0
    assert (np.sign(shown) == np.sign(columns))[drawn & clear].all()
    assert (drawn & clear).sum() > 1000


def test_no_panel_is_refused() -> None:
    with pytest.raises(DataError, match="no heat map"):
        compile_scene([])


def test_the_side_is_left_out_where_a_slice_is_too_narrow_for_it() -> None:
    panels = [blob_map(BOTH), replace(blob_map(BOTH), title="again")]
    scene = compile_scene(panels, View(width_px=560))
    sagittal = [text for text in texts(scene) if text.startswith("x =")]
    assert sagittal
    assert not [text for text in sagittal if "(" in text]


# -------------------------------------------------------------------------------- windows


def radiological(**changes: object) -> View:
    """CT as it is looked at by default, with something changed."""
    settings: dict = {"kind": "stored", "left_is_left": False, "theme": "dark", "scale_bar": True}
    return View(**{**settings, **changes})


@pytest.mark.parametrize("left_is_left", [True, False])
def test_a_blob_on_the_right_of_a_tilted_ct_is_drawn_on_the_side_of_the_r(
    left_is_left: bool,
) -> None:
    grid = ct_grid((60, 64, 8))
    values = np.zeros(grid.shape)
    right = grid.to_mm(np.stack(np.indices(grid.shape), axis=-1))[..., 0].max()
    values[0, 30, 4] = 1  # stored from right to left
    assert grid.to_mm([0, 30, 4])[0] == right
    panel = value_map(values, grid)
    view = radiological(left_is_left=left_is_left, slices=(5,))
    scene = compile_scene([panel], view, background=windowed(grid=grid))
    (tile,) = scene.panels[0].tiles
    columns = np.nonzero(panel.shown.values[tile.elements] == 1)[1]
    width = tile.elements.shape[1]
    assert (columns.mean() > width / 2) == left_is_left
    letters = {word.text: word.x for word in scene.words if word.text in "LR"}
    assert (letters["R"] > letters["L"]) == left_is_left


def test_stored_slices_say_number_millimetres_tilt_window_and_opacity() -> None:
    grid = ct_grid((60, 64, 8))
    panel = value_map(np.random.default_rng(0).random(grid.shape), grid)
    panel = replace(panel, scale=value_faded(panel.scale, contours=(0.5,)))
    scene = compile_scene([panel], radiological(slices=(3,)), background=windowed(grid=grid))
    said = " ".join(texts(scene))
    mm = round(float(grid.to_mm([29.5, 31.5, 2])[2]), 1)
    assert f"3: z = {mm:.1f}".replace("-", "−").removesuffix(".0") in said
    for words in (
        "Left is right",
        "Grey: brain (centre 40, width 80 HU), black at 0 HU, white at 80 HU.",
        "1 is the most inferior. They are tilted by 18.0° against the axial plane",
        "Opacity is proportional to the magnitude, as on the bar.",
        "≥ 0.5",
        "10 mm",
    ):
        assert words in said
    assert scene.tissue == (0, 255)
    assert scene.panels[0].tiles[0].number == 2


@pytest.mark.parametrize(("shape", "size"), [((512, 512, 1), 512), ((256, 256, 1), 512)])
def test_a_voxel_of_a_stored_slice_takes_a_whole_number_of_pixels(
    shape: tuple[int, int, int], size: int
) -> None:
    grid = ct_grid(shape, tilt_degrees=0)
    scene = compile_scene(
        [value_map(np.ones(shape), grid)], radiological(), background=windowed(grid=grid)
    )
    (tile,) = scene.panels[0].tiles
    assert tile.grey.shape == (size, size)
    assert scene.width < size + 220  # no wider than what stands on it


def test_an_opaque_value_of_a_full_slice_has_its_colour_pixel_by_pixel() -> None:
    grid = ct_grid((64, 60, 1), tilt_degrees=0)
    values = np.random.default_rng(5).random(grid.shape)
    panel = value_map(values, grid)
    scene = compile_scene([panel], radiological(), background=windowed(grid=grid))
    (tile,) = scene.panels[0].tiles
    factor = tile.grey.shape[0] // 60
    expected = panel.scale.colours(values[:, :, 0].T[::-1])
    np.testing.assert_array_equal(
        tile_pixels(scene.panels[0], tile), expected.repeat(factor, axis=0).repeat(factor, axis=1)
    )


def test_a_mosaic_over_a_window_shows_the_window_and_cuts_through_the_peak() -> None:
    ct = Grid(shape=(40, 44, 30), affine=affine(2.0, (40, 44, 30)))
    inside = np.full(ct.shape, -1000, np.float32)
    inside[8:32, 10:34, 6:24] = 40
    wide = Grid(shape=(30, 30, 30), affine=affine(6.0, (30, 30, 30)))
    values = np.zeros(wide.shape)
    values[16, 15, 16] = 1.0
    panel = value_map(values, wide)
    panel = replace(panel, scale=value_faded(panel.scale))
    view = radiological(kind="mosaic", n_slices=5)
    scene = compile_scene([panel], view, background=windowed(inside, grid=ct))
    x, y, z = wide.to_mm([16, 15, 16]).tolist()
    for axis, mm in zip("xyz", (x, y, z), strict=True):
        places = [tile.position_mm for tile in tiles_of(scene, axis)]
        assert mm in places
        assert max(abs(place) for place in places) < 30  # within the bright box, not the map's


def test_a_noticeable_part_of_a_map_beyond_the_window_is_not_cropped() -> None:
    ct = Grid(shape=(20, 20, 20), affine=affine(2.0, (20, 20, 20)))
    bright = np.full(ct.shape, -1000, np.float32)
    bright[8:12, 8:12, 8:12] = 40
    values = np.zeros(ct.shape)
    values[1, 10, 10] = 1.0  # in the air
    panel = value_map(values, ct)
    panel = replace(panel, scale=value_faded(panel.scale))
    view = radiological(kind="ortho")
    scene = compile_scene([panel], view, background=windowed(bright, grid=ct))
    seen = np.unique(np.concatenate([t.elements.ravel() for t in scene.panels[0].tiles]))
    assert panel.shown.values[seen[seen >= 0]].max() == 1


def test_stored_slices_are_drawn_without_a_background_and_over_a_plain_one() -> None:
    panel = blob_map()
    view = View(kind="stored", slices=(12,))
    plain = compile_scene([panel], view).panels[0].tiles[0]
    over = compile_scene([panel], view, background=template()).panels[0].tiles[0]
    np.testing.assert_array_equal(plain.elements, over.elements)
    assert over.grey.std() > 0
    assert "L" in texts(compile_scene([panel], view))  # under the slice, where nothing is dark


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_bar_over_a_window_lies_on_a_middle_grey_in_both_themes(theme: str) -> None:
    grid = ct_grid((60, 64, 2))
    panel = value_map(np.random.default_rng(0).random(grid.shape), grid)
    scene = compile_scene([panel], radiological(theme=theme), background=windowed(grid=grid))
    assert [bar.backdrop for bar in scene.bars] == [96]
