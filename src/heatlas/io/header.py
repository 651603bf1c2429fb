"""What an image file says about itself: shape, type, scaling and where its voxels lie."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.core.space import Grid
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import count, number
from heatlas.io.intent import statistic_of
from heatlas.io.source import Source

# Voxels that sform and qform place this far apart are a conflict worth a word.
CONFLICT_MM = 0.1
# Beyond these an affine is damaged: positions, voxel sizes, volume of a voxel's directions.
FARTHEST_MM = 1e7
SMALLEST_MM = 1e-4
FLATTEST = 1e-4
TEMPLATES = {4: "MNI152", 3: "Talairach"}
_MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
_UNIT_NAMES = {1: "metres", 3: "micrometres"}
_MAGIC = {348: (344, b"n+1\0"), 540: (4, b"n+2\0")}
_HEADERS: dict[int, Any] = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
_ORIENTATIONS: Any = nib.orientations  # nibabel types it in part only
_CIFTI_INTENTS = range(3000, 3100)
_WAYS_OUT = {
    "RGB": "RGB colours, which are no measurements; export the grey-scale map behind them",
    "complex": "complex numbers; save their magnitude or their phase as an image of its own",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageHeader(Value):
    """What a file claims, before a value is read.

    Parameters
    ----------
    shape : tuple of int
        Lengths of the axes as stored, those after the third included.
    grid : Grid
        Where the voxels of a volume lie once its axes are turned closest to RAS+.
    dtype : str
        Stored type, such as ``"int16"``.
    n_volumes : int
        Product of the axes after the third.
    turns : array_like, shape (3, 2)
        Which axis of RAS+ each stored axis is closest to, and its sign.
    stored_affine : array_like, shape (4, 4)
        From stored voxel indices to mm.
    slope, intercept : float
        Value = stored number x slope + intercept.
    sform_code, qform_code : int
        Codes of a NIfTI file, 0 for other formats.
    conflict : str
        How sform and qform disagree, in words; ``""`` where they agree.
    notes : tuple of str
        What else a reader must know.
    kind : str
        ``"t"``, ``"F"``, ``"z"`` or ``"effect"`` where the file says so, else ``""``.
    dof : tuple of float
        Degrees of freedom of a t or F, empty where the file gives none.
    """

    shape: tuple[int, ...]
    grid: Grid
    dtype: str
    n_volumes: int
    turns: NDArray[np.float64]
    stored_affine: NDArray[np.float64]
    slope: float = 1.0
    intercept: float = 0.0
    sform_code: int = 0
    qform_code: int = 0
    conflict: str = ""
    notes: tuple[str, ...] = ()
    kind: str = ""
    dof: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Take ownership of the affine."""
        affine = own_array(self.stored_affine, name="affine", dtype=np.float64, ndim=2)
        set_field(self, "stored_affine", to=affine)
        turns = own_array(self.turns, name="turns", dtype=np.float64, ndim=2)
        set_field(self, "turns", to=turns)
        set_field(self, "shape", to=tuple(int(length) for length in self.shape))
        set_field(self, "notes", to=tuple(self.notes))

    @property
    def orientation(self) -> str:
        """Where the stored axes point, such as ``"LAS"``."""
        return axes_words(self.turns)

    @property
    def stored_step(self) -> float | None:
        """Smallest difference that the file can hold; None for floating-point files."""
        if np.dtype(self.dtype).kind not in "iu" or math.isnan(self.slope):
            return None
        return abs(self.slope)

    @property
    def volume_shape(self) -> tuple[int, int, int]:
        """Lengths of the first three axes as stored."""
        first = (*self.shape, 1, 1)[:3]
        return first[0], first[1], first[2]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything that belongs into provenance."""
        return (*((self.conflict,) if self.conflict else ()), *self.notes)

    @property
    def claim(self) -> str:
        """Shape and type in words: ``91 x 109 x 91 float32 voxels``."""
        return f"{' x '.join(map(str, self.shape))} {self.dtype} voxels"

    def turn(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return a view of one volume with its axes closest to RAS+."""
        turned: NDArray[Any] = _ORIENTATIONS.apply_orientation(values, self.turns)
        return turned


@dataclass(frozen=True, kw_only=True, eq=False)
class NiftiLayout(Value):
    """A NIfTI header and where its numbers stand in the file.

    Parameters
    ----------
    header : ImageHeader
        What it says.
    stored_dtype : str
        numpy type with byte order, such as ``">i2"``.
    offset : int
        Bytes before the first number.
    length : int
        Bytes of the header itself.
    """

    header: ImageHeader
    stored_dtype: str
    offset: int
    length: int

    @property
    def volume_bytes(self) -> int:
        """Bytes of one volume."""
        return math.prod(self.header.volume_shape) * np.dtype(self.stored_dtype).itemsize

    @property
    def end(self) -> int:
        """Bytes of the file, decompressed, up to the end of its numbers."""
        return self.offset + self.volume_bytes * self.header.n_volumes


