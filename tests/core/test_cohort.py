"""Who is in a study."""

from __future__ import annotations

import pytest

from heatlas.core.cohort import Cohort, Exclusion, FileReference
from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.table import table_from_columns


def files(n: int) -> list[FileReference]:
    """Return references to so many files."""
    return [FileReference(name=f"gm/{k}.nii.gz", digest=f"sha256:{k}") for k in range(n)]


def cohort(ids: list[object], n_files: int = 2, id_column: str = "id") -> Cohort:
    """Return a cohort of these participants."""
    return Cohort(
        table=table_from_columns({"id": ids}),
        id_column=id_column,
        files=tuple(files(n_files)),
        exclusions=(Exclusion(id="c", reason="moved"),),
    )


def test_participants_are_listed_in_table_order() -> None:
    assert cohort(["b", "a"]).ids == ("b", "a")
    assert cohort([2, 1]).ids == ("2", "1")


def test_every_participant_has_one_file() -> None:
    with pytest.raises(DataError, match="files: 1 given, but there are 2 participants"):
        cohort(["a", "b"], n_files=1)


def test_a_participant_who_occurs_twice_is_named() -> None:
    with pytest.raises(DataError, match="Participant 'a' occurs more than once"):
        cohort(["a", "a"])


def test_a_participant_without_a_name_is_refused() -> None:
    with pytest.raises(DataError, match="A participant has no 'id'"):
        cohort(["a", None])


def test_a_missing_id_column_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'id'"):
        cohort(["a", "b"], id_column="ids")
