"""Regions of atlases and tables are matched by name, and all that is missing is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.compare.regions import RegionValues
from heatlas.core.atlas import Atlas
from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.space import Grid
from heatlas.core.table import table_from_columns
from heatlas.study.parcellation import Parcellation, over_regions, sources_table
from tests.study.images import write_nifti

LABELS = np.zeros((6, 6, 6), dtype=np.int32)
LABELS[0], LABELS[2], LABELS[4], LABELS[5] = 1, 2, 3, 4
ATLAS = Atlas(
    name="Slabs",
    labels=LABELS,
    grid=Grid(shape=(6, 6, 6), affine=np.diag([2.0, 2, 2, 1])),
    names={1: "a", 2: "b", 3: "c", 4: "d"},
    citation="Somebody (2001)",
)


def values(name: str, regions: str, numbers: list[float], *, unit: str = "d") -> RegionValues:
    return RegionValues(name=name, regions=tuple(regions), values=np.array(numbers), unit=unit)


def test_with_an_atlas_its_regions_count_and_their_places_are_known() -> None:
    maps = [values("one", "dcba", [4, 3, 2, 1]), values("two", "abcz", [5, 1, 8, 9])]
    found = over_regions(maps, Parcellation(), atlas=ATLAS)
    assert found.table.parcels.names == ("a", "b", "c", "d")
    np.testing.assert_allclose(found.table.parcels.positions_mm()[:, 0], [0, 4, 8, 10])
    np.testing.assert_array_equal(found.maps.values, [[1, 2, 3, 4], [5, 1, 8, np.nan]])
    assert found.table.citation == "Somebody (2001)"
    assert found.warnings == (
        "two: 1 region that Slabs does not hold left out (z)",
        "no value of 1 region (d) in two",
    )


def test_tables_alone_have_no_places_unless_they_are_given() -> None:
    maps = [values("one", "abc", [4, 3, 2]), values("two", "abc", [5, 1, 8])]
    assert over_regions(maps, Parcellation(), atlas=None).table.parcels.centres_mm is None
    centres = table_from_columns({
        "name": ["c", "b", "a"], "x": [3, 2, 1], "y": [0, 0, 0], "z": [5, 5, 5]
    })  # fmt: skip
    placed = over_regions(maps, Parcellation(centres=centres), atlas=None).table.parcels
    np.testing.assert_array_equal(placed.positions_mm(), [[1, 0, 5], [2, 0, 5], [3, 0, 5]])


def test_a_table_of_other_regions_than_the_atlas_is_refused() -> None:
    with pytest.raises(DataError, match=r"none of its 4 regions \(w, x, y and 1 more\) is one of"):
        over_regions([values("one", "wxyz", [1, 2, 3, 4])], Parcellation(), atlas=ATLAS)


def test_many_gaps_are_one_sentence() -> None:
    maps = [values("one", "abc", [4, 3, 2]), values("two", "bcd", [5, 1, 8]),
            values("three", "abcd", [5, np.nan, np.nan, 8])]  # fmt: skip
    found = over_regions(maps, Parcellation(), atlas=ATLAS)
    assert found.warnings == ("3 of 3 maps lack regions, the most 2 regions (b and c) in three",)
    table = sources_table(maps, ["x", "y", "z"], parcels=found.table.parcels)
    assert table.numbers("measured").tolist() == [3, 3, 2]
    assert table.numbers("missing").tolist() == [1, 1, 2]


def test_atlases_are_named_or_read(tmp_path: Path) -> None:
    image = write_nifti(tmp_path / "slabs.nii.gz", LABELS.astype(np.int16))
    (tmp_path / "names.csv").write_text("index,name\n1,one\n2,two\n3,three\n4,four\n")
    read = Parcellation(atlas=image, labels=tmp_path / "names.csv").read_atlas()
    assert read is not None and read.regions == ("one", "two", "three", "four")
    assert Parcellation(atlas=ATLAS).read_atlas() is ATLAS
    assert Parcellation().read_atlas() is None
    shipped = Parcellation(atlas="aal").read_atlas()
    assert shipped is not None and len(shipped.regions) == 120
    with pytest.raises(UnknownNameError, match="Known: aal"):
        Parcellation(atlas="schaefer").read_atlas()


def test_choices_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="leave the centres out"):
        Parcellation(atlas="aal", centres="c.tsv")
    for atlas in (None, "aal", ATLAS):
        with pytest.raises(DataError, match="belong to a label image"):
            Parcellation(atlas=atlas, labels="names.csv")


def test_a_table_that_holds_its_centres_keeps_them_apart(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    assert Parcellation(centres=path).choice(path, alone=True).apart == ("x", "y", "z")
    assert Parcellation(centres=tmp_path / "y.csv").choice(path, alone=True).apart == ()
