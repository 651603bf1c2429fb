"""``heatlas test``: maps and a model in, judged maps, figures and tables out, and one summary."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.cli.runner import Runner
from tests.phantom import SHAPE, group_maps, one_sample_maps
from tests.study.images import write_nifti
from tests.tiny import write_tsv

N = 12


@pytest.fixture
def one_sample(tmp_path: Path) -> Path:
    """One 4-D file of twelve maps with a mean in one ball."""
    maps, _ = one_sample_maps(N, effect=3.0)
    return write_nifti(tmp_path / "all.nii.gz", np.moveaxis(maps, 0, -1).astype(np.float32))


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    """Twelve maps of two groups, and their table."""
    found = group_maps(N // 2, effect=5.0)
    ids = [f"sub-{k + 1:02d}" for k in range(N)]
    for name, values in zip(ids, found.maps, strict=True):
        write_nifti(tmp_path / "gm" / f"{name}.nii.gz", values.astype(np.float32))
    ages = [31, 45, 28, 52, 39, 60, 33, 47, 29, 55, 41, 36]
    columns = {"participant_id": ids, "group": found.group, "age": ages, "site": ["x", "y"] * 6}
    write_tsv(tmp_path / "people.tsv", columns)
    return tmp_path


def test_the_mean_of_a_4d_file_is_tested_without_a_table(
    heatlas: Runner, one_sample: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    outcome = heatlas("test", one_sample, "--model", "1", "-o", out, "--permutations", 200)
    assert (outcome.code, outcome.out) == (0, f"{out}\n")
    lines = outcome.err.splitlines()
    assert lines[0] == "  mean: 4,096 sign-flips are possible, 200 are drawn"
    assert lines[-1].startswith("t map of mean, n = 12, df = 11, two-sided, voxelwise FWE p < .05")
    names = {path.name for path in out.iterdir()}
    assert {
        "contrast-mean_stat-t_statmap.nii.gz",
        "contrast-mean_stat-t_statmap.json",
        "contrast-mean_stat-logpfwe_statmap.nii.gz",
        "contrast-mean_mosaic.png",
        "contrast-mean_clusters.tsv",
    } <= names
    assert ".heatlas" not in names


def test_a_table_and_a_pattern_test_several_contrasts(heatlas: Runner, groups: Path) -> None:
    out = groups / "out"
    outcome = heatlas(
        "test", groups / "gm" / "{participant_id}.nii.gz", "--table", groups / "people.tsv",
        "--model", "group + age", "--test", "more = group[b] - group[a]", "--test", "age",
        "--f-test", "any = group", "-o", out, "--method", "tfce", "--permutations", 100,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    captions = [line for line in outcome.err.splitlines() if " map of " in line]
    assert [line.split(",")[0] for line in captions] == [
        "t map of more",
        "t map of age",
        "F map of any",
    ]
    assert "n = 12 (6 a, 6 b)" in captions[0]
    for name in ("more", "age", "any"):
        assert (out / f"contrast-{name}_stat-tfce_statmap.nii.gz").is_file()
    assert (out / "contrast-any_stat-F_statmap.nii.gz").is_file()


def test_a_level_out_of_reach_is_told_before_the_run_and_after(
    heatlas: Runner, one_sample: Path, tmp_path: Path
) -> None:
    few = np.asarray(nib.load(one_sample).dataobj)[..., :4]
    path = write_nifti(tmp_path / "few.nii.gz", few)
    outcome = heatlas("test", path, "--model", "1", "-o", tmp_path / "out")
    assert outcome.code == 0
    lines = outcome.err.splitlines()
    assert lines[0] == "  mean: 16 sign-flips are possible, all are made"
    assert ".05 cannot be reached" in lines[1]
    assert lines[-1].startswith("  warning: ")
    assert "no voxel survives" in outcome.err


def test_quiet_prints_the_folder_alone(heatlas: Runner, one_sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["test", one_sample, "--model", "1", "-o", out, "--permutations", 50, "--quiet"]
    outcome = heatlas(*words)
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{out}\n", "")


def test_results_are_replaced_only_when_told(
    heatlas: Runner, one_sample: Path, tmp_path: Path
) -> None:
    words = ["test", one_sample, "--model", "1", "-o", tmp_path / "out", "--permutations", 50]
    assert heatlas(*words, "--quiet").code == 0
    refused = heatlas(*words, "--quiet")
    assert refused.code == 2
    assert "exists already" in refused.sentence
    assert heatlas(*words, "--quiet", "--overwrite").code == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--test", "grup[a] - grup[b]"], "Did you mean 'group'"),
        (["--test", "group[a] - group[c]"], "group"),
        (["--test", "age", "--blocks", "sit"], "Did you mean 'site'"),
        (["--test", "age", "--variance-groups", "sit"], "Did you mean 'site'"),
        (["--test", "group[a] - group[b]", "--blocks", "group"], "forbid every rearrangement"),
        (["--test", "age", "--blocks", "participant_id"], "every block holds a single map"),
        (["--test", "age", "--shuffle", "whole"], "no blocks are named"),
        (["--test", "age", "--test", "age"], "asked for twice"),
        (["--test", "a-b = age", "--test", "ab = age"], "same file name"),
        (["--test", "age", "--method", "cluster-mass"], "give --cluster-p"),
        (["--test", "age", "--method", "cluster-mass", "--cluster-p", "3.1"], "statistic"),
        (
            ["--test", "age", "--method", "cluster-mass", "--cluster-p", "0.01",
             "--variance-groups", "group"],
            "no degrees of freedom",
        ),
        (["--test", "age", "--design-mat", "d.mat"], "two models"),
        (["--test", "age", "--id", "participant"], "Did you mean 'participant_id'"),
        (["--test", "age", "--alpha", "5"], "between 0 and 1"),
        (["--test", "age", "--sphere", "900,0,0,5"], "no voxel of the mask lies in"),
        (["--test", "age", "--residuals", "huh-jhun", "--blocks", "site"], "Freedman-Lane"),
        (["--test", "age", "--where", "site == 'z'"], "no row"),
        (["--test", "age", "--template", "nowhere"], "template"),
        (["--test", "age", "--adaptive", "--across-contrasts", "--f-test", "group"], "stop"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence_and_leaves_nothing(
    heatlas: Runner, groups: Path, given: list[str], words: str
) -> None:
    out = groups / "out"
    outcome = heatlas(
        "test", groups / "gm" / "{participant_id}.nii.gz", "--table", groups / "people.tsv",
        "--model", "group + age", *given, "-o", out, "--quiet",
    )  # fmt: skip
    assert outcome.code == 2, outcome
    assert words in outcome.sentence
    assert not out.exists()


def test_maps_that_hold_no_number_in_the_mask_are_told(heatlas: Runner, groups: Path) -> None:
    path = groups / "gm" / "sub-03.nii.gz"
    values = np.asarray(nib.load(path).dataobj).copy()
    values[5, 5, 5] = np.nan
    write_nifti(path, values)
    mask = write_nifti(groups / "mask.nii.gz", np.ones(SHAPE, np.uint8))
    outcome = heatlas(
        "test", groups / "gm" / "{participant_id}.nii.gz", "--table", groups / "people.tsv",
        "--model", "group", "--test", "group[b] - group[a]", "--mask", mask, "-o", groups / "out",
        "--quiet",
    )  # fmt: skip
    assert outcome.code == 2
    assert "Map 'sub-03' is not finite in 1 voxel of the mask" in outcome.sentence


def test_constant_voxels_are_counted_and_reported(heatlas: Runner, groups: Path) -> None:
    for path in (groups / "gm").iterdir():
        values = np.asarray(nib.load(path).dataobj).copy()
        values[0, 0, :4] = 7.0
        write_nifti(path, values)
    outcome = heatlas(
        "test", groups / "gm" / "{participant_id}.nii.gz", "--table", groups / "people.tsv",
        "--model", "group", "--test", "group[b] - group[a]", "-o", groups / "out",
        "--permutations", 50,
    )  # fmt: skip
    assert outcome.code == 0
    assert "warning: 4 voxels without residual variance" in outcome.err


def test_help_says_how_a_grp_file_is_read(heatlas: Runner) -> None:
    printed = " ".join(heatlas("test", "--help").out.split())
    assert "exchangeability blocks. For FLAME's meaning" in printed
    assert "never 1 - p" in printed
