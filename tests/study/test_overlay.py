"""A map lies over CT where its millimetres say, keeps its values, and says what it is."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.space import Grid
from heatlas.core.volume import Volume
from heatlas.io.nifti import read_volume
from heatlas.io.picture import read_provenance
from heatlas.show.window import WindowedVolume
from heatlas.study.overlay import (
    CT_VIEW,
    Look,
    colour_ct,
    draw_overlay,
    lay_over,
    map_on_ct,
    slices_at,
    write_colours,
    write_map_on_ct,
    write_overlay,
)
from tests.show.ct import ct_grid, windowed
from tests.study.images import write_nifti
from tests.study.test_mapfile import own_map

CT_SHAPE = (64, 60, 8)
ONE = replace(CT_VIEW, slices=(4,))


def head_ct(shape: tuple[int, int, int] = CT_SHAPE) -> WindowedVolume:
    """Tissue in air on a tilted grid."""
    values = np.full(shape, -1000, np.float32)
    values[8:-8, 8:-8] = 35
    return windowed(values, grid=ct_grid(shape))


def blob_on(
    grid: Grid, centre_mm: np.ndarray, *, fwhm_mm: float = 9.0, name: str = "cam"
) -> Volume:
    """A Gaussian of height 1 around a place."""
    positions = grid.to_mm(np.stack(np.indices(grid.shape), axis=-1))
    distance = np.linalg.norm(positions - centre_mm, axis=-1)
    values = np.exp(-4 * np.log(2) * (distance / fwhm_mm) ** 2)
    return Volume(values=values.astype(np.float32), grid=grid, name=name)


def coarse_grid() -> Grid:
    """A grid of its own, oblique to the CT and with other voxels, that holds it."""
    affine = np.array([[0, 3.0, 0.3, -45], [2.5, 0.2, 0, -30], [0, 0.1, 3.0, -30], [0, 0, 0, 1]])
    return Grid(shape=(20, 22, 24), affine=affine)


def middle_of(ct: WindowedVolume, slice_number: int = 4) -> np.ndarray:
    """The middle of a slice in mm."""
    shape = ct.volume.grid.shape
    return ct.volume.grid.to_mm([(shape[0] - 1) / 2, (shape[1] - 1) / 2, slice_number - 1])


def test_a_map_on_another_grid_peaks_at_its_millimetres_on_the_ct() -> None:
    ct = head_ct()
    planted = middle_of(ct) + np.array([6.0, -4.0, 0.0])
    moved = map_on_ct(blob_on(coarse_grid(), planted), ct.volume)
    assert moved.grid is ct.volume.grid
    weights = np.where(moved.values > 0.5, moved.values, 0)
    voxels = np.stack(np.indices(moved.grid.shape), axis=-1)
    centre = (voxels * weights[..., None]).sum(axis=(0, 1, 2)) / weights.sum()
    assert np.linalg.norm(moved.grid.to_mm(centre) - planted) < 0.6  # a fifth of its voxels


def test_linear_maps_are_reproduced_and_missing_values_are_never_mixed_in() -> None:
    ct, grid = head_ct(), coarse_grid()
    positions = grid.to_mm(np.stack(np.indices(grid.shape), axis=-1))
    ramp = 5 + positions @ np.array([0.1, -0.2, 0.3])
    ramp[:8] = np.nan
    moved = map_on_ct(Volume(values=ramp, grid=grid, name="ramp"), ct.volume)
    there = ct.volume.grid.to_mm(np.stack(np.indices(CT_SHAPE), axis=-1))
    expected = 5 + there @ np.array([0.1, -0.2, 0.3])
    known = np.isfinite(moved.values)
    assert 0.1 < known.mean() < 0.98
    voxels = grid.to_voxels(there)
    inner = ((voxels > (8.01, 0, 0)) & (voxels < np.array(grid.shape) - 1)).all(axis=-1)
    np.testing.assert_allclose(moved.values[known & inner], expected[known & inner], atol=1e-6)
    assert np.abs(moved.values - expected)[known].max() < 1.5  # at the border: the nearest known


def test_labels_are_taken_from_the_nearest_voxel() -> None:
    ct, grid = head_ct(), coarse_grid()
    labels = np.random.default_rng(0).integers(0, 5, grid.shape).astype(np.float32)
    moved = map_on_ct(Volume(values=labels, grid=grid, name="atlas"), ct.volume)
    assert set(np.unique(moved.values[np.isfinite(moved.values)])) == {0, 1, 2, 3, 4}
    assert moved.provenance.steps[-1].parameters["interpolation"] == "nearest"


def test_a_map_elsewhere_is_refused_in_one_sentence_with_both_boxes() -> None:
    ct = head_ct()
    far = coarse_grid()
    far = replace(far, affine=far.affine + 400 * np.eye(4, k=3))
    with pytest.raises(SpaceMismatchError) as error:
        draw_overlay(ct, blob_on(far, np.zeros(3)))
    words = str(error.value)
    assert words.startswith("The map does not overlap the CT: 'cam' lies within x 35")
    assert "the CT within x −27 to 5, y −6 to 22, z −12 to 29 mm" in words
    with pytest.raises(SpaceMismatchError, match="does not overlap"):
        map_on_ct(blob_on(far, np.zeros(3)), ct.volume)


def test_a_ct_that_lies_between_the_voxels_of_a_coarse_map_overlaps_it() -> None:
    huge = Grid(shape=(3, 3, 3), affine=np.diag([100.0, 100, 100, 1]) - 130 * np.eye(4, k=3))
    ct = head_ct((20, 20, 1))
    volume = Volume(values=np.arange(27.0).reshape(3, 3, 3) + 0.5, grid=huge, name="huge")
    heat_map, notes = lay_over(ct, volume)
    assert notes == ()
    assert heat_map.shown.mask.grid is huge


def test_a_partly_covering_map_says_how_much_of_it_is_seen() -> None:
    ct = head_ct()
    picture = draw_overlay(ct, blob_on(coarse_grid(), middle_of(ct)), view=ONE)
    (note,) = picture.notes
    assert note.startswith("Only ") and note.endswith("% of the map lies within the CT.")


def test_zero_is_a_value_of_saliency_and_no_background(tmp_path: Path) -> None:
    values = np.zeros((12, 14, 10), np.float32)
    values[6, 7, 5] = 1
    path = write_nifti(tmp_path / "cam.nii.gz", values)
    ct = windowed(np.full((12, 14, 10), 40, np.float32), grid=read_volume(path).grid)
    heat_map, _ = lay_over(ct, path)
    assert heat_map.shown.mask.size == values.size
    assert heat_map.scale.ramp == "value"
    assert heat_map.scale.opacity([0.0, 0.5, 1.0]).tolist() == pytest.approx([0, 0.375, 0.75])


def test_a_judged_map_of_ours_keeps_its_judgement_and_its_own_fade(tmp_path: Path) -> None:
    path = own_map(tmp_path)
    grid = read_volume(path).grid
    ct = windowed(np.full(grid.shape, 40, np.float32), grid=grid)
    heat_map, _ = lay_over(ct, path, look=Look(outline=2.0))
    assert "FWE" in heat_map.caption()
    assert (heat_map.scale.ramp, heat_map.scale.ceiling) == ("evidence", 1.0)
    assert heat_map.scale.contours == (-2.0, 2.0)
    cut, _ = lay_over(ct, path, look=Look(threshold=3.0, alpha=0.5))
    assert "chosen by the user" in cut.caption()
    assert cut.scale.ceiling == 0.5


def test_a_heat_map_keeps_its_colours() -> None:
    ct = head_ct()
    heat_map, _ = lay_over(ct, blob_on(ct.volume.grid, middle_of(ct)), look=Look(table="viridis"))
    again, _ = lay_over(ct, heat_map)
    assert again is heat_map


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"alpha": 0.0}, "alpha: 0 given"),
        ({"alpha": 1.2}, "alpha: 1.2 given"),
        ({"outline": -1.0}, "outline: -1 given"),
        ({"limit": 0.0}, "limit: 0 given"),
        ({"threshold": -0.1}, "threshold: -0.1 given"),
        ({"fade": "slow"}, "fade: 'slow'"),
    ],
)
def test_a_look_that_makes_no_sense_is_refused(settings: dict, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Look(**settings)


def test_an_rgb_image_is_no_map(tmp_path: Path) -> None:
    rgb = np.zeros((4, 4, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(rgb, np.eye(4)), tmp_path / "rgb.nii.gz")
    with pytest.raises(DataError, match="holds RGB colours, which are no measurements"):
        draw_overlay(head_ct(), tmp_path / "rgb.nii.gz")


def test_a_map_without_a_finite_value_is_refused() -> None:
    ct = head_ct()
    empty = Volume(values=np.full(CT_SHAPE, np.nan), grid=ct.volume.grid, name="nothing")
    with pytest.raises(DataError, match="'nothing' holds no finite value"):
        draw_overlay(ct, empty)


def test_the_figure_is_radiological_dark_and_says_how_it_was_made(tmp_path: Path) -> None:
    ct = head_ct()
    out = tmp_path / "overlay.png"
    picture = draw_overlay(ct, blob_on(ct.volume.grid, middle_of(ct)), view=ONE, out=out)
    pixels = np.asarray(Image.open(out))
    assert (pixels[0] == 16).all()
    step = read_provenance(out).steps[-1]
    assert step.parameters["window"] == [0.0, 80.0] or step.parameters["window"] == (0.0, 80.0)
    assert step.parameters["left_is_left"] is False
    assert tuple(step.parameters["slices"]) == (4,)
    assert picture.background == "ct"


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_the_same_overlay_gives_the_same_bytes(tmp_path: Path, ending: str) -> None:
    ct = head_ct()
    source = blob_on(coarse_grid(), middle_of(ct))
    first = draw_overlay(ct, source, view=ONE, out=tmp_path / f"a{ending}")
    second = draw_overlay(ct, source, view=ONE, out=tmp_path / f"b{ending}")
    assert first.content == second.content == (tmp_path / f"a{ending}").read_bytes()


def test_intensity_in_jet_says_its_verdict_and_that_no_model_is_behind_it() -> None:
    picture = colour_ct(head_ct(), table="jet", view=ONE)
    assert any("no model and no statistic" in note for note in picture.notes)
    assert any("The colours of 'jet' fail" in note for note in picture.notes)
    scale = picture.heat_map.scale
    assert (scale.low, scale.high, scale.label) == (0.0, 80.0, "CT number (HU)")
    assert picture.caption == "CT number map in HU of ct"
    default = colour_ct(head_ct(), view=ONE)
    assert not any("colours of" in note for note in default.notes)


def test_padding_is_hatched_in_an_intensity_map_and_no_value() -> None:
    ct = head_ct()
    values = ct.volume.values.copy()
    values[:10] = np.nan
    padded = replace(ct, volume=replace(ct.volume, values=values))
    picture = colour_ct(padded, view=ONE)
    pixels = np.asarray(Image.open(io.BytesIO(picture.content)))
    greys = (pixels == pixels[..., :1]).all(axis=-1)
    hatch = greys & np.isin(pixels[..., 0], (34, 74))
    assert hatch.sum() > 10 * 60 * 20
    assert picture.heat_map.shown.mask.size == values.size - 10 * 60 * 8


def test_the_map_is_written_on_the_grid_of_the_ct_with_its_story(tmp_path: Path) -> None:
    ct = head_ct()
    source = blob_on(coarse_grid(), middle_of(ct))
    out = tmp_path / "heatmap.nii.gz"
    written = write_map_on_ct(out, source, ct=ct.volume)
    again = read_volume(out)
    np.testing.assert_allclose(nib.load(out).affine, ct.volume.grid.affine, atol=1e-5)
    np.testing.assert_array_equal(again.values, written.values[::-1])  # read from left to right
    assert read_provenance(out).steps[-1].name == "resample"
    with pytest.raises(DataError, match="exists already"):
        write_map_on_ct(out, source, ct=ct.volume)
    with pytest.raises(DataError, match="an input, which is never replaced"):
        write_map_on_ct(out, out, ct=ct.volume, overwrite=True)


def test_slices_are_found_by_their_positions_from_one() -> None:
    volume = head_ct().volume
    places = np.array([
        middle_of(head_ct(), 3),
        middle_of(head_ct(), 3) + 0.4,
        middle_of(head_ct(), 8),
    ])
    assert slices_at(volume, places) == (3, 8)
    assert slices_at(volume, np.empty((0, 3))) == ()


def test_overlay_and_map_are_written_together_and_replaced_only_when_told(tmp_path: Path) -> None:
    ct = head_ct()
    source = blob_on(coarse_grid(), middle_of(ct))
    files, notes = write_overlay(tmp_path, source, ct=ct, view=ONE)
    assert [path.name for path in files] == ["overlay.png", "overlay.svg", "heatmap.nii.gz"]
    assert all(path.stat().st_size > 1000 for path in files)
    assert "of the map lies within the CT" in notes[0]
    with pytest.raises(DataError, match="exists already"):
        write_overlay(tmp_path, source, ct=ct, view=ONE)
    again, _ = write_overlay(tmp_path, source, ct=ct, view=ONE, overwrite=True)
    assert again == files
    with pytest.raises(DataError, match="an input, which is never replaced"):
        write_overlay(tmp_path, tmp_path / "heatmap.nii.gz", ct=ct, overwrite=True)


def test_ct_in_colours_is_written_as_two_figures(tmp_path: Path) -> None:
    files, notes = write_colours(tmp_path, head_ct(), table="jet", view=ONE, overwrite=False)
    assert [path.name for path in files] == ["colours.png", "colours.svg"]
    assert "fail" in notes[1]
    with pytest.raises(DataError, match="exists already"):
        write_colours(tmp_path, head_ct(), table="jet", view=ONE, overwrite=False)


def test_the_name_of_a_map_file_is_written_nowhere(tmp_path: Path) -> None:
    ct = head_ct()
    blob = blob_on(ct.volume.grid, ct.volume.grid.to_mm(np.array([[30, 30, 4]]))[0])
    path = write_nifti(tmp_path / "jane-doe.nii.gz", np.array(blob.values), matrix=blob.grid.affine)
    write_map_on_ct(tmp_path / "heatmap.nii.gz", path, ct=ct.volume)
    picture = draw_overlay(ct, path, view=ONE)
    sidecar = (tmp_path / "heatmap.json").read_text()
    assert "sha256" in sidecar and "jane" not in sidecar
    assert b"jane" not in picture.content and "jane" not in picture.caption
    assert "jane" not in str(picture.heat_map.provenance.to_json())
