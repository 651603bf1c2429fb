"""Image formats that nibabel reads for us: Analyze, NIfTI pairs, MGH, MINC, AFNI."""

from __future__ import annotations

import logging
import math
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.brikhead import AFNIImage
from nibabel.filebasedimages import ImageFileError
from nibabel.freesurfer.mghformat import MGHError
from nibabel.spatialimages import HeaderDataError, HeaderTypeError, ImageDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.io.header import (
    ImageHeader,
    canonical_grid,
    check_real,
    nifti_header,
    not_a_grid,
    orientation_of,
)
from heatlas.io.source import check_claim, check_file, open_source, unreadable

Load = Callable[[int], NDArray[Any]]
_PAIRS = {".hdr": ".img", ".img": ".hdr", ".head": ".BRIK", ".brik": ".HEAD"}
_CONVERT = "convert it to NIfTI (.nii.gz) first, for example with {}"
_ELSEWHERE = {
    ".mha": ("MetaImage", _CONVERT.format("SimpleITK or 3D Slicer")),
    ".mhd": ("MetaImage", _CONVERT.format("SimpleITK or 3D Slicer")),
    ".nrrd": ("NRRD", _CONVERT.format("SimpleITK or 3D Slicer")),
    ".nhdr": ("NRRD", _CONVERT.format("SimpleITK or 3D Slicer")),
    ".dcm": ("DICOM", _CONVERT.format("dcm2niix")),
    ".mif": ("MRtrix", _CONVERT.format("mrconvert")),
    ".v": ("ECAT", _CONVERT.format("nibabel or TPC")),
}
SIDES_ASSUMED = "an Analyze file does not say which side is left; SPM's convention was assumed"
_SURFACES = {".gii": "GIFTI surface", ".annot": "FreeSurfer annotation", ".stl": "surface"}
_FAULTS = (
    ImageFileError,
    HeaderDataError,
    HeaderTypeError,
    ImageDataError,
    WrapStructError,
    MGHError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    EOFError,
    struct.error,
    zlib.error,
)


