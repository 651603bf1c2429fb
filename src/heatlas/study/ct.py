"""Recipe behind ``heatlas ct`` and ``read_ct``: a CT scan as values that can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance, Step
from heatlas.core.slicestack import SliceStack
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.core.window import Window
from heatlas.core.words import count, join, number, percent
from heatlas.geometry.slicestack import (
    Run,
    even_runs,
    gantry_tilt,
    regular_volume,
    sheared_volume,
    slices_of,
)
from heatlas.io.dicom import ReadSeries, choose_series, find_series, read_series
from heatlas.io.dicom_head import is_dicom
from heatlas.io.nifti import read_header, read_volume
from heatlas.io.sliceimages import is_picture, parse_intensity, read_slice_pictures
from heatlas.io.source import check_file
from heatlas.prep.ct import (
    Hounsfield,
    check_hounsfield,
    chosen_windows,
    refuse_windows,
    without_backdrop,
)
from heatlas.show.window import WindowedVolume
from heatlas.study.load import IMAGES

Unit = Literal["hu"]
BODY_HU = -300.0
HEAD_MM = 260.0
LUNG_HU = (-950.0, -700.0)
LUNG_SHARE = 0.1
FOR_HEAD = ("brain", "subdural", "bone")
FOR_CHEST = ("lung", "mediastinum", "bone")
FOR_ABDOMEN = ("abdomen", "liver", "bone")
BODY_PARTS: Mapping[str, tuple[str, ...]] = {
    "HEAD": FOR_HEAD,
    "BRAIN": FOR_HEAD,
    "SKULL": FOR_HEAD,
    "CHEST": FOR_CHEST,
    "THORAX": FOR_CHEST,
    "LUNG": FOR_CHEST,
    "ABDOMEN": FOR_ABDOMEN,
    "LIVER": FOR_ABDOMEN,
    "PELVIS": FOR_ABDOMEN,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class CtScan(Value):
    """A CT scan, or another scan read the same way.

    Parameters
    ----------
    volume : Volume
        On one grid: sheared where the slices are evenly spaced, else resampled upright.
    slices : SliceStack
        As acquired; padding is NaN.
    unit : str
        ``"HU"``, or empty where the values are something else or unknown.
    hounsfield : Hounsfield
        What the values themselves say about that.
    windows : tuple of Window
        What the source proposes for display.
    body_part : str
        What the source says was examined.
    facts : tuple of (str, str)
        What was found.
    notes : tuple of str
        What a reader must know.
    """

    volume: Volume
    slices: SliceStack
    unit: str
    hounsfield: Hounsfield
    windows: tuple[Window, ...] = ()
    body_part: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_hu(self) -> bool:
        """True when the values are HU, by the source, by the check or by the user's word."""
        return self.unit == "HU"

    def windows_named(self, asked: Sequence[str]) -> tuple[Window, ...]:
        """Return windows by name, ``centre,width`` or ``file``; DataError where they need HU."""
        names = [word for word in asked if word.strip().lower() != "file"]
        if names and not self.is_hu:
            raise refuse_windows(self.hounsfield, name=self.slices.name or "the scan")
        return chosen_windows(asked, own=self.windows)


def read_ct(
    source: Path | str,
    *,
    series: str | int | None = None,
    unit: Unit | None = None,
    intensity: str | None = None,
    upright: bool = False,
    voxel_size_mm: float | None = None,
) -> CtScan:
    """Read a CT scan.

    Parameters
    ----------
    source : Path or str
        A DICOM file, a folder of them (with all folders below it), a DICOMDIR, a NIfTI image, or
        pictures of slices (one, or a folder of them).
    series : str or int, optional
        Number or code of a series where a source holds several; the error lists them.
    unit : {"hu"}, optional
        Your word that the values are HU, where nothing else says so.
    intensity : str, optional
        What the grey numbers of pictures mean, such as ``"hu 0..255 = -1000..1000"``.
    upright : bool
        Resample to a regular upright grid even where the slices are evenly spaced.
    voxel_size_mm : float, optional
        Edge of that grid's voxels; implies ``upright``.

    Returns
    -------
    CtScan
        Volume, slices as acquired, unit, and everything that was found on the way.

    Raises
    ------
    DataError
        If the source cannot be read, or holds several series and none was chosen.
    NotSupportedError
        If it holds colours, or an encoding that is not read.
    MissingExtraError
        If a decoder is missing.

    Notes
    -----
    Evenly spaced slices become a volume without interpolation; a gantry tilt is shear in its
    affine. Where the spacing varies they are resampled to an upright grid, which provenance says.
    Names and identifiers of persons and files are not kept; inputs are told by digests.

    Examples
    --------
    >>> scan = read_ct("series/")  # doctest: +SKIP
    >>> scan.volume.grid.affine  # doctest: +SKIP
    """
    path = Path(source)
    if voxel_size_mm is not None and not voxel_size_mm > 0:
        raise DataError(f"voxel size: {voxel_size_mm:g} mm given, expected a size above 0.")
    if unit not in (None, "hu"):
        raise DataError(f"unit: '{unit}' given; only 'hu' can be stated.")
    regular = upright or voxel_size_mm is not None
    if _is_nifti(path):
        _only_for(series, "--series", kind="DICOM", path=path)
        _only_for(intensity, "--intensity", kind="pictures", path=path)
        return _from_image(path, stated=unit)
    pictures = _pictures(path)
    if pictures:
        _only_for(series, "--series", kind="DICOM", path=path)
        return _from_pictures(pictures, intensity=intensity, stated=unit)
    _only_for(intensity, "--intensity", kind="pictures", path=path)
    found = find_series(path)
    wanted = None if series is None else str(series)
    chosen = choose_series(found, wanted=wanted, source=str(path))
    read = read_series(chosen, found=found)
    return _from_series(read, stated=unit, regular=regular, voxel_size_mm=voxel_size_mm)


