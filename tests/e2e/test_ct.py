"""``heatlas ct`` on real scans: what it says, what it refuses, and in one sentence."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from heatlas.study.inspect import inspect_file
from tests.cli.runner import Runner


@pytest.fixture
def heatlas(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    """The command line, on a wide terminal."""
    monkeypatch.setenv("COLUMNS", "200")
    return Runner(capsys)


@pytest.fixture
def ct(real_data: Path) -> Path:
    """The folder of CT scans."""
    return real_data / "ct"


def test_a_tilted_uneven_head_becomes_volume_panels_and_page(
    heatlas: Runner, ct: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    outcome = heatlas("ct", ct / "head_ge", "-o", out, "--runs", "--voxel-size", 4)
    assert outcome.code == 0
    assert "gantry tilt: 18.5 degrees" in outcome.err
    assert "slices 1 to 14: 4.22 mm; slices 15 to 28: 7.38 mm" in outcome.err
    assert "These are Hounsfield units" in outcome.err
    runs = [nib.load(out / f"run-{k}_ct.nii.gz") for k in (1, 2)]
    assert [run.shape for run in runs] == [(512, 512, 14)] * 2
    assert [round(float(run.affine[2, 2]), 2) for run in runs] == [4.22, 7.38]
    assert (out / "ct.html").stat().st_size < 2_000_000
    assert "draw slices through windows" in str(inspect_file(out / "windows.png"))
    with Image.open(out / "windows.png") as picture:
        assert picture.size[0] == 1270


def test_the_patients_left_is_on_the_right_of_the_panels(
    heatlas: Runner, ct: Path, tmp_path: Path
) -> None:
    path = ct / "nifti" / "scct_stripped_hu.nii.gz"
    image = nib.load(path)
    marked = np.asarray(image.dataobj).copy()
    x = int(np.rint(np.linalg.inv(image.affine) @ (-30, 0, 20, 1))[0])  # the patient's left
    marked[x - 4 : x + 5, 50:60, 40:52] = 79
    nib.save(nib.Nifti1Image(marked, image.affine), tmp_path / "marked.nii.gz")
    words = ("--window", "brain", "--slices", "46")
    heatlas("ct", tmp_path / "marked.nii.gz", "-o", tmp_path / "a", *words)
    heatlas("ct", tmp_path / "marked.nii.gz", "-o", tmp_path / "b", "--left-is-left", *words)
    bright = []
    for folder in "ab":
        pixels = np.asarray(Image.open(tmp_path / folder / "windows.png").convert("L"), dtype=int)
        slice_part = pixels[60:-60, :560]
        columns = np.flatnonzero((slice_part > 248).sum(axis=0) > 20)
        bright.append(columns.mean())
    assert bright[0] > bright[1] + 50


@pytest.mark.parametrize("name", ["CT_AVM", "CT_pitch", "scct"])
def test_windows_of_what_is_not_hu_are_refused_unless_stated(
    heatlas: Runner, ct: Path, tmp_path: Path, name: str
) -> None:
    path = ct / "nifti" / f"{name}.nii.gz"
    outcome = heatlas("ct", path, "-o", tmp_path / "a", "--window", "brain")
    assert outcome.code == 2
    assert "this is not HU (no air near −1000; values from 0 to" in outcome.err.splitlines()[-1]
    assert not (tmp_path / "a").exists()
    stated = heatlas("ct", path, "-o", tmp_path / "b", "--window", "brain", "--unit", "hu")
    assert stated.code == 0
    assert "because you said so" in stated.err


def test_faults_are_one_sentence_each(heatlas: Runner, ct: Path, tmp_path: Path) -> None:
    mixed, cut, bare = tmp_path / "mixed", tmp_path / "cut.dcm", tmp_path / "bare.dcm"
    mixed.mkdir()
    shutil.copy(ct / "head_ge" / "01.dcm", mixed / "a.dcm")
    shutil.copy(ct / "transfer_syntaxes" / "CTImage.dcm", mixed / "b.dcm")
    content = (ct / "head_ge" / "01.dcm").read_bytes()
    cut.write_bytes(content[:300_000])
    bare.write_bytes(content[: content.index(b"\xe0\x7f\x10\x00OW")])
    for source, words in (
        (mixed, "2 patients, which are never mixed"),
        (cut, "it is cut off or damaged"),
        (bare, "no pixel data"),
        (ct / "nifti" / "ct_perfusion.nii.gz", "RGB colours, which are no measurements"),
        (ct / "misc", "4 patients, which are never mixed"),
    ):
        outcome = heatlas("ct", source, "-o", tmp_path / "out")
        assert outcome.code == 2, source
        assert words in outcome.sentence


def test_one_slice_of_a_scan_is_read_and_said(heatlas: Runner, ct: Path, tmp_path: Path) -> None:
    outcome = heatlas("ct", ct / "head_ge" / "20.dcm", "-o", tmp_path / "out")
    assert outcome.code == 0
    assert "note: One slice only" in outcome.err


def test_a_missing_slice_is_told(heatlas: Runner, ct: Path, tmp_path: Path) -> None:
    for k in (16, 17, 18, 20, 21, 22):
        shutil.copy(ct / "head_ge" / f"{k}.dcm", tmp_path)
    outcome = heatlas("ct", tmp_path, "-o", tmp_path / "out", "--voxel-size", 5)
    assert "1 slice seems to be missing between slices 3 and 4" in outcome.err
