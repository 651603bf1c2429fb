"""Recipe of ``heatlas compare``: many maps against each other, from files to one comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from heatlas.compare.background import Background, Enclosed, find_background
from heatlas.compare.comparison import MapComparison, Question, compare_aligned
from heatlas.compare.maps import align_maps
from heatlas.core.errors import DataError
from heatlas.core.matrix import Side
from heatlas.core.provenance import Provenance, digest_array
from heatlas.core.space import Grid, Mask
from heatlas.core.table import Column, Table
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.core.words import count, join, unknown
from heatlas.geometry.resample import coarsest, nearest_values
from heatlas.io.nifti import read_header, read_volume, read_volumes
from heatlas.io.tables import read_table
from heatlas.study.outputs import distinct_names

__all__ = ["CompareOptions", "compare_maps"]

MapSource = Path | str | Volume
FEW_COVERED = 0.5  # a smaller share of a map's voxels in the comparison is worth a warning


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
    """

    enclosed: Enclosed = "missing"
    alpha: float = 0.05
    dice_above: float = 0.0
    labels: Path | str | Table | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Map:
    """One map as its file holds it."""

    name: str
    volume: Volume
    background: Background


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
        Maps of the x axis; each volume of a file with several becomes a map of its own.
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
    Memory: every map once on the grid of the comparison in float32, and the files' own volumes.

    References
    ----------
    Dutilleul (1993), doi:10.2307/2532625. Markello and Misic (2021),
    doi:10.1016/j.neuroimage.2021.118052.
    """
    chosen = options or CompareOptions()
    maps, sides = _read_maps(columns, rows, enclosed=chosen.enclosed)
    grid = _grid(maps, space=space)
    question = Question(
        rows=sides[0],
        columns=sides[1],
        policy=policy,
        measure=measure,
        mask=_mask_on(grid, mask),
        alpha=chosen.alpha,
        dice_above=chosen.dice_above,
    )
    aligned = align_maps(
        [item.volume for item in maps],
        backgrounds=[item.background for item in maps],
        names=[item.name for item in maps],
        grid=grid,
    )
    compared = compare_aligned(replace(aligned, provenance=_provenance(maps, grid)), question)
    compared = replace(
        compared,
        backgrounds=_backgrounds(maps),
        grid_words=_grid_words(grid, n_grids=len({item.volume.grid.digest for item in maps})),
        warnings=tuple(_warnings(maps, compared)),
    )
    return compared if chosen.labels is None else _labelled(compared, chosen.labels)


# ---------------------------------------------------------------------------------- reading


def _read_maps(
    columns: Sequence[MapSource], rows: Sequence[MapSource] | None, *, enclosed: Enclosed
) -> tuple[list[_Map], tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return each map once, and the numbers of the maps that rows and columns ask for."""
    for listed, side in ((columns, "columns"), (rows, "rows")):
        if isinstance(listed, (str, Path, Volume)):
            raise DataError(f"{side}: one map is given where a list of maps is expected.")
    given = [*columns, *(rows or ())]
    if not given:
        raise DataError("No map is given; name at least two images.")
    different: list[Path | Volume] = []
    numbers = []
    for source in (Path(item) if isinstance(item, str) else item for item in given):
        known = [k for k, other in enumerate(different) if _is_same(source, other)]
        numbers.append(known[0] if known else len(different))
        if not known:
            different.append(source)
    maps: list[_Map] = []
    members: list[tuple[int, ...]] = []
    for name, source in zip(_names(different), different, strict=True):
        found = _volumes(source, name)
        members.append(tuple(range(len(maps), len(maps) + len(found))))
        maps += [
            _Map(name=label, volume=v, background=find_background(v, enclosed=enclosed))
            for label, v in found
        ]
    column_numbers = _flat(members, numbers[: len(columns)], side="columns", maps=maps)
    if rows is None:
        return maps, (column_numbers, column_numbers)
    return maps, (_flat(members, numbers[len(columns) :], side="rows", maps=maps), column_numbers)


def _is_same(source: Path | Volume, other: Path | Volume) -> bool:
    if isinstance(source, Volume) or isinstance(other, Volume):
        return source is other
    return source.absolute() == other.absolute()


def _flat(
    members: Sequence[tuple[int, ...]], chosen: Sequence[int], *, side: str, maps: Sequence[_Map]
) -> tuple[int, ...]:
    """Return the numbers of the maps of one side; DataError if one is named twice or none is."""
    flat = tuple(number for source in chosen for number in members[source])
    twice = sorted({maps[number].name for number in flat if flat.count(number) > 1})
    if twice:
        raise DataError(f"{side}: named more than once: {join(twice)}. Name each map once.")
    if not flat:
        raise DataError(f"{side}: no map is given.")
    return flat