def open_foreign(path: Path) -> tuple[ImageHeader, Load]:
    """Return the header of an image and a function that reads one of its volumes.

    Parameters
    ----------
    path : Path
        Any image that nibabel reads.

    Returns
    -------
    tuple of ImageHeader and callable
        The callable takes the number of a volume and returns its values, scaling applied, axes as
        stored.

    Raises
    ------
    DataError
        If the file is missing, empty, cut off, damaged or no image.
    NotSupportedError
        If the format is known but not served.
    """
    _refuse_known(path)
    check_file(path)
    with _faults_told(path):
        image: Any = nib.load(path)
        if not isinstance(image, nib.spatialimages.SpatialImage):
            raise not_a_grid(path, type(image).__name__)
        stored = np.dtype(image.get_data_dtype())
    header = _header(path, image, stored=stored)
    _check_data_file(path, image, header=header)
    return header, lambda number: _load(path, image, number=number)


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the files that make up an image: itself, and the partner of a pair."""
    partner = _partner(path)
    return (path,) if partner is None else tuple(sorted((path, partner)))


def _refuse_known(path: Path) -> None:
    """Refuse by name what nibabel does not read as a volume, with what to do instead."""
    ending = path.suffix.lower()
    if ending in _ELSEWHERE and path.exists():
        kind, remedy = _ELSEWHERE[ending]
        raise NotSupportedError(f"{path}: Heatlas does not read {kind} files here; {remedy}.")
    if ending in _SURFACES and path.exists():
        raise not_a_grid(path, _SURFACES[ending])


def _header(path: Path, image: Any, *, stored: np.dtype[Any]) -> ImageHeader:
    check_real(path, stored)
    if isinstance(image, nib.Nifti1Pair):
        return nifti_header(image.header, path=path, dtype=stored.name)
    shape = tuple(int(length) for length in image.shape)
    if not shape or min(shape) < 1:
        raise DataError(f"{path}: its header gives the shape {shape}, which no image has.")
    shape = (*shape, 1, 1)[: max(len(shape), 3)]
    affine = np.asarray(image.affine, dtype=np.float64)
    orientation = orientation_of(path, affine)
    return ImageHeader(
        shape=shape,
        grid=canonical_grid(affine, shape=shape, orientation=orientation),
        dtype=stored.name,
        n_volumes=math.prod(shape[3:]),
        turns=orientation,
        stored_affine=affine,
        slope=_slope(image),
        notes=(SIDES_ASSUMED,) if _is_plain_analyze(image) else (),
    )


def _slope(image: Any) -> float:
    """Return the step of stored whole numbers; NaN where it differs within the image."""
    if isinstance(image, AFNIImage):
        proxy: Any = image.dataobj
        scaling = proxy.scaling
        slopes = np.unique([1.0] if scaling is None else scaling)
    else:
        slopes = np.atleast_1d(getattr(image.dataobj, "slope", math.nan))
    return float(slopes[0]) if slopes.size == 1 else math.nan


def _is_plain_analyze(image: Any) -> bool:
    """Say whether the file is Analyze and no ``.mat`` file beside it gives an affine."""
    if not isinstance(image, nib.AnalyzeImage) or isinstance(image, nib.Nifti1Pair):
        return False
    base: Any = image.header
    return bool(np.allclose(image.affine, base.get_best_affine()))


def _check_data_file(path: Path, image: Any, *, header: ImageHeader) -> None:
    """Compare the claim of the header with the file that holds the numbers."""
    if isinstance(image, nib.Minc1Image):
        return  # netCDF and HDF5 check their own lengths
    holder = image.file_map["image"].filename
    data_file = Path(holder) if holder else path
    if not data_file.exists():
        raise DataError(f"{path}: the file with its values, '{data_file.name}', is missing; "
                        "keep both files of the pair in one folder.")  # fmt: skip
    length = math.prod(header.shape) * np.dtype(header.dtype).itemsize
    with open_source(data_file) as source:
        check_claim(source, length, claim=header.claim)


def _load(path: Path, image: Any, *, number: int) -> NDArray[Any]:
    with _faults_told(path):
        trailing = image.shape[3:]
        place = np.unravel_index(number, trailing, order="F") if trailing else ()
        values = image.dataobj[(..., *(int(index) for index in place))]
        return np.asarray(values).reshape((*image.shape, 1, 1)[:3])


@contextmanager
def _faults_told(path: Path) -> Iterator[None]:
    """Turn whatever a reader stumbles over into one clear sentence."""
    logger = logging.getLogger("nibabel.global")  # it also prints what it then raises
    logger.addFilter(_say_nothing)
    try:
        with np.errstate(all="ignore"):
            yield
    except (DataError, NotSupportedError):
        raise
    except ModuleNotFoundError as error:
        raise NotSupportedError(
            f"{path}: reading it needs the package '{error.name}', which Heatlas does not bring; "
            + _CONVERT.format("mnc2nii")
            + "."
        ) from error
    except FileNotFoundError as error:
        missing = Path(str(error.filename or path)).name
        raise DataError(f"{path}: it belongs together with '{missing}', which is missing; "
                        "keep both files of the pair in one folder.") from error  # fmt: skip
    except OSError as error:
        raise unreadable(path, error) from error
    except MemoryError as error:
        raise DataError(f"{path}: its header claims more than fits in memory; "
                        "it is damaged.") from error  # fmt: skip
    except _FAULTS as error:
        raise DataError(f"{path}: the file cannot be read as an image ({_first_line(error)}); "
                        "export or download it again.") from error  # fmt: skip
    finally:
        logger.removeFilter(_say_nothing)


def _say_nothing(record: logging.LogRecord) -> bool:
    """Filter out every record of a logger."""
    return False


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(" .:") if lines else type(error).__name__


def _partner(path: Path) -> Path | None:
    """Return the other file of a pair, if there is one."""
    zipped = path.suffix.lower() in {".gz", ".bz2"}
    inner = path.with_suffix("") if zipped else path
    other = _PAIRS.get(inner.suffix.lower())
    if other is None:
        return None
    plain = inner.with_suffix(other)
    known = (plain, plain.with_name(plain.name + ".gz"))
    return next((file for file in known if file.exists()), None)
