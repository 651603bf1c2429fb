"""Neighbour tables, against the adjacency matrices of their spaces."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.core.parcels import Edges, Parcels, all_edges
from heatlas.core.space import GRID_NEIGHBOURHOODS, Grid, Mask
from heatlas.infer import neighbours
from heatlas.infer.neighbours import check_measure, check_table, neighbour_table
from tests.infer.graphs import Graph
from tests.phantom import affine, ball


def matrix_of(table: np.ndarray) -> np.ndarray:
    """Return the neighbour matrix that a table says."""
    matrix = np.zeros((len(table), len(table)), dtype=int)
    rows, columns = np.nonzero(table >= 0)
    np.add.at(matrix, (rows, table[rows, columns]), 1)
    return matrix


def some_voxels(*shape: int) -> Mask:
    """Return a mask of about half the voxels."""
    inside = np.random.default_rng(sum(shape)).random(shape) < 0.5
    inside.flat[0] = True
    return Mask(space=Grid(shape=shape, affine=affine(3.0, shape)), inside=inside)


@pytest.mark.parametrize("kind", GRID_NEIGHBOURHOODS)
@pytest.mark.parametrize("shape", [(5, 6, 4), (1, 7, 3), (1, 1, 1), (9, 1, 1)])
def test_neighbours_of_voxels_are_those_of_the_adjacency(
    shape: tuple[int, int, int], kind: str
) -> None:
    mask = some_voxels(*shape)
    table = neighbour_table(mask, kind)
    assert table.shape == (mask.size, {"faces": 6, "edges": 18, "corners": 26}[kind])
    assert_array_equal(matrix_of(table), mask.adjacency(kind).toarray())


def test_neighbours_of_other_spaces_are_those_of_the_adjacency() -> None:
    chance = np.random.default_rng(0)
    pairs = np.array([(i, j) for i in range(30) for j in range(i) if chance.random() < 0.1])
    mask = Mask(space=Graph.of(pairs, n=30), inside=chance.random(30) < 0.8)
    table = neighbour_table(mask, "links")
    expected = mask.adjacency("links").toarray()
    assert table.shape == (mask.size, expected.sum(axis=1).max())
    assert_array_equal(matrix_of(table), expected)


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_edges_meet_at_their_parcels(share: float) -> None:
    names = tuple("abcdefghijkl")
    edges = all_edges(Parcels(names=names, centres_mm=np.zeros((12, 3))))
    mask = Mask(space=edges, inside=np.random.default_rng(3).random(edges.size) < share)
    table = neighbour_table(mask, "parcels")
    meets = (table[:, None, :, None] == table[None, :, None, :]).any(axis=(2, 3))
    np.fill_diagonal(meets, False)
    assert_array_equal(meets, mask.adjacency("parcels").toarray())
    assert table.min() == mask.size
    assert_array_equal(check_table(table, n_elements=mask.size), table)
    with pytest.raises(DataError, match="not one of parcels"):
        neighbour_table(mask, "faces")


def test_one_edge_among_many_parcels_has_a_table_that_is_accepted() -> None:
    far = Parcels(names=tuple(map(str, range(50))), centres_mm=np.zeros((50, 3)))
    table = neighbour_table(
        Mask(space=Edges(parcels=far, pairs=[[3, 49]]), inside=[True]), "parcels"
    )
    assert check_table(table, n_elements=1).tolist() == [[1, 2]]


def test_elements_without_neighbours_make_a_table_without_columns() -> None:
    mask = Mask(space=Graph.of([], n=3), inside=np.ones(3, bool))
    assert neighbour_table(mask, "links").shape == (3, 0)


def test_a_table_is_int32_and_read_only() -> None:
    table = neighbour_table(some_voxels(3, 3, 3))
    assert table.dtype == np.int32
    assert not table.flags.writeable


def test_an_unknown_neighbourhood_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match="faces, edges, corners"):
        neighbour_table(some_voxels(2, 2, 2), "sides")


def test_a_table_that_fits_no_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "LARGEST_TABLE", 5)
    mask = Mask(space=Graph.of([(0, 1), (1, 2)], n=3), inside=np.ones(3, bool))
    with pytest.raises(NotSupportedError, match="3 elements with up to 2 neighbours"):
        neighbour_table(mask, "links")


def test_explicit_zeros_of_a_matrix_are_no_neighbours() -> None:
    matrix = csr_array((np.array([0, 1, 1]), ([0, 1, 2], [2, 2, 1])), shape=(3, 3))
    assert_array_equal(neighbours._of_matrix(matrix), [[-1], [2], [1]])


def test_a_checked_table_is_the_same_memory() -> None:
    table = neighbour_table(some_voxels(4, 4, 4))
    assert np.shares_memory(check_table(table, n_elements=len(table)), table)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ([[1], [0], [9]], "name elements 0 to 9, but there are 0 to 2"),
        ([[1], [0], [-2]], "name elements -2 to 1"),
        ([[1], [0]], "2 given, but there are 3 elements"),
        ([1, 0, -1], r"shape \(3,\)"),
        ([[1.0], [0.0], [-1.0]], "table of integers"),
    ],
)
def test_tables_that_kernels_cannot_trust_are_refused(table: list, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        check_table(np.array(table), n_elements=3)


def test_no_measure_means_that_elements_are_counted() -> None:
    assert check_measure(None, n_elements=3).shape == (0,)


@pytest.mark.parametrize("measure", [[1, -1, 1], [1, np.nan, 1], [1, np.inf, 1], [1, 1]])
def test_sizes_that_cannot_be_are_refused(measure: list) -> None:
    with pytest.raises(DataError, match="measure"):
        check_measure(measure, n_elements=3)


def test_a_ball_has_as_many_pairs_as_its_matrix() -> None:
    mask = Mask(space=Grid(shape=(12, 14, 10), affine=affine()), inside=ball())
    assert (neighbour_table(mask) >= 0).sum() == mask.adjacency("faces").nnz
