"""A model names the files that it is read from, and owns what was read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from heatlas.core.design import Contrast, Design
from heatlas.infer.exchangeability import Exchangeability
from heatlas.study.askedmodel import FslModel, ReadModel, TableModel


def test_models_name_their_files() -> None:
    assert TableModel(model="1", tests=()).files == ()
    assert TableModel(model="age", tests=(), table=Path("t.tsv")).files == (Path("t.tsv"),)
    fsl = FslModel(design_mat=Path("d.mat"), con=Path("d.con"), grp=Path("d.grp"))
    assert fsl.files == (Path("d.mat"), Path("d.con"), Path("d.grp"))


def test_what_was_read_cannot_be_written_to() -> None:
    groups = np.array([1, 1, 2, 2])
    read = ReadModel(
        rows=np.arange(4),
        design=Design(matrix=np.ones((4, 1)), names=("a",), ids=("1", "2", "3", "4")),
        contrasts=(Contrast(name="c", weights=[[1.0]]),),
        exchangeability=Exchangeability(),
        variance_groups=groups,
    )
    groups[0] = 9
    assert read.variance_groups is not None
    assert read.variance_groups.tolist() == [1, 1, 2, 2]
    assert not read.rows.flags.writeable
