"""Parcels and the edges between them."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from heatlas.core.errors import DataError
from heatlas.core.parcels import Edges, Parcels, all_edges
from heatlas.core.provenance import digest_bytes
from heatlas.core.space import Mask
from heatlas.infer.extent import cluster_map, cluster_maxima
from heatlas.infer.neighbours import neighbour_table
from heatlas.infer.tfce import tfce, tfce_maxima
from tests.infer.graphs import slow_tfce


def parcels(n: int = 4, *, borders: object = None) -> Parcels:
    """Return parcels called a, b, c, ... in a row, 10 mm apart."""
    centres = np.stack([10.0 * np.arange(n), np.zeros(n), np.zeros(n)], axis=1)
    names = tuple("".join(pair) for pair in itertools.product("abcdefgh", repeat=2))[:n]
    return Parcels(names=names, centres_mm=centres, borders=borders)


def whole(space: Parcels | Edges) -> Mask:
    """Return a mask of everything."""
    return Mask(space=space, inside=np.ones(space.size, bool))


# -------------------------------------------------------------------------------- parcels


def test_parcels_of_unknown_places_ask_for_their_centres() -> None:
    nowhere = Parcels(names=("a", "b"), borders=[[0, 1]])
    assert nowhere.size == 2 and nowhere.adjacency().sum() == 2
    with pytest.raises(DataError, match="give their centres in mm, or an atlas"):
        nowhere.positions_mm()
    with pytest.raises(DataError, match="where they lie is not known"):
        all_edges(nowhere).positions_mm()


def test_the_digest_knows_whether_places_are_known() -> None:
    # The digest of parcels with centres stands in results that were written before.
    placed = Parcels(names=("a", "b"), centres_mm=np.zeros((2, 3)))
    content = b"parcels" + b'["a", "b"]' + np.zeros((2, 3)).tobytes()
    assert placed.digest == digest_bytes(content)
    assert Parcels(names=("a", "b")).digest != placed.digest
    assert Parcels(names=("a", "b")).digest == pickle.loads(
        pickle.dumps(Parcels(names=("a", "b")))
    ).digest  # fmt: skip


def test_each_parcel_counts_one() -> None:
    assert parcels().measure().tolist() == [1, 1, 1, 1]
    assert parcels().positions_mm()[2].tolist() == [20, 0, 0]


def test_parcels_touch_where_they_share_a_border() -> None:
    matrix = parcels(borders=[[0, 1], [3, 1]]).adjacency("borders").toarray()
    assert matrix.tolist() == [[0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert parcels(borders=[]).adjacency("borders").nnz == 0


def test_unknown_borders_are_asked_for() -> None:
    with pytest.raises(DataError, match="give pairs of neighbours as borders"):
        parcels().adjacency("borders")
    with pytest.raises(DataError, match="'faces' is not one of borders"):
        parcels(borders=[[0, 1]]).adjacency("faces")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"names": ()}, "there is none"),
        ({"names": ("a", "b", "a")}, "a named more than once"),
        ({"names": ("a", "b")}, "centres: 3 given, but there are 2 parcels"),
        ({"centres_mm": np.zeros((3, 2))}, "finite position in mm"),
        ({"centres_mm": np.full((3, 3), np.nan)}, "finite position in mm"),
        ({"borders": [[0, 3]]}, "parcels 0 to 3, but there are 0 to 2; subtract 1"),
        ({"borders": [[0, 0]]}, "paired with itself"),
        ({"borders": [[0, 1], [1, 0]]}, "a pair is given twice"),
        ({"borders": [[0.0, 1.0]]}, "whole numbers"),
        ({"borders": [[0, 1, 2]]}, "two parcels each"),
    ],
)
def test_parcels_that_cannot_be_are_refused(fields: dict, sentence: str) -> None:
    plain = {"names": ("a", "b", "c"), "centres_mm": np.zeros((3, 3))}
    with pytest.raises(DataError, match=sentence):
        Parcels(**{**plain, **fields})


def test_names_centres_and_borders_make_parcels_the_same() -> None:
    assert parcels().digest == parcels().digest
    others = [parcels(5), parcels(borders=[]), parcels(borders=[[0, 1]])]
    moved = Parcels(names=parcels().names, centres_mm=parcels().centres_mm + 1)
    renamed = Parcels(names=("w", "x", "y", "z"), centres_mm=parcels().centres_mm)
    digests = {space.digest for space in [parcels(), moved, renamed, *others]}
    assert len(digests) == 6


def test_parcels_and_edges_survive_pickling_read_only() -> None:
    edges = pickle.loads(pickle.dumps(all_edges(parcels(borders=[[0, 1]]))))
    assert edges.digest == all_edges(parcels(borders=[[0, 1]])).digest
    assert not edges.pairs.flags.writeable
    assert not edges.parcels.borders.flags.writeable


# -------------------------------------------------------------------------------- edges


def test_all_edges_are_the_upper_triangle() -> None:
    edges = all_edges(parcels())
    assert edges.pairs.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    assert edges.size == 6
    assert edges.measure().tolist() == [1] * 6
    assert edges.names[0] == "aa – ab"
    assert edges.positions_mm()[2].tolist() == [15, 0, 0]


def test_edges_touch_when_they_share_a_parcel() -> None:
    edges = all_edges(parcels(7))
    expected = [
        [len({*first} & {*second}) == 1 for second in edges.pairs.tolist()]
        for first in edges.pairs.tolist()
    ]
    matrix = edges.adjacency("parcels").toarray()
    np.testing.assert_array_equal(matrix, expected)
    assert matrix.max() == 1
    assert set(matrix.sum(axis=1)) == {2 * (7 - 2)}
    with pytest.raises(DataError, match="'faces' is not one of parcels"):
        edges.adjacency("faces")


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ([], "there is none"),
        ([[0, 4]], "parcels 0 to 4"),
        ([[2, 2]], "paired with itself"),
        ([[0, 1], [1, 0]], "a pair and its reverse are the same"),
    ],
)
def test_edges_that_cannot_be_are_refused(pairs: list, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Edges(parcels=parcels(), pairs=pairs)


def test_the_edges_of_other_parcels_are_not_the_same() -> None:
    pairs = [[0, 1], [1, 2]]
    spaces = [Edges(parcels=parcels(n), pairs=pairs) for n in (4, 5)]
    spaces.append(Edges(parcels=parcels(), pairs=pairs[::-1]))
    assert len({space.digest for space in spaces}) == 3


# -------------------------------------------------------------------------------- masks and kernels


def random_statistics(n: int, *, seed: int = 0) -> np.ndarray:
    """Return a statistic for each edge, as float32."""
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32)


@pytest.mark.parametrize(("share", "cut"), [(1.0, 2.0), (0.5, 1.5)])
def test_clusters_of_edges_are_the_components_of_the_network_based_statistic(
    share: float, cut: float
) -> None:
    edges = all_edges(parcels(30))
    mask = Mask(space=edges, inside=np.random.default_rng(1).random(edges.size) < share)
    values = random_statistics(mask.size)
    found = cluster_map(values, neighbour_table(mask, "parcels"), cut=cut, statistic="extent")
    expected = np.zeros(mask.size)
    for sign in (1, -1):
        # As the method was published: components of the network of the edges above the cut.
        above = np.flatnonzero(sign * values > cut)
        first, second = edges.pairs[mask.indices][above].T
        network = coo_array((np.ones(len(above)), (first, second)), shape=(30, 30))
        component = connected_components(network, directed=False)[1][first]
        expected[above] = sign * np.bincount(component)[component]
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(expected)) > 3


def test_the_largest_components_of_many_networks_are_those_of_their_maps() -> None:
    mask = whole(all_edges(parcels(20)))
    block = np.stack([random_statistics(mask.size, seed=seed) for seed in range(10)])
    table = neighbour_table(mask, "parcels")
    largest = cluster_maxima(block, table, cut=1.8, statistic="mass-above")
    maps = [cluster_map(row, table, cut=1.8, statistic="mass-above") for row in block]
    np.testing.assert_array_equal(largest, np.abs(maps).max(axis=1))


def test_tfce_of_edges_equals_the_exact_sum() -> None:
    mask = whole(all_edges(parcels(20)))
    values, table = random_statistics(mask.size), neighbour_table(mask, "parcels")
    expected = slow_tfce(values, mask.adjacency("parcels"))
    np.testing.assert_allclose(tfce(values, table), expected, rtol=1e-9)
    np.testing.assert_allclose(tfce_maxima(values[None], table), np.abs(expected).max())


def test_tfce_of_parcels_equals_the_exact_sum() -> None:
    borders = [[k, k + 1] for k in range(39)] + [[0, 39]]
    mask = whole(parcels(40, borders=borders))
    values = random_statistics(40)
    found = tfce(values, neighbour_table(mask, "borders"), measure=mask.measure())
    np.testing.assert_allclose(found, slow_tfce(values, mask.adjacency("borders")), rtol=1e-9)


def test_a_mask_takes_positions_and_measure_of_its_edges() -> None:
    edges = all_edges(parcels())
    mask = Mask(space=edges, inside=[True, False, True, False, False, False])
    np.testing.assert_array_equal(mask.positions_mm(), edges.positions_mm()[[0, 2]])
    assert mask.measure().tolist() == [1, 1]