def ct_backdrop(scan: CtScan, window: Window | str = "brain") -> WindowedVolume:
    """Return a scan through a window as the anatomy beneath heat maps.

    Parameters
    ----------
    scan : CtScan
        What lies beneath.
    window : Window or str
        The window, or its name.

    Returns
    -------
    WindowedVolume
        For :func:`heatlas.study.overlay.draw_overlay`; what was not scanned is hatched.

    Raises
    ------
    DataError
        If the window needs HU and the scan is not in HU.
    """
    shown = scan.windows_named([window])[0] if isinstance(window, str) else window
    return WindowedVolume(volume=scan.volume, window=shown)


def default_windows(scan: CtScan) -> tuple[tuple[Window, ...], str]:
    """Return the windows that suit a scan, and why these.

    Parameters
    ----------
    scan : CtScan
        The scan.

    Returns
    -------
    tuple of (tuple of Window, str)
        For HU those of the body part that the source names, else by the width of the body and the
        share of lung in it; otherwise the source's own, else its range of values.
    """
    if not scan.is_hu:
        if scan.windows:
            return scan.windows[:1], "the source's own, since the values are not HU"
        return (_range_window(scan),), "the range of the values, since they are not HU"
    for word, names in BODY_PARTS.items():
        if word in scan.body_part:
            return scan.windows_named(names), f"for what the files name: {word.lower()}"
    names, reason = _by_body(scan)
    return scan.windows_named(names), reason


# ---------------------------------------------------------------- the three kinds of source


def _is_nifti(path: Path) -> bool:
    return path.name.lower().endswith(IMAGES) and not path.is_dir()


def _pictures(path: Path) -> list[Path]:
    """Return the pictures that a source means, none where it is DICOM or something else."""
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file())
        pictures = [file for file in files if is_picture(file)]
        return pictures if pictures and not any(is_dicom(file) for file in files) else []
    if not is_picture(path):
        return []
    check_file(path)
    return [path]


def _only_for(option: object, name: str, *, kind: str, path: Path) -> None:
    if option is not None:
        raise DataError(f"{path}: {name} is for {kind} only, and this is none.")


def _from_series(
    read: ReadSeries, *, stated: Unit | None, regular: bool, voxel_size_mm: float | None
) -> CtScan:
    stack, runs = read.slices, even_runs(read.slices)
    check = check_hounsfield(stack.values)
    notes = list(read.notes)
    unit = "HU" if read.says_hu or stated else ""
    if not read.says_hu:
        check = replace(check, is_hu=False, evidence=(read.why_not_hu, *check.evidence))
    elif not check.is_hu:
        notes.append(f"The files say HU, but: {check.words}")
    if not read.says_hu and stated:
        notes.append(f"Taken as HU because you said so. {check.words}")
    stack = replace(stack, unit=unit)
    if regular or len(runs) > 1:
        volume = regular_volume(stack, voxel_size_mm=voxel_size_mm)
        if len(runs) > 1:
            notes.append(_resampled_words(runs))
    else:
        volume = sheared_volume(stack)
    return CtScan(
        volume=volume,
        slices=stack,
        unit=unit,
        hounsfield=check,
        windows=tuple(replace(window, unit=unit) for window in read.windows),
        body_part=read.body_part,
        facts=(*read.facts, *_grid_facts(volume, stack=stack, runs=runs)),
        notes=tuple(notes),
    )


def _from_image(path: Path, *, stated: Unit | None) -> CtScan:
    n_volumes = read_header(path).n_volumes
    if n_volumes > 1:
        raise DataError(
            f"{path}: it holds {n_volumes} volumes where one scan is expected; save the one that "
            "is meant as an image of its own."
        )
    volume = _anonymous(read_volume(path))
    check = check_hounsfield(volume.values)
    notes = list(volume.provenance.warnings)
    if stated and not check.is_hu:
        notes.append(f"Taken as HU because you said so. {check.words}")
    unit = "HU" if stated or check.is_hu else ""
    values, surround = without_backdrop(volume.values) if unit else (volume.values, None)
    if surround is not None:
        lost = percent(float(np.mean(np.isnan(values))))
        notes.append(
            f"{lost} of the voxels surround the image with the constant {number(surround)} and are "
            "taken as not scanned."
        )
        volume = replace(
            volume,
            values=values,
            provenance=volume.provenance.then(
                "set the surround apart", parameters={"value": surround}
            ),
        )
    stack = slices_of(volume, unit=unit)
    return CtScan(
        volume=volume,
        slices=stack,
        unit=unit,
        hounsfield=check,
        facts=_grid_facts(volume, stack=stack, runs=even_runs(stack)),
        notes=tuple(notes),
    )


