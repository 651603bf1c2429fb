"""Recipe of ``heatlas compare``: many maps against each other, from files to one comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
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
from heatlas.core.validate import set_field
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.core.words import count, join, unknown
from heatlas.geometry.resample import coarsest, nearest_values
from heatlas.io.nifti import read_header, read_volume, read_volumes
from heatlas.io.tables import read_table
from heatlas.study.outputs import distinct_names

__all__ = ["CompareOptions", "compare_maps"]

MapSource = Path | str | Volume
AT_ONCE = 16  # volumes of one file that are read in one pass
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
    given : sequence of Path, str or Volume
        Maps that are regressed out of all others first, for partial correlations.
    null : {"dutilleul", "spectral", "variogram", "moran"}
        Where p comes from: Student's t with the effective n, Holm over cells; or surrogates of all
        maps at once, with the largest correlation over cells for the family-wise p: "spectral" for
        voxels, "variogram" and "moran" for regions.
    n_surrogates, seed : int
        How many surrogates, and the seed from which they follow.
    """

    enclosed: Enclosed = "missing"
    alpha: float = 0.05
    dice_above: float = 0.0
    labels: Path | str | Table | None = None
    given: tuple[Path | str | Volume, ...] = ()
    null: str = "dutilleul"
    n_surrogates: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        """Make the sequence a tuple."""
        set_field(self, "given", to=tuple(self.given))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Source:
    """One map that is still to be read: a volume of a file, or a volume at hand."""

    name: str
    place: Path | Volume
    grid: Grid
    number: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fact:
    """What is remembered of a map once it stands beside the others."""

    name: str
    digest: str
    grid_digest: str
    background: str
    value: float
    tolerance: float
    n_measured: int
    n_enclosed: int
    is_mask: bool
    is_bare: bool
    warnings: tuple[str, ...]


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
    Files are read one at a time. Memory: the measured voxels of all maps in float32.

    References
    ----------
    Dutilleul (1993), doi:10.2307/2532625. Markello and Misic (2021),
    doi:10.1016/j.neuroimage.2021.118052.
    """
    chosen = options or CompareOptions()
    sources, sides = _sources(columns, rows, given=chosen.given)
    grid = _grid(sources, space=space)
    question = Question(
        rows=sides[0],
        columns=sides[1],
        policy=policy,
        measure=measure,
        mask=_mask_on(grid, mask),
        alpha=chosen.alpha,
        dice_above=chosen.dice_above,
        given=sides[2],
        null=chosen.null,
        n_surrogates=chosen.n_surrogates,
        seed=chosen.seed,
    )
    facts: list[_Fact] = []
    aligned = align_maps(
        _stream(sources, enclosed=chosen.enclosed, facts=facts),
        names=[source.name for source in sources],
        grid=grid,
    )
    compared = compare_aligned(replace(aligned, provenance=_provenance(facts, grid)), question)
    compared = replace(
        compared,
        backgrounds=_backgrounds(facts),
        grid_words=_grid_words(grid, n_grids=len({fact.grid_digest for fact in facts})),
        warnings=tuple(_warnings(facts, compared)),
    )
    return compared if chosen.labels is None else _labelled(compared, chosen.labels)


# ---------------------------------------------------------------------------------- reading


def _sources(
    columns: Sequence[MapSource], rows: Sequence[MapSource] | None, *, given: Sequence[MapSource]
) -> tuple[list[_Source], tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:
    """Return each map once, in order of name, and the numbers that each side asks for."""
    for listed, side in ((columns, "columns"), (rows, "rows")):
        if isinstance(listed, (str, Path, Volume)):
            raise DataError(f"{side}: one map is given where a list of maps is expected.")
    if not [*columns, *(rows or ())]:
        raise DataError("No map is given; name at least two images.")
    named = [Path(item) if isinstance(item, str) else item
             for item in (*columns, *(rows or ()), *given)]  # fmt: skip
    different, places = _different(named)
    pairs = zip(_names(different), different, strict=True)
    found = [_volumes(item, name) for name, item in pairs]
    sources = sorted((source for listed in found for source in listed), key=lambda s: s.name)
    number = {source.name: k for k, source in enumerate(sources)}
    members = [tuple(number[source.name] for source in listed) for listed in found]
    ends = len(columns), len(columns) + len(rows or ())
    of_columns = _flat(members, places[: ends[0]], side="columns", sources=sources)
    of_rows = of_columns
    if rows is not None:
        of_rows = _flat(members, places[ends[0] : ends[1]], side="rows", sources=sources)
    regressed = tuple(number for place in places[ends[1] :] for number in members[place])
    return sources, (of_rows, of_columns, regressed)


def _different(given: Sequence[Path | Volume]) -> tuple[list[Path | Volume], list[int]]:
    """Return each place once, and where each of the given ones stands among them."""
    keys = [item.absolute() if isinstance(item, Path) else id(item) for item in given]
    first = {key: item for key, item in zip(reversed(keys), reversed(given), strict=True)}
    ordered = list(dict.fromkeys(keys))
    return [first[key] for key in ordered], [ordered.index(key) for key in keys]


def _stream(
    sources: Sequence[_Source], *, enclosed: Enclosed, facts: list[_Fact]
) -> Iterator[tuple[Volume, Background]]:
    """Yield one map at a time with its background, and note what is to be remembered of it."""
    for source, volume in _read(sources):
        background = find_background(volume, enclosed=enclosed)
        facts.append(_fact(source.name, volume, background=background))
        yield volume, background


def _read(sources: Sequence[_Source]) -> Iterator[tuple[_Source, Volume]]:
    """Yield each map; a file with several volumes is gone through once for so many of them."""
    for place, group in groupby(sources, key=lambda source: source.place):
        alike = list(group)
        if isinstance(place, Volume):
            yield from ((source, place) for source in alike)
            continue
        for start in range(0, len(alike), AT_ONCE):
            chosen = alike[start : start + AT_ONCE]
            numbers = [source.number or 0 for source in chosen]
            yield from zip(chosen, read_volumes(place, volumes=numbers), strict=True)


def _fact(name: str, volume: Volume, *, background: Background) -> _Fact:
    n_outside = int(background.outside.sum())
    return _Fact(
        name=name,
        digest=digest_array(volume.values),
        grid_digest=volume.grid.digest,
        background=background.words,
        value=np.nan if background.value is None else background.value,
        tolerance=background.tolerance,
        n_measured=volume.grid.size - n_outside,
        n_enclosed=background.n_enclosed,
        is_mask=background.is_mask,
        is_bare=not background.is_mask and n_outside == 0,
        warnings=volume.provenance.warnings,
    )


def _flat(
    members: Sequence[tuple[int, ...]],
    chosen: Sequence[int],
    *,
    side: str,
    sources: Sequence[_Source],
) -> tuple[int, ...]:
    """Return the numbers of the maps of one side; DataError if one is named twice or none is."""
    flat = tuple(number for place in chosen for number in members[place])
    counted = Counter(flat)
    twice = sorted(sources[number].name for number, times in counted.items() if times > 1)
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


def _volumes(item: Path | Volume, name: str) -> list[_Source]:
    """Return the maps of a source, named by their numbers where there are several."""
    if isinstance(item, Volume):
        return [_Source(name=name, place=item, grid=item.grid)]
    header = read_header(item)
    n = header.n_volumes
    if n == 1:
        return [_Source(name=name, place=item, grid=header.grid)]
    width = len(str(n - 1))
    return [
        _Source(name=f"{name}[{k:0{width}d}]", place=item, grid=header.grid, number=k)
        for k in range(n)
    ]


def _volume_of(source: Path | str | Volume) -> Volume:
    return source if isinstance(source, Volume) else read_volume(Path(source))


def _grid(sources: Sequence[_Source], *, space: Path | str | Volume | None) -> Grid:
    if isinstance(space, Volume):
        return space.grid
    if space is not None:
        return read_header(Path(space)).grid
    return coarsest(source.grid for source in sources)


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


def _backgrounds(facts: Sequence[_Fact]) -> Table:
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


def _warnings(facts: Sequence[_Fact], compared: MapComparison) -> list[str]:
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


def _same_values(facts: Sequence[_Fact]) -> list[list[str]]:
    """Return the names of maps that hold the very same values, together."""
    by_digest: dict[str, list[str]] = {}
    for fact in facts:
        by_digest.setdefault(fact.digest, []).append(fact.name)
    return [names for names in by_digest.values() if len(names) > 1]


def _provenance(facts: Sequence[_Fact], grid: Grid) -> Provenance:
    """Return one step that names every map by the digest of its values, in order of name."""
    return Provenance().then(
        "align",
        parameters={"grid": list(grid.shape), "voxel_sizes_mm": list(grid.voxel_sizes_mm)},
        inputs={fact.name: fact.digest for fact in facts},
    )
