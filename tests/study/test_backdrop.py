"""The template lies beneath a map only where something says so, and that is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.core.space import Grid, Mask
from heatlas.io.templates import template_brain_mask
from heatlas.study.backdrop import choose_background, mni_reason
from heatlas.study.mapfile import read_map
from tests.phantom import SHAPE, affine, ball
from tests.study.images import signed_map, write_nifti


def ball_at(x_mm: float, *, template: str | None = None, turn: float = 0.0) -> Mask:
    """A ball of voxels in a grid whose middle lies at (x, 0, 20) mm."""
    matrix = affine()
    matrix[:3, 3] += (x_mm, 0, 20)
    cos, sin = np.cos(turn), np.sin(turn)
    rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    matrix[:3, :3] = rotation @ matrix[:3, :3]
    grid = Grid(shape=SHAPE, affine=matrix, template=template)
    return Mask(space=grid, inside=ball(SHAPE, radius=4))


def test_the_header_decides() -> None:
    assert "header" in mni_reason(ball_at(500, template="MNI152"))
    assert mni_reason(ball_at(0, template="Talairach")) == ""


def test_a_map_inside_the_template_brain_is_assumed_to_be_mni() -> None:
    reason = mni_reason(ball_at(0))
    assert reason == "assumed: 100 % of the map lies within its brain"


def test_a_box_full_of_values_has_no_shape_to_go_by() -> None:
    grid = ball_at(0).grid
    assert mni_reason(Mask(space=grid, inside=np.ones(SHAPE, bool))) == ""


def test_a_map_elsewhere_is_not() -> None:
    assert mni_reason(ball_at(80)) == ""


def test_a_tilted_scan_is_not() -> None:
    assert mni_reason(ball_at(0, turn=0.1)) == ""


@pytest.mark.parametrize("voxel_mm", [1, 2])
def test_a_box_of_mni_images_is_known(voxel_mm: int) -> None:
    matrix = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    matrix[:3, 3] = (-90, -126, -72)
    shape = tuple(180 // voxel_mm + 1 if k != 1 else 216 // voxel_mm + 1 for k in range(3))
    grid = Grid(shape=(shape[0], shape[1], shape[2]), affine=matrix)
    assert "box" in mni_reason(Mask(space=grid, inside=np.ones(shape, bool)))


def test_a_grid_without_millimetres_never_gets_the_template() -> None:
    grid = Grid(shape=SHAPE, affine=affine(), unit="unknown")
    assert mni_reason(Mask(space=grid, inside=np.ones(SHAPE, bool))) == ""


def test_what_the_reader_asks_for_is_taken() -> None:
    mask = ball_at(500)
    assert choose_background(mask).volume is None
    assert choose_background(mask, template="none").words == "none, as asked"
    asked = choose_background(mask, template="MNI152")
    assert asked.volume is not None
    assert "as asked" in asked.sentence


def test_any_image_may_lie_beneath(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "t1.nii.gz", signed_map())
    background = choose_background(ball_at(0), template=path)
    assert background.volume is not None
    assert background.words == "t1 (as asked)"


def test_an_unknown_template_names_the_known_ones() -> None:
    with pytest.raises(DataError, match="'MNI15' is neither MNI152.*nor an image file"):
        choose_background(ball_at(0), template="MNI15")


def test_the_template_brain_lies_in_its_own_brain() -> None:
    brain = template_brain_mask(resolution_mm=4)
    grid = Grid(shape=brain.grid.shape, affine=brain.grid.affine)
    assert mni_reason(Mask(space=grid, inside=brain.inside)) != ""


@pytest.mark.parametrize(
    ("name", "is_mni"),
    [
        ("stat_maps/image_10426.nii.gz", True),
        ("stat_maps/motor_lips.nii.gz", True),
        ("stat_maps/tstat1.nii.gz", False),
        ("receptors/DAT_fpcit_hc174_dukart_spect.nii.gz", True),
        ("lesions/Subject_002.nii.gz", True),
        ("depression/t1/sub-04_T1w.nii.gz", False),
        ("formats/wm.mgz", False),
    ],
)
def test_real_maps_are_placed_rightly(real_data: Path, name: str, is_mni: bool) -> None:
    mask = read_map(real_data / name).stat_map.mask
    assert bool(mni_reason(mask)) is is_mni
