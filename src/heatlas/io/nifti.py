"""Volumes from image files: NIfTI by our own fast path, other formats through nibabel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance
from heatlas.core.volume import Volume
from heatlas.core.words import count
from heatlas.io.encode import volume_bytes, write_volume
from heatlas.io.foreign import files_of, open_foreign
from heatlas.io.header import ImageHeader, NiftiLayout, parse_nifti
from heatlas.io.source import Source, check_claim, check_memory, digest_file, open_source

__all__ = [
    "read_header",
    "read_volume",
    "read_volumes",
    "volume_bytes",
    "write_volume",
]

Precision = Literal["float32", "float64"]
_ENDINGS = (".gz", ".bz2", ".nii", ".img", ".hdr", ".mgz", ".mgh", ".mnc", ".head", ".brik")
_SLAB = 1 << 15  # voxels that are scaled at once in float64: they stay in the cache
_EXACT_FLOAT32 = 1 << 24


def read_header(path: Path) -> ImageHeader:
    """Return what an image file says about itself, without reading its values.

    Parameters
    ----------
    path : Path
        Any image that nibabel reads.

    Returns
    -------
    ImageHeader
        Shape, grid, type, orientation, scaling and the conflict of sform and qform.

    Raises
    ------
    DataError
        If the file is missing, empty, cut off, damaged or no image.
    NotSupportedError
        If it is an image whose values do not lie on one grid.
    """
    path = Path(path)
    if not is_nifti_name(path):
        return open_foreign(path)[0]
    with open_source(path) as source:
        layout = parse_nifti(source)
        check_claim(source, layout.end, claim=layout.header.claim)
    return layout.header


def read_volume(
    path: Path, *, volume: int | None = None, precision: Precision = "float32"
) -> Volume:
    """Read one volume.

    Parameters
    ----------
    path : Path
        Any image that nibabel reads.
    volume : int, optional
        Which volume of a file with several, from 0.
    precision : {"float32", "float64"}
        Type of the values.

    Returns
    -------
    Volume
        Axes closest to RAS+. NaN stay; infinite values become NaN and are counted in the
        provenance, which also names a conflict of sform and qform.

    Raises
    ------
    DataError
        If the file is missing, empty, cut off, damaged or no image; if it holds several volumes
        and none was named; if it holds RGB or complex values.
    NotSupportedError
        If it is an image whose values do not lie on one grid.

    Notes
    -----
    What the header claims is compared with the bytes on disk and the free memory before memory is
    taken, and decompression stops at the claimed end. Peak memory is the stored and the returned
    values of one volume.
    """
    return read_volumes(path, volumes=None if volume is None else [volume], precision=precision)[0]


def read_volumes(
    path: Path, *, volumes: Sequence[int] | None = None, precision: Precision = "float32"
) -> tuple[Volume, ...]:
    """Read several volumes of one file in one pass over it.

    Parameters
    ----------
    path : Path
        Any image that nibabel reads.
    volumes : sequence of int, optional
        Which ones, from 0, in the order in which they are wanted; None means the only one.
    precision : {"float32", "float64"}
        Type of the values.

    Returns
    -------
    tuple of Volume
        One per number asked for (see :func:`read_volume`).

    Raises
    ------
    DataError
        As :func:`read_volume`.
    NotSupportedError
        As :func:`read_volume`.

    Notes
    -----
    A compressed file is decompressed once, up to the last volume that is wanted.
    """
    path = Path(path)
    read = _read_nifti if is_nifti_name(path) else _read_foreign
    stored = read(path, volumes=volumes, precision=precision)
    inputs = {file.name: digest_file(file) for file in files_of(path)}
    return tuple(_make_volume(path, item, inputs=inputs, precision=precision) for item in stored)


def is_nifti_name(path: Path) -> bool:
    """Say whether the name is that of a NIfTI file in one piece."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def stem(path: Path) -> str:
    """Return the name of an image file without its endings."""
    name = path.name
    while name.lower().endswith(_ENDINGS):
        name = name.rsplit(".", maxsplit=1)[0]
    return name


@dataclass(frozen=True, kw_only=True, eq=False)
class _Stored:
    """One volume as the file holds it: axes as stored, scaling still to be applied."""

    header: ImageHeader
    values: NDArray[Any]
    number: int
    slope: float = 1.0
    intercept: float = 0.0


def _read_nifti(
    path: Path, *, volumes: Sequence[int] | None, precision: Precision
) -> list[_Stored]:
    with open_source(path) as source:
        layout = parse_nifti(source)
        header = layout.header
        wanted = _choose(path, header, volumes=volumes)
        check_claim(source, layout.end, claim=header.claim)
        check_memory(path, _needed(header, n=len(wanted), precision=precision))
        read = _read_in_order(source, layout=layout, numbers=sorted(set(wanted)))
    return [
        _Stored(
            header=header,
            values=read[number],
            number=number,
            slope=header.slope,
            intercept=header.intercept,
        )
        for number in wanted
    ]


