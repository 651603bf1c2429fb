"""The faults of a study that show before a voxel is read: models, headers and names of regions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from heatlas.core.atlas import Atlas
from heatlas.core.cohort import Cohort
from heatlas.core.design import Contrast
from heatlas.core.errors import DataError, DesignError, SpaceMismatchError, UnknownNameError
from heatlas.core.space import Grid
from heatlas.core.table import Table
from heatlas.core.words import count, unknown
from heatlas.geometry.resample import coarsest
from heatlas.io.atlases import read_atlas
from heatlas.io.header import ImageHeader
from heatlas.io.nifti import read_header
from heatlas.stats.contrast import resolve_contrast
from heatlas.stats.formula import build_model
from heatlas.stats.marginal import BuiltModel
from heatlas.study.cohort import CohortFiles
from heatlas.study.family import check_family
from heatlas.study.permuting import permutation_settings
from heatlas.study.reach import reach_note
from heatlas.study.spec import AnalysisSpec, GridFile, StudySpec


def check_study(spec: StudySpec, files: CohortFiles, *, base: Path) -> tuple[str, ...]:
    """Check everything about a study that needs no voxel of its maps.

    Parameters
    ----------
    spec : StudySpec
        The settings.
    files : CohortFiles
        Participants and the paths of their maps.
    base : Path
        Folder of the study file.

    Returns
    -------
    tuple of str
        What the user should know before the run, such as a level that no permutation can reach.

    Raises
    ------
    DesignError
        If a model or a contrast cannot be estimated, or its maps cannot be rearranged as asked;
        the analysis is named.
    UnknownNameError
        If a column, a level or a region does not exist.
    DataError
        If a header cannot be read, or a map holds several volumes.
    SpaceMismatchError
        If the maps lie on different grids and the study names no policy.
    """
    notes = [
        note for one in spec.analyses for note in _check_analysis(one, files.cohort, spec=spec)
    ]
    common_grid(read_headers(files), files=files, spec=spec, base=base)
    _check_regions(spec, atlas_of(spec, base=base))
    return tuple(notes)


def read_headers(files: CohortFiles) -> list[ImageHeader]:
    """Return the header of each map, and refuse those that hold several maps."""
    headers = [read_header(path) for path in files.paths]
    for header, file in zip(headers, files.cohort.files, strict=True):
        if header.n_volumes > 1 and file.volume is None:
            raise DataError(
                f"{file.name}: it holds {count(header.n_volumes, 'volume')}, but each participant "
                "has one map. If all maps are in one file, write 'maps: {merged: file.nii.gz}'."
            )
    return headers


def common_grid(
    headers: Sequence[ImageHeader], *, files: CohortFiles, spec: StudySpec, base: Path
) -> Grid:
    """Return the grid on which a study is done, by its policy.

    Parameters
    ----------
    headers : sequence of ImageHeader
        One per map.
    files : CohortFiles
        The maps' names.
    spec : StudySpec
        The policy.
    base : Path
        Folder of the study file.

    Returns
    -------
    Grid
        That of all maps, the coarsest one, or that of an image.

    Raises
    ------
    SpaceMismatchError
        If grids differ and there is no policy.
    """
    if isinstance(spec.grid, GridFile):
        return read_header(base / spec.grid.path).grid
    grids = [header.grid for header in headers]
    if spec.grid == "coarsest":
        return coarsest(grids)
    for grid, file in zip(grids, files.cohort.files, strict=True):
        if not grid.same_as(grids[0]):
            raise SpaceMismatchError(
                f"{file.name}: its grid ({grid_words(grid)}) differs from that of "
                f"{files.cohort.files[0].name} ({grid_words(grids[0])}). Say how to join them "
                "with 'grid: coarsest' or 'grid: {path: image.nii.gz}'."
            )
    return grids[0]


def grid_words(grid: Grid) -> str:
    """Return the shape of a grid and the size of its voxels in words."""
    shape = " x ".join(str(length) for length in grid.shape)
    sizes = " x ".join(f"{size:.4g}" for size in grid.voxel_sizes_mm)
    return f"{shape} voxels of {sizes} mm"


def atlas_of(spec: StudySpec, *, base: Path) -> Atlas | None:
    """Return the atlas that a study names, if it names one."""
    if spec.atlas is None:
        return None
    labels = base / spec.atlas.labels if spec.atlas.labels else None
    return read_atlas(base / spec.atlas.image, labels)


def _check_analysis(analysis: AnalysisSpec, cohort: Cohort, *, spec: StudySpec) -> list[str]:
    """Check a model with its contrasts, and return what the user should know about it."""
    try:
        built = build_model(
            cohort.table,
            model=analysis.model,
            ids=cohort.ids,
            missing=analysis.missing,
            where=analysis.where,
        )
        contrasts = [
            resolve_contrast(built, name=asked.name, test=asked.test, kind=asked.kind).contrast
            for asked in analysis.contrasts
        ]
        if not spec.inference.permutes:
            return []
        return _check_arrangements(analysis, contrasts, table=cohort.table, model=built, spec=spec)
    except (DesignError, UnknownNameError) as error:
        raise type(error)(f"Analysis '{analysis.name}': {error}") from error


def _check_arrangements(
    analysis: AnalysisSpec,
    contrasts: Sequence[Contrast],
    *,
    table: Table,
    model: BuiltModel,
    spec: StudySpec,
) -> list[str]:
    """Return which contrasts cannot reach the level, and raise where maps cannot be rearranged."""
    settings = permutation_settings(spec, analysis, table=table, model=model, step="check")
    notes = []
    for contrast in contrasts:
        note = reach_note(model.design, contrast, settings=settings, alpha=spec.inference.alpha)
        if note:
            notes.append(f"Analysis {analysis.name}, contrast {contrast.name}: {note}")
    if spec.inference.across_contrasts:
        check_family(model.design, contrasts, settings=settings)
    return notes


def _check_regions(spec: StudySpec, atlas: Atlas | None) -> None:
    for region in spec.regions:
        if not isinstance(region, str):
            continue
        if atlas is None:
            raise DataError(f"regions: '{region}' is a label, but the study names no atlas.")
        if region not in atlas.regions:
            raise UnknownNameError("regions: " + unknown("region", region, known=atlas.regions))
