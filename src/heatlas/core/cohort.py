"""Who is in a study: participants, their files and every exclusion with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from heatlas.core.errors import DataError
from heatlas.core.table import Table
from heatlas.core.validate import check_length, set_field
from heatlas.core.value import Value


@dataclass(frozen=True, kw_only=True, eq=False)
class FileReference(Value):
    """A file of the study.

    Parameters
    ----------
    name : str
        Path relative to the study file (or to the results folder), with forward slashes; never
        absolute.
    digest : str
        SHA-256 of its bytes.
    volume : int, optional
        Which volume of a 4-D file.
    """

    name: str
    digest: str
    volume: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Exclusion(Value):
    """A participant who was left out.

    Parameters
    ----------
    id : str
        The participant.
    reason : str
        Why, as written in the study file or found by Heatlas.
    """

    id: str
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Cohort(Value):
    """Participants with their files, in table order.

    Parameters
    ----------
    table : Table
        One row per participant who is in.
    id_column : str
        Column that names the participants.
    files : tuple of FileReference
        One map per row.
    exclusions : tuple of Exclusion
        Everybody who is out, with the reason.
    measure : str
        What the maps show, in words.
    """

    table: Table
    id_column: str
    files: tuple[FileReference, ...]
    exclusions: tuple[Exclusion, ...] = ()
    measure: str = "value"

    def __post_init__(self) -> None:
        """Check that there is one file per row and that ids are unique."""
        set_field(self, "files", to=tuple(self.files))
        set_field(self, "exclusions", to=tuple(self.exclusions))
        check_length(self.files, name="files", expected=len(self.table), per="participants")
        if self.table.column(self.id_column).missing.any():
            raise DataError(f"A participant has no '{self.id_column}' in the table.")
        seen: set[str] = set()
        for name in self.ids:
            if name in seen:
                raise DataError(f"Participant '{name}' occurs more than once in the table.")
            seen.add(name)

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of the participants, in table order."""
        return tuple(str(word) for word in self.table.words(self.id_column))