def _read_in_order(
    source: Source, *, layout: NiftiLayout, numbers: list[int]
) -> dict[int, NDArray[Any]]:
    """Return the stored numbers of volumes in one pass, axes as in the file."""
    at = layout.length
    read: dict[int, NDArray[Any]] = {}
    for number in numbers:
        start = layout.offset + number * layout.volume_bytes
        source.skip(start - at)
        content = source.read(layout.volume_bytes)
        at = start + layout.volume_bytes
        flat = np.frombuffer(content, dtype=layout.stored_dtype)
        read[number] = flat.reshape(layout.header.volume_shape, order="F")
    if at == layout.end:
        source.check_end()
    return read


def _read_foreign(
    path: Path, *, volumes: Sequence[int] | None, precision: Precision
) -> list[_Stored]:
    header, load = open_foreign(path)
    wanted = _choose(path, header, volumes=volumes)
    check_memory(path, _needed(header, n=len(wanted), precision=precision))
    return [_Stored(header=header, values=load(number), number=number) for number in wanted]


def _choose(path: Path, header: ImageHeader, *, volumes: Sequence[int] | None) -> list[int]:
    """Return the numbers of the volumes to read."""
    n = header.n_volumes
    if volumes is None:
        if n == 1:
            return [0]
        raise DataError(
            f"{path}: it holds {n} volumes ({' x '.join(map(str, header.shape))}) where one is "
            f"expected; say which one (volume, --volume), from 0 to {n - 1}."
        )
    for number in volumes:
        if not 0 <= number < n:
            raise DataError(
                f"{path}: there is no volume {number}; it holds {count(n, 'volume')}, "
                "numbered from 0."
            )
    return [int(number) for number in volumes]


def _needed(header: ImageHeader, *, n: int, precision: Precision) -> int:
    """Return the bytes that stored and returned values take together."""
    itemsize = np.dtype(header.dtype).itemsize + np.dtype(precision).itemsize
    return n * math.prod(header.volume_shape) * itemsize


def _make_volume(
    path: Path, stored: _Stored, *, inputs: dict[str, str], precision: Precision
) -> Volume:
    """Return the volume of stored numbers: turned, scaled, cast, infinite values counted."""
    header = stored.header
    values = np.array(header.turn(_scaled(stored, dtype=np.dtype(precision))), order="C")
    warnings = [*header.warnings, *_rounding_words(stored, values), *_drop_infinite(values)]
    values.setflags(write=False)
    return Volume(
        values=values,
        grid=header.grid,
        stored_step=header.stored_step,
        name=stem(path),
        provenance=Provenance().then(
            "read",
            parameters=_parameters(stored),
            inputs=inputs,
            warnings=[f"{path.name}: {words}" for words in warnings],
        ),
    )


def _scaled(stored: _Stored, *, dtype: np.dtype[Any]) -> NDArray[np.floating]:
    """Return number x slope + intercept, computed in float64 and rounded once.

    The result keeps the file's order in memory, so that only the last copy jumps about.
    """
    flat = stored.values.ravel(order="F")
    slope, intercept = stored.slope, stored.intercept
    values = np.empty(flat.shape, dtype=dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        if slope == 1 and intercept == 0:
            values[...] = flat
        elif _rounds_once(flat.dtype, slope=slope, intercept=intercept, dtype=dtype):
            np.multiply(flat, np.float32(slope), out=values, dtype=np.float32, casting="same_kind")
        else:
            for start in range(0, flat.size, _SLAB):
                block = slice(start, start + _SLAB)
                exact = flat[block].astype(np.float64)
                exact *= slope
                exact += intercept
                values[block] = exact
    return values.reshape(stored.values.shape, order="F")


def _rounds_once(
    stored: np.dtype[Any], *, slope: float, intercept: float, dtype: np.dtype[Any]
) -> bool:
    """Say whether a product in float32 equals the one in float64 rounded to float32.

    It does when both factors fit float32 exactly: their product then fits float64 exactly.
    """
    small = (stored.kind in "iu" and stored.itemsize <= 2) or stored.str[1:] == "f4"
    return small and intercept == 0 and dtype == np.float32 and float(np.float32(slope)) == slope


def _rounding_words(stored: _Stored, values: NDArray[np.floating]) -> list[str]:
    """Say so when whole numbers are too large for float32."""
    kind = stored.values.dtype
    if values.dtype != np.float32 or kind.kind not in "iu" or kind.itemsize < 4:
        return []
    if max(int(stored.values.max()), -int(stored.values.min())) <= _EXACT_FLOAT32:
        return []
    return [f"whole numbers above {_EXACT_FLOAT32:,} were rounded to float32"]


def _drop_infinite(values: NDArray[np.floating]) -> list[str]:
    """Set infinite values to NaN and say how many there were."""
    infinite = np.isinf(values)
    lost = int(np.count_nonzero(infinite))
    if not lost:
        return []
    values[infinite] = np.nan
    return [f"{count(lost, 'voxel')} with an infinite value set to missing"]


def _parameters(stored: _Stored) -> dict[str, str | int]:
    header = stored.header
    shape = " x ".join(map(str, header.shape))
    parameters: dict[str, str | int] = {
        "stored": f"{shape} {header.dtype}",
        "orientation": header.orientation,
    }
    if header.n_volumes > 1:
        parameters["volume"] = stored.number
    return parameters
