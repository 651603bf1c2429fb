"""DICOM series in: found, chosen, read as slices with their own positions and orientations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance, digest_json
from heatlas.core.slicestack import SliceStack
from heatlas.core.value import Value
from heatlas.core.window import Window
from heatlas.core.words import count, join, percent
from heatlas.io.dicom_codecs import encoding_name, is_lossless
from heatlas.io.dicom_files import dicom_files
from heatlas.io.dicom_head import FrameHead, ImageHead, read_head
from heatlas.io.dicom_pixels import Pixels, check_pixels, read_pixels
from heatlas.io.dicom_series import (
    LPS_TO_RAS,
    Found,
    FoundSeries,
    Slice,
    Unread,
    choose_series,
    gap_notes,
    group_series,
    left_out_notes,
    places_along,
)

__all__ = ["ReadSeries", "find_series", "choose_series", "read_series"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadSeries(Value):
    """A series that was read.

    Parameters
    ----------
    slices : SliceStack
        Real values; padding is NaN.
    windows : tuple of Window
        What the first file proposes for display.
    why_not_hu : str
        What the files say against HU; empty where they say that their values are HU.
    body_part : str
        What the files say was examined, empty where they do not.
    facts : tuple of (str, str)
        What was found, for a page.
    notes : tuple of str
        What a reader must know.
    """

    slices: SliceStack
    windows: tuple[Window, ...]
    why_not_hu: str
    body_part: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    @property
    def says_hu(self) -> bool:
        """True when the files say that their values are HU."""
        return not self.why_not_hu


def find_series(source: Path) -> Found:
    """Return the series of a file, a folder or a DICOMDIR, from their headers alone.

    Parameters
    ----------
    source : Path
        Where to look.

    Returns
    -------
    Found
        Every series, localizers among them.

    Raises
    ------
    DataError
        If there is no such source, or no file in it can be read as DICOM.
    """
    listing = dicom_files(source)
    heads, damaged = [], []
    for path in listing.files:
        try:
            heads.append(read_head(path))
        except DataError as error:
            damaged.append(Unread(path, str(error).removeprefix(f"{path}: ")))
    if not heads:
        raise DataError(damaged[0].sentence)
    images = [head for head in heads if head.frames and head.pixels_at is not None]
    series, n_patients = group_series(images)
    return Found(
        series=series,
        n_patients=n_patients,
        n_without_image=len(heads) - len(images),
        damaged=tuple(damaged),
        n_missing=len(listing.missing),
    )


def read_series(chosen: FoundSeries, *, found: Found | None = None) -> ReadSeries:
    """Return the slices of a series.

    Parameters
    ----------
    chosen : FoundSeries
        Which one.
    found : Found, optional
        All that its source holds, so that what is left out can be said.

    Returns
    -------
    ReadSeries
        Slices in the order of their positions, in real values.

    Raises
    ------
    DataError
        If a file is damaged, cut off, or holds no pixels.
    NotSupportedError
        If the pixels are colours, or encoded in a way that is not read.
    MissingExtraError
        If a decoder is missing.

    Notes
    -----
    Peak memory is four bytes a pixel and one file per thread. Neither names nor identifiers of
    files and persons reach the result; files are told by their digests.
    """
    check_pixels(chosen.first)
    pixels = read_pixels(chosen.slices)
    corners, down, right = _places(chosen)
    why_not_hu = _why_not_hu(chosen)
    notes = [
        *_copy_notes(chosen),
        *_placing_notes(chosen),
        *_pixel_notes(chosen, pixels),
        *([] if found is None else left_out_notes(found, chosen)),
    ]
    head, frame = chosen.slices[0]
    stack = SliceStack(
        values=pixels.values,
        corners_mm=corners,
        row_steps_mm=down,
        column_steps_mm=right,
        thickness_mm=frame.thickness_mm or None,
        unit="" if why_not_hu else "HU",
        position_unit="mm" if chosen.has_places else "unknown",
        name=f"{head.modality or 'image'} series",
        provenance=_provenance(chosen, pixels, notes=notes),
    )
    windows = tuple(replace(window, unit=stack.unit) for window in frame.windows)
    return ReadSeries(
        slices=stack,
        windows=windows,
        why_not_hu=why_not_hu,
        body_part=head.body_part,
        facts=_facts(chosen, pixels),
        notes=tuple(notes),
    )


def _places(chosen: FoundSeries) -> tuple[Floats, Floats, Floats]:
    """Return corners, row steps and column steps in RAS+; unit steps where none are told."""
    n = len(chosen.slices)
    if not chosen.has_places:
        frame = chosen.slices[0][1]
        down, right = frame.spacing or (1.0, 1.0)
        corners = np.outer(np.arange(n), (0.0, 0.0, frame.thickness_mm or 1.0))
        return corners, np.tile((0.0, -down, 0.0), (n, 1)), np.tile((-right, 0.0, 0.0), (n, 1))
    frames = [frame for _, frame in chosen.slices]
    corners = np.array([frame.position for frame in frames]) * np.array(LPS_TO_RAS)
    axes = np.array([frame.orientation for frame in frames]).reshape(n, 2, 3) * np.array(LPS_TO_RAS)
    spacing = np.array([frame.spacing for frame in frames])
    # The first three numbers of an orientation run along a row: from column to column.
    return corners, axes[:, 1] * spacing[:, :1], axes[:, 0] * spacing[:, 1:]


def _why_not_hu(chosen: FoundSeries) -> str:
    """Return why the files do not give HU; empty where they do, by name or as CT by default."""
    head, frame = chosen.slices[0]
    named = frame.rescale_type if head.modality_lut is None else head.modality_lut.kind or "none"
    if named:
        return "" if named == "HU" else f"the files name the unit '{named}'"
    derived = {"PERFUSION", "SECONDARY", "LOCALIZER"} & {word.upper() for word in frame.kind}
    if derived:
        return f"the files are of the type {min(derived).lower()}"
    return "" if head.modality == "CT" else f"the files are {head.modality or 'no'} images"


def _copy_notes(chosen: FoundSeries) -> list[str]:
    """Say how many slices lay at the place of another one, and whether their pixels differ."""
    if not chosen.copies:
        return []
    differing = sum(
        not np.array_equal(read_pixels([copy]).values, read_pixels([kept]).values, equal_nan=True)
        for copy, kept in chosen.copies
    )
    words = f"{count(len(chosen.copies), 'slice')} at the place of another slice left out"
    if differing:
        words += f", {differing} of them with other pixels (the first by number is kept)"
    return [words + "."]


def _placing_notes(chosen: FoundSeries) -> list[str]:
    if not chosen.has_places:
        size = "" if chosen.slices[0][1].spacing else " and no pixel size"
        return [f"The files tell no position or orientation{size}; sides are not known."]
    if len(chosen.slices) == 1:
        return ["One slice only: its extent across is the slice thickness that the file names."]
    return gap_notes(places_along(chosen.slices))


def _pixel_notes(chosen: FoundSeries, pixels: Pixels) -> list[str]:
    head = chosen.first
    notes = []
    total = pixels.values.size
    if pixels.n_unnamed_padding:
        share = percent(pixels.n_unnamed_padding / total, digits=1)
        notes.append(
            f"{count(pixels.n_unnamed_padding, 'pixel')} ({share}) hold one constant value far "
            "below air and are taken as padding, though the files do not name them so."
        )
    if head.photometric == "MONOCHROME1":
        notes.append(
            "The files ask for high values to be shown dark (MONOCHROME1); values are as stored, "
            "and pictures show high values bright."
        )
    lossy = {h.transfer_syntax for h, _ in chosen.slices if not is_lossless(h.transfer_syntax)}
    if lossy:
        notes.append(
            f"The slices were compressed with loss ({join(map(encoding_name, sorted(lossy)))})."
        )
    slopes = {(frame.slope, frame.intercept) for _, frame in chosen.slices}
    if len(slopes) > 1:
        notes.append(f"{len(slopes)} different rescale slopes and intercepts, applied per slice.")
    return notes


def _facts(chosen: FoundSeries, pixels: Pixels) -> tuple[tuple[str, str], ...]:
    head, frame = chosen.slices[0]
    syntaxes = sorted({h.transfer_syntax for h, _ in chosen.slices})
    decoded = f", decoded by {join(pixels.decoders)}" if pixels.decoders else ""
    facts = [
        ("Series", chosen.words),
        ("Files", count(len({h.path for h, _ in chosen.slices}), "file")),
        ("Encoding", join(map(encoding_name, syntaxes)) + decoded),
        ("Rescale", _rescale_words(head, frame)),
    ]
    if pixels.n_padding:
        share = percent(pixels.n_padding / pixels.values.size, digits=1)
        facts.append(("Padding", f"{share} of the pixels, not scanned"))
    if frame.thickness_mm:
        facts.append(("Slice thickness", f"{frame.thickness_mm:g} mm"))
    return tuple(facts)


def _rescale_words(head: ImageHead, frame: FrameHead) -> str:
    if head.modality_lut is not None:
        kind = head.modality_lut.kind or "no unit"
        return f"a table of {len(head.modality_lut.entries):,} entries ({kind})"
    unit = f" ({frame.rescale_type})" if frame.rescale_type else ""
    return f"stored x {frame.slope:g} + {frame.intercept:g}{unit}".replace("+ -", "− ")


def _provenance(chosen: FoundSeries, pixels: Pixels, *, notes: Sequence[str]) -> Provenance:
    """Return the reading as a step: one digest over the digests of all files, in their order."""
    head = chosen.first
    paths: Sequence[Slice] = chosen.slices
    return Provenance().then(
        "read dicom",
        parameters={
            "slices": len(chosen.slices),
            "stored": f"{head.columns} x {head.rows}, {head.bits_stored} of "
            f"{head.bits_allocated} bits{', signed' if head.signed else ''}",
            "transfer_syntaxes": sorted({h.transfer_syntax for h, _ in paths}),
            "decoders": list(pixels.decoders),
            "padding_pixels": pixels.n_padding + pixels.n_unnamed_padding,
        },
        inputs={"series": digest_json(sorted(pixels.digests))},
        warnings=notes,
    )
