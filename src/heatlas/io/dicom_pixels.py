"""The pixels of DICOM slices as real values: decoded, signed, scaled, padding set apart."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import generate_frames

from heatlas.core.errors import DataError, HeatlasError, NotSupportedError
from heatlas.core.words import count
from heatlas.io.dicom_codecs import NATIVE, Layout, decoder_for
from heatlas.io.dicom_head import BIG_ENDIAN, DEFLATED, FAULTS, FrameHead, ImageHead, inflated
from heatlas.io.source import check_memory, unreadable

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
THREADS = 2  # reading and hashing wait for the disk and for each other, not for the interpreter
LOWEST_HU = -1024  # of 12-bit scanners; constant values below it mark what was not scanned
UNNAMED_SHARE = 0.005
FEWEST_UNNAMED = 64
UNNAMED_GAP = 50


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """What came out of reading slices.

    Parameters
    ----------
    values : numpy.ndarray of float32, shape (n, rows, columns)
        Real values, NaN where padding was.
    digests : tuple of str
        One per file, of all its bytes.
    decoders : tuple of str
        Which libraries decoded, none for files that are not compressed.
    n_padding : int
        Pixels that the files name as padding.
    n_unnamed_padding : int
        Pixels that are taken as padding although nothing names them so.
    """

    values: NDArray[np.float32]
    digests: tuple[str, ...]
    decoders: tuple[str, ...]
    n_padding: int
    n_unnamed_padding: int


Slice = tuple[ImageHead, FrameHead]


def check_pixels(head: ImageHead) -> None:
    """Check, from the header and the file's size alone, that a file holds slices we can read.

    Parameters
    ----------
    head : ImageHead
        Of the file.

    Raises
    ------
    DataError
        If it has no pixel data, or fewer than its shape needs.
    NotSupportedError
        If it holds colours, or numbers of a size that CT never has.
    """
    path = head.path
    if head.pixels_at is None or not head.frames:
        raise DataError(f"{path}: it holds no pixel data, so there is no slice in it to read.")
    if head.samples != 1 or head.photometric not in MONOCHROME:
        raise NotSupportedError(
            f"{path}: its pixels are colours ({head.photometric}, {head.samples} per pixel), not "
            "the one number per pixel that CT has; export the original slices."
        )
    if head.bits_allocated not in (8, 16, 32) or not 1 <= head.bits_stored <= head.bits_allocated:
        raise NotSupportedError(
            f"{path}: it stores {head.bits_stored} bits of {head.bits_allocated}; slices of 8, 16 "
            "or 32 bits are read."
        )
    if head.high_bit != head.bits_stored - 1:
        raise NotSupportedError(
            f"{path}: its numbers end at bit {head.high_bit}, expected {head.bits_stored - 1}."
        )
    if head.transfer_syntax in NATIVE:
        _check_length(head)


def _check_length(head: ImageHead) -> None:
    needed = head.frame_bytes * len(head.frames)
    held = head.pixels_length
    if head.transfer_syntax != DEFLATED and held is not None:
        held = min(held, head.size - (head.pixels_at or 0))
    if held is None or held < needed:
        raise DataError(
            f"{head.path}: {len(head.frames)} x {head.rows} x {head.columns} pixels need "
            f"{count(needed, 'byte')}, the file holds {held or 0:,}; it is cut off or damaged."
        )


def read_pixels(slices: Sequence[Slice]) -> Pixels:
    """Return the real values of slices of equal shape.

    Parameters
    ----------
    slices : sequence of (ImageHead, FrameHead)
        In the order in which they are wanted.

    Returns
    -------
    Pixels
        Values, and what there is to say about them.

    Raises
    ------
    DataError
        If a file is cut off, damaged or changed since its header was read, or memory is short.
    NotSupportedError
        If an encoding or a kind of pixel is not read.
    MissingExtraError
        If a decoder is not installed.

    Notes
    -----
    Peak memory is the result and one file per thread.
    """
    first = slices[0][0]
    shape = (len(slices), first.rows, first.columns)
    wanted: dict[Path, list[tuple[int, FrameHead]]] = {}
    heads = {head.path: head for head, _ in slices}
    for place, (head, frame) in enumerate(slices):
        wanted.setdefault(head.path, []).append((place, frame))
    for head in heads.values():
        check_pixels(head)
    check_memory(first.path, math.prod(shape) * np.dtype(np.float32).itemsize)
    values = np.empty(shape, dtype=np.float32)
    jobs = [_Job(heads[path], frames, values) for path, frames in wanted.items()]
    done = list(_in_threads(jobs))
    values.setflags(write=False)
    return Pixels(
        values=values,
        digests=tuple(outcome.digest for outcome in done),
        decoders=tuple(sorted({outcome.decoder for outcome in done} - {""})),
        n_padding=sum(outcome.n_padding for outcome in done),
        n_unnamed_padding=sum(outcome.n_unnamed for outcome in done),
    )


@dataclass(frozen=True)
class _Job:
    """One file, its frames with their places in the result, and the result."""

    head: ImageHead
    frames: list[tuple[int, FrameHead]]
    values: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    digest: str
    decoder: str
    n_padding: int
    n_unnamed: int


def _in_threads(jobs: Sequence[_Job]) -> Iterator[_Outcome]:
    if len(jobs) == 1:
        yield _do(jobs[0])
        return
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        try:
            yield from pool.map(_do, jobs)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _do(job: _Job) -> _Outcome:
    head = job.head
    try:
        content = head.path.read_bytes()
    except OSError as error:
        raise unreadable(head.path, error) from error
    if len(content) != head.size:
        raise DataError(f"{head.path}: the file changed while it was read; read it again.")
    try:
        decoder, stored = _stored_frames(head, content)
        n_padding = n_unnamed = 0
        for k, frame in job.frames:
            named, unnamed = _fill(job.values[k], stored(frame.number), head=head, frame=frame)
            n_padding, n_unnamed = n_padding + named, n_unnamed + unnamed
    except HeatlasError as error:
        if str(error).startswith(str(head.path)):
            raise
        raise type(error)(f"{head.path}: {error}") from error
    except FAULTS as error:
        raise DataError(f"{head.path}: its pixel data are damaged or cut off.") from error
    return _Outcome(
        digest="sha256:" + hashlib.sha256(content).hexdigest(),
        decoder=decoder,
        n_padding=n_padding,
        n_unnamed=n_unnamed,
    )


def _stored_frames(head: ImageHead, content: bytes) -> tuple[str, Callable[[int], NDArray[Any]]]:
    """Return who decodes, and the stored numbers of a frame by its number."""
    at = head.pixels_at or 0
    if head.transfer_syntax not in NATIVE:
        return _decoded_frames(head, content[at:])
    if head.transfer_syntax == DEFLATED:
        content = inflated(head.path, content)
    order = ">" if head.transfer_syntax == BIG_ENDIAN else "<"
    dtype = np.dtype(f"{order}{'i' if head.signed else 'u'}{head.bits_allocated // 8}")
    n = head.rows * head.columns

    def _frame(number: int) -> NDArray[Any]:
        start = at + number * head.frame_bytes
        flat = np.frombuffer(content, dtype=dtype, count=n, offset=start)
        return flat.reshape(head.rows, head.columns)

    return "", _frame


def _decoded_frames(
    head: ImageHead, encapsulated: bytes
) -> tuple[str, Callable[[int], NDArray[Any]]]:
    decoder, decode = decoder_for(head.transfer_syntax, _layout(head))
    frames = list(generate_frames(encapsulated, number_of_frames=len(head.frames)))
    if len(frames) < len(head.frames):
        raise DataError(f"{len(head.frames)} frames are claimed, {len(frames)} are there")
    return decoder, lambda number: decode(frames[number])


def _layout(head: ImageHead) -> Layout:
    return Layout(
        rows=head.rows,
        columns=head.columns,
        bits_allocated=head.bits_allocated,
        bits_stored=head.bits_stored,
        signed=head.signed,
    )


def _fill(
    out: NDArray[np.float32], stored: NDArray[Any], *, head: ImageHead, frame: FrameHead
) -> tuple[int, int]:
    """Write a slice's real values; return how many pixels are padding, named or not."""
    named = _named_padding(stored, head.padding)
    stored = _within_bits(stored, head)
    if head.modality_lut is not None:
        table = head.modality_lut
        places = np.clip(stored.astype(np.int64) - table.first, 0, len(table.entries) - 1)
        out[...] = table.entries[places]
    else:
        _scale(out, stored, slope=frame.slope, intercept=frame.intercept)
    n_named = 0 if named is None else int(np.count_nonzero(named))
    if named is not None:
        out[named] = np.nan
    n_unnamed = _drop_unnamed_padding(out) if head.modality == "CT" and not n_named else 0
    return n_named, n_unnamed


