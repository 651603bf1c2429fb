"""What a DICOM file says about its image, without its pixels and without whose they are."""

from __future__ import annotations

import io
import math
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from struct import error as StructError
from typing import Any, BinaryIO

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset

from heatlas.core.errors import DataError
from heatlas.core.provenance import digest_bytes
from heatlas.core.value import Value
from heatlas.core.window import Window, WindowShape
from heatlas.io.source import bytes_words, unreadable

MAGIC_AT, MAGIC = 128, b"DICM"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
IMPLICIT = "1.2.840.10008.1.2"
LARGEST_INFLATED = 1 << 30
MOST_FRAMES = 65_536
PIXEL_TAGS = (0x7FE00010, 0x7FE00008, 0x7FE00009)
UNDEFINED = 0xFFFFFFFF
SHAPES: dict[str, WindowShape] = {"LINEAR_EXACT": "linear-exact", "SIGMOID": "sigmoid"}
# All that is read: identities are in the list only to tell persons apart, and end as digests.
TAGS = [
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
]  # fmt: skip
FAULTS = (
    InvalidDicomError, BytesLengthException, StructError, ValueError, KeyError, TypeError,
    AttributeError, IndexError, EOFError, NotImplementedError, OverflowError, RecursionError,
)  # fmt: skip


class _Fault(ValueError):
    """A fault whose words hold no value of the file, so that they may be shown."""


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
        with quiet(), path.open("rb") as file:
            size = path.stat().st_size
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
    start = file.read(4096)
    file.seek(0)
    has_preamble = start[MAGIC_AT : MAGIC_AT + 4] == MAGIC
    stream: BinaryIO = file
    if has_preamble and DEFLATED.encode() in start[: _meta_end(start)]:
        stream = io.BytesIO(inflated(path, file.read()))
        dataset: Any = read_dataset(
            stream, False, True, stop_when=_at_pixels, specific_tags=_numbers(TAGS)
        )
        return dataset, DEFLATED, _pixel_element(stream, implicit=False, big_endian=False)
    dataset = pydicom.dcmread(
        file, stop_before_pixels=True, force=not has_preamble, specific_tags=_numbers(TAGS)
    )
    implicit, little = dataset.original_encoding
    syntax = str(dataset.file_meta.get("TransferSyntaxUID", "") or "")
    if not syntax:
        syntax = IMPLICIT if implicit else ("1.2.840.10008.1.2.1" if little else BIG_ENDIAN)
    return dataset, syntax, _pixel_element(file, implicit=bool(implicit), big_endian=not little)


def _numbers(keywords: Sequence[str]) -> list[int]:
    from pydicom.datadict import tag_for_keyword

    return [tag for tag in map(tag_for_keyword, keywords) if tag is not None]


def _at_pixels(tag: Any, *_: Any) -> bool:
    return int(tag) in PIXEL_TAGS


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
    if tag not in PIXEL_TAGS:
        return None
    start = stream.tell() - len(head) + (8 if implicit else 12)
    raw = head[4:8] if implicit else head[8:12]
    return start, int.from_bytes(raw, order)  # type: ignore[arg-type]


# ---------------------------------------------------------------- the values


def _head(
    path: Path, dataset: Any, *, size: int, syntax: str, place: tuple[int, int] | None
) -> ImageHead:
    rows, columns = _whole(dataset, "Rows") or 0, _whole(dataset, "Columns") or 0
    allocated = _whole(dataset, "BitsAllocated") or 16
    stored = _whole(dataset, "BitsStored") or allocated
    high = _whole(dataset, "HighBit")
    signed = _whole(dataset, "PixelRepresentation") == 1
    sop_class = _text(dataset, "SOPClassUID")
    if not rows and not sop_class:
        raise _Fault("it names no kind of object and holds no image")
    frames = _frames(dataset) if rows and columns else ()
    at, length = place or (None, None)
    return ImageHead(
        path=path,
        size=size,
        series=_digest(dataset, "SeriesInstanceUID"),
        patient=_digest(dataset, "PatientID", "PatientName", "PatientBirthDate"),
        frame_of_reference=_digest(dataset, "FrameOfReferenceUID"),
        modality=_text(dataset, "Modality"),
        sop_class=sop_class,
        kernel=_kernel(dataset),
        body_part=_text(dataset, "BodyPartExamined").upper()[:16],
        transfer_syntax=syntax,
        rows=rows,
        columns=columns,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1 if high is None else high,
        signed=signed,
        photometric=_text(dataset, "PhotometricInterpretation") or "MONOCHROME2",
        samples=_whole(dataset, "SamplesPerPixel") or 1,
        padding=_padding(dataset, signed=signed, bits=allocated),
        modality_lut=_modality_lut(dataset),
        frames=frames,
        pixels_at=at,
        pixels_length=None if length == UNDEFINED else length,
    )


def _frames(dataset: Any) -> tuple[FrameHead, ...]:
    n = _whole(dataset, "NumberOfFrames") or 1
    if not 1 <= n <= MOST_FRAMES:
        raise _Fault(f"{n} frames are claimed, expected 1 to {MOST_FRAMES}")
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    if n == 1 and not per_frame:
        return (_frame(dataset, [dataset], number=0),)
    shared = list(dataset.get("SharedFunctionalGroupsSequence") or [])[:1]
    if per_frame and len(per_frame) != n:
        raise _Fault(f"{n} frames are claimed, {len(per_frame)} are described")
    groups = [[item, *shared, dataset] for item in per_frame] or [[*shared, dataset]] * n
    return tuple(_frame(dataset, group, number=k) for k, group in enumerate(groups))


