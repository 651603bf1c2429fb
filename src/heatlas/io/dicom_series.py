"""The series among DICOM files: which slices belong together, in which order, and what is odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.value import Value
from heatlas.core.words import count, join, number
from heatlas.io.dicom_head import FrameHead, ImageHead

SAME_PLACE_MM = 0.01
SAME_DIRECTION = 5e-4  # cosines: scanners round them differently from slice to slice
SAME_PIXEL_MM = 5e-5
MOST_REMEMBERED = 64
GAP_FACTOR = 1.5  # of both neighbours: there a slice is likely to be missing
LPS_TO_RAS = (-1.0, -1.0, 1.0)
SCOUTS = ("LOCALIZER", "SCOUT", "TOPOGRAM", "SURVEY")
Slice = tuple[ImageHead, FrameHead]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class FoundSeries(Value):
    """Slices that belong together, in the order of their positions.

    Parameters
    ----------
    slices : tuple of (ImageHead, FrameHead)
        Sorted along their normal.
    copies : tuple of (slice, slice)
        Slices that were left out, each with the one that is kept at its place.
    patient : int
        Which person among those found, from 1; never who.
    """

    slices: tuple[Slice, ...]
    copies: tuple[tuple[Slice, Slice], ...] = ()
    patient: int = 1

    @property
    def first(self) -> ImageHead:
        """Header of the first slice."""
        return self.slices[0][0]

    @property
    def code(self) -> str:
        """Short digest by which the series can be chosen."""
        return self.first.series.removeprefix("sha256:")[:8] or "unnamed"

    @property
    def is_scout(self) -> bool:
        """True for a localizer."""
        return _is_scout(self.slices[0])

    @property
    def has_places(self) -> bool:
        """True when every slice tells its position, orientation and pixel size."""
        return all(
            frame.position and frame.orientation and frame.spacing for _, frame in self.slices
        )

    @property
    def words(self) -> str:
        """One line that tells the series from others without saying whose it is."""
        head, frame = self.slices[0]
        kind = " ".join(word.lower() for word in frame.kind[2:3] if word)
        parts = [
            f"{head.modality or 'image'} {kind}".strip(),
            f"{count(len(self.slices), 'slice')} of {head.columns} x {head.rows}",
        ]
        if self.has_places and len(self.slices) > 1:
            corners = np.array([frame.position for _, frame in self.slices], dtype=np.float64)
            gaps = np.linalg.norm(np.diff(corners, axis=0), axis=1)
            parts.append(f"spaced {number(float(np.median(gaps)))} mm")
        if head.kernel:
            parts.append(f"kernel {head.kernel}")
        return ", ".join(parts)


class Unread(NamedTuple):
    """A file that could not be read, and why; the reason never names the file."""

    path: Path
    why: str

    @property
    def sentence(self) -> str:
        """Both, for the screen alone: a file's name may be that of a person."""
        return f"{self.path}: {self.why}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Found(Value):
    """All series of a source.

    Parameters
    ----------
    series : tuple of FoundSeries
        In the order of their files; localizers among them.
    n_patients : int
        How many persons they show.
    n_without_image : int
        Objects without an image (reports, structure sets).
    damaged : tuple of Unread
        Files that could not be read.
    n_missing : int
        Files that a DICOMDIR names and that are not there.
    """

    series: tuple[FoundSeries, ...]
    n_patients: int
    n_without_image: int = 0
    damaged: tuple[Unread, ...] = ()
    n_missing: int = 0

    @property
    def missing_words(self) -> str:
        """What a DICOMDIR names in vain, empty where nothing is missing."""
        missing = f"{count(self.n_missing, 'file')} that the DICOMDIR names are not there."
        return missing if self.n_missing else ""


def group_series(heads: Sequence[ImageHead]) -> tuple[tuple[FoundSeries, ...], int]:
    """Return the series of some files, and the number of persons.

    Parameters
    ----------
    heads : sequence of ImageHead
        With at least one frame each.

    Returns
    -------
    tuple of (tuple of FoundSeries, int)
        Series in the order of their files. Slices of one series that differ in orientation, pixel
        size, shape or person never mix; several slices at one place are told apart by what the
        scanner counts (acquisition, time, image type), and copies are left out.
    """
    patients = {patient: k for k, patient in enumerate(_in_order(h.patient for h in heads), 1)}
    groups: dict[Hashable, list[Slice]] = {}
    directions, pixels = _Alike(SAME_DIRECTION), _Alike(SAME_PIXEL_MM)
    for head in heads:
        for frame in head.frames:
            shape = (directions.of(frame.orientation), pixels.of(frame.spacing))
            groups.setdefault((_key(head, frame), shape), []).append((head, frame))
    series = []
    for group in groups.values():
        for part in _untangled(group):
            person = patients[group[0][0].patient]
            series.append(
                FoundSeries(slices=tuple(part.slices), copies=tuple(part.copies), patient=person)
            )
    return tuple(series), len(patients)


