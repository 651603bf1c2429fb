"""Survivors are listed by cluster where elements touch, and by name where they have one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from heatlas.core.parcels import Parcels, all_edges
from heatlas.core.space import Mask, Space
from heatlas.core.stack import MapStack
from heatlas.core.surface import Mesh
from heatlas.core.table import table_from_columns
from heatlas.infer.request import PermutationSettings
from heatlas.stats.contrast import parse_contrast
from heatlas.stats.formula import build_model
from heatlas.study.findings import JudgedContrast
from heatlas.study.permutations import permutation_test
from heatlas.study.survivors import survivor_table

N = 14


def sphere(n: int) -> Mesh:
    """Vertices spread over a sphere of 50 mm."""
    k = np.arange(n) + 0.5
    height, turn = 1 - 2 * k / n, np.pi * (1 + 5**0.5) * k
    ring = np.sqrt(1 - height**2)
    points = 50 * np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
    return Mesh(coordinates_mm=points, triangles=ConvexHull(points).simplices)


def parcels(n: int) -> Parcels:
    """Regions of which nobody knows which ones touch."""
    return Parcels(names=tuple(f"region {k}" for k in range(n)), centres_mm=np.eye(n, 3))


def judged(space: Space, *, chosen: np.ndarray, method: str = "max-t") -> JudgedContrast:
    """Two groups of which one is higher in the chosen elements, the first of them most."""
    values = np.random.default_rng(2).standard_normal((N, space.size))
    values[: N // 2, chosen] += 5
    values[: N // 2, chosen[0]] += 5
    stack = MapStack(
        values=values,
        mask=Mask(space=space, inside=np.ones(space.size, bool)),
        ids=tuple(f"s{k}" for k in range(N)),
        table=table_from_columns({"group": ["ill"] * (N // 2) + ["well"] * (N // 2)}),
    )
    model = build_model(stack.table, model="group", ids=stack.ids)
    contrast = parse_contrast(model, name="c", test="group[ill] - group[well]")
    neighbourhood = {Mesh: "edges", Parcels: "borders"}.get(type(space), "parcels")
    settings = PermutationSettings(
        n_permutations=200,
        method=method,  # type: ignore[arg-type]  # one of the literals
        neighbourhood=neighbourhood if method == "tfce" else "faces",
    )
    return permutation_test(stack, model.design, contrasts=[contrast], settings=settings)[0]


@pytest.mark.parametrize("method", ["max-t", "tfce"])
def test_vertices_of_a_surface_are_listed_in_clusters(method: str) -> None:
    mesh = sphere(200)
    near = np.argsort(np.linalg.norm(mesh.coordinates_mm - mesh.coordinates_mm[60], axis=1))[:9]
    found = judged(mesh, chosen=near, method=method)
    assert set(near) <= set(np.flatnonzero(found.threshold.survives))
    assert found.clusters.words("cluster")[0] == "1"
    place = [found.clusters.numbers(f"{axis}_mm")[0] for axis in "xyz"]
    np.testing.assert_allclose(place, mesh.coordinates_mm[60])


def test_parcels_without_borders_are_listed_by_name() -> None:
    found = judged(parcels(30), chosen=np.array([7, 3]))
    assert found.clusters.words("name") == ("region 7", "region 3")
    assert found.clusters.numbers("p_corrected").max() <= 0.05
    assert {"estimate", "low", "high"} <= set(found.clusters.names)
    assert found.clusters.caption.startswith("Elements that survive, strongest first.")


@pytest.mark.parametrize("method", ["max-t", "tfce"])
def test_connections_are_listed_by_both_ends(method: str) -> None:
    edges = all_edges(parcels(12))
    found = judged(edges, chosen=np.array([4, 5]), method=method)
    assert found.clusters.words("name")[0] == "region 0 – region 5"
    assert ("tfce" in found.clusters.names) == (method == "tfce")


def test_nothing_that_survives_is_an_empty_table() -> None:
    found = judged(parcels(30), chosen=np.array([7]))
    nothing = replace(found.threshold, survives=np.zeros(30, bool))
    table = survivor_table(found.statistic, nothing, effect=found.effect, neighbourhood="borders")
    assert len(table) == 0
    assert table.names == found.clusters.names
