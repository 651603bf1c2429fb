"""Recipe of ``heatlas compare``: many maps against each other, from files to one comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from heatlas.compare.background import Enclosed
from heatlas.compare.comparison import MapComparison, Question, compare_aligned
from heatlas.compare.maps import align_maps
from heatlas.compare.regions import RegionTable
from heatlas.compare.surrogates import SOURCES
from heatlas.core.errors import DataError
from heatlas.core.execute import available_cores, get_executor
from heatlas.core.matrix import Side
from heatlas.core.provenance import Provenance
from heatlas.core.space import Grid, Mask
from heatlas.core.table import Column, Table
from heatlas.core.validate import set_field
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.core.words import count, join, unknown
from heatlas.geometry.resample import coarsest, nearest_values
from heatlas.io.nifti import read_header
from heatlas.io.tables import read_table
from heatlas.study.compareregions import are_over_regions, read_over_regions
from heatlas.study.comparesources import (
    MapFact,
    MapPlace,
    MapSource,
    ReadMaps,
    find_sources,
    stream_maps,
    volume_of,
)
from heatlas.study.comparisonchecks import (
    check_some_value,
    coverage_warnings,
    mask_warnings,
    stationarity_warnings,
)
from heatlas.study.parcellation import Parcellation

__all__ = ["CompareOptions", "Parcellation", "compare_maps"]


@dataclass(frozen=True, kw_only=True, eq=False)
class CompareOptions(Value):
    """Finer choices of a comparison.

    Parameters
    ----------
    enclosed : {"missing", "data"}
        What voxels count as that hold the background's value inside the measured part, such as
        zeros of a thresholded map.
    alpha : float
        Family-wise error rate of the outlines.
    dice_above : float
        Magnitude above which a voxel belongs to a map's regions, for the measure "dice".
    labels : Path, str or Table, optional
        Table with the columns name (a file's stem), label and, if wanted, group.
    given : sequence of Path, str or Volume
        Maps that are regressed out of all others first, for partial correlations.
    null : {"dutilleul", "spectral", "variogram", "moran"}
        Where p comes from: Student's t with the effective n, Holm over cells; or surrogates of all
        maps at once, with the largest correlation over cells for the family-wise p: "spectral" for
        voxels, "variogram" and "moran" for regions.
    n_surrogates, seed : int
        How many surrogates, and the seed from which they follow.
    parcellation : Parcellation
        Regions over which maps are compared instead of voxels: an atlas, and what tables of regions
        hold.
    """

    enclosed: Enclosed = "missing"
    alpha: float = 0.05
    dice_above: float = 0.0
    labels: Path | str | Table | None = None
    given: tuple[Path | str | Volume, ...] = ()
    null: str = "dutilleul"
    n_surrogates: int = 1000
    seed: int = 0
    parcellation: Parcellation = Parcellation()

    def __post_init__(self) -> None:
        """Make the sequence a tuple."""
        set_field(self, "given", to=tuple(self.given))


def compare_maps(
    columns: Sequence[MapSource],
    rows: Sequence[MapSource] | None = None,
    *,
    policy: str = "common",
    measure: str = "pearson",
    mask: Path | str | Volume | None = None,
    space: Path | str | Volume | None = None,
    options: CompareOptions | None = None,
) -> MapComparison:
    """Compare maps with maps: which go together, over which voxels, and how sure that is.

    Parameters
    ----------
    columns : sequence of Path, str or Volume
        Maps of the x axis; each volume of a file with several becomes a map of its own. Tables of
        regions (TSV, CSV) are maps as well: one each, or a map a column where one table is alone.
    rows : sequence of Path, str or Volume, optional
        Maps of the y axis; None compares all pairs of the columns.
    policy : {"common", "pairwise", "union-zero", "mask", "whole-grid"}
        Which voxels count: those that all maps measure, those that both measure, those that
        either measures (0 for the other), all of the mask (0 where nothing was measured), or all
        of the grid as stored, which is what the usual recipe gives.
    measure : {"pearson", "spearman", "concordance", "cosine", "dice"}
        How alike two maps are.
    mask : Path, str or Volume, optional
        Image whose voxels other than 0 make the mask; with another policy it is held beside it.
    space : Path, str or Volume, optional
        Image on whose grid the maps are compared; None takes the map with the largest voxels.
    options : CompareOptions, optional
        Finer choices; None is ``CompareOptions()``.

    Returns
    -------
    MapComparison
        The matrix with n, effective n, intervals, p, what the files store as background, and the
        same measure under the other policies. The order of the files changes nothing but the
        order of rows and columns.

    Raises
    ------
    DataError
        If fewer than two maps are given, one is constant or holds nothing that was measured, or
        the policy leaves no voxel.
    SpaceMismatchError
        If a map and the grid do not overlap.
    UnknownNameError
        If policy or measure are unknown, or the labels name a map that is not there.

    Notes
    -----
    p and interval rest on Dutilleul's effective number of voxels and assume stationary maps;
    measures other than correlations are not tested. Cells are corrected together by Holm.
    Files are read one at a time. Memory: the measured voxels of all maps in float32.

    References
    ----------
    Dutilleul (1993), doi:10.2307/2532625. Markello and Misic (2021),
    doi:10.1016/j.neuroimage.2021.118052.
    """
    chosen = options or CompareOptions()
    parcellation = chosen.parcellation
    sources, sides = find_sources(columns, rows, given=chosen.given, parcellation=parcellation)
    question = Question(
        rows=sides[0],
        columns=sides[1],
        policy=policy,
        measure=measure,
        alpha=chosen.alpha,
        dice_above=chosen.dice_above,
        given=sides[2],
        null=chosen.null,
        n_surrogates=chosen.n_surrogates,
        seed=chosen.seed,
    )
    if are_over_regions(sources, parcellation, mask=mask, space=space):
        read = read_over_regions(sources, parcellation, enclosed=chosen.enclosed)
    else:
        grid = _grid(sources, space=space)
        question = replace(question, mask=_mask_on(grid, mask))
        read = _over_voxels(sources, chosen, grid=grid)
    executor = get_executor("threads", workers=available_cores())
    compared = compare_aligned(read.maps, question, executor=executor)
    check_some_value(compared)
    compared = replace(
        compared,
        backgrounds=read.backgrounds,
        grid_words=read.words,
        regions=read.regions,
        warnings=tuple([*read.warnings, *_warnings(read.facts, compared)]),
    )
    return compared if chosen.labels is None else _labelled(compared, chosen.labels)


def _over_voxels(sources: Sequence[MapPlace], chosen: CompareOptions, *, grid: Grid) -> ReadMaps:
    """Return images side by side on one grid."""
    facts: list[MapFact] = []
    aligned = align_maps(
        stream_maps(sources, enclosed=chosen.enclosed, facts=facts),
        names=[source.name for source in sources],
        grid=grid,
    )
    return ReadMaps(
        maps=replace(aligned, provenance=_provenance(facts, grid)),
        facts=facts,
        backgrounds=_backgrounds(facts),
        words=_grid_words(grid, n_grids=len({fact.grid_digest for fact in facts})),
    )


# ---------------------------------------------------------------------------------- reading


def _grid(sources: Sequence[MapPlace], *, space: Path | str | Volume | None) -> Grid:
    if isinstance(space, Volume):
        return space.grid
    if space is not None:
        return read_header(Path(space)).grid
    return coarsest(source.grid for source in sources if source.grid is not None)


def _mask_on(grid: Grid, source: Path | str | Volume | None) -> Mask | None:
    """Return a mask image on the grid by nearest neighbour."""
    if source is None:
        return None
    volume = volume_of(source)
    inside = np.isfinite(volume.values) & (volume.values != 0)
    return Mask(
        space=grid,
        inside=nearest_values(inside, volume.grid, to=grid, fill=False),
        words=f"the mask {volume.name}",
    )


def _labelled(compared: MapComparison, labels: Path | str | Table) -> MapComparison:
    """Return the comparison under the labels and groups of a table."""
    table = labels if isinstance(labels, Table) else read_table(Path(labels))
    names = table.words("name")
    shown = table.words("label") if "label" in table.names else names
    groups = table.words("group") if "group" in table.names else (None,) * len(table)
    label_of = {str(n): str(s or n) for n, s in zip(names, shown, strict=True)}
    group_of = {str(n): str(g or "") for n, g in zip(names, groups, strict=True)}
    known = {*compared.matrix.rows.names, *compared.matrix.columns.names}
    for name in label_of:
        if name not in known:
            raise DataError(f"labels: {unknown('map', name, known=sorted(known))}")
    given_labels = Counter(label_of.get(name, name) for name in known)
    shared = sorted(label for label, n in given_labels.items() if n > 1)
    if shared:
        raise DataError(
            f"labels: {join(shared)} would stand for more than one map; give each its own label."
        )

    def renamed(side: Side) -> Side:
        given = tuple(group_of.get(name, "") for name in side.names)
        names = tuple(label_of.get(name, name) for name in side.names)
        return replace(side, names=names, groups=given if any(given) else ())

    rows, columns = renamed(compared.matrix.rows), renamed(compared.matrix.columns)
    plain = replace(rows, order=None, linkage=None), replace(columns, order=None, linkage=None)
    return replace(
        compared,
        matrix=replace(compared.matrix, rows=rows, columns=columns),
        coverage=replace(compared.coverage, rows=plain[0], columns=plain[1]),
        others={
            name: replace(other, rows=plain[0], columns=plain[1])
            for name, other in compared.others.items()
        },
        regions=None if compared.regions is None else _renamed_maps(compared.regions, renamed),
    )


def _renamed_maps(table: RegionTable, renamed: Callable[[Side], Side]) -> RegionTable:
    return replace(table, matrix=replace(table.matrix, columns=renamed(table.matrix.columns)))


# ----------------------------------------------------------------------------------- words


def _grid_words(grid: Grid, *, n_grids: int) -> str:
    sizes = " x ".join(f"{size:.4g}" for size in grid.voxel_sizes_mm)
    moved = f" (maps on {n_grids} grids)" if n_grids > 1 else ""
    return f"{sizes} mm voxels{moved}"


def _backgrounds(facts: Sequence[MapFact]) -> Table:
    """Return what each file stores where nothing was measured."""
    columns = (
        Column(name="map", values=tuple(fact.name for fact in facts)),
        Column(name="background", values=tuple(fact.background for fact in facts)),
        Column(name="value", values=np.array([fact.value for fact in facts])),
        Column(name="tolerance", values=np.array([fact.tolerance for fact in facts])),
        Column(name="measured", values=np.array([float(fact.n_measured) for fact in facts])),
        Column(name="enclosed", values=np.array([float(fact.n_enclosed) for fact in facts])),
    )
    return Table(columns=columns, caption="What each file stores where nothing was measured.")


def _warnings(facts: Sequence[MapFact], compared: MapComparison) -> list[str]:
    """Return what a reader must know: odd maps, small overlaps, cells whose sign is not sure."""
    warnings = [text for fact in facts for text in fact.warnings]
    warnings += [f"the same values stand in {join(names)}" for names in _same_values(facts)]
    masks = [fact.name for fact in facts if fact.is_mask]
    if masks and len(masks) < len(facts):
        warnings.append(f"masks are compared with maps of many values: {join(masks)}")
    bare = [fact.name for fact in facts if fact.is_bare]
    if bare:
        warnings.append(
            f"no background was found in {join(bare)}: every voxel counts as measured; a mask "
            "would keep the comparison to the brain"
        )
    warnings += coverage_warnings(compared, whole=[*masks, *bare])
    warnings += mask_warnings(compared)
    empty = int((np.isnan(compared.matrix.values) & ~compared.question.repeated).sum())
    if empty:
        verb = "has" if empty == 1 else "have"
        warnings.append(
            f"{count(empty, 'cell')} {verb} no value: the pair shares too few "
            f"{compared.element}s, or a map is constant in them"
        )
    turned = int((compared.sign_depends & ~compared.question.repeated).sum())
    if turned:
        warnings.append(f"the sign of {count(turned, 'cell')} depends on the background policy")
    if compared.is_tested and compared.question.null in SOURCES:
        warnings.append(
            "surrogates do not know that both sides of a brain are alike; where they are, the "
            "default's p-values, which count that, are larger and right"
        )
    warnings += stationarity_warnings(compared)
    return list(dict.fromkeys(warnings))


def _same_values(facts: Sequence[MapFact]) -> list[list[str]]:
    """Return the names of maps that hold the very same values, together."""
    by_digest: dict[str, list[str]] = {}
    for fact in facts:
        by_digest.setdefault(fact.digest, []).append(fact.name)
    return [names for names in by_digest.values() if len(names) > 1]


def _provenance(facts: Sequence[MapFact], grid: Grid) -> Provenance:
    """Return one step that names every map by the digest of its values, in order of name."""
    return Provenance().then(
        "align",
        parameters={"grid": list(grid.shape), "voxel_sizes_mm": list(grid.voxel_sizes_mm)},
        inputs={fact.name: fact.digest for fact in facts},
    )