def places_along(slices: Sequence[Slice]) -> Floats:
    """Return where slices lie along their normal, rising towards right, front or head, in mm."""
    orientation = np.asarray(slices[0][1].orientation, dtype=np.float64)
    normal = np.cross(orientation[:3], orientation[3:])
    axis = int(np.argmax(np.abs(normal)))
    if normal[axis] * LPS_TO_RAS[axis] < 0:
        normal = -normal
    return np.array([np.dot(frame.position or (0, 0, 0), normal) for _, frame in slices])


def gap_notes(places: Floats) -> list[str]:
    """Return a sentence for each gap that looks like missing slices.

    Parameters
    ----------
    places : numpy.ndarray, shape (n,)
        Where the slices lie along their normal, rising, in mm.

    Returns
    -------
    list of str
        A gap counts when it is 1.5 times as wide as both of its neighbours.
    """
    gaps = np.diff(places)
    if len(gaps) < 3:
        return []
    before, after = np.roll(gaps, 1), np.roll(gaps, -1)
    before[0], after[-1] = after[0], before[-1]
    wide = gaps > GAP_FACTOR * np.maximum(before, after)
    notes = []
    for k in np.flatnonzero(wide):
        usual = max(float(before[k]), float(after[k]))
        missing = max(round(float(gaps[k]) / usual) - 1, 1)
        notes.append(
            f"{count(missing, 'slice')} seem{'s' if missing == 1 else ''} to be missing between "
            f"slices {k + 1} and {k + 2}: {number(float(gaps[k]))} mm apart, their neighbours "
            f"{number(usual)} mm."
        )
    return notes


# ---------------------------------------------------------------- what belongs together


