"""Tables of regions as they come: which column is what, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.table import table_from_columns
from heatlas.study.regiontables import (
    TableChoice,
    is_table,
    read_centres,
    read_region_table,
)

ENIGMA = "Cohort,Structure,d_icv,se_icv,n,pobs\n"


def written(folder: Path, text: str, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def maps_of(path: Path, *, value: str | None = None, alone: bool = False) -> dict[str, list[float]]:
    maps, _ = read_region_table(path, name="x", choice=TableChoice(value=value, alone=alone))
    return {item.name: item.values.tolist() for item in maps}


@pytest.mark.parametrize("name", ["a.csv", "a.TSV", "a.txt"])
def test_tables_are_told_by_their_ending(name: str) -> None:
    assert is_table(Path(name))
    assert not is_table(Path("a.nii.gz"))


def test_a_known_effect_size_is_the_map_and_is_named(tmp_path: Path) -> None:
    text = ENIGMA + "MDD,L_a,-0.1,0.02,10,0.5\nMDD,R_a,0.2,0.02,10,0.1\nMDD,L_b,0.3,0.01,10,\n"
    maps, notes = read_region_table(written(tmp_path, text), name="mdd", choice=TableChoice())
    assert [(item.name, item.unit, item.regions) for item in maps] == [
        ("mdd", "d_icv", ("L_a", "R_a", "L_b"))
    ]
    assert maps[0].values.tolist() == [-0.1, 0.2, 0.3]
    assert notes == []


def test_line_ends_and_trailing_empty_columns_do_not_matter(tmp_path: Path) -> None:
    plain = "structure,d\nA,1\nB,2\nC,4\n"
    odd = "structure,d,,\r\nA,1,,\r\nB,2,,\r\nC,4,,\r\n\r\n"
    expected = {"x": [1, 2, 4]}
    assert maps_of(written(tmp_path, plain)) == maps_of(written(tmp_path, odd)) == expected


def test_the_only_column_of_numbers_is_the_map(tmp_path: Path) -> None:
    path = written(tmp_path, "area,side,myelin\nA,L,1\nB,R,2\nC,L,4\n")
    assert maps_of(path) == {"x": [1, 2, 4]}


def test_every_column_of_a_table_that_is_alone_is_a_map(tmp_path: Path) -> None:
    path = written(tmp_path, "region,side,one,two,void\nA,L,1,7,\nB,R,2,8,\nC,L,4,1,\n")
    assert maps_of(path, alone=True) == {"one": [1, 2, 4], "two": [7, 8, 1]}
    assert maps_of(path, value="*") == {"x[one]": [1, 2, 4], "x[two]": [7, 8, 1]}
    _, notes = read_region_table(path, name="x", choice=TableChoice(alone=True))
    assert notes == ["x.csv: columns without numbers are left out: side and void"]


def test_a_named_column_is_the_map(tmp_path: Path) -> None:
    path = written(tmp_path, "region,one,two\nA,1,7\nB,2,8\nC,4,1\n")
    assert maps_of(path, value="two", alone=True) == {"x": [7, 8, 1]}
    with pytest.raises(UnknownNameError, match="x.csv: Unknown column 'tow'. Did you mean 'two'"):
        maps_of(path, value="tow")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "region,one,two\nA,1,7\nB,2,8\n",
            "several columns of numbers .one and two.; name the one",
        ),
        (
            "region,d\nA,1\nB,low\nC,3\nD,4\n",
            "x.csv: Column 'd' must be numeric, but row 2 .* 'low'",
        ),
        ("region,d\nA,1\nB,2\nA,3\n", "x.csv: A named more than once in column 'region'"),
        ("region,d\nA,1\n,2\nC,3\n", "row 2 has no name in column 'region'"),
        ("region,side\nA,l\nB,r\nC,m\n", "no column of numbers is found among region and side"),
        ("one,two,d\nA,l,1\nB,r,2\nC,m,3\n", "which column names the regions is not clear"),
        ("d,p\n1,2\n3,4\n5,6\n", "which column names the regions is not clear among d and p"),
        ("region,d\nA,1\n", "it holds A only"),
        ('region,d\nA,"0,5"\nB,"1,5"\nC,2\n', "must be numeric, but row 1 holds '0,5'"),
    ],
)
def test_tables_that_cannot_be_understood_say_why(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        maps_of(written(tmp_path, text))


def test_words_in_a_map_of_a_table_alone_are_not_left_out_in_silence(tmp_path: Path) -> None:
    path = written(tmp_path, "region,one,two\nA,1,7\nB,2,8\nC,4,x\n")
    with pytest.raises(DataError, match="Column 'two' must be numeric, but row 3 holds 'x'"):
        maps_of(path, alone=True)


def test_regions_may_be_numbers(tmp_path: Path) -> None:
    maps, _ = read_region_table(
        written(tmp_path, "index,d\n1,0.5\n2,0.25\n3,1\n"), name="x", choice=TableChoice()
    )
    assert maps[0].regions == ("1", "2", "3")
    assert maps[0].unit == "d"


# --------------------------------------------------------------------------------- centres


def test_centres_are_found_by_name(tmp_path: Path) -> None:
    path = written(tmp_path, "name\tX\ty\tz\nB\t1\t2\t3\nA\t-4\t5\t6\nC\t0\t0\t0\n", "c.tsv")
    places = read_centres(path, regions=("A", "B"))
    np.testing.assert_array_equal(places, [[-4, 5, 6], [1, 2, 3]])


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"name": ["A", "B"], "x": [1.0, 2], "y": [1.0, 2]}, "no column z among name, x and y"),
        ({"name": ["A", "B"], "x": [1.0, 2], "y": [1.0, 2], "z": [1.0, None]},
         "no position for B, 1 of 2 regions"),
        ({"name": ["A", "Q"], "x": [1.0, 2], "y": [1.0, 2], "z": [1.0, 2]},
         "no position for B, 1 of 2 regions"),
    ],
)  # fmt: skip
def test_missing_positions_are_named(columns: dict[str, list[object]], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read_centres(table_from_columns(columns), regions=("A", "B"))


# ----------------------------------------------------------------------------- real tables


def test_every_published_table_is_read(real_data: Path) -> None:
    paths = sorted((real_data / "enigma" / "summary_statistics").glob("*.csv"))
    assert len(paths) == 104
    sizes = set()
    for path in paths:
        maps, _ = read_region_table(path, name=path.stem, choice=TableChoice())
        assert len(maps) == 1 and maps[0].unit == "d_icv"
        sizes.add(len(maps[0].regions))
    assert sizes == {16, 68}
