"""A scan's files: volume, panels, page; nobody's name in any of them."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.io.picture import read_provenance
from heatlas.study.ct import read_ct
from heatlas.study.ctfiles import FILES, CtPictures, write_ct
from heatlas.study.outputs import check_folder
from tests.dicoms import SECRETS, SERIES, head_pixels, write, write_series

PIXELS = head_pixels(6)


def test_the_volume_on_disk_is_the_volume_that_was_read(tmp_path: Path) -> None:
    scan = read_ct(write_series(tmp_path / "in", PIXELS, orientation=(1, 0, 0, 0, 0.8, -0.6)))
    written = write_ct(scan, tmp_path / "out")
    names = ["ct.nii.gz", "ct.json", "windows.png", "windows.svg", "ct.html"]
    assert [path.name for path in written] == names
    image = nib.load(tmp_path / "out" / "ct.nii.gz")
    assert np.array_equal(image.get_fdata(), scan.volume.values)
    assert np.allclose(image.affine, scan.volume.grid.affine, atol=1e-5)
    sidecar = json.loads((tmp_path / "out" / "ct.json").read_text())
    assert sidecar["Unit"] == "HU"


def test_every_file_tells_how_it_was_made(tmp_path: Path) -> None:
    scan = read_ct(write_series(tmp_path / "in", PIXELS))
    for path in write_ct(scan, tmp_path / "out"):
        assert read_provenance(path).steps[0].name == "read dicom"


def test_nobodys_name_is_in_any_file(tmp_path: Path) -> None:
    scan = read_ct(write_series(tmp_path / "Doe_John", PIXELS))
    written = write_ct(scan, tmp_path / "out", runs=True)
    for path in written:
        content = path.read_bytes()
        for secret in (*SECRETS, "Doe_John", "001.dcm", str(SERIES), str(tmp_path)):
            assert secret.encode() not in content


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in", PIXELS)
    first = write_ct(read_ct(folder), tmp_path / "a")
    second = write_ct(read_ct(folder), tmp_path / "b")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_runs_are_written_as_acquired(tmp_path: Path) -> None:
    for k, image in enumerate(PIXELS):
        place = (0, 0, 2 * k + (1.5 * (k - 3) if k > 3 else 0))
        write(tmp_path / "in" / f"{k}.dcm", image, position=place)
    written = write_ct(read_ct(tmp_path / "in"), tmp_path / "out", runs=True)
    runs = [path for path in written if path.name.startswith("run-")]
    shapes = [nib.load(path).shape for path in runs]
    assert shapes == [(48, 48, 4), (48, 48, 2)]
    assert np.array_equal(
        np.sort(nib.load(runs[0]).get_fdata().ravel()), np.sort(PIXELS[:4].ravel())
    )


def test_windows_and_slices_are_those_asked_for(tmp_path: Path) -> None:
    scan = read_ct(write_series(tmp_path / "in", PIXELS))
    wanted = CtPictures(windows=("bone", "40,90"), slices=(2, 4), left_is_left=True)
    write_ct(scan, tmp_path / "out", pictures=wanted)
    step = read_provenance(tmp_path / "out" / "windows.png").steps[-1]
    assert step.parameters["windows"] == (
        "bone (centre 400, width 1,800 HU)",
        "custom (centre 40, width 90 HU)",
    )
    assert step.parameters["slices"] == (2, 4)
    assert step.parameters["left_is_left"] is True


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        (CtPictures(slices=(9,)), "there is no slice 9; the scan has 6, from 1"),
        (CtPictures(n_slices=40), "1 to 12 can be drawn"),
        (CtPictures(windows=("file",)), "proposes none of its own"),
    ],
)
def test_nothing_is_written_where_a_picture_cannot_be(
    tmp_path: Path, wanted: CtPictures, word: str
) -> None:
    scan = read_ct(write_series(tmp_path / "in", PIXELS))
    with pytest.raises(DataError, match=word):
        write_ct(scan, tmp_path / "out", pictures=wanted)
    assert not (tmp_path / "out").exists()


def test_files_of_an_earlier_call_are_kept_unless_told_otherwise(tmp_path: Path) -> None:
    scan = read_ct(write_series(tmp_path / "in", PIXELS))
    write_ct(scan, tmp_path / "out")
    with pytest.raises(DataError, match="it exists already"):
        check_folder(tmp_path / "out", inputs=(), files=FILES)
    write_ct(scan, tmp_path / "out", overwrite=True)
    with pytest.raises(DataError, match="a file stands"):
        check_folder(tmp_path / "out" / "ct.html", inputs=(), files=FILES, overwrite=True)
