"""From tables and a pattern of paths to participants, each with the file that is theirs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.execute import SerialExecutor
from heatlas.study.cohort import CohortFiles, extra_inputs, read_cohort, shown_name
from heatlas.study.spec import CohortSpec, StudySpec, read_spec
from tests.tiny import IDS, SETTINGS, SHAPE, people, tiny_study, write_map, write_study, write_tsv


def cohort(folder: Path, **changes: Any) -> CohortFiles:
    spec = CohortSpec(**{**SETTINGS["cohort"], **changes})
    return read_cohort(spec, base=folder, executor=SerialExecutor())


def names_of(found: CohortFiles) -> list[str]:
    return [file.name for file in found.cohort.files]


def read(folder: Path) -> StudySpec:
    return read_spec(folder / "study.yaml")


def test_each_row_gets_the_file_that_its_pattern_names(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    found = cohort(tmp_path)
    assert found.cohort.ids == IDS
    assert names_of(found) == [f"maps/{name}.nii.gz" for name in IDS]
    content = (tmp_path / "maps" / "sub-02.nii.gz").read_bytes()
    assert found.cohort.files[1].digest == "sha256:" + hashlib.sha256(content).hexdigest()


def test_table_order_rules_not_the_order_of_files(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    write_tsv(tmp_path / "people.tsv", {k: list(v)[::-1] for k, v in people().items()})
    found = cohort(tmp_path)
    assert found.cohort.ids == IDS[::-1]
    assert found.paths[0].name == "sub-12.nii.gz"
    assert found.cohort.table.words("age")[0] == "36"


def test_an_excluded_participant_is_out_and_remembered_with_the_reason(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    (tmp_path / "maps" / "sub-03.nii.gz").unlink()  # nobody misses the map of who is out
    found = cohort(tmp_path, exclude={"sub-03": "moved"})
    assert found.cohort.ids == tuple(name for name in IDS if name != "sub-03")
    (one,) = found.cohort.exclusions
    assert (one.id, one.reason) == ("sub-03", "moved")


def test_tables_are_joined_on_the_id_whatever_their_order(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    scores = {"participant_id": IDS[::-1], "score": range(12, 0, -1)}
    write_tsv(tmp_path / "scores.tsv", scores)
    found = cohort(tmp_path, tables=["people.tsv", "scores.tsv"])
    np.testing.assert_array_equal(found.cohort.table.numbers("score"), np.arange(1, 13))


def test_a_pattern_may_use_several_columns(tmp_path: Path) -> None:
    tiny_study(tmp_path, columns={"site": ["a", "b"] * 6})
    for name, site in zip(IDS, ["a", "b"] * 6, strict=True):
        (tmp_path / site).mkdir(exist_ok=True)
        (tmp_path / "maps" / f"{name}.nii.gz").rename(tmp_path / site / f"{name}.nii.gz")
    found = cohort(tmp_path, maps="{site}/{participant_id}.nii.gz")
    assert names_of(found)[:2] == ["a/sub-01.nii.gz", "b/sub-02.nii.gz"]


def test_without_tables_the_pattern_finds_the_participants(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    (tmp_path / "maps" / "notes.txt").write_text("not a map")
    assert cohort(tmp_path, tables=[]).cohort.ids == IDS


def test_an_id_that_stands_twice_in_the_pattern_is_the_same_both_times(tmp_path: Path) -> None:
    for folder, name in [("sub-1", "sub-1"), ("sub-2", "sub-2"), ("sub-2", "sub-3")]:
        (tmp_path / folder).mkdir(exist_ok=True)
        write_map(tmp_path / folder / f"{name}_gm.nii.gz", np.ones(SHAPE))
    pattern = "{participant_id}/{participant_id}_gm.nii.gz"
    found = cohort(tmp_path, tables=[], maps=pattern)
    assert found.cohort.ids == ("sub-1", "sub-2")
    assert names_of(found) == ["sub-1/sub-1_gm.nii.gz", "sub-2/sub-2_gm.nii.gz"]


def test_maps_of_an_absolute_pattern_keep_what_tells_them_apart(tmp_path: Path) -> None:
    for name in ("sub-1", "sub-2"):
        (tmp_path / "secret" / name).mkdir(parents=True)
        write_map(tmp_path / "secret" / name / "gm.nii.gz", np.ones(SHAPE))
    pattern = str(tmp_path / "secret" / "{participant_id}" / "gm.nii.gz")
    found = cohort(tmp_path / "elsewhere", tables=[], maps=pattern)
    assert names_of(found) == ["sub-1/gm.nii.gz", "sub-2/gm.nii.gz"]
    assert found.paths[1] == tmp_path / "secret" / "sub-2" / "gm.nii.gz"


def test_names_in_results_have_no_folder_of_this_machine() -> None:
    assert shown_name("gm/a.nii.gz") == "gm/a.nii.gz"
    assert shown_name("../gm/a.nii.gz") == "../gm/a.nii.gz"
    assert shown_name("/data/secret/people.tsv") == "people.tsv"
    assert shown_name("/data/secret/{id}/gm.nii.gz") == "{id}/gm.nii.gz"


def test_a_merged_file_gives_each_row_a_volume(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    write_map(tmp_path / "all.nii.gz", np.zeros((*SHAPE, 12)))
    found = cohort(tmp_path, maps={"merged": "all.nii.gz"}, exclude={"sub-01": "moved"})
    assert [file.volume for file in found.cohort.files] == list(range(1, 12))
    assert set(names_of(found)) == {"all.nii.gz"}


def test_a_merged_file_with_another_number_of_volumes_is_refused(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    write_map(tmp_path / "all.nii.gz", np.zeros((*SHAPE, 11)))
    with pytest.raises(DataError, match="holds 11 volumes, but the table has 12 rows"):
        cohort(tmp_path, maps={"merged": "all.nii.gz"})


def test_a_merged_file_without_a_table_names_its_volumes(tmp_path: Path) -> None:
    write_map(tmp_path / "all.nii.gz", np.zeros((*SHAPE, 3)))
    found = cohort(tmp_path, tables=[], maps={"merged": "all.nii.gz"})
    assert found.cohort.ids == ("volume-001", "volume-002", "volume-003")


def test_ids_with_leading_zeros_stay_words(tmp_path: Path) -> None:
    for k in (1, 2):
        write_map(tmp_path / f"map_{k:03d}.nii.gz", np.ones(SHAPE))
    write_tsv(tmp_path / "people.tsv", {"participant_id": ["001", "002"], "age": [30, 40]})
    found = cohort(tmp_path, maps="map_{participant_id}.nii.gz")
    assert found.cohort.ids == ("001", "002")


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"participant_id": (*IDS[:-1], "n/a")}, "row 12 has no 'participant_id'"),
        ({"file": ("n/a", *IDS[1:])}, "row 1 has no value in column file"),
        ({"file": (IDS[1], *IDS[1:])}, "one file to several participants: maps/sub-02"),
    ],
)
def test_rows_that_name_no_file_of_their_own_are_refused(
    columns: dict[str, Any], says: str, tmp_path: Path
) -> None:
    tiny_study(tmp_path, columns=columns)
    with pytest.raises(DataError, match=says):
        cohort(
            tmp_path, maps=f"maps/{{{'file' if 'file' in columns else 'participant_id'}}}.nii.gz"
        )


def test_a_pattern_with_an_unknown_column_is_refused_with_the_nearest(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    with pytest.raises(UnknownNameError, match="participantid.*participant_id"):
        cohort(tmp_path, maps="maps/{participantid}.nii.gz")


def test_maps_that_are_missing_are_counted_and_a_few_named(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    for name in IDS[:7]:
        (tmp_path / "maps" / f"{name}.nii.gz").unlink()
    with pytest.raises(DataError, match=r"7 maps of 12 .*maps/sub-05.nii.gz and 2 more"):
        cohort(tmp_path)


def test_every_other_file_of_a_study_has_its_digest(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    write_map(tmp_path / "mask.nii.gz", np.ones(SHAPE))
    write_map(tmp_path / "grid.nii.gz", np.zeros(SHAPE))
    write_map(tmp_path / "roi.nii.gz", np.arange(np.prod(SHAPE)).reshape(SHAPE) < 9)
    write_study(
        tmp_path, mask={"path": "mask.nii.gz"}, grid={"path": str(tmp_path / "grid.nii.gz")},
        inference={"small_volume": {"mask": "roi.nii.gz"}},
    )  # fmt: skip
    found = extra_inputs(read(tmp_path), base=tmp_path)
    assert sorted(found) == ["grid.nii.gz", "mask.nii.gz", "people.tsv", "roi.nii.gz"]
    assert len(set(found.values())) == 4


def test_two_files_of_one_name_both_count(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_tsv(tmp_path / folder / "people.tsv", {"participant_id": IDS, folder: range(12)})
    tables = [str(tmp_path / folder / "people.tsv") for folder in ("one", "two")]
    write_study(tmp_path, cohort={**SETTINGS["cohort"], "tables": tables})
    found = extra_inputs(read(tmp_path), base=tmp_path)
    assert list(found) == ["people.tsv", "people.tsv (2)"]
    assert len(set(found.values())) == 2