def _names(sources: Sequence[Path | Volume]) -> list[str]:
    """Return a name for each source; folders tell files of one name apart."""
    paths = [source for source in sources if isinstance(source, Path)]
    of_files = iter(distinct_names(paths) if paths else [])
    names = [
        next(of_files) if isinstance(source, Path) else source.name or f"map {k + 1}"
        for k, source in enumerate(sources)
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"Maps of one name: {join(twice)}. Give each volume a name of its own.")
    return names


def _volumes(source: Path | Volume, name: str) -> list[tuple[str, Volume]]:
    """Return the volumes of a source, named by their numbers where there are several."""
    if isinstance(source, Volume):
        return [(name, source)]
    n = read_header(source).n_volumes
    if n == 1:
        return [(name, read_volume(source))]
    volumes = read_volumes(source, volumes=range(n))
    width = len(str(n - 1))
    return [(f"{name}[{k:0{width}d}]", volume) for k, volume in enumerate(volumes)]


def _volume_of(source: Path | str | Volume) -> Volume:
    return source if isinstance(source, Volume) else read_volume(Path(source))


def _grid(maps: Sequence[_Map], *, space: Path | str | Volume | None) -> Grid:
    if isinstance(space, Volume):
        return space.grid
    if space is not None:
        return read_header(Path(space)).grid
    return coarsest(item.volume.grid for item in maps)


def _mask_on(grid: Grid, source: Path | str | Volume | None) -> Mask | None:
    """Return a mask image on the grid by nearest neighbour."""
    if source is None:
        return None
    volume = _volume_of(source)
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
    )


# ----------------------------------------------------------------------------------- words


def _grid_words(grid: Grid, *, n_grids: int) -> str:
    sizes = " x ".join(f"{size:.4g}" for size in grid.voxel_sizes_mm)
    moved = f" (maps on {n_grids} grids)" if n_grids > 1 else ""
    return f"{sizes} mm voxels{moved}"


def _backgrounds(maps: Sequence[_Map]) -> Table:
    """Return what each file stores where nothing was measured."""
    found = [item.background for item in maps]
    values = [np.nan if b.value is None else b.value for b in found]
    columns = (
        Column(name="map", values=tuple(item.name for item in maps)),
        Column(name="background", values=tuple(b.words for b in found)),
        Column(name="value", values=np.array(values, dtype=np.float64)),
        Column(name="tolerance", values=np.array([b.tolerance for b in found])),
        Column(name="measured", values=np.array([float((~b.outside).sum()) for b in found])),
        Column(name="enclosed", values=np.array([float(b.n_enclosed) for b in found])),
    )
    return Table(columns=columns, caption="What each file stores where nothing was measured.")


def _warnings(maps: Sequence[_Map], compared: MapComparison) -> list[str]:
    """Return what a reader must know: odd maps, small overlaps, cells whose sign is not sure."""
    warnings = [text for item in maps for text in item.volume.provenance.warnings]
    masks = [item.name for item in maps if item.background.is_mask]
    if masks and len(masks) < len(maps):
        warnings.append(f"masks are compared with maps of many values: {join(masks)}")
    bare = [
        item.name
        for item in maps
        if not item.background.is_mask and not item.background.outside.any()
    ]
    if bare:
        warnings.append(
            f"no background was found in {join(bare)}: every voxel counts as measured; a mask "
            "would keep the comparison to the brain"
        )
    n = compared.matrix.n
    lost = n is not None and compared.question.policy == "common"
    if lost and (compared.coverage.values < FEW_COVERED).any():
        warnings.append("some maps share less than half of their voxels; see the coverage")
    empty = int((np.isnan(compared.matrix.values) & ~compared.question.repeated).sum())
    if empty:
        verb = "has" if empty == 1 else "have"
        warnings.append(
            f"{count(empty, 'cell')} {verb} no value: the pair shares too few voxels, or a map is "
            "constant in them"
        )
    turned = int((compared.sign_depends & ~compared.question.repeated).sum())
    if turned:
        warnings.append(f"the sign of {count(turned, 'cell')} depends on the background policy")
    return list(dict.fromkeys(warnings))


def _provenance(maps: Sequence[_Map], grid: Grid) -> Provenance:
    """Return one step that names every map by the digest of its values, in order of name."""
    inputs = {item.name: digest_array(item.volume.values) for item in maps}
    return Provenance().then(
        "align",
        parameters={"grid": list(grid.shape), "voxel_sizes_mm": list(grid.voxel_sizes_mm)},
        inputs={name: inputs[name] for name in sorted(inputs)},
    )
