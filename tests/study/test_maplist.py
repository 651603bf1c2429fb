"""Maps find their rows by pattern, by volume, by name or by order, and never by chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.table import Table, table_from_columns
from heatlas.study.maplist import list_maps
from tests.study.images import write_nifti

IDS = ("sub-01", "sub-02", "sub-10")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three small maps and one 4-D file with all of them."""
    values = np.random.default_rng(0).normal(size=(4, 4, 4, 3)).astype(np.float32)
    for k, name in enumerate(IDS):
        write_nifti(tmp_path / f"{name}_gm.nii.gz", values[..., k])
    write_nifti(tmp_path / "all.nii.gz", values)
    return tmp_path


def people(*ids: str) -> Table:
    return table_from_columns({"participant_id": ids or IDS, "age": [30, 40, 50]})


def test_a_pattern_is_filled_from_the_table(folder: Path) -> None:
    maps = list_maps([f"{folder}/{{participant_id}}_gm.nii.gz"], table=people())
    assert maps.ids == IDS
    assert [path.name for path in maps.paths] == [f"{name}_gm.nii.gz" for name in IDS]
    assert maps.volumes == (None, None, None)
    maps.check_present()


def test_files_that_are_not_there_are_named_all_at_once(folder: Path) -> None:
    maps = list_maps(
        [f"{folder}/{{participant_id}}_gm.nii.gz"], table=people("sub-01", "sub-03", "sub-04")
    )
    with pytest.raises(DataError, match=r"2 maps of 3 cannot be found: .*sub-03.*sub-04"):
        maps.check_present()
    maps.take(np.array([0])).check_present()


def test_a_pattern_with_several_columns_names_maps_by_their_files(folder: Path) -> None:
    table = table_from_columns({"participant_id": ["a", "a"], "visit": ["1", "2"]})
    maps = list_maps([f"{folder}/{{participant_id}}_{{visit}}.nii.gz"], table=table)
    assert maps.ids == ("a_1", "a_2")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{participant}.nii.gz", "Did you mean 'participant_id'"),
        ("{group}.nii.gz", "no value in column 'group'"),
        ("{age}.nii.gz", "gives several rows one map"),
    ],
)
def test_patterns_that_cannot_be_filled_are_refused(pattern: str, words: str) -> None:
    table = table_from_columns({
        "participant_id": ["a", "b"], "group": ["x", None], "age": [30, 30]
    })  # fmt: skip
    with pytest.raises((DataError, UnknownNameError), match=words):
        list_maps([pattern], table=table)


def test_a_pattern_needs_a_table_and_stands_alone() -> None:
    with pytest.raises(DataError, match="needs the table"):
        list_maps(["{participant_id}.nii.gz"])
    with pytest.raises(DataError, match="stands alone"):
        list_maps(["a.nii.gz", "{participant_id}.nii.gz"], table=people())


def test_volumes_of_one_file_are_the_rows_in_order(folder: Path) -> None:
    alone = list_maps([str(folder / "all.nii.gz")])
    assert alone.ids == ("volume-001", "volume-002", "volume-003")
    maps = list_maps([str(folder / "all.nii.gz")], table=people())
    assert (maps.ids, maps.volumes) == (IDS, (0, 1, 2))
    assert maps.take(np.array([2])).volumes == (2,)


def test_another_number_of_volumes_than_rows_is_refused(folder: Path) -> None:
    table = table_from_columns({"age": [30, 40]})
    with pytest.raises(DataError, match="holds 3 volumes, but the table has 2 rows"):
        list_maps([str(folder / "all.nii.gz")], table=table)


def test_files_go_to_the_rows_whose_ids_they_hold(folder: Path) -> None:
    given = [str(folder / f"{name}_gm.nii.gz") for name in ("sub-10", "sub-01", "sub-02")]
    maps = list_maps(given, table=people())
    assert [path.name[:6] for path in maps.paths] == list(IDS)
    assert "by the ids" in maps.words


def test_files_without_ids_are_in_the_order_given(folder: Path) -> None:
    given = [str(folder / f"{name}_gm.nii.gz") for name in ("sub-10", "sub-01", "sub-02")]
    maps = list_maps(given, table=people("x", "y", "z"))
    assert [path.name[:6] for path in maps.paths] == ["sub-10", "sub-01", "sub-02"]
    assert maps.ids == ("x", "y", "z")
    assert "in the order in which they were given" in maps.words


def test_names_that_fit_only_some_rows_are_refused(folder: Path) -> None:
    given = [str(folder / f"{name}_gm.nii.gz") for name in IDS]
    with pytest.raises(DataError, match=r"2 of 3; not found: sub-11.*mixed up"):
        list_maps(given, table=people("sub-01", "sub-02", "sub-11"))


def test_an_id_is_found_as_a_word_only(folder: Path) -> None:
    table = table_from_columns({"nr": ["01", "02", "10"]})
    given = [str(folder / f"{name}_gm.nii.gz") for name in IDS]
    assert list_maps(given, table=table, id_column="nr").ids == ("01", "02", "10")
    table = table_from_columns({"nr": ["1", "2", "0"]})
    assert "in the order" in list_maps(given, table=table, id_column="nr").words


@pytest.mark.parametrize("n", [2, 4])
def test_another_number_of_files_than_rows_is_refused(folder: Path, n: int) -> None:
    given = [str(folder / f"{name}_gm.nii.gz") for name in IDS]
    table = table_from_columns({"age": list(range(n))})
    with pytest.raises(DataError, match=f"3 maps for {n} rows"):
        list_maps(given, table=table)


def test_no_map_and_one_map_twice_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="No map is given"):
        list_maps([])
    one = str(folder / "sub-01_gm.nii.gz")
    with pytest.raises(DataError, match="more than once"):
        list_maps([one, one])


def test_a_4d_file_among_others_is_refused(folder: Path) -> None:
    given = [str(folder / "all.nii.gz"), str(folder / "sub-01_gm.nii.gz")]
    with pytest.raises(DataError, match="holds 3 volumes; give one 4-D file alone"):
        list_maps(given)


def test_an_unknown_id_column_gets_the_nearest_spelling(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'participant_id'"):
        list_maps([str(folder / "all.nii.gz")], table=people(), id_column="participant")


def test_ids_that_repeat_are_held_against_the_order_of_the_maps(folder: Path) -> None:
    files = [f"{folder}/{name}_gm.nii.gz" for name in IDS]
    with pytest.raises(DataError, match="Row 3 of the table is 'sub-02', but map 3 .*sub-10_gm"):
        list_maps(files, table=people("sub-01", "sub-02", "sub-02"))
    scans = [f"sub-{k}_ses-{s}.nii.gz" for k, s in ((1, 1), (1, 2), (2, 1))]
    for name in scans:
        write_nifti(folder / name, np.zeros((4, 4, 4)))
    rows = people("sub-1", "sub-1", "sub-2")
    maps = list_maps([f"{folder}/{name}" for name in scans], table=rows)
    assert [path.name for path in maps.paths] == scans
    with pytest.raises(DataError, match=r"give the maps in the order of the rows"):
        list_maps([f"{folder}/{name}" for name in reversed(scans)], table=rows)
