"""Surfaces of triangles."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from heatlas.core.errors import DataError
from heatlas.core.space import Mask
from heatlas.core.surface import Mesh
from heatlas.infer.extent import cluster_map
from heatlas.infer.neighbours import neighbour_table
from heatlas.infer.tfce import tfce
from tests.infer.graphs import slow_tfce

TETRAHEDRON = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])
CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])


def sheet(rows: int, columns: int, *, step_mm: float = 2.0) -> Mesh:
    """Return a flat surface: squares cut along one diagonal."""
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    places = step_mm * np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    halves = [np.stack([a, b, c], axis=-1), np.stack([b, d, c], axis=-1)]
    return Mesh(coordinates_mm=places, triangles=np.concatenate(halves).reshape(-1, 3))


def sphere(n: int = 400, *, radius_mm: float = 50.0) -> Mesh:
    """Return a closed surface: the convex hull of evenly spread points."""
    from scipy.spatial import ConvexHull

    turn = np.pi * (1 + 5**0.5) * (np.arange(n) + 0.5)
    z = 1 - 2 * (np.arange(n) + 0.5) / n
    ring = np.sqrt(1 - z**2)
    places = radius_mm * np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1)
    return Mesh(coordinates_mm=places, triangles=ConvexHull(places).simplices)


def mask_of(mesh: Mesh, *, share: float = 1.0) -> Mask:
    """Return a mask of some of the vertices."""
    inside = np.random.default_rng(0).random(mesh.size) < share
    inside[0] = True
    return Mask(space=mesh, inside=inside)


# -------------------------------------------------------------------------------- areas


def test_vertices_of_a_flat_sheet_share_its_area_by_their_triangles() -> None:
    mesh = sheet(4, 5)
    area = mesh.measure().reshape(4, 5)
    assert area.sum() == pytest.approx(12 * 4)
    np.testing.assert_allclose(area[1:-1, 1:-1], 4)
    assert area[0, 0] == pytest.approx(2 / 3)
    assert area[0, -1] == pytest.approx(4 / 3)


def test_the_areas_of_a_sphere_add_up_to_nearly_its_surface() -> None:
    mesh = sphere(2000)
    assert mesh.measure().sum() == pytest.approx(4 * np.pi * 50**2, rel=0.01)
    assert mesh.measure().min() > 0


def test_a_surface_twice_as_wide_has_four_times_the_area() -> None:
    wide = Mesh(coordinates_mm=2 * CORNERS, triangles=TETRAHEDRON)
    plain = Mesh(coordinates_mm=CORNERS, triangles=TETRAHEDRON)
    np.testing.assert_allclose(wide.measure(), 4 * plain.measure())
    assert plain.measure().sum() == pytest.approx(1.5 + np.sqrt(3) / 2)


# -------------------------------------------------------------------------------- neighbours


def test_vertices_touch_when_a_triangle_joins_them() -> None:
    mesh = sheet(3, 3)
    matrix = mesh.adjacency("edges").toarray()
    assert np.flatnonzero(matrix[4]).tolist() == [1, 2, 3, 5, 6, 7]
    np.testing.assert_array_equal(matrix, matrix.T)
    assert matrix.max() == 1
    assert not matrix.diagonal().any()


def test_a_closed_surface_obeys_euler() -> None:
    mesh = sphere(300)
    n_edges = mesh.adjacency("edges").nnz // 2
    assert mesh.size - n_edges + len(mesh.triangles) == 2


def test_pieces_of_a_surface_do_not_touch() -> None:
    places = np.concatenate([CORNERS, CORNERS + 10])
    both = Mesh(coordinates_mm=places, triangles=np.concatenate([TETRAHEDRON, TETRAHEDRON + 4]))
    assert connected_components(both.adjacency("edges"), directed=False)[0] == 2


def test_an_unknown_neighbourhood_names_the_known_one() -> None:
    with pytest.raises(DataError, match="'faces' is not one of edges"):
        sheet(2, 2).adjacency("faces")


# -------------------------------------------------------------------------------- values


def test_a_surface_is_the_same_within_a_micrometre_and_not_beyond() -> None:
    mesh = Mesh(coordinates_mm=CORNERS, triangles=TETRAHEDRON)
    near = Mesh(coordinates_mm=CORNERS + 1e-5, triangles=TETRAHEDRON)
    far = Mesh(coordinates_mm=CORNERS + 1e-2, triangles=TETRAHEDRON)
    turned = Mesh(coordinates_mm=CORNERS, triangles=TETRAHEDRON[:, [1, 0, 2]])
    assert mesh.digest == near.digest
    assert len({mesh.digest, far.digest, turned.digest}) == 3


def test_a_surface_survives_pickling_read_only() -> None:
    mesh = pickle.loads(pickle.dumps(sheet(3, 3)))
    assert mesh.digest == sheet(3, 3).digest
    assert not mesh.coordinates_mm.flags.writeable
    assert mesh.triangles.dtype == np.int32


@pytest.mark.parametrize(
    ("places", "triangles", "sentence"),
    [
        (CORNERS[:, :2], TETRAHEDRON, r"expected shape \(n, 3\)"),
        (np.where(CORNERS == 1, np.nan, CORNERS), TETRAHEDRON, "3 vertices not finite"),
        (CORNERS, TETRAHEDRON + 1, "vertices 1 to 4, but there are 0 to 3; subtract 1"),
        (CORNERS, TETRAHEDRON - 1, "vertices -1 to 2"),
        (CORNERS, TETRAHEDRON[:, :2], r"expected shape \(m, 3\)"),
        (CORNERS, np.zeros((0, 3), int), r"got \(0, 3\)"),
        (CORNERS, TETRAHEDRON.astype(float), "whole numbers"),
        (CORNERS, [[0, 1, 1], [1, 2, 3]], "1 triangle with the same vertex twice"),
        (CORNERS, TETRAHEDRON[:1], "1 vertex in no triangle"),
    ],
)
def test_surfaces_that_cannot_be_are_refused(
    places: np.ndarray, triangles: np.ndarray, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        Mesh(coordinates_mm=places, triangles=triangles)


# -------------------------------------------------------------------------------- masks and kernels


def test_a_mask_takes_positions_areas_and_neighbours_of_its_vertices() -> None:
    mesh = sphere()
    mask = mask_of(mesh, share=0.7)
    np.testing.assert_array_equal(mask.positions_mm(), mesh.coordinates_mm[mask.indices])
    np.testing.assert_array_equal(mask.measure(), mesh.measure()[mask.indices])
    expected = mesh.adjacency("edges").toarray()[np.ix_(mask.indices, mask.indices)]
    np.testing.assert_array_equal(mask.adjacency("edges").toarray(), expected)


@pytest.mark.parametrize("measured", [True, False])
def test_tfce_on_a_masked_surface_equals_the_exact_sum(measured: bool) -> None:
    mask = mask_of(sphere(), share=0.8)
    values = np.random.default_rng(1).standard_normal(mask.size).round(1)
    measure = mask.measure() if measured else None
    found = tfce(values, neighbour_table(mask, "edges"), measure=measure)
    expected = slow_tfce(values.astype(np.float32), mask.adjacency("edges"), measure=measure)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_extent_of_a_cluster_of_vertices_is_its_area() -> None:
    mask = mask_of(sheet(6, 6))
    values = np.zeros((6, 6))
    values[2:4, 2:5] = 4
    values[0, 0] = -3
    table = neighbour_table(mask, "edges")
    found = cluster_map(
        values.ravel(), table, cut=2, statistic="extent", measure=mask.measure()
    ).reshape(6, 6)
    np.testing.assert_allclose(found[2:4, 2:5], 24)
    assert found[0, 0] == pytest.approx(-2 / 3)


def test_the_cortex_of_fsaverage5_is_one_closed_surface(real_data: Path) -> None:
    import nibabel

    image = nibabel.load(real_data / "surfaces" / "fsa5_lh.gii")
    places, triangles = (array.data for array in image.darrays[:2])
    mesh = Mesh(coordinates_mm=places, triangles=triangles, template="fsaverage5")
    assert mesh.size == 10242
    edges = mesh.adjacency("edges")
    assert mesh.size - edges.nnz // 2 + len(mesh.triangles) == 2
    assert connected_components(edges, directed=False)[0] == 1
    table = neighbour_table(mask_of(mesh), "edges")
    assert table.shape == (10242, 6)
    assert 5e4 < mesh.measure().sum() < 1.2e5
