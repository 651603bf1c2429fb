"""``heatlas show``: words become a view, the path goes to standard output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.study.inspect import inspect_file
from tests.cli.runner import Runner
from tests.phantom import SHAPE, ball
from tests.study.images import signed_map, write_nifti


def last_step(path: Path) -> dict[str, object]:
    """Settings of the drawing."""
    return dict(inspect_file(path).steps[-1].parameters)


def test_the_path_of_the_figure_is_all_that_goes_to_standard_output(
    heatlas: Runner, z_map: Path
) -> None:
    out = z_map.with_name("fig.png")
    outcome = heatlas("show", z_map, "-o", out, "--threshold", 3)
    assert (outcome.code, outcome.out) == (0, f"{out}\n")
    assert "2 voxels (1 +, 1 −)" in outcome.err
    assert "background: MNI ICBM152" in outcome.err
    assert out.read_bytes().startswith(b"\x89PNG")


def test_cuts_choose_the_rows(heatlas: Runner, z_map: Path) -> None:
    out = z_map.with_name("fig.png")
    heatlas("show", z_map, "-o", out, "--cuts", "z=-3,0,3.5", "--cuts", "x=6")
    assert last_step(out)["cuts_mm"] == {"z": (-3.0, 0.0, 3.5), "x": (6.0,)}


def test_a_position_asks_for_orthogonal_planes(heatlas: Runner, z_map: Path) -> None:
    out = z_map.with_name("fig.png")
    heatlas("show", z_map, "-o", out, "--position", "3,-4.5,0")
    assert last_step(out)["view"] == "ortho"
    assert last_step(out)["position_mm"] == (3.0, -4.5, 0.0)


def test_the_radiological_side_is_drawn_when_asked_for(heatlas: Runner, z_map: Path) -> None:
    out = z_map.with_name("fig.png")
    heatlas("show", z_map, "-o", out)
    assert last_step(out)["left_is_left"] is True
    heatlas("show", z_map, "-o", out, "--radiological")
    assert last_step(out)["left_is_left"] is False


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--cuts", "q=3"),
        ("--cuts", "z"),
        ("--cuts", "z=a"),
        ("--position", "1,2"),
        ("--position", "a,b,c"),
    ],
)
def test_positions_that_cannot_be_read_name_their_option(
    heatlas: Runner, z_map: Path, option: str, words: str
) -> None:
    outcome = heatlas("show", z_map, "-o", z_map.with_name("f.png"), option, words)
    assert outcome.code == 2
    assert option in outcome.err
    assert f"'{words.removeprefix('z=')}'" in outcome.err


def test_positions_must_be_finite(heatlas: Runner, z_map: Path) -> None:
    outcome = heatlas("show", z_map, "-o", z_map.with_name("f.png"), "--position", "nan,0,0")
    assert outcome.code == 2
    assert "finite" in outcome.sentence


def test_without_a_name_the_figure_goes_to_the_current_folder(
    heatlas: Runner, z_map: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert heatlas("show", z_map).out == "zmap.png\n"
    assert Path("zmap.png").is_file()
    outcome = heatlas("show", z_map)
    assert outcome.code == 2
    assert outcome.sentence.startswith("zmap.png: it exists already")


def test_the_verdict_is_printed_without_writing_a_figure(
    heatlas: Runner, z_map: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = heatlas("show", z_map, "--verdict", "--threshold", 3)
    assert outcome.code == 0
    for vision in ("normal", "protanopia", "deuteranopia", "tritanopia", "grey-scale"):
        assert vision in outcome.out
    assert outcome.out.strip().splitlines()[-1].startswith("The colours of 'vik'")
    assert [path.name for path in tmp_path.iterdir()] == ["zmap.nii.gz"]


def test_jet_is_drawn_on_request_with_a_bad_verdict(heatlas: Runner, z_map: Path) -> None:
    out = z_map.with_name("jet.png")
    outcome = heatlas("show", z_map, "-o", out, "--table", "jet", "--verdict")
    assert outcome.code == 0
    assert "'jet' fail" in outcome.out
    assert out.is_file()


def test_one_volume_of_several_is_shown(heatlas: Runner, tmp_path: Path) -> None:
    values = np.stack([signed_map(), 2 * signed_map()], axis=-1)
    path = write_nifti(tmp_path / "two.nii.gz", values)
    refused = heatlas("show", path, "-o", tmp_path / "f.png")
    assert "--volume" in refused.sentence
    out = tmp_path / "f.png"
    assert heatlas("show", path, "-o", out, "--volume", 1).code == 0
    assert inspect_file(out).steps[0].parameters["volume"] == 1


def test_the_map_itself_is_never_replaced(heatlas: Runner, z_map: Path) -> None:
    before = z_map.read_bytes()
    assert heatlas("show", z_map, "-o", z_map).code == 2
    assert z_map.read_bytes() == before


# -------------------------------------------------------------------------------- over CT


@pytest.fixture
def head(tmp_path: Path) -> Path:
    """A head in HU on the grid of the map, with air around it."""
    inside = ball(SHAPE, radius=4.5)
    noise = np.random.default_rng(0).normal(0, 4, SHAPE)
    return write_nifti(tmp_path / "ct.nii.gz", np.where(inside, 35 + noise, -1000).astype("f4"))


def test_a_window_makes_the_template_ct_dark_and_radiological(
    heatlas: Runner, z_map: Path, head: Path
) -> None:
    out = z_map.with_name("fig.png")
    outcome = heatlas(
        "show", z_map, "-o", out, "--template", head, "--window", "brain", "--threshold", "3"
    )
    assert outcome.code == 0, outcome.err
    step = last_step(out)
    assert (step["view"], step["left_is_left"], step["window"]) == ("stored", False, (0.0, 80.0))
    heatlas("show", z_map, "-o", out, "--template", head, "--window", "40,40", "--left-is-left",
            "--slices", "4,6")  # fmt: skip
    step = last_step(out)
    assert (step["slices"], step["left_is_left"], step["window"]) == ((4, 6), True, (20.0, 60.0))
    heatlas("show", z_map, "-o", out, "--template", head, "--window", "brain", "--cuts", "z=0")
    assert last_step(out)["view"] == "mosaic"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--window", "brain"), "--template"),
        (("--outline", "3"), "--window"),
        (("--slices", "99"), "99 asked for, but there are 95 slices"),  # of the template
        (("--slices", "1", "--kind", "ortho"), "kind 'stored'"),
    ],
)
def test_options_of_ct_and_stored_slices_that_make_no_sense_are_refused(
    heatlas: Runner, z_map: Path, options: tuple[str, ...], said: str
) -> None:
    outcome = heatlas("show", z_map, "-o", z_map.with_name("fig.png"), *options)
    assert outcome.code == 2
    assert said in outcome.err