def parse_nifti(source: Source) -> NiftiLayout:
    """Return the header of an open single-file NIfTI-1 or NIfTI-2 file.

    Parameters
    ----------
    source : Source
        The file at its start.

    Returns
    -------
    NiftiLayout
        Header and byte layout; nothing of the image is read.

    Raises
    ------
    DataError
        If it is no NIfTI file or its header cannot be true.
    NotSupportedError
        If it holds something other than volumes of real numbers.
    """
    path = source.path
    start = _read_start(source)
    size, order = _kind(start, path=path)
    block = start + source.read(size - len(start))
    magic_at, magic = _MAGIC[size]
    if block[magic_at : magic_at + 4] != magic:
        raise DataError(_foreign(path, block))
    nifti = _HEADERS[size](block, endianness=order, check=False)
    stored = _stored_dtype(nifti, path=path, order=order)
    header = nifti_header(nifti, path=path, dtype=stored.name)
    offset = _offset(nifti)
    if offset < size:
        raise DataError(f"{path}: its header says that the image starts at byte {offset}, "
                        f"inside the header of {size} bytes; it is damaged.")  # fmt: skip
    return NiftiLayout(header=header, stored_dtype=stored.str, offset=offset, length=size)


def nifti_header(nifti: Any, *, path: Path, dtype: str) -> ImageHeader:
    """Return what a nibabel NIfTI header says, single file or pair."""
    if int(nifti["intent_code"]) in _CIFTI_INTENTS:
        raise not_a_grid(path, "CIFTI")
    slope, intercept = _scaling(nifti, path=path)
    stored, conflict = _nifti_affine(nifti, path=path)
    unit = int(nifti["xyzt_units"]) & 7
    affine = np.diag([_MM_PER_UNIT.get(unit, 1.0)] * 3 + [1.0]) @ stored
    shape = _shape(nifti, path=path)
    sform, qform = int(nifti["sform_code"]), int(nifti["qform_code"])
    known = bool(sform or qform or unit)
    in_mm = f"its header gives positions in {_UNIT_NAMES.get(unit)}; they were converted to mm"
    turns = orientation_of(path, affine)
    kind, dof = statistic_of(nifti)
    grid = canonical_grid(affine, shape=shape, orientation=turns)
    return ImageHeader(
        shape=shape,
        grid=replace(
            grid, template=TEMPLATES.get(sform or qform), unit="mm" if known else "unknown"
        ),
        dtype=dtype,
        n_volumes=math.prod(shape[3:]),
        turns=turns,
        stored_affine=affine,
        slope=slope,
        intercept=intercept,
        sform_code=sform,
        qform_code=qform,
        conflict=conflict,
        notes=(in_mm,) if unit in _UNIT_NAMES else (),
        kind=kind,
        dof=dof,
    )


