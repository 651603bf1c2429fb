"""One map file as a statistic map: its values, and all that header and sidecar say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.space import Mask
from heatlas.core.statmap import StatKind, StatMap
from heatlas.core.threshold import Correction, Threshold, strength_of
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.core.words import number
from heatlas.io.derivatives import STAT_LABELS
from heatlas.io.nifti import read_header, read_volume
from heatlas.study.history import read_sidecar, with_history

# A float32 on disk may differ from the cut by its rounding.
ROUNDING = 1e-6
# Kinds of map whose values are the measure itself, or a statistic with a name of its own.
OF_THE_MEASURE = (
    "effect", "mean", "t", "z", "F", "v", "G", "tfce", "clusterextent", "clustermass",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class MapFile(Value):
    """What a map file holds.

    Parameters
    ----------
    stat_map : StatMap
        Values where the file holds any, with kind, degrees of freedom and n as far as known.
    threshold : Threshold, optional
        The judgement that the sidecar of a map of Heatlas tells.
    notes : tuple of str
        What a reader must know.
    """

    stat_map: StatMap
    threshold: Threshold | None = None
    notes: tuple[str, ...] = ()


def read_map(path: Path, *, volume: int | None = None) -> MapFile:
    """Read a map with everything that is known about it.

    Parameters
    ----------
    path : Path
        An image of any format that nibabel reads.
    volume : int, optional
        Which volume of a file with several, from 0.

    Returns
    -------
    MapFile
        Kind and degrees of freedom come from the sidecar of a map of Heatlas, else from the
        header's intent code or SPM's description, else the map is one of values.

    Raises
    ------
    DataError
        If the file cannot be read or holds nothing but background.
    """
    header = read_header(path)
    read = with_history(read_volume(path, volume=volume), path)
    sidecar = read_sidecar(path)
    if sidecar.get("StatisticKind") not in get_args(StatKind):
        sidecar = {}
    kind = _kind(sidecar.get("StatisticKind") or header.kind)
    stat_map = stat_map_of(read, kind=kind, mask=_analysed(read, sidecar))
    if stat_map.kind == header.kind:
        stat_map = replace(stat_map, dof=header.dof)
    notes = read.provenance.warnings
    if not sidecar:
        return MapFile(stat_map=stat_map, notes=notes)
    stat_map = replace(stat_map, **_told(sidecar))
    threshold, words = _threshold(sidecar.get("Threshold"), stat_map, path=path)
    return MapFile(stat_map=stat_map, threshold=threshold, notes=(*notes, *words))


def stat_map_of(volume: Volume, *, kind: StatKind = "value", mask: Mask | None = None) -> StatMap:
    """Return a volume as a map of the voxels that hold something.

    Parameters
    ----------
    volume : Volume
        The values.
    kind : str
        What they are.
    mask : Mask, optional
        Which voxels; without it those of :func:`held_voxels`.

    Returns
    -------
    StatMap
        Its contrast is the volume's name.

    Raises
    ------
    DataError
        If nothing is left.
    """
    mask = mask or held_voxels(volume)
    return StatMap(
        values=mask.gather(volume.values),
        mask=mask,
        kind=kind,
        contrast=volume.name,
        provenance=volume.provenance.then(
            "find background", parameters={"kept": mask.words, "n_voxels": mask.size}
        ),
    )


def held_voxels(volume: Volume) -> Mask:
    """Return the voxels that hold something.

    Parameters
    ----------
    volume : Volume
        The image.

    Returns
    -------
    Mask
        Voxels that are finite and not exactly 0 and, where all eight corners of the box hold one
        other value, do not hold that value: files store backgrounds of -0.003 and the like.

    Raises
    ------
    DataError
        If nothing is left.
    """
    values = volume.values
    inside = np.isfinite(values) & (values != 0)
    words = "voxels that are finite and not 0"
    corner = _corner_value(values)
    if corner is not None and corner != 0:
        inside &= values != corner
        words += f" nor {number(corner)}, the value of all eight corners"
    if not inside.any():
        name = f"'{volume.name}'" if volume.name else "the image"
        raise DataError(f"{name} holds nothing but background (NaN, 0 or one value throughout).")
    return Mask(space=volume.grid, inside=inside, words=words)


def _corner_value(values: NDArray[np.floating]) -> float | None:
    corners = values[np.ix_((0, -1), (0, -1), (0, -1))].ravel()
    return float(corners[0]) if (corners == corners[0]).all() else None


# -------------------------------------------------------------------------------- sidecar


def _analysed(volume: Volume, sidecar: Mapping[str, Any]) -> Mask | None:
    """Return the finite voxels where a sidecar says that they are all that was analysed.

    A p map of Heatlas holds zeros, p = 1, that are no background.
    """
    finite = np.isfinite(volume.values)
    n, undefined = sidecar.get("Elements"), sidecar.get("UndefinedElements")
    if not isinstance(n, int) or not isinstance(undefined, int):
        return None
    if finite.all() or not finite.any() or int(finite.sum()) != n - undefined:
        return None
    return Mask(space=volume.grid, inside=finite, words="voxels that were analysed")


def _kind(word: Any) -> StatKind:
    return word if word in get_args(StatKind) else "value"


def _told(sidecar: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a StatMap that a sidecar tells, beside its kind."""
    contrast = sidecar.get("Contrast", {})
    try:
        told: dict[str, Any] = {
            "dof": tuple(float(df) for df in sidecar.get("DegreesOfFreedom", ())),
            "n": None if sidecar.get("N") is None else int(sidecar["N"]),
            "groups": tuple((g["Name"], int(g["N"])) for g in sidecar.get("Groups", ())),
            "quantity": _quantity(sidecar),
            "unit": str(sidecar.get("Units", "")),
        }
        name = contrast.get("Name", "")
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        words = f"The sidecar of the map is damaged ({error}); delete or repair it."
        raise DataError(words) from error
    return {**told, "contrast": str(name)} if name else told


