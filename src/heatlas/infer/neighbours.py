"""Neighbours as a table of fixed width, which is how compiled kernels read them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.core.parcels import EDGE_NEIGHBOURHOODS, Edges
from heatlas.core.space import GRID_NEIGHBOURHOODS, Grid, Mask
from heatlas.core.validate import check_choice, check_length
from heatlas.core.words import count
from heatlas.infer.compiled import as_input

Floats = NDArray[np.float64]

LARGEST_TABLE = 1 << 30  # entries: 4 GiB


def neighbour_table(mask: Mask, kind: str = "faces") -> NDArray[np.int32]:
    """Return the neighbours of each element of a mask, as many columns as any element has.

    Parameters
    ----------
    mask : Mask
        Elements of any space; only neighbours inside the mask count.
    kind : str
        Which elements touch, a word that the space knows: on a grid ``"faces"`` (6 neighbours),
        ``"edges"`` (18) or ``"corners"`` (26).

    Returns
    -------
    numpy.ndarray of int32, shape (mask.size, K)
        Read-only; numbers of neighbours in the mask's order, -1 where there is none. Numbers
        from mask.size on are meeting places: elements that name the same one are neighbours of
        each other. Edges meet at their parcels, so that two columns serve any network.

    Raises
    ------
    NotSupportedError
        If the table would have more than 2^30 entries.

    Notes
    -----
    Voxels: one look-up per step to a neighbour, a few milliseconds per 100,000 voxels. Edges: a
    look at each. Other spaces: through their adjacency matrix; an element with many neighbours
    widens the table for all, so that memory is 4 bytes times elements times the most neighbours
    of one.
    """
    if isinstance(mask.space, Grid):
        table = _of_voxels(mask, kind)
    elif isinstance(mask.space, Edges):
        table = _of_edges(mask.space, among=mask.indices, kind=kind)
    else:
        table = _of_matrix(mask.adjacency(kind))
    table.setflags(write=False)
    return table


def check_table(neighbours: NDArray[np.int32], *, n_elements: int) -> NDArray[np.int32]:
    """Return a neighbour table as kernels read it: checked, int32, C-ordered and read-only.

    Parameters
    ----------
    neighbours : numpy.ndarray of int32, shape (V, K)
        From :func:`neighbour_table`; symmetric.
    n_elements : int
        V.

    Returns
    -------
    numpy.ndarray of int32, shape (V, K)
        The table itself where nothing had to change.

    Raises
    ------
    DataError
        If it has another length, or numbers that it cannot have: beyond the elements there are
        at most two meeting places an element.
    """
    given = np.asarray(neighbours)
    if given.ndim != 2 or given.dtype.kind not in "iu":
        raise DataError(
            f"neighbours: expected a table of integers with one row an element, got shape "
            f"{given.shape} of {given.dtype}; make one with neighbour_table."
        )
    check_length(given, name="neighbours", expected=n_elements, per="elements")
    if given.size and (given.min() < -1 or given.max() >= 3 * n_elements):
        raise DataError(
            f"neighbours: they name elements {given.min()} to {given.max()}, but there are "
            f"0 to {n_elements - 1}, and -1 for none; make the table with neighbour_table."
        )
    return as_input(given, np.int32)


def check_measure(measure: ArrayLike | None, *, n_elements: int) -> Floats:
    """Return the sizes of elements as kernels read them: none where elements are counted.

    Parameters
    ----------
    measure : array_like of float64, shape (V,), optional
        Size of each element.
    n_elements : int
        V.

    Returns
    -------
    numpy.ndarray of float64, shape (V,) or (0,)
        Read-only.

    Raises
    ------
    DataError
        If a size is negative or not finite, or their number is another one.
    """
    if measure is None:
        return as_input(np.zeros(0), np.float64)
    given = as_input(measure, np.float64)
    check_length(given, name="measure", expected=n_elements, per="elements")
    if not np.isfinite(given).all() or (given < 0).any():
        raise DataError("measure: a size is negative or not finite; expected at least 0.")
    return given


def _of_voxels(mask: Mask, kind: str) -> NDArray[np.int32]:
    """Look each neighbour's number up in a grid with a border of one voxel."""
    check_choice(kind, name="neighbourhood", known=GRID_NEIGHBOURHOODS)
    reach = GRID_NEIGHBOURHOODS.index(kind) + 1
    padded = tuple(length + 2 for length in mask.grid.shape)
    voxels = np.unravel_index(mask.indices, mask.grid.shape)
    places = np.ravel_multi_index([axis + 1 for axis in voxels], padded)
    number = np.full(np.prod(padded), -1, dtype=np.int32)
    number[places] = np.arange(mask.size, dtype=np.int32)
    steps = [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)]
    steps = [step for step in steps if 0 < sum(map(abs, step)) <= reach]
    table = np.empty((mask.size, len(steps)), dtype=np.int32)
    for column, (x, y, z) in enumerate(steps):
        table[:, column] = number[places + ((x * padded[1] + y) * padded[2] + z)]
    return table


def _of_edges(edges: Edges, *, among: NDArray[np.int64], kind: str) -> NDArray[np.int32]:
    """Let edges meet at the parcels that they have."""
    check_choice(kind, name="neighbourhood of edges", known=EDGE_NEIGHBOURHOODS)
    pairs = edges.pairs[among]
    _, meeting = np.unique(pairs, return_inverse=True)
    return np.asarray(len(pairs) + meeting.reshape(pairs.shape), dtype=np.int32)


def _of_matrix(adjacency: csr_array) -> NDArray[np.int32]:
    """Write the columns of each row of a sparse matrix from the left."""
    matrix = adjacency.sorted_indices()
    matrix.eliminate_zeros()
    n_neighbours = np.diff(matrix.indptr)
    width = int(n_neighbours.max(initial=0))
    if len(n_neighbours) * width > LARGEST_TABLE:
        raise NotSupportedError(
            f"neighbours: {count(len(n_neighbours), 'element')} with up to {width:,} neighbours "
            "each do not fit into a table; analyse fewer elements, or others that touch less."
        )
    table = np.full((len(n_neighbours), width), -1, dtype=np.int32)
    table[np.arange(width) < n_neighbours[:, None]] = matrix.indices
    return table