def _frame(dataset: Any, groups: Sequence[Any], *, number: int) -> FrameHead:
    """Return one frame; what it says itself comes before what all frames share."""

    def within(keyword: str, sequence: str) -> Any:
        for group in groups:
            item = group if group is dataset else _first(group.get(sequence))
            if item is not None and item.get(keyword) not in (None, ""):
                return item
        return dataset

    rescale = within("RescaleSlope", "PixelValueTransformationSequence")
    measures = within("PixelSpacing", "PixelMeasuresSequence")
    content = within("FrameAcquisitionNumber", "FrameContentSequence")
    slope = _number(rescale, "RescaleSlope")
    position = within("ImagePositionPatient", "PlanePositionSequence")
    orientation = within("ImageOrientationPatient", "PlaneOrientationSequence")
    frame_type = within("FrameType", "CTImageFrameTypeSequence")
    return FrameHead(
        number=number,
        position=_vector(position, "ImagePositionPatient", length=3),
        orientation=_vector(orientation, "ImageOrientationPatient", length=6),
        spacing=_vector(measures, "PixelSpacing", length=2),
        thickness_mm=_number(within("SliceThickness", "PixelMeasuresSequence"), "SliceThickness"),
        slope=1.0 if slope is None else slope,
        intercept=_number(rescale, "RescaleIntercept") or 0.0,
        rescale_type=_text(rescale, "RescaleType").upper(),
        windows=_windows(within("WindowCenter", "FrameVOILUTSequence")),
        kind=_words(frame_type, "FrameType") or _words(dataset, "ImageType"),
        instance=_whole(dataset, "InstanceNumber"),
        acquisition=_whole(content, "FrameAcquisitionNumber")
        or _whole(dataset, "AcquisitionNumber"),
        temporal=_whole(content, "TemporalPositionIndex")
        or _whole(dataset, "TemporalPositionIdentifier"),
    )


def _windows(item: Any) -> tuple[Window, ...]:
    """Return the windows that a file proposes; those without a width are left out."""
    centres, widths = _list(item, "WindowCenter"), _list(item, "WindowWidth")
    names = _words(item, "WindowCenterWidthExplanation")
    shape = SHAPES.get(_text(item, "VOILUTFunction").upper(), "linear")
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
    for k, entry in enumerate(item.get("VOILUTSequence") or []):
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
    item = _first(dataset.get("ModalityLUTSequence"))
    return None if item is None else _lut(item)


def _lut(item: Any) -> Lut:
    """Return a table; DICOM writes 65,536 entries as 0, and 8-bit ones two to a word."""
    n, first, bits = (int(number) for number in item["LUTDescriptor"].value)
    data = item["LUTData"].value
    raw = data if isinstance(data, bytes) else np.asarray(data).astype("<u2").tobytes()
    n = n or 65536
    entries = np.frombuffer(raw, dtype=np.uint8 if bits <= 8 and len(raw) < 2 * n else "<u2")[:n]
    if len(entries) < n:
        raise _Fault(f"a look-up table of {n} entries has {len(entries)}")
    return Lut(
        first=first - 65536 if first > 32767 and _signed_first(item) else first,
        entries=entries.astype(np.float64),
        kind=_text(item, "ModalityLUTType").upper(),
    )


def _signed_first(item: Any) -> bool:
    return str(item["LUTDescriptor"].VR) == "SS"


def _padding(dataset: Any, *, signed: bool, bits: int) -> tuple[int, int] | None:
    """Return the stored values of padding, read with the sign that the pixels have."""
    ends = [_whole(dataset, word) for word in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if ends[0] is None:
        return None
    top = 1 << bits
    given = [ends[0], ends[0] if ends[1] is None else ends[1]]
    if signed:
        given = [n - top if n >= top // 2 else n for n in given]
    else:
        given = [n + top if n < 0 else n for n in given]
    return min(given), max(given)


# ---------------------------------------------------------------- one element


def _first(sequence: Any) -> Any:
    return sequence[0] if sequence else None


def _text(item: Any, keyword: str) -> str:
    found = item.get(keyword)
    return "" if found is None else str(found).strip()


def _kernel(dataset: Any) -> str:
    return "/".join(_words(dataset, "ConvolutionKernel"))[:40]


def _words(item: Any, keyword: str) -> tuple[str, ...]:
    found = item.get(keyword)
    if found is None or found == "":
        return ()
    listed = [found] if isinstance(found, str) else found
    return tuple(str(word).strip() for word in listed)


def _number(item: Any, keyword: str) -> float | None:
    found = _list(item, keyword)
    return found[0] if found and math.isfinite(found[0]) else None


def _whole(item: Any, keyword: str) -> int | None:
    found = _number(item, keyword)
    return None if found is None else int(found)


def _list(item: Any, keyword: str) -> list[float]:
    found = item.get(keyword)
    if found is None or found == "":
        return []
    listed = found if isinstance(found, (list, tuple)) or hasattr(found, "append") else [found]
    return [float(entry) for entry in listed]


def _vector(item: Any, keyword: str, *, length: int) -> tuple[float, ...] | None:
    found = tuple(_list(item, keyword))
    if not found:
        return None
    if len(found) != length or not all(map(math.isfinite, found)):
        raise _Fault(f"{keyword} holds {len(found)} numbers, expected {length} finite ones")
    return found


def _digest(dataset: Any, *keywords: str) -> str:
    texts = [_text(dataset, keyword) for keyword in keywords]
    return digest_bytes("\n".join(texts).encode()) if any(texts) else ""


def _reason(error: BaseException) -> str:
    """Return why, without values of the file: they may name a person."""
    if isinstance(error, InvalidDicomError):
        return "it does not start as a DICOM file does"
    if isinstance(error, RecursionError):
        return "its sequences are nested too deeply"
    if isinstance(error, _Fault):
        return str(error)
    return "it is damaged or cut off"
