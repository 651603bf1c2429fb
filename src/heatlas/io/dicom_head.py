"""What a DICOM file says about its image, without its pixels and without whose they are."""

from __future__ import annotations

import io
import math
import os
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from struct import error as StructError
from typing import Any, BinaryIO

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset

from heatlas.core.errors import DataError
from heatlas.core.value import Value
from heatlas.core.window import Window, WindowShape
from heatlas.io.dicom_elements import (
    ElementFault,
    digest_of,
    first_item,
    holds,
    items_of,
    number_of,
    numbers_of,
    tags_of,
    text_of,
    vector_of,
    whole_of,
    words_of,
)
from heatlas.io.dicom_scan import EXPLICIT, IMPLICIT, MAGIC, MAGIC_AT, PIXELS, UNDEFINED, scan
from heatlas.io.source import bytes_words, unreadable

DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
LARGEST_INFLATED = 1 << 30
MOST_FRAMES = 65_536
LOOSEST_ORIENTATION = 0.01
FIRST_BYTES = 1 << 14  # nearly every header is shorter; longer ones go to pydicom
SHAPES: dict[str, WindowShape] = {"LINEAR_EXACT": "linear-exact", "SIGMOID": "sigmoid"}
# All that is read: identities are in the list only to tell persons apart, and end as digests.
TAGS = (
    "ImageType", "SOPClassUID", "Modality", "SeriesInstanceUID", "FrameOfReferenceUID",
    "PatientID", "PatientName", "PatientBirthDate", "SliceThickness", "ConvolutionKernel",
    "BodyPartExamined", "AcquisitionNumber", "InstanceNumber", "TemporalPositionIdentifier",
    "NumberOfFrames",
    "ImagePositionPatient", "ImageOrientationPatient", "SamplesPerPixel",
    "PhotometricInterpretation", "Rows", "Columns", "PixelSpacing", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit",
    "RescaleIntercept", "RescaleSlope", "RescaleType", "WindowCenter", "WindowWidth",
    "WindowCenterWidthExplanation", "VOILUTFunction", "ModalityLUTSequence", "VOILUTSequence",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
)  # fmt: skip
_WANTED = frozenset(tags_of(TAGS))
FAULTS = (
    InvalidDicomError, BytesLengthException, StructError, ValueError, KeyError, TypeError,
    AttributeError, IndexError, EOFError, NotImplementedError, OverflowError, RecursionError,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Lut(Value):
    """A table that takes stored values to others.

    Parameters
    ----------
    first : int
        Stored value of the first entry; smaller ones take it as well.
    entries : numpy.ndarray of float64
        What they become.
    kind : str
        Unit of the outcome as the file names it, ``"HU"`` or ``"US"`` (unspecified).
    """

    first: int
    entries: NDArray[np.float64]
    kind: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameHead(Value):
    """One slice of a file.

    Parameters
    ----------
    number : int
        Which frame of the file, from 0.
    position, orientation : tuple of float or None
        As stored: LPS+, mm; None where the file tells none.
    spacing : tuple of float or None
        Distance of rows and of columns in mm.
    thickness_mm : float or None
        Nominal thickness.
    slope, intercept : float
        From stored to real values.
    rescale_type : str
        Unit that the file names for them; empty where it names none.
    windows : tuple of Window
        What the file proposes for display.
    kind : tuple of str
        Its image type.
    instance, acquisition, temporal : int or None
        Counters of the scanner.
    """

    number: int
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    thickness_mm: float | None
    slope: float
    intercept: float
    rescale_type: str
    windows: tuple[Window, ...]
    kind: tuple[str, ...]
    instance: int | None = None
    acquisition: int | None = None
    temporal: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageHead(Value):
    """One file: what its pixels are and where they stand.

    Parameters
    ----------
    path : Path
        The file.
    size : int
        Its bytes.
    series, patient, frame_of_reference : str
        Digests: equal for files of one series, one person, one frame of reference.
    modality, sop_class, kernel, body_part : str
        Such as ``"CT"``, the class's UID, the reconstruction kernel, ``"HEAD"``.
    transfer_syntax : str
        UID of the encoding.
    rows, columns : int
        Pixels of a frame.
    bits_allocated, bits_stored, high_bit : int
        How a stored value lies in its bytes.
    signed : bool
        Whether stored values have a sign.
    photometric : str
        Such as ``"MONOCHROME2"``.
    samples : int
        Values per pixel.
    padding : tuple of int or None
        Lowest and highest stored value of padding.
    modality_lut : Lut or None
        Takes the place of slope and intercept.
    frames : tuple of FrameHead
        Its slices.
    pixels_at : int or None
        Where the pixel data start, None where there are none.
    pixels_length : int or None
        Their bytes, None where they are encapsulated.
    """

    path: Path
    size: int
    series: str
    patient: str
    frame_of_reference: str
    modality: str
    sop_class: str
    kernel: str
    body_part: str
    transfer_syntax: str
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    samples: int
    padding: tuple[int, int] | None
    modality_lut: Lut | None
    frames: tuple[FrameHead, ...]
    pixels_at: int | None
    pixels_length: int | None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame that is not compressed."""
        return self.rows * self.columns * self.samples * self.bits_allocated // 8


def is_dicom(path: Path) -> bool:
    """Say whether a file starts as DICOM files do, or has no preamble but the name of one."""
    try:
        with path.open("rb") as file:
            start = file.read(MAGIC_AT + len(MAGIC))
    except OSError as error:
        raise unreadable(path, error) from error
    named = path.suffix.lower() in (".dcm", ".ima", ".dicom")
    return start[MAGIC_AT:] == MAGIC or (named and len(start) > MAGIC_AT)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom from checking and reporting values that are never used."""
    with pydicom.config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_head(path: Path) -> ImageHead:
    """Return what a file says about its image.

    Parameters
    ----------
    path : Path
        A DICOM file.

    Returns
    -------
    ImageHead
        ``frames`` is empty where the object holds no image (a report, a structure set).

    Raises
    ------
    DataError
        If the file cannot be read, is no DICOM file, or is damaged.

    Notes
    -----
    Reading stops before the pixel data.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            dataset, transfer_syntax, place = _parsed(path, file)
            return _head(path, dataset, size=size, syntax=transfer_syntax, place=place)
    except OSError as error:
        raise unreadable(path, error) from error
    except FAULTS as error:
        raise DataError(
            f"{path}: it cannot be read as DICOM ({_reason(error)}); copy or export it again."
        ) from error


def inflated(path: Path, content: bytes) -> bytes:
    """Return the data set of a deflated file without its compression, of bounded size."""
    start = _meta_end(content)
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        whole = engine.decompress(content[start:], LARGEST_INFLATED)
    except zlib.error as error:
        raise DataError(
            f"{path}: its deflated data are damaged; copy or export it again."
        ) from error
    if engine.unconsumed_tail:
        raise DataError(
            f"{path}: it inflates to more than {bytes_words(LARGEST_INFLATED)}, which no CT "
            "series needs in one file."
        )
    return whole


# ---------------------------------------------------------------- the file


def _parsed(path: Path, file: BinaryIO) -> tuple[Any, str, tuple[int, int] | None]:
    """Return the data set, its transfer syntax, and place and length of the pixel data."""
    start = file.read(FIRST_BYTES)
    scanned = scan(start, wanted=_WANTED)
    if scanned is not None:
        return scanned, scanned.syntax, scanned.pixels
    file.seek(0)
    with quiet():
        return _parsed_by_pydicom(path, file, start=start)


def _parsed_by_pydicom(
    path: Path, file: BinaryIO, *, start: bytes
) -> tuple[Any, str, tuple[int, int] | None]:
    has_preamble = start[MAGIC_AT : MAGIC_AT + 4] == MAGIC
    if has_preamble and DEFLATED.encode() in start[: _meta_end(start)]:
        stream = io.BytesIO(inflated(path, file.read()))
        dataset: Any = read_dataset(
            stream, False, True, stop_when=_at_pixels, specific_tags=tags_of(TAGS)
        )
        return dataset, DEFLATED, _pixel_element(stream, implicit=False, big_endian=False)
    dataset = pydicom.dcmread(
        file, stop_before_pixels=True, force=not has_preamble, specific_tags=tags_of(TAGS)
    )
    implicit, little = dataset.original_encoding
    syntax = str(dataset.file_meta.get("TransferSyntaxUID", "") or "")
    if not syntax:
        syntax = IMPLICIT if implicit else (EXPLICIT if little else BIG_ENDIAN)
    return dataset, syntax, _pixel_element(file, implicit=bool(implicit), big_endian=not little)


def _at_pixels(tag: Any, *_: Any) -> bool:
    return int(tag) in PIXELS


def _meta_end(start: bytes) -> int:
    """Return where the file meta information ends, by its group length (0002,0000)."""
    if start[132:140] != b"\x02\x00\x00\x00UL\x04\x00" or len(start) < 144:
        return len(start)
    return 144 + int.from_bytes(start[140:144], "little")


def _pixel_element(stream: BinaryIO, *, implicit: bool, big_endian: bool) -> tuple[int, int] | None:
    """Return place and length of the value of the element that the stream stands at."""
    order = "big" if big_endian else "little"
    head = stream.read(12)
    if len(head) < 8:
        return None
    tag = int.from_bytes(head[:2], order) << 16 | int.from_bytes(head[2:4], order)  # type: ignore[arg-type]
    if tag not in PIXELS:
        return None
    start = stream.tell() - len(head) + (8 if implicit else 12)
    raw = head[4:8] if implicit else head[8:12]
    return start, int.from_bytes(raw, order)  # type: ignore[arg-type]


# ---------------------------------------------------------------- the values


def _head(
    path: Path, dataset: Any, *, size: int, syntax: str, place: tuple[int, int] | None
) -> ImageHead:
    rows, columns = whole_of(dataset, "Rows") or 0, whole_of(dataset, "Columns") or 0
    allocated = whole_of(dataset, "BitsAllocated") or 16
    stored = whole_of(dataset, "BitsStored") or allocated
    high = whole_of(dataset, "HighBit")
    signed = whole_of(dataset, "PixelRepresentation") == 1
    sop_class = text_of(dataset, "SOPClassUID")
    if not rows and not sop_class:
        raise ElementFault("it names no kind of object and holds no image")
    frames = _frames(dataset) if rows and columns else ()
    at, length = place or (None, None)
    return ImageHead(
        path=path,
        size=size,
        series=digest_of(dataset, "SeriesInstanceUID"),
        patient=digest_of(dataset, "PatientID", "PatientName", "PatientBirthDate"),
        frame_of_reference=digest_of(dataset, "FrameOfReferenceUID"),
        modality=text_of(dataset, "Modality"),
        sop_class=sop_class,
        kernel=_kernel(dataset),
        body_part=text_of(dataset, "BodyPartExamined").upper()[:16],
        transfer_syntax=syntax,
        rows=rows,
        columns=columns,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1 if high is None else high,
        signed=signed,
        photometric=text_of(dataset, "PhotometricInterpretation") or "MONOCHROME2",
        samples=whole_of(dataset, "SamplesPerPixel") or 1,
        padding=_padding(dataset, signed=signed, bits=allocated),
        modality_lut=_modality_lut(dataset),
        frames=frames,
        pixels_at=at,
        pixels_length=None if length == UNDEFINED else length,
    )


def _frames(dataset: Any) -> tuple[FrameHead, ...]:
    n = whole_of(dataset, "NumberOfFrames") or 1
    if not 1 <= n <= MOST_FRAMES:
        raise ElementFault(f"{n} frames are claimed, expected 1 to {MOST_FRAMES}")
    per_frame = items_of(dataset, "PerFrameFunctionalGroupsSequence")
    if n == 1 and not per_frame:
        return (_frame(dataset, [dataset], number=0),)
    shared = items_of(dataset, "SharedFunctionalGroupsSequence")[:1]
    if per_frame and len(per_frame) != n:
        raise ElementFault(f"{n} frames are claimed, {len(per_frame)} are described")
    if not per_frame:  # all frames are alike but for their number
        first = _frame(dataset, [*shared, dataset], number=0)
        return tuple(replace(first, number=k) for k in range(n))
    groups = [[item, *shared, dataset] for item in per_frame]
    return tuple(_frame(dataset, group, number=k) for k, group in enumerate(groups))


def _frame(dataset: Any, groups: Sequence[Any], *, number: int) -> FrameHead:
    """Return one frame; what it says itself comes before what all frames share."""

    def within(keyword: str, sequence: str) -> Any:
        for group in groups:
            item = group if group is dataset else first_item(group, sequence)
            if item is not None and holds(item, keyword):
                return item
        return dataset

    rescale = within("RescaleSlope", "PixelValueTransformationSequence")
    measures = within("PixelSpacing", "PixelMeasuresSequence")
    content = within("FrameAcquisitionNumber", "FrameContentSequence")
    slope = number_of(rescale, "RescaleSlope")
    if slope == 0:
        raise ElementFault("RescaleSlope is 0, which would make all its pixels equal")
    position = within("ImagePositionPatient", "PlanePositionSequence")
    orientation = within("ImageOrientationPatient", "PlaneOrientationSequence")
    frame_type = within("FrameType", "CTImageFrameTypeSequence")
    return FrameHead(
        number=number,
        position=vector_of(position, "ImagePositionPatient", length=3),
        orientation=_orientation(orientation),
        spacing=_spacing(measures),
        thickness_mm=number_of(within("SliceThickness", "PixelMeasuresSequence"), "SliceThickness"),
        slope=1.0 if slope is None else slope,
        intercept=number_of(rescale, "RescaleIntercept") or 0.0,
        rescale_type=text_of(rescale, "RescaleType").upper(),
        windows=_windows(within("WindowCenter", "FrameVOILUTSequence")),
        kind=words_of(frame_type, "FrameType") or words_of(dataset, "ImageType"),
        instance=whole_of(dataset, "InstanceNumber"),
        acquisition=whole_of(content, "FrameAcquisitionNumber")
        or whole_of(dataset, "AcquisitionNumber"),
        temporal=whole_of(content, "TemporalPositionIndex")
        or whole_of(dataset, "TemporalPositionIdentifier"),
    )


def _orientation(item: Any) -> tuple[float, ...] | None:
    """Return the directions of rows and columns, a fault where they are no such pair."""
    found = vector_of(item, "ImageOrientationPatient", length=6)
    if found is not None:
        axes = np.array(found).reshape(2, 3)
        if np.abs(axes @ axes.T - np.eye(2)).max() > LOOSEST_ORIENTATION:
            raise ElementFault("ImageOrientationPatient holds no two directions at right angles")
    return found


def _spacing(item: Any) -> tuple[float, ...] | None:
    found = vector_of(item, "PixelSpacing", length=2)
    if found is not None and min(found) <= 0:
        raise ElementFault("PixelSpacing is not above 0")
    return found


def _windows(item: Any) -> tuple[Window, ...]:
    """Return the windows that a file proposes; those without a width are left out."""
    centres, widths = numbers_of(item, "WindowCenter"), numbers_of(item, "WindowWidth")
    names = words_of(item, "WindowCenterWidthExplanation")
    shape = SHAPES.get(text_of(item, "VOILUTFunction").upper(), "linear")
    found = []
    for k, (centre, width) in enumerate(zip(centres, widths, strict=False)):
        if math.isfinite(centre) and width >= 1:
            found.append(
                Window(
                    name=_window_name(names, k), centre=centre, width=width, unit="", shape=shape
                )
            )
    return (*found, *_voi_tables(item))


def _window_name(names: Sequence[str], k: int) -> str:
    """Return ``file`` or ``file 2``; words of the file only where they are the usual ones."""
    usual = {"BRAIN", "BONE", "LUNG", "ABDOMEN", "MEDIASTINUM", "LIVER", "SUBDURAL", "STROKE"}
    word = names[k].upper() if k < len(names) else ""
    number = "" if k == 0 else f" {k + 1}"
    return f"file{number}" + (f", {word.lower()}" if word in usual else "")


def _voi_tables(item: Any) -> tuple[Window, ...]:
    tables = []
    for k, entry in enumerate(items_of(item, "VOILUTSequence")):
        lut = _lut(entry)
        span = float(lut.entries.max() - lut.entries.min()) or 1.0
        greys = (lut.entries - lut.entries.min()) / span
        last = lut.first + len(greys) - 1
        tables.append(
            Window(
                name="file's table" + ("" if k == 0 else f" {k + 1}"),
                centre=(lut.first + last) / 2,
                width=max(last - lut.first, 1),
                unit="",
                table=greys,
                first=lut.first,
            )
        )
    return tuple(tables)


def _modality_lut(dataset: Any) -> Lut | None:
    item = first_item(dataset, "ModalityLUTSequence")
    return None if item is None else _lut(item)


def _lut(item: Any) -> Lut:
    """Return a table; DICOM writes 65,536 entries as 0, and 8-bit ones two to a word."""
    n, first, bits = (int(number) for number in item["LUTDescriptor"].value)
    data = item["LUTData"].value
    raw = data if isinstance(data, bytes) else np.asarray(data).astype("<u2").tobytes()
    n = n or 65536
    entries = np.frombuffer(raw, dtype=np.uint8 if bits <= 8 and len(raw) < 2 * n else "<u2")[:n]
    if len(entries) < n:
        raise ElementFault(f"a look-up table of {n} entries has {len(entries)}")
    return Lut(
        first=first - 65536 if first > 32767 and _signed_first(item) else first,
        entries=entries.astype(np.float64),
        kind=text_of(item, "ModalityLUTType").upper(),
    )


def _signed_first(item: Any) -> bool:
    return str(item["LUTDescriptor"].VR) == "SS"


def _padding(dataset: Any, *, signed: bool, bits: int) -> tuple[int, int] | None:
    """Return the stored values of padding, read with the sign that the pixels have."""
    ends = [whole_of(dataset, word) for word in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if ends[0] is None:
        return None
    top = 1 << bits
    given = [ends[0], ends[0] if ends[1] is None else ends[1]]
    if signed:
        given = [n - top if n >= top // 2 else n for n in given]
    else:
        given = [n + top if n < 0 else n for n in given]
    return min(given), max(given)


def _kernel(dataset: Any) -> str:
    return "/".join(words_of(dataset, "ConvolutionKernel"))[:40]


def _reason(error: BaseException) -> str:
    """Return why, without values of the file: they may name a person."""
    if isinstance(error, InvalidDicomError):
        return "it does not start as a DICOM file does"
    if isinstance(error, RecursionError):
        return "its sequences are nested too deeply"
    if isinstance(error, ElementFault):
        return str(error)
    return "it is damaged or cut off"
