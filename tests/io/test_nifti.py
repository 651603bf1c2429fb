"""Reading volumes: the right values on the right grid, or one clear sentence."""

from __future__ import annotations

import gzip
import pickle
import random
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from heatlas.core.errors import DataError, HeatlasError
from heatlas.core.execute import get_executor
from heatlas.io import source as source_module
from heatlas.io.nifti import read_header, read_volume, read_volumes, stem
from tests.io.images import AFFINE, nifti_bytes, numbers, write

STORED_TYPES = ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


@pytest.mark.parametrize("stored", STORED_TYPES)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("scaling", [{}, {"scl_slope": 0.3, "scl_inter": 0},
                                     {"scl_slope": -2.0, "scl_inter": 10.5}])  # fmt: skip
def test_every_type_order_and_scaling_reads_as_nibabel_does(
    tmp_path: Path, stored: str, order: str, scaling: dict[str, float]
) -> None:
    values = np.abs(numbers()).astype(stored) if stored[0] == "u" else numbers().astype(stored)
    content = nifti_bytes(values, fields=scaling, order=order)
    path = write(tmp_path / "a.nii.gz", content)
    expected = np.asarray(nib.as_closest_canonical(nib.load(path)).dataobj, dtype=np.float64)
    exact = read_volume(path, precision="float64").values
    np.testing.assert_allclose(exact, expected, rtol=1e-15)
    np.testing.assert_array_equal(read_volume(path).values, expected.astype(np.float32))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("version", [1, 2])
def test_both_versions_read_plain_and_compressed(tmp_path: Path, name: str, version: int) -> None:
    path = write(tmp_path / name, nifti_bytes(numbers(), version=version))
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.values, numbers()[::-1])
    assert volume.values.dtype == np.float32


