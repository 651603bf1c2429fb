"""Small image files with a known content, for the tests of reading and writing."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

AFFINE = np.array([[-3.0, 0, 0, 40], [0, 3.0, 0, -60], [0, 0, 4.0, -30], [0, 0, 0, 1]])
SHAPE = (5, 6, 7)


def numbers(shape: tuple[int, ...] = SHAPE, *, seed: int = 1) -> NDArray[np.int16]:
    """Return whole numbers from -3000 to 3000."""
    return np.random.default_rng(seed).integers(-3000, 3000, shape).astype(np.int16)


def nifti_bytes(
    values: NDArray[Any],
    *,
    affine: NDArray[np.float64] = AFFINE,
    fields: dict[str, Any] | None = None,
    order: str = "<",
    version: int = 1,
) -> bytes:
    """Return an uncompressed NIfTI file; fields of the header are set last, unchecked."""
    kind: Any = nib.Nifti1Header if version == 1 else nib.Nifti2Header
    header = kind(endianness=order)
    header.set_data_dtype(values.dtype)
    header.set_data_shape(values.shape)
    header.set_sform(affine, code=1)
    header.set_xyzt_units("mm")
    header["magic"] = b"n+1" if version == 1 else b"n+2\0\r\n\x1a\n"
    header["vox_offset"] = 352 if version == 1 else 544
    for name, entry in (fields or {}).items():
        header[name] = entry
    body = values.astype(values.dtype.newbyteorder(order)).tobytes(order="F")
    return bytes(header.binaryblock) + bytes(4) + body


def write(path: Path, content: bytes) -> Path:
    """Write the bytes, compressed if the name says so."""
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path
