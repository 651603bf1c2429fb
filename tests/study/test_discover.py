"""Looking into a folder: tables, maps and the pattern that joins them."""

from __future__ import annotations

from pathlib import Path

import pytest

from heatlas.core.errors import DataError
from heatlas.core.table import table_from_columns
from heatlas.study.discover import FoundTable, bare_patterns, id_patterns, look_into


def touch(folder: Path, *names: str) -> None:
    """Make empty files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(*ids: str) -> FoundTable:
    """A table of ids."""
    return FoundTable(name="t.tsv", table=table_from_columns({"id": ids}))


def test_maps_are_listed_in_order_and_hidden_ones_are_not(tmp_path: Path) -> None:
    touch(tmp_path, "b.nii.gz", "a/c.NII", ".git/d.nii", ".e.nii", "notes.txt")
    assert look_into(tmp_path).maps == ("a/c.NII", "b.nii.gz")


def test_results_of_heatlas_are_no_maps_of_a_study(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii", "results/study.lock.json", "results/maps/x.nii.gz")
    assert look_into(tmp_path).maps == ("a.nii",)


def test_a_table_that_cannot_be_read_is_told_and_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "empty.tsv")
    (tmp_path / "good.csv").write_text("id\na\n")
    looked = look_into(tmp_path)
    assert [table.name for table in looked.tables] == ["good.csv"]
    assert looked.unreadable[0].startswith("empty.tsv: ")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be listed"):
        look_into(tmp_path / "nowhere")


def test_an_id_is_found_between_signs_only() -> None:
    patterns = id_patterns(found("s1", "s2"), ["s1.nii", "s2.nii", "s10.nii", "as1.nii"])
    assert [(p.template, p.ids) for p in patterns] == [("{id}.nii", {"s1", "s2"})]


def test_the_longest_id_wins() -> None:
    maps = ["sub-01_ses-1.nii", "sub-02_ses-1.nii"]
    patterns = id_patterns(found("sub-01", "sub-02", "01", "1"), maps)
    assert patterns[0].template == "{id}_ses-1.nii"


def test_a_column_whose_values_repeat_is_no_id() -> None:
    assert id_patterns(found("a", "a", "b"), ["a.nii", "b.nii"]) == []


def test_paths_with_braces_are_left_alone() -> None:
    assert id_patterns(found("a", "b"), ["{x}/a.nii", "{x}/b.nii"]) == []
    assert bare_patterns(["{x}/1.nii", "{x}/2.nii"]) == []


def test_the_pattern_of_most_ids_comes_first() -> None:
    maps = ["gm/a.nii", "gm/b.nii", "t1/a.nii"]
    assert [p.template for p in id_patterns(found("a", "b"), maps)] == [
        "gm/{id}.nii",
        "t1/{id}.nii",
    ]


def test_without_a_table_the_part_that_varies_is_the_id() -> None:
    maps = [f"Subject_{n:03d}.nii.gz" for n in range(1, 9)] + ["Parcellation_403areas.nii.gz"]
    pattern = bare_patterns(maps)[0]
    assert pattern.template == "Subject_{participant_id}.nii.gz"
    assert len(pattern.ids) == 8


def test_the_bids_prefix_belongs_to_the_id() -> None:
    pattern = bare_patterns(["sub-01/f_run-1.nii", "sub-02/f_run-1.nii"])[0]
    assert (pattern.template, pattern.ids) == (
        "{participant_id}/f_run-1.nii",
        {"sub-01", "sub-02"},
    )
