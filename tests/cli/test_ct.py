"""``heatlas ct`` prints what was found to standard error and its files to standard output."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from heatlas.study.inspect import inspect_file
from tests.cli.runner import Runner
from tests.dicoms import SECRETS, head_pixels, write_series
from tests.study.images import write_nifti

PIXELS = head_pixels(4)


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """A small series."""
    return write_series(tmp_path / "in", PIXELS)


def test_files_are_written_and_named(heatlas: Runner, series: Path, tmp_path: Path) -> None:
    outcome = heatlas("ct", series, "-o", tmp_path / "out", "--window", "brain", "--runs")
    assert outcome.code == 0
    written = [Path(line) for line in outcome.out.splitlines()]
    assert all(path.is_file() for path in written)
    assert "These are Hounsfield units" in outcome.err
    assert "spacing: 2.000 mm throughout" in outcome.err
    assert not any(secret in outcome.err + outcome.out for secret in SECRETS)


def test_series_are_listed_without_writing(heatlas: Runner, series: Path, tmp_path: Path) -> None:
    outcome = heatlas("ct", series, "--list")
    assert outcome.code == 0
    assert outcome.out.startswith("1 [")
    assert "4 slices of 48 x 48" in outcome.out
    assert list(tmp_path.iterdir()) == [series]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "-o"),
        (("-o", "out", "--unit", "suv"), "--unit"),
        (("-o", "out", "--slices", "1,x"), "--slices"),
    ],
)
def test_words_that_make_no_sense_name_their_option(
    heatlas: Runner, series: Path, monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(series.parent)
    outcome = heatlas("ct", series, *words)
    assert outcome.code == 2
    assert said in outcome.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--window", "brian"), "Did you mean 'brain'?"),
        (("--series", "5"), "there is no such series"),
        (("--slices", "99"), "there is no slice 99"),
        (("--voxel-size", "0"), "expected a size above 0"),
    ],
)
def test_a_wrong_request_is_one_sentence(
    heatlas: Runner, series: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    outcome = heatlas("ct", series, "-o", tmp_path / "out", *words)
    assert outcome.code == 2
    assert said in outcome.err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_a_source_that_is_not_there_is_one_sentence(heatlas: Runner, tmp_path: Path) -> None:
    outcome = heatlas("ct", tmp_path / "gone", "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "there is no such file" in outcome.sentence


# -------------------------------------------------------------------------------- maps over it


@pytest.fixture
def saliency(tmp_path: Path) -> Path:
    """A map on a coarse grid around the origin of the series, 1 in one voxel."""
    values = np.zeros((20, 20, 20), np.float32)
    values[10, 10, 10] = 1
    matrix = np.diag([20.0, 20, 20, 1])
    matrix[:3, 3] = -200
    return write_nifti(tmp_path / "saliency.nii.gz", values, matrix=matrix)


def test_a_map_is_laid_over_the_scan(
    heatlas: Runner, series: Path, saliency: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    outcome = heatlas(
        "ct", series, "-o", out, "--window", "brain", "--map", saliency, "--outline", "0.5",
        "--slices", "2,3",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    names = [Path(line).name for line in outcome.out.splitlines()]
    assert names[-3:] == ["overlay.png", "overlay.svg", "heatmap.nii.gz"]
    step = inspect_file(out / "overlay.png").steps[-1].parameters
    assert (step["slices"], tuple(step["window"])) == ((2, 3), (0.0, 80.0))
    assert not any(secret in (out / "overlay.svg").read_text() for secret in SECRETS)
    moved, ct = nib.load(out / "heatmap.nii.gz"), nib.load(out / "ct.nii.gz")
    np.testing.assert_allclose(moved.affine, ct.affine, atol=1e-4)
    assert moved.shape == ct.shape
    again = heatlas("ct", series, "-o", out, "--map", saliency)
    assert again.code == 2
    assert "exists already" in again.err


def test_the_scan_itself_is_coloured_with_the_verdict(
    heatlas: Runner, series: Path, tmp_path: Path
) -> None:
    outcome = heatlas("ct", series, "-o", tmp_path / "out", "--colour", "jet")
    assert outcome.code == 0, outcome.err
    assert "The colours of 'jet' fail" in outcome.err
    assert (tmp_path / "out" / "colours.png").is_file()


def test_a_map_elsewhere_is_refused_in_one_sentence(
    heatlas: Runner, series: Path, tmp_path: Path
) -> None:
    matrix = np.diag([2.0, 2, 2, 1])
    matrix[:3, 3] = 5000
    far = write_nifti(tmp_path / "far.nii.gz", np.ones((4, 4, 4), np.float32), matrix=matrix)
    outcome = heatlas("ct", series, "-o", tmp_path / "out", "--map", far)
    assert outcome.code == 2
    assert "The map does not overlap the CT: it lies within x 4,999 to 5,007" in outcome.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", [("--alpha", "0.5"), ("--outline", "1"), ("--flat",)])
def test_options_of_a_map_need_one(
    heatlas: Runner, series: Path, tmp_path: Path, option: tuple[str, ...]
) -> None:
    outcome = heatlas("ct", series, "-o", tmp_path / "out", *option)
    assert outcome.code == 2
    assert "--map" in outcome.err
    assert not (tmp_path / "out").exists()


def test_the_scan_itself_is_never_replaced(heatlas: Runner, tmp_path: Path) -> None:
    values = np.full((24, 24, 4), -1000, np.int16)
    values[4:-4, 4:-4] = 35
    scan = write_nifti(tmp_path / "ct.nii.gz", values)
    before = scan.read_bytes()
    outcome = heatlas("ct", scan, "-o", tmp_path, "--overwrite")
    assert outcome.code == 2 and "this is an input, which is never replaced" in outcome.err
    assert scan.read_bytes() == before
