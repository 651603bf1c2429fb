"""The verbs on real files: the demo's, and those that ``HEATLAS_TEST_DATA`` names."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nilearn.image import resample_to_img, smooth_img
from PIL import Image

from heatlas.io.tables import read_table
from heatlas.study.inspect import inspect_file
from tests.cli.runner import Runner

ATLAS = ("demo/atlas/atlas_aal.nii.gz", "demo/atlas/labels_aal.csv")


@pytest.fixture
def heatlas(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    """The command line, on a wide terminal."""
    monkeypatch.setenv("COLUMNS", "200")
    return Runner(capsys)


@pytest.fixture
def maps(repository: Path) -> list[Path]:
    """Six maps of the demo."""
    return sorted((repository / "demo" / "depression" / "gm").glob("*_gm.nii.gz"))[:6]


def values_of(path: Path) -> np.ndarray:
    """What nibabel reads."""
    return np.asarray(nib.load(path).dataobj)


# -------------------------------------------------------------------------------- the demo


def test_smooth_mask_and_extract_follow_one_another(
    heatlas: Runner, maps: list[Path], repository: Path, tmp_path: Path
) -> None:
    folder, mask, table = tmp_path / "s8", tmp_path / "mask.nii.gz", tmp_path / "means.tsv"
    assert heatlas("smooth", *maps, "--fwhm", 8, "-o", folder).code == 0
    smoothed = [folder / path.name for path in maps]
    wanted = smooth_img(maps[0], 8).get_fdata()
    np.testing.assert_allclose(values_of(smoothed[0]), wanted, atol=1e-5)

    assert heatlas("mask", *smoothed, "--minimum", 0.1, "-o", mask).code == 0
    inside = np.min([values_of(path) for path in smoothed], axis=0) >= np.float32(0.1)
    np.testing.assert_array_equal(values_of(mask), inside)

    atlas, labels = (repository / name for name in ATLAS)
    words = ["extract", *smoothed, "--atlas", atlas, "--labels", labels, "-o", table]
    assert heatlas(*words).code == 0
    means = read_table(table)
    assert means.words("id") == tuple(path.name.removesuffix(".nii.gz") for path in maps)
    moved = resample_to_img(atlas, smoothed[0], interpolation="nearest", force_resample=True)
    region = np.rint(moved.get_fdata()) == 2001  # Precentral_L in AAL's own numbers
    wanted_mean = values_of(smoothed[0])[region].mean(dtype=np.float64)
    # Half of the voxels lie midway between two of the atlas: tools choose either.
    assert means.numbers("Precentral_L")[0] == pytest.approx(wanted_mean, rel=0.05)


def test_region_means_on_the_grid_of_the_atlas_are_plain_means(
    heatlas: Runner, maps: list[Path], repository: Path, tmp_path: Path
) -> None:
    atlas, labels = (repository / name for name in ATLAS)
    moved, table = tmp_path / "moved.nii.gz", tmp_path / "means.tsv"
    heatlas("resample", maps[0], "--like", atlas, "-o", moved)
    assert heatlas("extract", moved, "--atlas", atlas, "--labels", labels, "-o", table).code == 0
    numbers = nib.as_closest_canonical(nib.load(atlas)).get_fdata()
    found = read_table(table)
    for label, name in ((2001, "Precentral_L"), (2002, "Precentral_R")):
        wanted = values_of(moved)[numbers == label].mean(dtype=np.float64)
        assert found.numbers(name)[0] == pytest.approx(wanted, rel=1e-9)


def test_every_result_says_how_it_was_made_without_naming_the_machine(
    heatlas: Runner, maps: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "s.nii.gz"
    heatlas("smooth", maps[0], "--fwhm", 8, "-o", out)
    heatlas("show", out, "-o", tmp_path / "s.png")
    printed = heatlas("inspect", tmp_path / "s.png", "--json").out
    assert maps[0].name in printed
    assert str(tmp_path) not in printed
    assert str(maps[0].parent) not in printed


def test_a_map_of_the_demo_lies_on_the_template(
    heatlas: Runner, maps: list[Path], tmp_path: Path
) -> None:
    outcome = heatlas("show", maps[0], "-o", tmp_path / "gm.png")
    assert outcome.code == 0
    assert "MNI by the file's header" in outcome.err
    with Image.open(tmp_path / "gm.png") as image:
        assert image.width == 1270


def test_a_draft_of_the_demo_can_be_planned(
    heatlas: Runner, repository: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "depression"
    shutil.copytree(repository / "demo" / "depression", folder)
    assert heatlas("init", folder).code == 0
    outcome = heatlas("run", folder / "study.yaml", "--dry-run")
    assert outcome.code == 0
    assert "group" in outcome.out


def test_resampling_to_the_template_moves_the_peak_less_than_a_voxel(
    heatlas: Runner, maps: list[Path], tmp_path: Path
) -> None:
    smooth, moved = tmp_path / "s.nii.gz", tmp_path / "m.nii.gz"
    heatlas("smooth", maps[0], "--fwhm", 8, "-o", smooth)
    assert heatlas("resample", smooth, "-o", moved, "--template", "MNI152").code == 0
    peaks = []
    for path in (smooth, moved):
        image = nib.load(path)
        place = np.unravel_index(np.argmax(image.dataobj), image.shape)
        peaks.append(nib.affines.apply_affine(image.affine, place))
    assert np.abs(peaks[0] - peaks[1]).max() <= 3


# -------------------------------------------------------------------------------- other real maps


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("stat_maps/image_10426.nii.gz", "value map of image_10426"),
        ("stat_maps/motor_lips.nii.gz", "z map of motor_lips"),
        ("stat_maps/motor_lips_nan.nii.gz", "z map of motor_lips_nan"),
        ("stat_maps/narps-4735_50GV-hypo1_unthresh.nii.gz", "z map of narps-4735"),
        ("stat_maps/tstat1.nii.gz", "t map of tstat1"),
        ("receptors/VAChT_feobv_hc4_tuominen.nii.gz", "value map of VAChT"),
        ("receptors/MU_carfentanil_hc39_turtonen.nii.gz", "value map of MU"),
        ("lesions/Subject_002.nii.gz", "value map of Subject_002"),
        ("wager2008/con_00810001.img", "value map of con_00810001"),
        ("formats/wm.mgz", "value map of wm"),
        ("formats/vr_base_min_outlier+orig.HEAD", "value map of vr_base"),
    ],
)
def test_maps_of_many_kinds_are_drawn(
    heatlas: Runner, real_data: Path, tmp_path: Path, name: str, caption: str
) -> None:
    out = tmp_path / "figure.png"
    outcome = heatlas("show", real_data / name, "-o", out)
    assert outcome.code == 0, outcome.err
    assert outcome.err.startswith(caption)
    assert [step.name for step in inspect_file(out).steps][-1] == "draw"


@pytest.mark.parametrize("kind", [".svg", ".pdf"])
def test_a_real_map_becomes_a_vector_figure(
    heatlas: Runner, real_data: Path, tmp_path: Path, kind: str
) -> None:
    out = tmp_path / f"lips{kind}"
    path = real_data / "stat_maps" / "motor_lips.nii.gz"
    assert heatlas("show", path, "-o", out, "--threshold", 3.1).code == 0
    assert "|z| > 3.1" in heatlas("inspect", out).out


def test_left_and_right_storage_give_the_same_picture(
    heatlas: Runner, real_data: Path, tmp_path: Path
) -> None:
    pixels = []
    for side in ("LR", "RL"):
        shutil.copy(real_data / "formats" / f"mni{side}.nii.gz", tmp_path / "same.nii.gz")
        heatlas("show", tmp_path / "same.nii.gz", "-o", tmp_path / f"{side}.png")
        with Image.open(tmp_path / f"{side}.png") as image:
            pixels.append(np.asarray(image))
    np.testing.assert_array_equal(pixels[0], pixels[1])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("formats/complex.nii.gz", "magnitude"),
        ("formats/example_rgb.nii.gz", "RGB"),
        ("formats/example_4d.nii.gz", "--volume"),
        ("formats/low_res.nii.gz", "nothing but background"),
        ("formats/mha.mha", "MetaImage"),
        ("formats/enh.dcm", "DICOM"),
        ("formats/fs_LR.32k.LR.curvature.dscalar.nii", "CIFTI"),
        ("formats/broken/empty.nii.gz", "is empty"),
        ("formats/broken/html_saved_as.nii.gz", "web page"),
        ("depression/participants.tsv", "image"),
        ("formats", "folder"),
        ("stat_maps/motor_lip.nii.gz", "Did you mean 'motor_lips.nii.gz'"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence_and_leaves_nothing(
    heatlas: Runner, real_data: Path, tmp_path: Path, name: str, words: str
) -> None:
    outcome = heatlas("show", real_data / name, "-o", tmp_path / "figure.png")
    assert outcome.code == 2
    assert words in outcome.sentence
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_file_is_told_when_its_values_are_read(
    heatlas: Runner, real_data: Path, tmp_path: Path
) -> None:
    path = real_data / "formats" / "broken" / "truncated_gz.nii.gz"
    outcome = heatlas("show", path, "--volume", 1, "-o", tmp_path / "figure.png")
    assert outcome.code == 2
    assert "cut off" in outcome.sentence