def _from_pictures(paths: Sequence[Path], *, intensity: str | None, stated: Unit | None) -> CtScan:
    if stated:
        raise DataError(
            f"{paths[0]}: grey numbers of pictures are not HU by themselves; say what they mean, "
            "such as --intensity 'hu 0..255 = -1000..1000'."
        )
    meaning = None if intensity is None else parse_intensity(intensity)
    stack = read_slice_pictures(paths, intensity=meaning)
    volume = sheared_volume(stack)
    notes = [*stack.provenance.warnings]
    if meaning is None:
        notes.append(
            "The grey numbers have no stated meaning, so they are not HU (--intensity states one)."
        )
    else:
        notes.append(f"By your word {meaning.words}.")
    return CtScan(
        volume=volume,
        slices=stack,
        unit=stack.unit,
        hounsfield=check_hounsfield(stack.values),
        facts=_grid_facts(volume, stack=stack, runs=even_runs(stack)),
        notes=tuple(notes),
    )


def _anonymous(volume: Volume) -> Volume:
    """Return a volume without the name of its file, which may be that of a person."""
    steps = [
        Step(
            name=step.name,
            parameters=step.parameters,
            inputs={"image": next(iter(step.inputs.values()), "")},
            warnings=tuple(text.partition(": ")[2] or text for text in step.warnings),
        )
        for step in volume.provenance.steps
    ]
    return replace(volume, name="image", provenance=Provenance(steps=tuple(steps)))


# ---------------------------------------------------------------- words and defaults


def _resampled_words(runs: Sequence[Run]) -> str:
    spaced = [f"{number(run.spacing_mm)} mm" for run in runs if run.n_slices > 1]
    listed = f" ({join(spaced)})" if 0 < len(spaced) <= 6 else ""
    return (
        f"The spacing of the slices varies: {count(len(runs), 'evenly spaced run')}{listed}. The "
        "volume is resampled to a regular upright grid; the panels show the slices as acquired."
    )


def _grid_facts(
    volume: Volume, *, stack: SliceStack, runs: Sequence[Run]
) -> tuple[tuple[str, str], ...]:
    sizes = " x ".join(f"{mm:.3g}" for mm in volume.grid.voxel_sizes_mm)
    shape = " x ".join(map(str, volume.grid.shape))
    in_mm = volume.grid.unit == "mm"
    facts = [("Volume", f"{shape} voxels of {sizes} mm" if in_mm else f"{shape} pixels")]
    if in_mm and len(stack) > 1:
        tilt = gantry_tilt(stack)
        words = f"{tilt:.1f} degrees" if tilt > 0.05 else "none"
        facts.append(("Gantry tilt", words))
        facts.append(("Spacing", _spacing_words(runs)))
    return tuple(facts)


def _spacing_words(runs: Sequence[Run]) -> str:
    if len(runs) == 1:
        return f"{number(runs[0].spacing_mm, digits=4)} mm throughout"
    parts = [
        f"slices {run.first + 1} to {run.last + 1}: {number(run.spacing_mm)} mm"
        for run in runs
        if run.n_slices > 1
    ]
    return "; ".join(parts[:8]) + ("; ..." if len(parts) > 8 else "")


def _range_window(scan: CtScan) -> Window:
    values = scan.slices.values
    finite = values[np.isfinite(values)]
    low, high = (float(x) for x in np.quantile(finite, [0.005, 0.995])) if finite.size else (0, 1)
    width = high - low if high > low else 1.0
    return Window(name="range of the values", centre=(low + high) / 2, width=width, unit=scan.unit)


def _by_body(scan: CtScan) -> tuple[tuple[str, ...], str]:
    """Return windows by the width of the body and the share of lung in the middle slice."""
    if scan.slices.position_unit != "mm":
        return FOR_HEAD, "the usual ones of a head, for nothing says what was examined"
    middle = scan.slices.values[len(scan.slices) // 2]
    with np.errstate(invalid="ignore"):
        body = middle > BODY_HU
        lung = (middle > LUNG_HU[0]) & (middle < LUNG_HU[1])
    filled = np.flatnonzero(body.mean(axis=0) > 0.02)
    wide = (filled[-1] - filled[0] + 1) * scan.slices.pixel_mm[1] if filled.size else 0.0
    if wide < HEAD_MM:
        return FOR_HEAD, f"those of a head, for the body is {wide:.0f} mm wide"
    inside = lung[:, filled[0] : filled[-1] + 1]
    share = float(inside.sum() / max(body.sum(), 1))
    if share > LUNG_SHARE:
        return FOR_CHEST, f"those of a chest, for {percent(share)} of the body is lung"
    return FOR_ABDOMEN, f"those of an abdomen, for the body is {wide:.0f} mm wide without lung"
