"""Design files of FSL become the same values as a formula, or say what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatlas.core.errors import DesignError
from heatlas.core.table import table_from_columns
from heatlas.infer.exchangeability import Exchangeability
from heatlas.study.askedmodel import FslModel, ReadModel
from heatlas.study.fslmodel import read_fsl_model
from heatlas.study.maplist import MapList
from tests.study.vest import write_design, write_vest

N = 8
TWO_GROUPS = np.eye(2)[np.repeat([0, 1], 4)]


def maps() -> MapList:
    ids = tuple(f"volume-{k + 1:03d}" for k in range(N))
    return MapList(
        ids=ids,
        paths=(Path("all.nii.gz"),) * N,
        volumes=tuple(range(N)),
        table=table_from_columns({"map": ids}),
        words="volumes of all.nii.gz in their order",
    )


def read(
    folder: Path,
    *,
    matrix: Any = TWO_GROUPS,
    contrasts: Any = ((1, -1),),
    names: Any = (),
    exchangeability: Exchangeability | None = None,
    **files: Any,
) -> ReadModel:
    mat, con = write_design(folder, matrix, contrasts, names=names)
    paths = {
        key: write_vest(folder / f"{key}.txt", rows, of_contrasts=key == "fts")
        for key, rows in files.items()
    }
    asked = FslModel(design_mat=mat, con=con, **paths)
    return read_fsl_model(asked, maps(), exchangeability=exchangeability or Exchangeability())


def test_contrasts_keep_their_names_and_say_their_weights(tmp_path: Path) -> None:
    found = read(tmp_path, names=["patients > controls"])
    (contrast,) = found.contrasts
    assert contrast.name == "patients > controls"
    assert contrast.words == "1.000·EV1 − 1.000·EV2 above zero"
    assert found.design.formula == "design.mat"
    assert found.design.ids == maps().ids
    assert found.rows.tolist() == list(range(N))


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["A > B", "A < B"], ["A > B", "A < B c2"]),
        (['"mean"', "+"], ["mean", "+ c2"]),
        (["x", "x1"], ["x", "x1"]),
    ],
)
def test_names_that_would_share_a_file_get_a_number(
    tmp_path: Path, given: list[str], made: list[str]
) -> None:
    found = read(tmp_path, contrasts=[[1, 0], [0, 1]], names=given)
    assert [contrast.name for contrast in found.contrasts] == made


def test_f_tests_join_rows_of_the_contrasts(tmp_path: Path) -> None:
    found = read(tmp_path, contrasts=[[1, 0], [0, 1]], names=["one", "F2"], fts=[[1, 1], [0, 1]])
    assert [contrast.name for contrast in found.contrasts] == ["one", "F2", "F1", "F2 c2"]
    joint = found.contrasts[2]
    assert (joint.kind, joint.words) == ("F", "one or F2")
    np.testing.assert_array_equal(joint.weights, np.eye(2))


def test_a_grp_file_names_exchangeability_blocks(tmp_path: Path) -> None:
    found = read(tmp_path, grp=[1, 1, 2, 2, 3, 3, 4, 4])
    assert found.exchangeability.blocks is not None
    assert found.exchangeability.blocks.tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert found.variance_groups is None


def test_one_label_for_all_maps_means_no_blocks(tmp_path: Path) -> None:
    assert read(tmp_path, grp=[1] * N).exchangeability.blocks is None


def test_columns_of_labels_are_levels(tmp_path: Path) -> None:
    labels = np.column_stack([np.ones(N), [1, 1, 2, 2, 3, 3, 4, 4]])
    assert read(tmp_path, grp=labels).exchangeability.kind == "multi-level"


def test_another_file_of_labels_names_variance_groups(tmp_path: Path) -> None:
    found = read(tmp_path, variance_groups=[1] * 4 + [2] * 4)
    assert found.variance_groups is not None
    assert found.variance_groups.tolist() == [1] * 4 + [2] * 4
    assert found.exchangeability.blocks is None


def test_opposite_contrasts_and_a_mean_that_nobody_models_are_told(tmp_path: Path) -> None:
    assert read(tmp_path).notes == ()
    (note,) = read(tmp_path, contrasts=[[1, -1], [-1, 1]], names=["up", "down"]).notes
    assert note.startswith("down is the negative of up")
    centred = np.arange(N)[:, None] - (N - 1) / 2
    (note,) = read(tmp_path, matrix=centred, contrasts=[[1]]).notes
    assert "design.mat holds no constant" in note


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"matrix": np.ones((6, 2))}, r"design.mat has 6 rows for 8 maps \(volumes"),
        ({"contrasts": [[1, -1, 0]]}, "design.con has 3 columns for the 2 of design.mat"),
        ({"fts": [[1, 1]]}, "fts.txt has 2 columns for 1 contrast"),
        ({"grp": [1] * 6}, "grp.txt has 6 rows for 8 maps"),
        ({"variance_groups": [1] * 7 + [2]}, "group 2 has 1 map"),
        ({"variance_groups": np.ones((N, 2))}, "has 2 columns; groups of one variance need one"),
    ],
)
def test_files_that_do_not_fit_are_named_with_their_sizes(
    tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(DesignError, match=words):
        read(tmp_path, **given)
