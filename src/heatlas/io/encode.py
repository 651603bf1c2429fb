"""Volumes to NIfTI-1 bytes: the same values give the same bytes."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.space import Grid
from heatlas.core.validate import check_choice
from heatlas.core.volume import Volume
from heatlas.io.atomic import PROVENANCE_KEY, atomic_write, write_json
from heatlas.io.intent import INTENTS

StoredType = Literal["float32", "int16", "int32", "uint8"]
STORED_TYPES = ("float32", "int16", "int32", "uint8")
_LEVEL = 6
_TEMPLATE_CODE, _ALIGNED_CODE = 4, 2
_LONGEST_AXIS = 32767
_DESCRIPTION_BYTES = 79


def volume_bytes(
    values: ArrayLike,
    grid: Grid,
    *,
    dtype: StoredType = "float32",
    description: str = "",
    kind: str = "",
    dof: tuple[float, ...] = (),
) -> bytes:
    """Return a volume as the bytes of a ``.nii.gz`` file.

    Parameters
    ----------
    values : array_like, shape grid.shape
        One value per voxel.
    grid : Grid
        Where the voxels lie.
    dtype : {"float32", "int16", "int32", "uint8"}
        Stored type; whole numbers only for the last three.
    description : str
        Up to 79 ASCII characters for the header.
    kind : str
        Kind of map, such as ``"t"``, for the header's intent code; others leave it unset.
    dof : tuple of float
        Degrees of freedom of a t or F.

    Returns
    -------
    bytes
        Equal values and settings give equal bytes: no time and no file name is in them.

    Raises
    ------
    DataError
        If the values do not fit the stored type, or an axis is too long for NIfTI-1.
    SpaceMismatchError
        If the values do not fit the grid.
    """
    check_choice(dtype, name="stored type", known=STORED_TYPES)
    array = np.asarray(values)
    if array.shape != grid.shape:
        raise SpaceMismatchError(f"volume: shape {array.shape} does not fit the grid's "
                                 f"{grid.shape}.")  # fmt: skip
    stored = _stored(array, dtype=dtype)
    header = _header(grid, dtype=dtype)
    header["descrip"] = _ascii(description)
    _set_intent(header, kind=kind, dof=dof)
    no_extension = bytes(4)
    return gzip_bytes(header.binaryblock + no_extension + stored.tobytes(order="F"))


def write_volume(
    path: Path,
    volume: Volume,
    *,
    dtype: StoredType = "float32",
    description: str = "",
    kind: str = "",
    dof: tuple[float, ...] = (),
    sidecar: Mapping[str, Any] | None = None,
) -> str:
    """Write a volume as ``.nii.gz`` with a JSON sidecar of the same stem.

    Parameters
    ----------
    path : Path
        The ``.nii.gz`` file.
    volume : Volume
        Its provenance goes into the sidecar.
    dtype : str
        Stored type, see :func:`volume_bytes`.
    description : str
        Words for the header.
    kind : str
        ``"t"``, ``"F"`` or ``"z"`` for statistics.
    dof : tuple of float
        Degrees of freedom of the statistic.
    sidecar : mapping, optional
        More JSON-like entries for the sidecar.

    Returns
    -------
    str
        Digest of the image file.

    Raises
    ------
    DataError
        If the name does not end in ``.nii.gz``, the values do not fit or the disk refuses.
    """
    ending = ".nii.gz"
    if not path.name.endswith(ending):
        raise DataError(f"{path}: a volume is written as '{ending}'; give such a name.")
    content = volume_bytes(
        volume.values, volume.grid, dtype=dtype, description=description, kind=kind, dof=dof
    )
    entries = {**(sidecar or {}), PROVENANCE_KEY: volume.provenance.to_json()}
    write_json(path.with_name(path.name.removesuffix(ending) + ".json"), entries)
    return atomic_write(path, content)


def gzip_bytes(content: bytes) -> bytes:
    """Return gzip data without time, name or operating system in its header (RFC 1952)."""
    engine = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff"
    tail = struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    return head + engine.compress(content) + engine.flush() + tail


def _stored(array: NDArray[Any], *, dtype: StoredType) -> NDArray[Any]:
    """Return the values in their stored type; DataError when a whole number does not fit."""
    little = np.dtype(dtype).newbyteorder("<")
    if dtype == "float32":
        return array.astype(little)
    limits = np.iinfo(dtype)
    numbers = array.astype(np.float64) if array.dtype.kind == "f" else array
    if numbers.dtype.kind == "f" and not (np.isfinite(numbers) & (numbers % 1 == 0)).all():
        raise DataError(f"volume: {dtype} holds whole numbers only; store it as float32.")
    if numbers.size and (numbers.min() < limits.min or numbers.max() > limits.max):
        raise DataError(f"volume: values from {numbers.min()} to {numbers.max()} do not fit "
                        f"{dtype}; store it as float32 or int32.")  # fmt: skip
    return numbers.astype(little)


def _header(grid: Grid, *, dtype: StoredType) -> Any:
    if max(grid.shape) > _LONGEST_AXIS:
        raise DataError(f"volume: an axis of {max(grid.shape)} voxels is too long for NIfTI-1.")
    make: Any = nib.Nifti1Header  # nibabel types it in part only
    header = make(endianness="<")
    header.set_data_shape(grid.shape)
    header.set_data_dtype(dtype)
    header.set_xyzt_units("mm" if grid.unit == "mm" else "unknown")
    code = _TEMPLATE_CODE if (grid.template or "").startswith("MNI") else _ALIGNED_CODE
    header.set_qform(grid.affine, code=0 if _has_shear(grid.affine) else code, strip_shears=True)
    header.set_sform(grid.affine, code=code)
    header["vox_offset"] = 352
    header["scl_slope"], header["scl_inter"] = 1, 0
    header["magic"] = b"n+1"
    return header


def _has_shear(affine: NDArray[np.float64]) -> bool:
    """Say whether the axes are not at right angles, which a qform cannot hold."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() > 1e-5)


def _set_intent(header: Any, *, kind: str, dof: tuple[float, ...]) -> None:
    if kind not in INTENTS:
        return
    code, n_dof = INTENTS[kind]
    if len(dof) < n_dof or not all(math.isfinite(number) for number in dof[:n_dof]):
        raise DataError(f"volume: a {kind} map needs {n_dof} degrees of freedom, got {dof}.")
    header["intent_code"] = code
    for place, number in enumerate(dof[:n_dof], start=1):
        header[f"intent_p{place}"] = number


def _ascii(description: str) -> bytes:
    return description.encode("ascii", errors="replace")[:_DESCRIPTION_BYTES]
