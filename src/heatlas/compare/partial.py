"""What is left of maps after others were regressed out of them: the base of partial correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from heatlas.compare.policy import Selection
from heatlas.core.errors import DataError

TINY = 1e-10  # share of a map's variance below which nothing is left of it


def regress_out(selection: Selection, given: Sequence[int]) -> Selection:
    """Return the selection with each map's residuals after the given maps and a constant.

    Parameters
    ----------
    selection : Selection
        Maps that all have values at the same elements.
    given : sequence of int
        Numbers of the maps to be regressed out.

    Returns
    -------
    Selection
        Residuals; zero for a map of which nothing is left, such as a given one.

    Raises
    ------
    DataError
        If the maps rest on different elements, or the given maps depend on each other.

    Notes
    -----
    The Pearson correlation of two residuals is the partial correlation given those maps. Memory:
    one more copy of the maps in float32.
    """
    if not selection.complete:
        raise DataError(
            "Partial correlations need one set of voxels for all maps; use the policy 'common' "
            "or 'mask'."
        )
    if selection.beyond:
        raise DataError(
            "The mask holds voxels that no map measures; take a mask within the maps for partial "
            "correlations, or the policy 'common'."
        )
    design = np.stack([selection.values_of(k) for k in given], axis=1)
    design = design - design.mean(axis=0)
    sizes = np.linalg.norm(design, axis=0)
    if (sizes == 0).any():
        raise DataError("A given map is constant in the voxels that count, so it explains nothing.")
    basis, triangle = np.linalg.qr(design / sizes)
    if (np.abs(np.diag(triangle)) < 1e-6).any():
        raise DataError("The given maps depend on each other; leave one of them out.")
    shape = len(selection.maps), selection.maps.mask.size
    rows = np.zeros(shape, dtype=np.float32)
    for k in range(shape[0]):
        values = selection.values_of(k)
        values -= values.mean()
        residual = values - basis @ (basis.T @ values)
        if residual @ residual <= TINY * (values @ values):
            residual[:] = 0
        rows[k, selection.elements] = selection.onto_elements(residual)
    rows.setflags(write=False)
    return replace(selection, maps=replace(selection.maps, values=rows))
