"""An atlas: which region every voxel of a grid belongs to, and the regions' names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.provenance import Provenance
from heatlas.core.space import Grid
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value

UNLABELLED = "unlabelled"


@dataclass(frozen=True, kw_only=True, eq=False)
class Atlas(Value):
    """A label image with the names of its regions.

    Parameters
    ----------
    name : str
        Word for the atlas in captions and tables: ``"AAL"``.
    labels : array_like of int32, shape grid.shape
        Label of each voxel; 0 belongs to no region.
    grid : Grid
        Where the voxels lie.
    names : mapping of int to str
        Name of each label. A label of the image without a name is called ``"label 7"``.
    citation : str
        What to cite.
    provenance : Provenance
        How it came about.
    """

    name: str
    labels: NDArray[np.int32]
    grid: Grid
    names: Mapping[int, str]
    citation: str = ""
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        """Take ownership of the labels and check that they fit the grid."""
        given = np.asarray(self.labels)
        if given.dtype.kind not in "iub":
            raise DataError(f"atlas '{self.name}': labels must be whole numbers.")
        labels = own_array(self.labels, name="atlas labels", dtype=np.int32, ndim=3)
        if labels.shape != self.grid.shape:
            raise SpaceMismatchError(
                f"atlas: shape {labels.shape} does not fit the grid's {self.grid.shape}."
            )
        if not labels.any():
            raise DataError(f"atlas '{self.name}': no voxel belongs to a region.")
        names = {int(label): str(words) for label, words in self.names.items() if int(label)}
        set_field(self, "labels", to=labels)
        set_field(self, "names", to=MappingProxyType(names))

    @cached_property
    def present(self) -> NDArray[np.int32]:
        """Labels that occur in the image, ascending, 0 left out."""
        found = np.unique(self.labels)
        return own_array(found[found != 0], name="labels", dtype=np.int32)

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the labels that occur in the image, in the labels' order."""
        return tuple(self.name_of(int(label)) for label in self.present)

    def name_of(self, label: int) -> str:
        """Return the name of a label; 0 is ``"unlabelled"``."""
        return self.names.get(label, f"label {label}") if label else UNLABELLED

    def labels_at(self, positions_mm: ArrayLike) -> NDArray[np.int32]:
        """Return the label of the nearest voxel to each position, 0 outside the grid.

        Parameters
        ----------
        positions_mm : array_like, shape (n, 3)
            RAS+.

        Returns
        -------
        numpy.ndarray of int32, shape (n,)
            Labels.
        """
        positions = np.atleast_2d(np.asarray(positions_mm, dtype=np.float64))
        voxels = np.rint(self.grid.to_voxels(positions)).astype(np.int64)
        inside = ((voxels >= 0) & (voxels < self.grid.shape)).all(axis=1)
        labels = np.zeros(len(positions), dtype=np.int32)
        labels[inside] = self.labels[tuple(voxels[inside].T)]
        return labels

    def at(self, positions_mm: ArrayLike) -> tuple[str, ...]:
        """Return the name of the region at each position; ``"unlabelled"`` where there is none.

        Parameters
        ----------
        positions_mm : array_like, shape (n, 3)
            RAS+; the nearest voxel counts.

        Returns
        -------
        tuple of str
            One name per position.
        """
        return tuple(self.name_of(int(label)) for label in self.labels_at(positions_mm))