def _in_order(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def _key(head: ImageHead, frame: FrameHead) -> Hashable:
    return (
        head.patient, head.series, head.frame_of_reference, head.modality, head.rows, head.columns,
        head.samples, head.photometric, _is_scout((head, frame)),
    )  # fmt: skip


class _Alike:
    """Gives numbers that differ by rounding alone the same representative, the first seen."""

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._seen: dict[tuple[float, ...], tuple[float, ...]] = {}
        self._firsts: list[tuple[float, ...]] = []

    def of(self, numbers: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if numbers is None:
            return None
        if numbers not in self._seen:
            self._seen[numbers] = self._first_like(numbers)
        return self._seen[numbers]

    def _first_like(self, numbers: tuple[float, ...]) -> tuple[float, ...]:
        # Only the latest are compared, so that hostile files cost no quadratic time.
        for first in reversed(self._firsts[-MOST_REMEMBERED:]):
            if all(abs(a - b) <= self._tolerance for a, b in zip(first, numbers, strict=True)):
                return first
        self._firsts.append(numbers)
        return numbers


def _is_scout(item: Slice) -> bool:
    return any(word.upper() in SCOUTS for word in item[1].kind)


class Part(NamedTuple):
    """Slices with one at each place, and those that lie where another one does."""

    slices: list[Slice]
    copies: list[tuple[Slice, Slice]]


def _untangled(group: list[Slice]) -> list[Part]:
    """Return slices as one or more stacks with one slice at each place."""
    if not all(frame.position and frame.orientation for _, frame in group):
        return [Part(sorted(group, key=_counted), [])]
    group = _sorted(group)
    if _n_shared(group) == 0:
        return [Part(group, [])]
    for tell in _TELLS:
        parts: dict[Hashable, list[Slice]] = {}
        for item in group:
            parts.setdefault(tell(item), []).append(item)
        if len(parts) > 1 and _is_apart(parts.values()):
            return [Part(part, []) for part in parts.values()]
    kept, copies = _without_copies(group)
    return [Part(kept, copies)]


def _is_apart(parts: Iterable[list[Slice]]) -> bool:
    """Say whether telling slices apart leaves one at each place and stacks of like length."""
    lengths = [len(part) for part in parts]
    clean = all(_n_shared(part) == 0 for part in parts)
    return clean and min(lengths) * 2 >= max(lengths)


def _counted(item: Slice) -> tuple[int, str, int]:
    head, frame = item
    return frame.instance or 0, head.path.name, frame.number


def _sorted(group: list[Slice]) -> list[Slice]:
    places = places_along(group).tolist()
    order = sorted(range(len(group)), key=lambda k: (round(places[k], 4), _counted(group[k])))
    return [group[k] for k in order]


def _n_shared(group: list[Slice]) -> int:
    """Return how many slices lie where the one before them lies."""
    gaps = np.abs(np.diff(np.sort(places_along(group))))
    return int(np.count_nonzero(gaps < SAME_PLACE_MM))


def _without_copies(group: list[Slice]) -> tuple[list[Slice], list[tuple[Slice, Slice]]]:
    places = places_along(group)
    kept, copies = [0], []
    for k in range(1, len(group)):
        if places[k] - places[kept[-1]] >= SAME_PLACE_MM:
            kept.append(k)
        else:
            copies.append((group[k], group[kept[-1]]))
    return [group[k] for k in kept], copies


_TELLS: tuple[Callable[[Slice], Hashable], ...] = (
    lambda item: item[1].acquisition,
    lambda item: item[1].temporal,
    lambda item: item[1].kind,
    lambda item: item[0].kernel,
)


def series_table(found: Sequence[FoundSeries]) -> list[str]:
    """Return one line a series: its number, its code, what it is, and of which person."""
    people = {series.patient for series in found}
    lines = []
    for k, series in enumerate(found, start=1):
        person = f", patient {series.patient}" if len(people) > 1 else ""
        lines.append(f"{k} [{series.code}] {series.words}{person}")
    return lines


def choose_series(found: Found, *, wanted: str | None, source: str) -> FoundSeries:
    """Return the one series that is meant.

    Parameters
    ----------
    found : Found
        What a source holds.
    wanted : str or None
        Number or code of a series as :func:`series_table` lists them; None takes the only one
        that is no localizer.
    source : str
        Its name for messages.

    Returns
    -------
    FoundSeries
        The series.

    Raises
    ------
    DataError
        If there is none, or several and none was named; the message lists them.
    """
    listed = "; ".join(series_table(found.series))
    if wanted is not None:
        return _named(found, wanted, listed=listed, source=source)
    candidates = [series for series in found.series if not series.is_scout] or list(found.series)
    if not candidates:
        raise DataError(_nothing(found, source))
    people = {series.patient for series in candidates}
    if len(people) > 1:
        raise DataError(
            f"{source}: it holds series of {len(people)} patients, which are never mixed; choose "
            f"one series by its number or code (--series): {listed}."
        )
    if len(candidates) > 1:
        raise DataError(
            f"{source}: it holds {len(candidates)} series; choose one by its number or code "
            f"(--series): {listed}."
        )
    return candidates[0]


def _named(found: Found, wanted: str, *, listed: str, source: str) -> FoundSeries:
    word = wanted.strip().lower()
    if word.isdigit() and 1 <= int(word) <= len(found.series):
        return found.series[int(word) - 1]
    matching = [s for s in found.series if len(word) >= 4 and s.code.startswith(word)]
    if len(matching) == 1:
        return matching[0]
    why = "several series have this code; use the number" if matching else "there is no such series"
    raise DataError(f"{source}: --series {wanted}: {why}. It holds {listed or 'none'}.")


def _nothing(found: Found, source: str) -> str:
    if found.n_without_image:
        return (
            f"{source}: {count(found.n_without_image, 'DICOM object')} in it, but no pixel data; "
            "name the slices themselves."
        )
    first = f" ({found.damaged[0].sentence})" if found.damaged else ""
    return f"{source}: no slice in it can be read{first}."


def left_out_notes(found: Found, chosen: FoundSeries) -> list[str]:
    """Return what else a source holds, beside the series that is read."""
    notes = []
    others = [series for series in found.series if series is not chosen]
    scouts = [series for series in others if series.is_scout]
    if scouts:
        n = sum(len(series.slices) for series in scouts)
        notes.append(f"{count(n, 'localizer image')} left out.")
    kinds = Counter(series.words for series in others if not series.is_scout)
    if kinds:
        notes.append(
            "Other series left out: " + join(f"{n} x {w}" if n > 1 else w for w, n in kinds.items())
            + "."
        )  # fmt: skip
    if found.n_without_image:
        notes.append(f"{count(found.n_without_image, 'object')} without an image left out.")
    if found.missing_words:
        notes.append(f"Not read: {found.missing_words}")
    reasons = Counter(unread.why for unread in found.damaged)
    notes += [f"Not read: {count(n, 'file')} (--list names them): {w}" for w, n in reasons.items()]
    return notes
