"""One map to one figure: right kind, right words, provenance inside, nothing replaced by guess."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

import heatlas
from heatlas.core.errors import DataError, NotSupportedError, UnknownNameError
from heatlas.core.heatmap import heat_map_of
from heatlas.core.space import Grid
from heatlas.core.volume import Volume
from heatlas.show.view import View
from heatlas.study.mapfile import read_map, stat_map_of
from heatlas.study.show import draw, figure_ending, figure_path, heat_map_png
from tests.phantom import SHAPE, affine
from tests.study.images import signed_map, write_nifti
from tests.study.test_mapfile import own_map

VOLUME = Volume(values=signed_map(), grid=Grid(shape=SHAPE, affine=affine()), name="blob")


@pytest.fixture
def z_map(tmp_path: Path) -> Path:
    """A z map with one voxel of 6 and one of -5."""
    return write_nifti(tmp_path / "zmap.nii.gz", signed_map(), intent=("z score", ()))


def test_the_caption_says_what_is_seen_and_who_chose_the_cut(z_map: Path) -> None:
    picture = draw(z_map, threshold=3)
    assert picture.caption == (
        "z map of zmap, two-sided, |z| > 3, a cut chosen by the user, uncorrected, "
        "2 voxels (1 +, 1 −)"
    )


def test_without_a_cut_nothing_is_judged(z_map: Path) -> None:
    assert draw(z_map).caption == "z map of zmap"


def test_a_map_of_ours_shows_its_own_judgement(tmp_path: Path) -> None:
    picture = draw(own_map(tmp_path))
    assert "n = 72 (51 depr, 21 control), df = 67" in picture.caption
    assert "voxelwise FWE p < .05" in picture.caption


def test_the_readers_cut_replaces_the_judgement_of_the_sidecar(tmp_path: Path) -> None:
    caption = draw(own_map(tmp_path), threshold=5.5).caption
    assert "chosen by the user" in caption
    assert "FWE" not in caption


def test_a_map_without_negative_values_has_one_tail(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "pet.nii.gz", np.abs(signed_map()))
    picture = draw(path, threshold=3)
    assert "value > 3" in picture.caption
    assert "|value|" not in picture.caption
    assert picture.heat_map.scale.kind == "sequential"


@pytest.mark.parametrize(
    ("ending", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")]
)
def test_the_ending_decides_the_kind_of_figure(z_map: Path, ending: str, start: bytes) -> None:
    out = z_map.with_name(f"figure{ending}")
    picture = draw(z_map, out=out)
    assert out.read_bytes() == picture.content
    assert picture.content.startswith(start)


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_the_same_map_gives_the_same_bytes(z_map: Path, ending: str) -> None:
    first = draw(z_map, out=z_map.with_name(f"a{ending}"), threshold=3)
    second = draw(z_map, out=z_map.with_name(f"b{ending}"), threshold=3)
    assert first.content == second.content


@pytest.mark.parametrize("ending", [".html", ".glb", ".gif", ".mp4"])
def test_kinds_of_a_later_version_are_named(ending: str) -> None:
    with pytest.raises(NotSupportedError, match="a later version"):
        figure_ending(Path(f"figure{ending}"))


def test_other_endings_name_the_known_ones() -> None:
    with pytest.raises(NotSupportedError, match=r"\.png, \.svg, \.pdf"):
        figure_ending(Path("figure.bmp"))


def test_without_a_name_the_figure_is_called_like_the_map(
    z_map: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert figure_path(z_map) == Path("zmap.png")
    Path("zmap.png").touch()
    with pytest.raises(DataError, match="exists already"):
        figure_path(z_map)
    assert figure_path(z_map, out=Path("zmap.png")) == Path("zmap.png")


@pytest.mark.parametrize("options", [{"threshold": -1.0}, {"threshold": np.nan}, {"limit": 0.0}])
def test_cuts_and_limits_that_make_no_sense_are_refused(
    z_map: Path, options: dict[str, float]
) -> None:
    with pytest.raises(DataError, match="expected a magnitude"):
        draw(z_map, **options)  # type: ignore[arg-type]


def test_an_unknown_colour_table_names_the_nearest(z_map: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'vik'"):
        draw(z_map, table="vikk")


def test_the_limit_saturates(z_map: Path) -> None:
    scale = draw(z_map, limit=4).heat_map.scale
    assert (scale.low, scale.high) == (-4, 4)
    assert scale.saturates_high


def test_volumes_stat_maps_and_heat_maps_are_drawn_alike() -> None:
    stat_map = stat_map_of(VOLUME)
    pictures = [draw(source).content for source in (VOLUME, stat_map)]
    assert pictures[0] == pictures[1]
    assert draw(heat_map_of(stat_map, title="blob")).content == pictures[0]


def test_one_volume_of_several_is_drawn(tmp_path: Path) -> None:
    values = np.stack([signed_map(), 2 * signed_map()], axis=-1)
    path = write_nifti(tmp_path / "two.nii.gz", values)
    picture = draw(read_map(path, volume=1))
    assert picture.heat_map.scale.true_high == pytest.approx(12)


def test_a_heat_map_shows_itself_in_notebooks() -> None:
    heat_map = heat_map_of(stat_map_of(VOLUME), title="blob")
    assert heat_map._repr_png_() == heat_map_png(heat_map)
    assert heatlas.draw(heat_map)._repr_png_() == heat_map_png(heat_map)


def test_a_figure_says_what_lies_beneath_and_why(z_map: Path) -> None:
    picture = draw(z_map)
    assert picture.background.startswith("MNI ICBM152")
    assert "assumed" in picture.background
    svg = draw(z_map, out=z_map.with_name("a.svg")).content.decode()
    assert "Beneath: MNI ICBM152" in svg


def test_the_view_decides_size_and_sides(z_map: Path) -> None:
    out = z_map.with_name("big.png")
    draw(z_map, out=out, view=View(kind="ortho", scale=2, width_px=600, left_is_left=False))
    with Image.open(out) as image:
        assert image.width == 1200
    steps = heatlas.inspect_file(out).steps
    assert steps[-1].parameters["left_is_left"] is False


def test_values_and_places_of_a_real_map_are_those_that_nibabel_reads(real_data: Path) -> None:
    path = real_data / "stat_maps" / "motor_lips.nii.gz"
    image = nib.load(path)
    values = np.asarray(image.dataobj)
    peak = np.unravel_index(np.argmax(values), values.shape)
    heat_map = draw(path, threshold=3.1).heat_map
    shown = heat_map.shown
    assert shown.values.max() == values[peak]
    found = shown.mask.positions_mm()[np.argmax(shown.values)]
    np.testing.assert_allclose(found, nib.affines.apply_affine(image.affine, peak))
    assert heat_map.threshold.n_surviving == np.count_nonzero(np.abs(values) > np.float32(3.1))
