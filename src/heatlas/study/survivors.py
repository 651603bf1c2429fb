"""What survives as a table: clusters where elements lie beside each other, else one by one."""

from __future__ import annotations

import numpy as np

from heatlas.core.estimate import Estimate
from heatlas.core.parcels import Edges, Parcels
from heatlas.core.statmap import StatMap
from heatlas.core.surface import Mesh
from heatlas.core.table import Column, Table
from heatlas.core.threshold import Threshold
from heatlas.core.words import percent
from heatlas.infer.cluster import cluster_table


def survivor_table(
    statistic: StatMap, threshold: Threshold, *, effect: Estimate | None, neighbourhood: str
) -> Table:
    """Return what survives, strongest first.

    Parameters
    ----------
    statistic : StatMap
        On any space.
    threshold : Threshold
        What survives, and the p of each element.
    effect : Estimate, optional
        Estimate with interval per element.
    neighbourhood : str
        Which elements touch; vertices of a surface always do along edges.

    Returns
    -------
    Table
        Parcels and edges one by one with their names, all other elements in clusters (see
        :func:`heatlas.infer.cluster.cluster_table`).
    """
    space = statistic.mask.space
    if isinstance(space, Parcels | Edges):
        return _named_elements(statistic, threshold, effect=effect, names=space.names)
    touch = "edges" if isinstance(space, Mesh) else neighbourhood
    return cluster_table(statistic, threshold, effect=effect, neighbourhood=touch)


def _named_elements(
    statistic: StatMap, threshold: Threshold, *, effect: Estimate | None, names: tuple[str, ...]
) -> Table:
    survivors = np.flatnonzero(threshold.survives)
    values = statistic.values[survivors].astype(np.float64)
    order = np.argsort(-np.abs(values), kind="stable")
    chosen = survivors[order]
    listed = tuple(names[int(k)] for k in statistic.mask.indices[chosen])
    columns = [
        Column(name="name", values=listed, description="Name of the element."),
        Column(
            name="statistic", values=values[order], description=f"{statistic.kind} of the element."
        ),
    ]
    if threshold.extended is not None:
        columns.append(
            Column(
                name=threshold.quantity.lower().replace(" ", "_"),
                values=threshold.extended[chosen],
                description=f"{threshold.quantity} of the element.",
            )
        )
    if threshold.logp is not None:
        p = 10.0 ** -threshold.logp[chosen]
        columns.append(Column(name="p_corrected", values=p, description="Corrected p."))
    if effect is not None:
        columns += _estimate_columns(effect, chosen)
    return Table(
        columns=tuple(columns),
        caption=f"Elements that survive, strongest first. {threshold.words}.",
    )


def _estimate_columns(effect: Estimate, chosen: np.ndarray) -> list[Column]:
    level = percent(effect.level)
    parts = {
        "estimate": (effect.value, "Estimate of the contrast."),
        "low": (effect.low, f"Lower limit of its {level} interval."),
        "high": (effect.high, f"Upper limit of its {level} interval."),
    }
    return [
        Column(name=name, values=np.asarray(array)[chosen], unit=effect.unit, description=said)
        for name, (array, said) in parts.items()
    ]
