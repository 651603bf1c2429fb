"""From the files of a cohort to one stack of maps on one grid, with everything lost counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.core.execute import Executor
from heatlas.core.provenance import Provenance
from heatlas.core.space import Grid, Mask
from heatlas.core.stack import MapStack
from heatlas.core.store import StepStore, remember_arrays
from heatlas.core.table import Column, Table
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.core.words import count, join, percent
from heatlas.geometry.mask import covers, mask_from_volume, mask_of_counts
from heatlas.geometry.resample import nearest_values, resample
from heatlas.geometry.smooth import smooth
from heatlas.io.header import ImageHeader
from heatlas.io.nifti import read_volume, read_volumes
from heatlas.study.checks import common_grid, grid_words, read_headers
from heatlas.study.cohort import CohortFiles
from heatlas.study.plan import Event, Listener, silence
from heatlas.study.spec import MaskSpec, StudySpec

WHOLE_BYTES = 1 << 30  # up to here all maps are held on the whole grid and read only once


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedMaps(Value):
    """The maps of a study, ready for models.

    Parameters
    ----------
    stack : MapStack
        All maps inside the mask.
    coverage : Table
        Per map: coverage of the mask before it was cut, values that are not finite, stored
        orientation and whether it was resampled.
    policy : tuple of str
        How files became one stack, one sentence each.
    warnings : tuple of str
        What a reader must know about the files.
    """

    stack: MapStack
    coverage: Table
    policy: tuple[str, ...]
    warnings: tuple[str, ...] = ()


class _Prepared(NamedTuple):
    """One map on the common grid."""

    values: NDArray[np.float32]
    """shape (grid.size,)"""
    n_not_finite: int


@dataclass(frozen=True, kw_only=True, eq=False)
class _FileTask(Value):
    """One file to read and prepare, such as a worker can take."""

    path: Path
    volumes: tuple[int, ...] | None
    grid: Grid
    fwhm_mm: float
    inside: Mask | None


def load_maps(
    files: CohortFiles,
    *,
    spec: StudySpec,
    base: Path,
    executor: Executor,
    store: StepStore,
    key: str,
    listen: Listener = silence,
) -> LoadedMaps:
    """Read, resample where a policy says so, smooth and mask the maps of a cohort.

    Parameters
    ----------
    files : CohortFiles
        Participants and the paths of their maps.
    spec : StudySpec
        The study's grid policy, smoothing and mask.
    base : Path
        Folder of the study file.
    executor : Executor
        Reads and smooths.
    store : StepStore
        Keeps the prepared stack.
    key : str
        Names the prepared stack in the store.
    listen : callable
        Hears of every map.

    Returns
    -------
    LoadedMaps
        The stack, coverage per map, and the policy in words.

    Raises
    ------
    DataError
        If a file cannot be read, holds no finite value, or the mask is empty.
    SpaceMismatchError
        If the maps lie on different grids and the study names no policy.

    Notes
    -----
    Peak memory is two float32 copies of all maps inside the mask. Where a copy of all maps on the
    whole grid fits into 1 GiB they are read once, otherwise twice: for the mask, then for values.
    """
    headers = read_headers(files)
    grid = common_grid(headers, files=files, spec=spec, base=base)
    arrays = remember_arrays(
        store,
        key,
        compute=lambda: _prepared_arrays(
            files, grid=grid, spec=spec, base=base, executor=executor, listen=listen
        ),
    )
    words = bytes(arrays["mask_words"]).decode()
    mask = Mask(space=grid, inside=arrays["inside"], words=words)
    policy = _policy(headers, grid=grid, spec=spec, mask=mask)
    warnings = _warnings(headers, arrays, files=files)
    stack = MapStack(
        values=arrays["values"],
        mask=mask,
        ids=files.cohort.ids,
        table=files.cohort.table,
        measure=spec.cohort.measure,
        unit=spec.cohort.unit or "",
        provenance=_provenance(files, spec=spec, grid=grid, mask=mask, warnings=warnings),
    )
    coverage = _coverage_table(headers, arrays, files=files, grid=grid)
    return LoadedMaps(stack=stack, coverage=coverage, policy=policy, warnings=warnings)


def _prepared_arrays(
    files: CohortFiles,
    *,
    grid: Grid,
    spec: StudySpec,
    base: Path,
    executor: Executor,
    listen: Listener,
) -> dict[str, NDArray[np.generic]]:
    """Read all maps and cut them to the mask, which they decide first unless it is given."""
    inside_first = spec.smooth is not None and spec.smooth.inside == "mask"
    fwhm_mm = spec.smooth.fwhm_mm if spec.smooth is not None else 0.0
    tasks = _tasks(files, grid=grid, fwhm_mm=0.0 if inside_first else fwhm_mm)
    kept: list[_Prepared] = []
    if spec.mask.path is not None:
        mask = mask_from_volume(read_volume(base / spec.mask.path), grid=grid)
    else:
        small = len(files.paths) * grid.size * 4 <= WHOLE_BYTES
        mask, kept = _survey(
            _read(tasks, executor=executor, listen=listen),
            spec=spec.mask,
            grid=grid,
            smoothed=fwhm_mm > 0 and not inside_first,
            keep=small and not inside_first,
        )
    if not kept:
        inside = mask if inside_first else None
        tasks = [replace(task, fwhm_mm=fwhm_mm, inside=inside) for task in tasks]
    prepared = iter(kept) if kept else _read(tasks, executor=executor, listen=listen)
    return _cut(prepared, mask, files=files, minimum=spec.mask.minimum)


def _tasks(files: CohortFiles, *, grid: Grid, fwhm_mm: float) -> list[_FileTask]:
    """Return one task per file; a 4-D file is read in one pass."""
    volumes: dict[Path, list[int]] = {}
    for path, file in zip(files.paths, files.cohort.files, strict=True):
        volumes.setdefault(path, []).extend([] if file.volume is None else [file.volume])
    return [
        _FileTask(path=path, volumes=tuple(k) or None, grid=grid, fwhm_mm=fwhm_mm, inside=None)
        for path, k in volumes.items()
    ]


def _read(
    tasks: Sequence[_FileTask], *, executor: Executor, listen: Listener
) -> Iterator[_Prepared]:
    """Yield every map on the common grid, smoothed, in order."""
    n = sum(len(task.volumes or (0,)) for task in tasks)
    row = 0
    for prepared in executor.map(_prepare_file, tasks):
        yield from prepared
        row += len(prepared)
        listen(Event(kind="progress", step="read", text="maps", done=row, total=n))


def _prepare_file(task: _FileTask) -> list[_Prepared]:
    """Return the maps of one file on the common grid, smoothed, with their lost voxels."""
    return [_prepare(volume, task) for volume in read_volumes(task.path, volumes=task.volumes)]


def _prepare(volume: Volume, task: _FileTask) -> _Prepared:
    finite = np.isfinite(volume.values)
    if not finite.any():
        raise DataError(f"{task.path.name}: the map holds no finite value at all.")
    background = 0.0 if finite.all() else None
    moved = resample(volume, to=task.grid, background=background)
    moved = smooth(moved, fwhm_mm=task.fwhm_mm, inside=task.inside)
    values = moved.values.astype(np.float32, copy=False)
    if not volume.grid.same_as(task.grid):  # where the file does not reach, nothing was measured
        everywhere = np.ones(volume.grid.shape, dtype=bool)
        seen = nearest_values(everywhere, volume.grid, to=task.grid, fill=False)
        values = np.where(seen, values, np.float32(np.nan))
    flat = values.ravel()
    return _Prepared(values=flat, n_not_finite=int(finite.size - finite.sum()))


def _survey(
    maps: Iterator[_Prepared], *, spec: MaskSpec, grid: Grid, smoothed: bool, keep: bool
) -> tuple[Mask, list[_Prepared]]:
    """Return the mask that the maps decide, and the maps where they are few enough to keep."""
    n_covering = np.zeros(grid.size, dtype=np.int32)
    kept: list[_Prepared] = []
    n = 0
    for prepared in maps:
        n_covering += covers(prepared.values, minimum=spec.minimum)
        n += 1
        if keep:
            kept.append(prepared)
    mask = mask_of_counts(
        n_covering, n_maps=n, grid=grid, minimum=spec.minimum, coverage=spec.coverage
    )
    adjective = "smoothed " if smoothed else ""
    share = f"all {n}" if spec.coverage == 1 else f"at least {percent(spec.coverage)} of the {n}"
    rule = "are finite" if spec.minimum is None else f"are at least {spec.minimum:g}"
    return replace(mask, words=f"voxels where {share} {adjective}maps {rule}"), kept


def _cut(
    maps: Iterator[_Prepared], mask: Mask, *, files: CohortFiles, minimum: float | None
) -> dict[str, NDArray[np.generic]]:
    """Return the maps inside the mask, with the share of it that each covers."""
    n = len(files.paths)
    values = np.empty((n, mask.size), dtype=np.float32)
    covered, n_not_finite = np.empty(n), np.empty(n, dtype=np.int64)
    for row, prepared in enumerate(maps):
        values[row] = prepared.values[mask.indices]
        covered[row] = covers(values[row], minimum=minimum).mean()
        n_not_finite[row] = prepared.n_not_finite
    _check_finite(values, files=files)
    return {
        "values": values,
        "inside": mask.inside,
        "n_not_finite": n_not_finite,
        "covered": covered,
        "mask_words": np.frombuffer(mask.words.encode(), dtype=np.uint8),
    }


def _check_finite(values: NDArray[np.float32], *, files: CohortFiles) -> None:
    bad = [n for n, row in zip(files.cohort.ids, values, strict=True) if not np.isfinite(row).all()]
    if bad:
        raise NotSupportedError(
            f"{count(len(bad), 'map')} miss values inside the mask (first: {bad[0]}); models need "
            "every map at every voxel. Set mask.coverage to 1, or choose a smaller mask."
        )


def _policy(
    headers: Sequence[ImageHeader], *, grid: Grid, spec: StudySpec, mask: Mask
) -> tuple[str, ...]:
    n = len(headers)
    moved = sum(not header.grid.same_as(grid) for header in headers)
    orientations = Counter(header.orientation for header in headers)
    stored = ", ".join(f"{k} as {name}" for name, k in sorted(orientations.items()))
    types = ", ".join(
        f"{k} {name}" for name, k in sorted(Counter(h.dtype for h in headers).items())
    )
    sentences = [
        f"{count(n, 'map')} read as 32-bit floating point (stored: {types}) and turned to RAS+ "
        f"(stored: {stored}).",
        f"One grid: {grid_words(grid)}; {moved} of {n} resampled"
        + (
            " by normalised linear interpolation; beyond the edges of its file a map has no value."
            if moved
            else "."
        ),
    ]
    if spec.smooth is not None:
        where = "inside the mask" if spec.smooth.inside == "mask" else "before masking"
        sentences.append(f"Smoothed by a Gaussian of {spec.smooth.fwhm_mm:g} mm FWHM, {where}.")
    else:
        sentences.append("Not smoothed.")
    volume_ml = mask.size * grid.voxel_volume_mm3 / 1000
    sentences.append(f"Mask: {mask.words}: {count(mask.size, 'voxel')}, {volume_ml:,.0f} ml.")
    return tuple(sentences)


def _warnings(
    headers: Sequence[ImageHeader], arrays: dict[str, NDArray[np.generic]], *, files: CohortFiles
) -> tuple[str, ...]:
    found = []
    notes: Counter[str] = Counter()
    for header in headers:
        notes.update([header.conflict] if header.conflict else [])
        notes.update(header.notes)
    found += [f"{count(k, 'map')}: {note}" for note, k in notes.items()]
    found += _twins(files)
    constant = int(np.sum(np.ptp(arrays["values"].astype(np.float32), axis=0) == 0))
    if constant:
        found.append(
            f"{count(constant, 'voxel')} of the mask hold one value in all maps; no test is "
            "possible there."
        )
    return tuple(found)


def _twins(files: CohortFiles) -> list[str]:
    """Return a warning for every set of participants whose files are the same: a copy, mostly."""
    owners: dict[tuple[str, int | None], list[str]] = {}
    for name, file in zip(files.cohort.ids, files.cohort.files, strict=True):
        owners.setdefault((file.digest, file.volume), []).append(name)
    return [
        f"The files of {join(names)} are the same, byte for byte."
        for names in owners.values()
        if len(names) > 1
    ]


def _provenance(
    files: CohortFiles,
    *,
    spec: StudySpec,
    grid: Grid,
    mask: Mask,
    warnings: Sequence[str],
) -> Provenance:
    inputs = {
        file.name if file.volume is None else f"{file.name}#{file.volume}": file.digest
        for file in files.cohort.files
    }
    provenance = Provenance().then(
        "read",
        parameters={"n_maps": len(inputs), "dtype": "float32", "grid": grid.digest},
        inputs=inputs,
        warnings=warnings,
    )
    if spec.smooth is not None:
        provenance = provenance.then("smooth", parameters=spec.smooth.model_dump())
    rule = {"rule": mask.words, "n_voxels": mask.size}
    return provenance.then("mask", parameters=rule, inputs={"mask": mask.digest})


def _coverage_table(
    headers: Sequence[ImageHeader],
    arrays: dict[str, NDArray[np.generic]],
    *,
    files: CohortFiles,
    grid: Grid,
) -> Table:
    moved = tuple("yes" if not h.grid.same_as(grid) else "no" for h in headers)
    return Table(
        columns=(
            Column(name="id", values=files.cohort.ids, description="Map."),
            Column(
                name="coverage",
                values=arrays["covered"].astype(np.float64),
                digits=3,
                description="Share of the mask's voxels that the map covers.",
            ),
            Column(
                name="not_finite",
                values=arrays["n_not_finite"].astype(np.float64),
                description="Voxels of the file that are not finite.",
            ),
            Column(
                name="stored_as",
                values=tuple(header.orientation for header in headers),
                description="Orientation of the stored axes.",
            ),
            Column(
                name="resampled",
                values=moved,
                description="Whether the map was moved to another grid.",
            ),
        ),
        caption="Coverage of the mask by each map.",
    )