def test_a_compressed_file_may_be_called_nii(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(gzip.compress(nifti_bytes(numbers())))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii").values, numbers()[::-1])


def test_left_right_twins_give_the_same_volume(real_data: Path) -> None:
    left = read_volume(real_data / "formats" / "mniLR.nii.gz")
    right = read_volume(real_data / "formats" / "mniRL.nii.gz")
    assert left.grid.same_as(right.grid)
    assert left.grid.template == "MNI152"
    np.testing.assert_array_equal(left.values, right.values)


REAL = [
    "stat_maps/motor_lips_nan.nii.gz", "stat_maps/image_10426.nii.gz", "stat_maps/tstat1.nii.gz",
    "receptors/MU_carfentanil_hc39_turtonen.nii.gz", "receptors/NAT_MRB_hc10_hesse.nii.gz",
    "formats/nibabel/functional.nii", "formats/nibabel/example_nifti2.nii.gz",
    "formats/minimal.nii.gz", "formats/low_res.nii.gz", "ct/nifti/shear.nii.gz",
    "stat_maps/saccade.I_C.MNI.nii.gz", "depression/gm/sub-01_gm.nii.gz",
]  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_files_read_as_nibabel_does(real_data: Path, name: str) -> None:
    path = real_data / name
    last = read_header(path).n_volumes - 1
    volume = read_volume(path, volume=last)
    image = nib.as_closest_canonical(nib.load(path))
    values = np.asarray(image.dataobj).reshape((*volume.grid.shape, -1), order="F")[..., -1]
    np.testing.assert_array_equal(volume.values, values.astype(np.float32))
    np.testing.assert_allclose(volume.grid.affine, image.affine, atol=1e-5)


def test_nan_stays_and_infinite_values_become_nan_and_are_counted(tmp_path: Path) -> None:
    values = numbers().astype(np.float64)
    values[0, 0, :4] = [np.nan, np.inf, -np.inf, 1e300]  # the last is infinite as float32
    volume = read_volume(write(tmp_path / "a.nii.gz", nifti_bytes(values)))
    np.testing.assert_array_equal(np.isnan(volume.values[-1, 0, :5]), [1, 1, 1, 1, 0])
    assert volume.provenance.warnings == (
        "a.nii.gz: 3 voxels with an infinite value set to missing",
    )


def test_whole_numbers_too_large_for_float32_are_told(tmp_path: Path) -> None:
    values = numbers().astype(np.int32)
    values[0, 0, 0] = 2**24 + 1
    path = write(tmp_path / "a.nii", nifti_bytes(values))
    assert "rounded to float32" in read_volume(path).provenance.warnings[0]
    exact = read_volume(path, precision="float64")
    assert exact.provenance.warnings == ()
    assert exact.values.max() == 2**24 + 1


def test_the_stored_step_is_the_slope_of_whole_numbers(tmp_path: Path) -> None:
    scaling = {"scl_slope": 0.25, "scl_inter": 0}
    whole = write(tmp_path / "a.nii", nifti_bytes(numbers(), fields=scaling))
    real = write(tmp_path / "b.nii", nifti_bytes(numbers().astype("f4"), fields=scaling))
    assert read_volume(whole).stored_step == 0.25
    assert read_volume(real).stored_step is None


def test_the_provenance_names_the_file_its_digest_and_its_conflict(real_data: Path) -> None:
    path = real_data / "ct" / "nifti" / "shear.nii.gz"
    volume = read_volume(path)
    step = volume.provenance.steps[0]
    assert volume.name == "shear"
    assert step.inputs == {"shear.nii.gz": source_module.digest_file(path)}
    assert "sform and qform place voxels up to" in step.warnings[0]
    assert str(real_data) not in str(volume.provenance.to_json())


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_one_volume_of_several_is_the_one_asked_for(tmp_path: Path, name: str) -> None:
    values = numbers((5, 6, 7, 2, 3))
    path = write(tmp_path / name, nifti_bytes(values))
    for number in range(6):
        expected = values.reshape((5, 6, 7, 6), order="F")[::-1, :, :, number]
        np.testing.assert_array_equal(read_volume(path, volume=number).values, expected)


def test_several_volumes_come_in_the_order_asked_for(tmp_path: Path) -> None:
    values = numbers((5, 6, 7, 4))
    path = write(tmp_path / "a.nii.gz", nifti_bytes(values))
    read = read_volumes(path, volumes=[3, 0, 3])
    for volume, number in zip(read, [3, 0, 3], strict=True):
        np.testing.assert_array_equal(volume.values, values[::-1, :, :, number])


def test_several_volumes_where_one_is_expected_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", nifti_bytes(numbers((5, 6, 7, 4))))
    with pytest.raises(DataError, match=r"holds 4 volumes \(5 x 6 x 7 x 4\).* from 0 to 3"):
        read_volume(path)


@pytest.mark.parametrize("number", [-1, 4])
def test_a_volume_that_is_not_there_is_refused(tmp_path: Path, number: int) -> None:
    path = write(tmp_path / "a.nii", nifti_bytes(numbers((5, 6, 7, 4))))
    with pytest.raises(DataError, match=f"no volume {number}; it holds 4 volumes"):
        read_volume(path, volume=number)


def test_trailing_axes_of_length_one_are_accepted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", nifti_bytes(numbers((5, 6, 7, 1, 1))))
    assert read_volume(path).grid.shape == (5, 6, 7)


def test_a_slice_is_a_volume_of_one_slice(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", nifti_bytes(numbers((5, 6))))
    assert read_volume(path).grid.shape == (5, 6, 1)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("complex.nii.gz", "magnitude or their phase"),
        ("example_rgb.nii.gz", "RGB colours"),
        ("example_4d.nii.gz", "holds 3 volumes"),
        ("broken/empty.nii.gz", "the file is empty"),
        ("broken/html_saved_as.nii.gz", "this is a web page"),
        ("broken/truncated_gz.nii.gz", "holds 2 volumes"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_with_the_file(
    real_data: Path, name: str, words: str
) -> None:
    path = real_data / "formats" / name
    with pytest.raises(DataError, match=words) as caught:
        read_volume(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_gzip_stream_that_ends_early_is_cut_off(real_data: Path) -> None:
    with pytest.raises(DataError, match="cut off"):
        read_volume(real_data / "formats" / "broken" / "truncated_gz.nii.gz", volume=1)


@pytest.mark.parametrize("kept", [1, 3, 100, 347, 351, 352, 500, -1])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_an_image_with_too_few_bytes_is_refused(tmp_path: Path, kept: int, name: str) -> None:
    path = write(tmp_path / name, nifti_bytes(numbers())[:kept])
    with pytest.raises(DataError, match=r"cut off|cannot hold|byte|header"):
        read_volume(path)


def test_a_claim_of_4_gib_in_half_a_mebibyte_is_refused_before_memory_is_taken(
    tmp_path: Path,
) -> None:
    huge = {"dim": [3, 1024, 1024, 1024, 1, 1, 1, 1], "datatype": 16, "bitpix": 32}
    noise = np.random.default_rng(0).bytes(500_000)
    path = write(tmp_path / "a.nii.gz", nifti_bytes(numbers(), fields=huge) + noise)
    tracemalloc.start()
    with pytest.raises(DataError, match=r"claims 1024 x 1024 x 1024 float32 voxels \(4.0 GiB\)"):
        read_volume(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_an_honest_claim_beyond_the_free_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "available_memory", lambda: 1000)
    path = write(tmp_path / "a.nii", nifti_bytes(numbers()))
    with pytest.raises(DataError, match="needs 1.2 KiB of memory"):
        read_volume(path)


def test_what_follows_the_claimed_image_is_not_decompressed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii.gz", nifti_bytes(numbers()) + bytes(64 << 20))
    tracemalloc.start()
    volume = read_volume(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(volume.values, numbers()[::-1])
    assert peak < 8 << 20


def test_damaged_headers_never_end_in_anything_but_our_errors(tmp_path: Path) -> None:
    chance = random.Random(20261)
    good = nifti_bytes(numbers())
    outcomes = set()
    for _ in range(400):
        content = bytearray(good)
        for _ in range(chance.choice([1, 2, 5])):
            content[chance.randrange(352)] = chance.choice([0, 127, 128, 255])
        path = write(tmp_path / "a.nii", bytes(content))
        try:
            read_volume(path, volume=0)
            outcomes.add("read")
        except HeatlasError as error:
            outcomes.add("refused")
            assert "\n" not in str(error)
    assert outcomes == {"read", "refused"}


def test_reading_works_in_other_processes(tmp_path: Path) -> None:
    paths = [tmp_path / f"{k}.nii.gz" for k in range(3)]
    for k, path in enumerate(paths):
        write(path, nifti_bytes(numbers(seed=k)))
    read = list(get_executor("processes", workers=2).map(read_volume, paths))
    for k, volume in enumerate(read):
        np.testing.assert_array_equal(volume.values, numbers(seed=k)[::-1])


def test_a_volume_is_read_only_and_survives_pickling(tmp_path: Path) -> None:
    volume = read_volume(write(tmp_path / "a.nii.gz", nifti_bytes(numbers())))
    again = pickle.loads(pickle.dumps(volume))
    assert not volume.values.flags.writeable
    assert volume.values.flags.c_contiguous
    np.testing.assert_array_equal(again.values, volume.values)


@pytest.mark.parametrize(
    ("name", "word"),
    [("sub-01_gm.nii.gz", "sub-01_gm"), ("a.b.nii", "a.b"), ("x+orig.BRIK.gz", "x+orig")],
)
def test_the_stem_has_no_endings(name: str, word: str) -> None:
    assert stem(Path("folder") / name) == word


def test_the_affine_of_the_volume_finds_the_stored_voxel(tmp_path: Path) -> None:
    values = numbers()
    volume = read_volume(write(tmp_path / "a.nii", nifti_bytes(values)))
    position = (AFFINE @ [1, 2, 3, 1])[:3]
    voxel = tuple(np.rint(volume.grid.to_voxels(position)).astype(int))
    assert volume.values[voxel] == values[1, 2, 3]