def _quantity(sidecar: Mapping[str, Any]) -> str:
    """Return what the values are: of a p map that is no grey-matter volume."""
    described = str(sidecar.get("Description", ""))
    others = {words for stat, words in STAT_LABELS.items() if stat not in OF_THE_MEASURE}
    return described if described in others else str(sidecar.get("Quantity", ""))


def _threshold(
    entry: Any, stat_map: StatMap, *, path: Path
) -> tuple[Threshold | None, tuple[str, ...]]:
    """Return the judgement that a sidecar tells, or why it cannot be drawn."""
    if not isinstance(entry, Mapping) or not stat_map.is_statistic:
        return None, ()
    two_sided = bool(entry.get("TwoSided", True)) and stat_map.is_signed
    cut, n_surviving = entry.get("Cut"), entry.get("SurvivingElements")
    survives = _survivors(stat_map, cut=cut, two_sided=two_sided)
    strength = None
    if int(survives.sum()) != n_surviving:
        survives = _corrected_survivors(entry, stat_map, path=path)
        strength = strength_of(stat_map.values, survives=survives, cut=cut)
    if int(survives.sum()) != n_surviving:
        rule = entry.get("Rule", "a threshold")
        return None, (
            f"the sidecar's judgement ({rule}) cannot be drawn from this file alone; it needs the "
            "map of corrected p beside it",
        )
    told = cut is None and isinstance(entry.get("QuantityCut"), (int, float))
    threshold = Threshold(
        method=str(entry.get("Method", "value")),
        words=str(entry.get("Rule", "")),
        survives=survives,
        correction=_correction(entry.get("Correction")),
        alpha=entry.get("Alpha"),
        two_sided=two_sided,
        cut=cut,
        n_permutations=entry.get("Permutations"),
        quantity=str(entry.get("Quantity", "")) if told else "",
        extended_cut=entry["QuantityCut"] if told else None,
        strength=strength,
    )
    return threshold, ()


def _corrected_survivors(
    entry: Mapping[str, Any], stat_map: StatMap, *, path: Path
) -> NDArray[np.bool_]:
    """Return what survives by the map of corrected p beside a map, nothing where there is none."""
    nobody = np.zeros(stat_map.mask.size, dtype=bool)
    name, alpha = entry.get("LogPMap"), entry.get("Alpha")
    if not isinstance(name, str) or Path(name).name != name or not isinstance(alpha, float):
        return nobody
    beside = path.with_name(name)
    if not beside.is_file():
        return nobody
    corrected = read_volume(beside)
    if not corrected.grid.same_as(stat_map.mask.grid):
        return nobody
    logp = np.nan_to_num(stat_map.mask.gather(corrected.values).astype(np.float64), nan=-1.0)
    return np.asarray(logp >= -np.log10(alpha) * (1 - ROUNDING))


def _survivors(stat_map: StatMap, *, cut: float | None, two_sided: bool) -> NDArray[np.bool_]:
    if cut is None:
        return np.zeros(stat_map.mask.size, dtype=bool)
    size = np.nan_to_num(stat_map.values.astype(np.float64), nan=-np.inf)
    size = np.where(np.isfinite(size), np.abs(size), -np.inf) if two_sided else size
    survives: NDArray[np.bool_] = size >= cut - ROUNDING * abs(cut)
    return survives


def _correction(word: Any) -> Correction:
    return word if word in get_args(Correction) else "none"