def orientation_of(path: Path, affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return which axis of RAS+ each stored axis is closest to, and its sign, shape (3, 2)."""
    if not _places_voxels(affine):
        raise _placeless(path)
    turns: NDArray[np.float64] = _ORIENTATIONS.io_orientation(affine)
    return turns


def _placeless(path: Path) -> DataError:
    return DataError(
        f"{path}: its affine gives voxels no position or no volume; "
        "repair the header or export the image again."
    )


def _places_voxels(affine: NDArray[np.float64]) -> bool:
    """Say whether an affine gives voxels a position and a volume."""
    if not np.isfinite(affine).all() or np.abs(affine).max() > FARTHEST_MM:
        return False
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    return bool(
        lengths.min() > SMALLEST_MM and abs(np.linalg.det(affine[:3, :3] / lengths)) > FLATTEST
    )


def canonical_grid(
    affine: NDArray[np.float64], *, shape: tuple[int, ...], orientation: NDArray[np.float64]
) -> Grid:
    """Return the grid of a stored volume after its axes are turned closest to RAS+."""
    order = np.argsort(orientation[:, 0])
    lengths = [shape[int(axis)] for axis in order]
    turned = affine @ _ORIENTATIONS.inv_ornt_aff(orientation, shape[:3])
    return Grid(shape=(lengths[0], lengths[1], lengths[2]), affine=turned)


def axes_words(turns: NDArray[np.float64]) -> str:
    """Return where axes point: ``LAS``; an axis that points nowhere is ``?``."""
    return "".join(word or "?" for word in _ORIENTATIONS.ornt2axcodes(turns))


def check_real(path: Path, dtype: np.dtype[Any]) -> None:
    """Raise DataError with the ways out unless the stored numbers are real."""
    if dtype.kind in "iuf":
        return
    if dtype.kind == "V" and dtype.names is None:
        raise NotSupportedError(
            f"{path}: it holds numbers of a kind that is rare and not served (single bits or more "
            "than 64); save it as float32."
        )
    kind = "complex" if dtype.kind == "c" else "RGB"
    raise DataError(f"{path}: it holds {_WAYS_OUT[kind]}.")


def not_a_grid(path: Path, kind: str) -> NotSupportedError:
    """Return the error for a file whose values do not lie on one grid of voxels."""
    return NotSupportedError(
        f"{path}: this is a {kind} file, whose values do not lie on one grid of voxels; "
        "Heatlas does not read it yet, give a volume (NIfTI) instead."
    )


def _read_start(source: Source) -> bytes:
    """Read four bytes, enough to know the kind; what is shorter is told by its own words."""
    if source.size < 4:
        raise DataError(f"{source.path}: the file holds {count(source.size, 'byte')} only; "
                        "copy or download it again.")  # fmt: skip
    return bytes(source.read(4))


def _kind(start: bytes, *, path: Path) -> tuple[int, str]:
    """Return header size and byte order by the first four bytes."""
    for order in ("<", ">"):
        size = struct.unpack(f"{order}i", start)[0]
        if size in _MAGIC:
            return size, order
    raise DataError(_foreign(path, start))


def _foreign(path: Path, start: bytes) -> str:
    shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in start[:8])
    if start.lstrip()[:1] == b"<":
        return (f"{path}: this is a web page (it begins with '{shown}'), no image; "
                "the download failed, fetch the file itself.")  # fmt: skip
    return (f"{path}: this is no NIfTI image, whatever its name says (it begins with '{shown}'); "
            "export or download it again.")  # fmt: skip


def _stored_dtype(nifti: Any, *, path: Path, order: str) -> np.dtype[Any]:
    code = int(nifti["datatype"])
    try:
        stored = np.dtype(nifti.get_data_dtype())
    except (HeaderDataError, KeyError):
        raise DataError(f"{path}: its header names the data type {code}, which NIfTI does not "
                        "know; it is damaged.") from None  # fmt: skip
    check_real(path, stored)
    if stored.itemsize not in (1, 2, 4, 8):
        raise NotSupportedError(f"{path}: it holds {8 * stored.itemsize}-bit numbers; save it as "
                                "float64 or float32.")  # fmt: skip
    turned: np.dtype[Any] = stored.newbyteorder("<" if order == "<" else ">")
    return turned


def _offset(nifti: Any) -> int:
    """Return the byte at which the image starts, 0 where the header gives no number."""
    offset = float(nifti["vox_offset"])
    return int(offset) if math.isfinite(offset) else 0


def _shape(nifti: Any, *, path: Path) -> tuple[int, ...]:
    dim = [int(length) for length in nifti["dim"]]
    n_axes = dim[0]
    if not 1 <= n_axes <= 7 or min(dim[1 : n_axes + 1]) < 1:
        raise DataError(f"{path}: its header gives the axes {dim}, which no image has; "
                        "it is damaged.")  # fmt: skip
    return (*dim[1 : n_axes + 1], 1, 1)[: max(n_axes, 3)]


def _scaling(nifti: Any, *, path: Path) -> tuple[float, float]:
    """Return slope and intercept; a slope of 0 or NaN means that the file does not scale."""
    slope, intercept = float(nifti["scl_slope"]), float(nifti["scl_inter"])
    if not math.isfinite(slope) or slope == 0:
        return 1.0, 0.0
    if not math.isfinite(intercept):
        raise DataError(f"{path}: its header scales by {number(slope)} but gives no finite "
                        "intercept (scl_inter); repair the header.")  # fmt: skip
    return slope, intercept


def _nifti_affine(nifti: Any, *, path: Path) -> tuple[NDArray[np.float64], str]:
    """Return the affine that holds (sform before qform) and the conflict in words."""
    sform, qform = _form(nifti, "sform"), _form(nifti, "qform")
    coded = int(nifti["sform_code"]) > 0 or int(nifti["qform_code"]) > 0
    if sform is not None and qform is not None:
        return sform, _conflict(sform, qform, shape=_shape(nifti, path=path))
    if sform is not None:
        return sform, ""
    if qform is not None:
        damaged = int(nifti["sform_code"]) > 0
        return qform, "its sform is damaged; the qform was used" if damaged else ""
    if coded:
        raise _placeless(path)
    with np.errstate(all="ignore"):
        return np.asarray(nifti.get_base_affine(), dtype=np.float64), ""


def _form(nifti: Any, kind: str) -> NDArray[np.float64] | None:
    """Return an affine of the header, None where its code is 0 or it makes no sense."""
    try:
        with np.errstate(all="ignore"):
            affine = getattr(nifti, f"get_{kind}")(coded=True)[0]
    except (HeaderDataError, ValueError, np.linalg.LinAlgError):
        return None
    if affine is None or not _places_voxels(affine):
        return None
    return np.asarray(affine, dtype=np.float64)


def _conflict(
    sform: NDArray[np.float64], qform: NDArray[np.float64], *, shape: tuple[int, ...]
) -> str:
    ends = [(0, length - 1) for length in shape[:3]]
    corners = np.array(np.meshgrid(*ends, [1])).reshape(4, -1)
    gap = float(np.linalg.norm(((sform - qform) @ corners)[:3], axis=0).max())
    if gap <= CONFLICT_MM:
        return ""
    sides = [axes_words(_ORIENTATIONS.io_orientation(form)) for form in (sform, qform)]
    turned = f", even the axes differ ({sides[0]} and {sides[1]})" if sides[0] != sides[1] else ""
    return f"sform and qform place voxels up to {number(gap)} mm apart{turned}; the sform was used"
