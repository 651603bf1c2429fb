"""A formula and a table become a design with its contrasts, blocks and groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatlas.core.errors import DesignError, UnknownNameError
from heatlas.core.table import table_from_columns
from heatlas.infer.exchangeability import Exchangeability
from heatlas.stats.glm import ContrastRequest
from heatlas.study.askedmodel import FslModel, ReadModel, TableModel
from heatlas.study.maplist import MapList
from heatlas.study.modelfiles import read_model, read_rows
from tests.study.vest import write_design
from tests.tiny import write_tsv

N = 8
COLUMNS = {
    "group": ["a", "b"] * 4,
    "pair": [f"p{k // 2}" for k in range(N)],
    "age": [30, 41, 38, 52, 47, 33, 60, None],
    "whole": [1] * N,
    "sub": [1, 1, 2, 2, 3, 3, 4, 4],
}
GROUPS = ContrastRequest(name="g", test="group[a] - group[b]")


def maps() -> MapList:
    ids = tuple(f"s{k}" for k in range(N))
    return MapList(
        ids=ids,
        paths=tuple(Path(f"{name}.nii.gz") for name in ids),
        volumes=(None,) * N,
        table=table_from_columns(COLUMNS),
        words="as listed",
    )


def read(
    *, exchangeability: Exchangeability | None = None, table: Path | None = Path("t"), **more: Any
) -> ReadModel:
    given = {"model": "group", "tests": (GROUPS,), **more}
    asked = TableModel(table=table, **given)
    return read_model(asked, maps(), exchangeability=exchangeability or Exchangeability())


def test_a_formula_becomes_a_design_with_contrasts() -> None:
    found = read()
    assert found.design.names == ("intercept", "group[S.a]")
    assert [contrast.name for contrast in found.contrasts] == ["g"]
    assert found.rows.tolist() == list(range(N))
    assert (found.exchangeability.blocks, found.variance_groups, found.notes) == (None, None, ())


def test_rows_that_are_dropped_are_told() -> None:
    found = read(model="group + age", missing="drop")
    assert found.rows.tolist() == list(range(N - 1))
    assert found.notes[0] == "1 row without a value of the model: s7"
    assert read(where="pair != 'p0'").rows.tolist() == list(range(2, N))


def test_a_column_of_blocks_is_numbered() -> None:
    found = read(blocks=("pair",), exchangeability=Exchangeability(shuffle="both"))
    assert found.exchangeability.shuffle == "both"
    assert found.exchangeability.names == ("pair",)
    assert found.exchangeability.blocks is not None
    assert found.exchangeability.blocks.tolist() == [1, 1, 2, 2, 3, 3, 4, 4]


def test_several_columns_are_levels() -> None:
    found = read(blocks=("whole", "sub"))
    assert found.exchangeability.kind == "multi-level"


def test_the_mode_is_kept_with_and_without_blocks() -> None:
    flips = Exchangeability(mode="sign-flips")
    assert read(exchangeability=flips).exchangeability.mode == "sign-flips"
    assert read(exchangeability=flips, blocks=("pair",)).exchangeability.mode == "sign-flips"


def test_variance_groups_come_from_a_column() -> None:
    groups = read(variance_groups="group").variance_groups
    assert groups is not None
    np.testing.assert_array_equal(groups, [1, 2] * 4)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"blocks": ("pairs",)}, "Did you mean 'pair'"),
        ({"variance_groups": "grup"}, "Did you mean 'group'"),
        ({"model": "grup"}, "Did you mean 'group'"),
    ],
)
def test_unknown_columns_get_the_nearest_spelling(more: dict[str, Any], words: str) -> None:
    with pytest.raises(UnknownNameError, match=words):
        read(**more)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"model": "age", "tests": ()}, "The model 'age' names columns"),
        ({"model": "1", "tests": (), "blocks": ("pair",)}, "The blocks 'pair' names columns"),
        ({"model": "1", "tests": (), "variance_groups": "g"}, "variance groups 'g' names columns"),
        ({"model": "1", "tests": (), "where": "age > 3"}, "condition 'age > 3' names columns"),
    ],
)
def test_columns_need_a_table(more: dict[str, Any], words: str) -> None:
    with pytest.raises(DesignError, match=words):
        read(table=None, **more)


def test_a_shuffle_without_blocks_is_refused() -> None:
    with pytest.raises(DesignError, match="no blocks are named"):
        read(exchangeability=Exchangeability(shuffle="whole"))


def test_files_of_fsl_are_read_by_their_room(tmp_path: Path) -> None:
    mat, con = write_design(tmp_path, np.eye(2)[np.arange(N) % 2], [[1, -1]])
    asked = FslModel(design_mat=mat, con=con)
    found = read_model(asked, maps(), exchangeability=Exchangeability())
    assert found.design.names == ("EV1", "EV2")
    assert read_rows(asked) is None


def test_the_table_is_read_where_there_is_one(tmp_path: Path) -> None:
    write_tsv(tmp_path / "t.tsv", {"id": ["a", "b"]})
    table = read_rows(TableModel(model="1", tests=(), table=tmp_path / "t.tsv"))
    assert table is not None
    assert len(table) == 2
    assert read_rows(TableModel(model="1", tests=())) is None
