"""Independent smooth fields in the brain, for measuring spatial nulls: made without the product."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.cluster.vq import kmeans2
from scipy.ndimage import mean as mean_by_label
from scipy.spatial import cKDTree

from heatlas.compare.maps import ComparedMaps
from heatlas.core.parcels import Parcels
from heatlas.core.space import Mask
from heatlas.io.templates import template_brain_mask

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
COARSE_MM = 6  # grid on which parcels are found
PAD = 2.5  # widths of the kernel beyond the box, so that opposite faces are strangers
LEFT, RIGHT = 6.0, 16.0  # mm, of fields that are rougher in one half
LOUD = 3.0  # amplitude of fields where they are louder
CENTRE_MM = 30.0  # standard deviation of the middle in which they are louder


@dataclass(frozen=True)
class Brain:
    """Voxels in which fields are looked at."""

    mask: Mask
    step_mm: float

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which voxels, shape of the grid."""
        return self.mask.inside.reshape(self.mask.grid.shape)


@cache
def brain(resolution_mm: int) -> Brain:
    """The template's brain on a grid of so many millimetres."""
    mask = template_brain_mask(resolution_mm=resolution_mm)
    return Brain(mask=mask, step_mm=mask.grid.voxel_sizes_mm[0])


def smooth_fields(n: int, where: Brain, *, fwhm_mm: float, seed: int) -> Floats32:
    """Return independent Gaussian fields of variance one, white noise smoothed, shape (n, v)."""
    made = np.empty((n + n % 2, where.mask.size), dtype=np.float32)
    for k in range(0, n, 2):
        pair = _pair(where, fwhm_mm=fwhm_mm, rng=np.random.default_rng([seed, k]))
        made[k], made[k + 1] = pair.real, pair.imag
    return made[:n]


def twin_fields(n: int, where: Brain, *, fwhm_mm: float, seed: int) -> Floats32:
    """Return fields whose left and right side are alike wherever both lie in the brain."""
    fields = smooth_fields(n, where, fwhm_mm=fwhm_mm, seed=seed)
    places = where.mask.positions_mm()
    distance, partner = cKDTree(places).query(places * [-1, 1, 1])
    across = np.where(distance < where.step_mm / 2, fields[:, partner], 0)
    return np.asarray(fields + across, dtype=np.float32)


def halved_fields(n: int, where: Brain, *, seed: int) -> Floats32:
    """Return fields with 6 mm smoothness behind and 16 mm in front, of one variance."""
    rough = smooth_fields(n, where, fwhm_mm=LEFT, seed=seed)
    smooth = smooth_fields(n, where, fwhm_mm=RIGHT, seed=seed + 1)
    return np.where(in_front(where), smooth, rough)


def louder_fields(n: int, where: Brain, *, fwhm_mm: float, seed: int) -> Floats32:
    """Return fields that are three times as large in front as behind."""
    fields = smooth_fields(n, where, fwhm_mm=fwhm_mm, seed=seed)
    return np.asarray(fields * np.where(in_front(where), LOUD, 1), dtype=np.float32)


def central_fields(n: int, where: Brain, *, fwhm_mm: float, seed: int) -> Floats32:
    """Return fields that are three times as large in the middle, falling off over 30 mm."""
    places = where.mask.positions_mm()
    squared = np.square(places - places.mean(axis=0)).sum(axis=1)
    size = 1 + (LOUD - 1) * np.exp(-squared / (2 * CENTRE_MM**2))
    fields = smooth_fields(n, where, fwhm_mm=fwhm_mm, seed=seed)
    return np.asarray(fields * size, dtype=np.float32)


def in_front(where: Brain) -> NDArray[np.bool_]:
    """True for the half of the voxels that lies in front, shape (v,)."""
    along = where.mask.positions_mm()[:, 1]
    return np.asarray(along > np.median(along))


def as_maps(fields: NDArray[np.floating], mask: Mask) -> ComparedMaps:
    """Return fields as maps that were measured everywhere."""
    return ComparedMaps(
        values=fields,
        mask=mask,
        fills=np.full(len(fields), np.nan),
        names=tuple(f"field {k:04d}" for k in range(len(fields))),
    )


@cache
def parcellation(n: int, resolution_mm: int) -> tuple[Mask, NDArray[np.int32]]:
    """Return compact parcels of about equal size, and each voxel's parcel."""
    centres, _ = kmeans2(brain(COARSE_MM).mask.positions_mm(), n, minit="++", seed=n)
    labels = cKDTree(centres).query(brain(resolution_mm).mask.positions_mm())[1]
    kept, labels = np.unique(labels, return_inverse=True)
    parcels = Parcels(names=[f"parcel {k}" for k in range(len(kept))], centres_mm=centres[kept])
    whole = Mask(space=parcels, inside=np.ones(parcels.size, dtype=bool))
    return whole, labels.astype(np.int32)


def parcel_means(fields: Floats32, labels: NDArray[np.int32]) -> Floats:
    """Return the mean of each field in each parcel, shape (n, parcels)."""
    numbers = np.arange(labels.max() + 1)
    return np.stack([mean_by_label(field, labels, numbers) for field in fields])


def _pair(where: Brain, *, fwhm_mm: float, rng: np.random.Generator) -> NDArray[np.complexfloating]:
    """Return two fields as one complex one, within the brain."""
    deviation = fwhm_mm / np.sqrt(8 * np.log(2)) / where.step_mm
    shape = where.inside.shape
    padded = [fft.next_fast_len(int(s + PAD * fwhm_mm / where.step_mm)) for s in shape]
    noise = rng.standard_normal((2, *padded), dtype=np.float32)
    spectrum = fft.fftn(noise[0] + 1j * noise[1])
    power = 1.0
    for axis, length in enumerate(padded):
        decay = np.exp(-2 * (np.pi * deviation * fft.fftfreq(length)) ** 2).astype(np.float32)
        along = [1, 1, 1]
        along[axis] = length
        spectrum *= decay.reshape(along)
        power *= float(np.mean(decay.astype(np.float64) ** 2))
    field = fft.ifftn(spectrum)[tuple(slice(0, s) for s in shape)][where.inside]
    return np.asarray(field / np.sqrt(power))