def _named_padding(
    stored: NDArray[Any], padding: tuple[int, int] | None
) -> NDArray[np.bool_] | None:
    if padding is None:
        return None
    limits = np.iinfo(stored.dtype)
    low, high = max(padding[0], int(limits.min)), min(padding[1], int(limits.max))
    if low > high:
        return None
    found = (stored == low) if low == high else (stored >= low) & (stored <= high)
    return found if found.any() else None


def _within_bits(stored: NDArray[Any], head: ImageHead) -> NDArray[Any]:
    """Return the numbers without what lies above the stored bits, their sign extended."""
    spare = head.bits_allocated - head.bits_stored
    if not spare:
        return stored
    lowest = -(1 << (head.bits_stored - 1)) if head.signed else 0
    highest = lowest + (1 << head.bits_stored) - 1
    if lowest <= int(stored.min()) and int(stored.max()) <= highest:
        return stored
    return np.asarray((stored << spare) >> spare)


def _scale(
    out: NDArray[np.float32], stored: NDArray[Any], *, slope: float, intercept: float
) -> None:
    """Write stored x slope + intercept, rounded once where the numbers need float64."""
    if stored.dtype.itemsize > 2 or float(np.float32(intercept)) != intercept:
        out[...] = stored.astype(np.float64) * slope + intercept
    elif slope == 1:
        np.add(stored, np.float32(intercept), out=out, dtype=np.float32, casting="same_kind")
    else:
        np.multiply(stored, slope, out=out, dtype=np.float64, casting="same_kind")
        out += np.float32(intercept)


def _drop_unnamed_padding(out: NDArray[np.float32]) -> int:
    """Set one constant value far below air to NaN, as scanners fill what they did not scan."""
    lowest = float(out.min())
    if not lowest < LOWEST_HU:
        return 0
    constant = out == np.float32(lowest)
    n = int(np.count_nonzero(constant))
    rest = out[~constant]
    stands_apart = not rest.size or float(rest.min()) >= lowest + UNNAMED_GAP
    if n < max(UNNAMED_SHARE * out.size, FEWEST_UNNAMED) or not stands_apart:
        return 0
    out[constant] = np.nan
    return n
