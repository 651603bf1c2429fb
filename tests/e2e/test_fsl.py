"""Those who come from FSL: their design files give the numbers that a formula gives."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import stats

from heatlas.io.tables import read_table
from tests.cli.runner import Runner
from tests.phantom import group_maps
from tests.study.images import write_nifti
from tests.study.vest import write_design, write_vest
from tests.tiny import write_tsv

N = 16


@pytest.fixture
def heatlas(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    """The command line, on a wide terminal."""
    monkeypatch.setenv("COLUMNS", "200")
    return Runner(capsys)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Eight people seen twice in one 4-D file, with a table of the same order."""
    found = group_maps(N // 2, effect=3.0, seed=4)
    write_nifti(tmp_path / "all.nii.gz", np.moveaxis(found.maps, 0, -1).astype(np.float32))
    columns = {"visit": found.group, "person": [f"p{k % 8}" for k in range(N)]}
    write_tsv(tmp_path / "people.tsv", columns)
    return tmp_path


def stored(folder: Path, contrast: str, stat: str) -> np.ndarray:
    path = folder / f"contrast-{contrast}_stat-{stat}_statmap.nii.gz"
    return np.asarray(nib.load(path).dataobj, dtype=np.float64)


# -------------------------------------------------------------------------------- phantoms


def test_two_groups_by_indicators_equal_the_formula(heatlas: Runner, pairs: Path) -> None:
    indicators = np.eye(2)[np.repeat([0, 1], N // 2)]
    mat, con = write_design(pairs, indicators, [[-1, 1]], names=["b > a"])
    common = [pairs / "all.nii.gz", "--method", "tfce", "--permutations", 300, "--quiet"]
    fsl = heatlas("test", *common, "--design-mat", mat, "--con", con, "-o", pairs / "fsl")
    table = heatlas(
        "test", *common, "--table", pairs / "people.tsv", "--model", "visit", "--test",
        "ba = visit[b] - visit[a]", "-o", pairs / "table",
    )  # fmt: skip
    assert (fsl.code, table.code) == (0, 0)
    for stat in ("t", "tfce", "logpfwe"):
        np.testing.assert_allclose(
            stored(pairs / "fsl", "ba", stat), stored(pairs / "table", "ba", stat), rtol=1e-5,
            atol=1e-6,
        )  # fmt: skip
    assert stored(pairs / "fsl", "ba", "logpfwe").max() > -np.log10(0.05)


def test_blocks_of_a_grp_file_equal_a_column_of_the_table(heatlas: Runner, pairs: Path) -> None:
    indicators = np.eye(2)[np.repeat([0, 1], N // 2)]
    mat, con = write_design(pairs, indicators, [[-1, 1]], names=["ba"])
    grp = write_vest(pairs / "design.grp", np.arange(N) % 8 + 1)
    common = [pairs / "all.nii.gz", "--permutations", 500]
    fsl = heatlas(
        "test", *common, "--design-mat", mat, "--con", con, "--grp", grp, "-o", pairs / "fsl"
    )
    table = heatlas(
        "test", *common, "--table", pairs / "people.tsv", "--model", "visit", "--test",
        "ba = visit[b] - visit[a]", "--blocks", "person", "-o", pairs / "table",
    )  # fmt: skip
    for outcome in (fsl, table):
        assert outcome.err.startswith("  ba: 256 permutations are possible, all are made")
    np.testing.assert_array_equal(
        stored(pairs / "fsl", "ba", "logpfwe"), stored(pairs / "table", "ba", "logpfwe")
    )


def test_an_f_test_over_contrasts_is_made_beside_them(heatlas: Runner, pairs: Path) -> None:
    three = np.column_stack([np.eye(2)[np.repeat([0, 1], N // 2)], np.linspace(-1, 1, N) ** 3])
    mat, con = write_design(pairs, three, [[-1, 1, 0], [0, 0, 1]], names=["ba", "trend"])
    fts = write_vest(pairs / "design.fts", [[1, 1]], of_contrasts=True)
    outcome = heatlas(
        "test", pairs / "all.nii.gz", "--design-mat", mat, "--con", con, "--fts", fts,
        "--permutations", 100, "-o", pairs / "out",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert stored(pairs / "out", "F1", "F").min() >= 0
    assert "F map of F1, n = 16, df = 2 and 13" in outcome.err


def test_variance_groups_of_a_file_make_welchs_v(heatlas: Runner, pairs: Path) -> None:
    indicators = np.eye(2)[np.repeat([0, 1], N // 2)]
    mat, con = write_design(pairs, indicators, [[-1, 1]], names=["ba"])
    grp = write_vest(pairs / "variances.grp", np.repeat([1, 2], N // 2))
    heatlas(
        "test", pairs / "all.nii.gz", "--design-mat", mat, "--con", con, "--variance-groups", grp,
        "--permutations", 50, "-o", pairs / "out",
    )  # fmt: skip
    maps = np.asarray(nib.load(pairs / "all.nii.gz").dataobj)
    expected = stats.ttest_ind(maps[..., 8:], maps[..., :8], axis=-1, equal_var=False).statistic
    np.testing.assert_allclose(stored(pairs / "out", "ba", "v"), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("rows", "columns", "grp", "words"),
    [
        (14, 2, None, "design.mat has 14 rows for 16 maps (volumes of all.nii.gz"),
        (16, 3, None, "design.con has 3 columns for the 2 of design.mat"),
        (16, 2, np.ones(10), "design.grp has 10 rows for 16 maps"),
        (16, 2, np.arange(16), "every block holds a single map"),
        (16, 2, np.repeat([1, 2], 8), "The blocks forbid every rearrangement of contrast 'c1'"),
    ],
)
def test_files_that_do_not_fit_are_one_sentence(
    heatlas: Runner, pairs: Path, rows: int, columns: int, grp: np.ndarray | None, words: str
) -> None:
    weights = np.zeros((1, columns))
    weights[0, :2] = -1, 1
    mat, con = write_design(pairs, np.eye(2)[np.repeat([0, 1], 8)][:rows], weights)
    more = [] if grp is None else ["--grp", write_vest(pairs / "design.grp", grp)]
    outcome = heatlas(
        "test", pairs / "all.nii.gz", "--design-mat", mat, "--con", con, *more, "-o",
        pairs / "out",
    )  # fmt: skip
    assert outcome.code == 2
    assert words in outcome.sentence
    assert not (pairs / "out").exists()


def test_a_contrast_that_the_design_cannot_tell_is_one_sentence(
    heatlas: Runner, pairs: Path
) -> None:
    overfull = np.column_stack([np.ones(N), np.eye(2)[np.repeat([0, 1], 8)]])
    mat, con = write_design(pairs, overfull, [[0, 1, 0]])
    outcome = heatlas(
        "test", pairs / "all.nii.gz", "--design-mat", mat, "--con", con, "-o", pairs / "out"
    )
    assert outcome.code == 2
    assert "Contrast 'c1' cannot be estimated: the rows do not tell apart" in outcome.sentence


# -------------------------------------------------------------------------------- real maps


@pytest.mark.parametrize(
    ("method", "stat"),
    [
        (("--method", "tfce", "--neighbours", "6"), "tfce"),
        (("--method", "cluster-mass", "--cluster-p", "0.001"), "clustermass"),
    ],
)
def test_reappraisal_of_30_people_is_found_by_formula_and_by_files_alike(
    heatlas: Runner, real_data: Path, tmp_path: Path, method: tuple[str, ...], stat: str
) -> None:
    maps = sorted((real_data / "wager2008").glob("*_con-regVSlookneg.nii.gz"))
    mat, con = write_design(tmp_path, np.ones((30, 1)), [[1]], names=["mean"])
    models = {"formula": ["--model", "1"], "files": ["--design-mat", mat, "--con", con]}
    for name, model in models.items():
        outcome = heatlas(
            "test", *maps, *model, *method, "--permutations", 200, "-o", tmp_path / name
        )
        assert outcome.code == 0, outcome.err
        assert "mask: voxels that are finite in all 30 maps" in outcome.err
        assert "75,919 voxels" in outcome.err
    for kind in ("t", stat, "logpfwe"):
        file = f"contrast-mean_stat-{kind}_statmap.nii.gz"
        assert (tmp_path / "files" / file).read_bytes() == (
            tmp_path / "formula" / file
        ).read_bytes()
    found = stored(tmp_path / "files", "mean", "logpfwe")
    assert int(np.isfinite(found).sum()) == 75_919
    assert np.nanmax(stored(tmp_path / "files", "mean", "t")) == pytest.approx(7.2547, abs=5e-5)
    assert np.nanmax(found) == pytest.approx(-np.log10(1 / 200))
    survivors = int((found >= -np.log10(0.05)).sum())
    assert 500 < survivors < 10_000
    table = read_table(tmp_path / "files" / "contrast-mean_clusters.tsv")
    assert table.numbers("statistic")[0] == pytest.approx(7.2547, abs=5e-5)
    written = [path for path in (tmp_path / "files").iterdir() if path.is_file()]
    assert [p.name for p in written if str(real_data).encode() in p.read_bytes()] == []
