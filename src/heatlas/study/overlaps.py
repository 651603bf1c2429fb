"""How much the groups of a contrast overlap, where the place was not chosen on the same people."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heatlas.core.atlas import Atlas
from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError, DesignError
from heatlas.core.stack import MapStack
from heatlas.core.words import count, join, place
from heatlas.geometry.parcellate import region_mask
from heatlas.infer import linear
from heatlas.infer.effect import overlap
from heatlas.infer.folds import CrossFit, FindPeak, crossfit_peak, stratified_folds
from heatlas.stats.glm import FittedAnalysis, FittedContrast
from heatlas.stats.quantities import Quantity
from heatlas.study.findings import GroupOverlap
from heatlas.study.small_volume import in_sphere
from heatlas.study.spec import Region, Sphere

N_FOLDS = 5
SMALLEST_GROUP = 6
OTHERS = ""


class _Groups(NamedTuple):
    """The two groups that a contrast compares."""

    of_rows: tuple[str, ...]
    """group of each row of the design, ``""`` for the others"""
    names: tuple[str, str]
    covariates: NDArray[np.float64]
    """columns of the design that hold neither the groups nor the mean, shape (n, k)"""
    folds: NDArray[np.int32]


def contrast_overlaps(
    stack: MapStack,
    fitted: FittedAnalysis,
    *,
    tested: FittedContrast,
    regions: Sequence[Region],
    atlas: Atlas | None,
    source: tuple[int, str],
) -> tuple[tuple[GroupOverlap, ...], tuple[str, ...]]:
    """Return the overlap of two groups at a cross-fitted peak and in the reader's regions.

    Parameters
    ----------
    stack : MapStack
        The maps.
    fitted : FittedAnalysis
        The model.
    tested : FittedContrast
        A contrast; only a difference of two means has groups to compare.
    regions : sequence of str or Sphere
        Regions of the reader's choice: labels of the atlas, or spheres.
    atlas : Atlas, optional
        Where labels are looked up.
    source : tuple of int and str
        Seed of the study and name of the step.

    Returns
    -------
    tuple of overlaps and warnings
        Empty where the contrast compares no two groups of at least 6; a warning says so where
        groups exist but cannot be cross-fitted, for each place on its own.

    Raises
    ------
    DataError
        If a region holds no voxel of the mask, or a label is asked for without an atlas.
    """
    if tested.resolved.shape != "difference":
        return (), ()
    try:
        groups = _groups(fitted, tested.resolved.means, source=source)
    except DesignError as error:
        return (), (f"The overlap of the groups was not measured: {error}",)
    values = stack.values[fitted.rows]
    at_peak = partial(
        _at_peak, values, stack=stack, groups=groups, design=fitted.design, contrast=tested.contrast
    )
    places = [("at the peak", at_peak)]
    for region in regions:
        elements, where = region_elements(region, stack, atlas=atlas)
        in_region = partial(
            _in_region, values[:, elements], where=where, stack=stack, groups=groups
        )
        places.append((f"in {where}", in_region))
    overlaps, warnings = [], []
    for where, measure in places:
        try:
            overlaps.append(measure())
        except DesignError as error:
            warnings.append(f"The overlap of the groups {where} was not measured: {error}")
    return tuple(overlaps), tuple(warnings)


def _groups(
    fitted: FittedAnalysis, means: tuple[Quantity, ...], *, source: tuple[int, str]
) -> _Groups:
    """Return who belongs to which mean, and what is adjusted for."""
    model = fitted.model
    names = ["/".join(level for _, level in mean.levels) for mean in means]
    of_rows = np.full(model.design.n, OTHERS, dtype=object)
    for name, mean in zip(names, means, strict=True):
        inside = np.ones(model.design.n, dtype=bool)
        for factor_name, level in mean.levels:
            factor = model.by_name[factor_name]
            inside &= factor.values == factor.levels.index(level)
        of_rows[inside] = name
    for name in names:
        n = int((of_rows == name).sum())
        if n < SMALLEST_GROUP:
            raise DesignError(
                f"group {name} has {count(n, 'member')}, fewer than {SMALLEST_GROUP}."
            )
    if (of_rows == OTHERS).sum() == 1:
        raise DesignError(
            "a single map belongs to neither group; it cannot be held out and be learned from."
        )
    seed, step = source
    listed = tuple(str(name) for name in of_rows)
    return _Groups(
        of_rows=listed,
        names=(names[0], names[1]),
        covariates=model.design.matrix[:, _adjusted_columns(fitted, means)],
        folds=stratified_folds(listed, seed=seed, step=f"{step} / folds", n_folds=N_FOLDS),
    )


def _adjusted_columns(fitted: FittedAnalysis, means: tuple[Quantity, ...]) -> list[int]:
    """Return the columns of the design whose terms hold none of the factors compared."""
    compared = {factor for mean in means for factor, _ in mean.levels}
    predictors: dict[str, frozenset[str]] = {}
    for block in fitted.model.blocks:
        predictors[block.term] = predictors.get(block.term, frozenset()) | block.predictors
    return [
        column
        for term, columns in fitted.design.terms.items()
        if predictors[term] and not compared & predictors[term]
        for column in columns
    ]


def _peak_of(
    rows: NDArray[np.int64],
    values: NDArray[np.float32],
    *,
    design: Design,
    contrast: Contrast,
) -> int:
    """Return the element with the largest |t| among these rows alone."""
    part = Design(
        matrix=design.matrix[rows], names=design.names, ids=tuple(design.ids[k] for k in rows)
    )
    result = linear.test(linear.fit(values[rows], part), contrast)
    if np.isnan(result.statistic).all():
        raise DesignError("folds: no place varies within the groups.")
    return int(np.nanargmax(np.abs(result.statistic)))


def _at_peak(
    values: NDArray[np.float32],
    *,
    stack: MapStack,
    groups: _Groups,
    design: Design,
    contrast: Contrast,
) -> GroupOverlap:
    peak = _crossfit(
        values, lambda rows: _peak_of(rows, values, design=design, contrast=contrast), groups=groups
    )
    one = peak.is_one_place
    places = stack.mask.positions_mm()[sorted(set(peak.elements))]
    listed = join(place(position) for position in places)
    return _group_overlap(
        peak,
        peak.values if one else peak.scores,
        place=f"At the cross-fitted peak, {listed} mm",
        chosen=peak.words(),
        quantity=stack.measure if one else f"{stack.measure}, in SD of the training folds",
        unit=stack.unit if one else "SD",
    )


def _in_region(
    values: NDArray[np.float32], *, where: str, stack: MapStack, groups: _Groups
) -> GroupOverlap:
    means = values.mean(axis=1, dtype=np.float64)[:, None]
    measured = _crossfit(means, lambda rows: 0, groups=groups)
    return _group_overlap(
        measured,
        measured.values,
        place=f"In {where} ({count(values.shape[1], 'voxel')})",
        chosen="The study file names this region; the data did not choose it.",
        quantity=f"mean {stack.measure}",
        unit=stack.unit,
    )


def _crossfit(values: NDArray[np.floating], find_peak: FindPeak, *, groups: _Groups) -> CrossFit:
    return crossfit_peak(
        values,
        find_peak,
        groups=groups.of_rows,
        levels=groups.names,
        folds=groups.folds,
        covariates=groups.covariates,
    )


def _group_overlap(
    measured: CrossFit,
    values: NDArray[np.float64],
    *,
    place: str,
    chosen: str,
    quantity: str,
    unit: str,
) -> GroupOverlap:
    members = np.array([measured.levels.index(group) for group in measured.groups])
    return GroupOverlap(
        place=place,
        chosen=chosen,
        names=measured.levels,
        values=values,
        members=members,
        quantity=quantity,
        unit=unit,
        overlap=overlap(values[members == 0], values[members == 1]),
    )


def region_elements(
    region: Region, stack: MapStack, *, atlas: Atlas | None
) -> tuple[NDArray[np.int64], str]:
    """Return the elements of the stack in a region, and the region in words.

    Parameters
    ----------
    region : str or Sphere
        A label of the atlas, or a sphere.
    stack : MapStack
        The maps.
    atlas : Atlas, optional
        Where labels are looked up.

    Returns
    -------
    tuple of numpy.ndarray of int64 and str
        The elements and the region in words.

    Raises
    ------
    DataError
        If no voxel of the mask lies in the region, or a label is asked for without an atlas.
    """
    if isinstance(region, Sphere):
        centre = (region.x, region.y, region.z)
        inside = in_sphere(stack.mask, centre, radius_mm=region.radius_mm)
        where = f"{region.name}, a sphere of {region.radius_mm:g} mm around {place(centre)} mm"
    elif atlas is None:
        raise DataError(f"regions: '{region}' is a label, but the study names no atlas.")
    else:
        whole = region_mask(atlas, [region], grid=stack.mask.grid)
        inside, where = stack.mask.gather(whole.inside), f"{region} of {atlas.name}"
    if not inside.any():
        raise DataError(f"regions: no voxel of the mask lies in {where}.")
    return np.flatnonzero(inside), where
