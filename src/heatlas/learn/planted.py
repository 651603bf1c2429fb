"""Soft lesions of known position, planted into real CT slices: a task whose truth is known.

The images are synthetic and come from as few heads as the slices do: they show whether a network
and its explanation find what is there, and nothing about patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from heatlas.core.errors import DataError
from heatlas.core.random import stream
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value

TISSUE_HU = (0.0, 80.0)
AIR_HU = -300.0
# Every so many slices make a block; of four blocks the third is held out.
BLOCK_SLICES = 3
BLOCKS_PER_ROUND = 4
HELD_OUT_BLOCK = 2

Floats = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True, eq=False)
class PlantingSettings(Value):
    """How lesions and images look.

    Parameters
    ----------
    side_px : int
        Side of the square images.
    window_hu : (float, float)
        Centre and width of the window that becomes 0 to 1.
    lesion_hu : (float, float)
        Least and largest rise of the density inside of a lesion.
    radius_px : (float, float)
        Least and largest radius at half of the rise.
    softness_px : float
        Width of a lesion's edge.
    noise_hu : float
        Standard deviation of the noise that every image gets.
    shift_px, turn_degrees : float
        Largest movement of the head.
    """

    side_px: int = 112
    window_hu: tuple[float, float] = (40.0, 80.0)
    lesion_hu: tuple[float, float] = (15.0, 35.0)
    radius_px: tuple[float, float] = (4.0, 7.5)
    softness_px: float = 1.0
    noise_hu: float = 3.0
    shift_px: float = 5.0
    turn_degrees: float = 12.0


@dataclass(frozen=True, kw_only=True, eq=False)
class PlantedImages(Value):
    """Images in pairs, without and with a lesion.

    Parameters
    ----------
    images : array_like of float32, shape (n, 1, side, side)
        The window from 0 to 1; image 2k is without, image 2k + 1 with a lesion.
    labels : array_like of int32, shape (n,)
        0 without, 1 with.
    masks : array_like of bool, shape (n, side, side)
        Where the lesion is.
    slices : array_like of int32, shape (n,)
        Which slice an image was made of.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int32]
    masks: NDArray[np.bool_]
    slices: NDArray[np.int32]

    def __post_init__(self) -> None:
        """Take ownership of the arrays."""
        kinds = {"images": np.float32, "labels": np.int32, "masks": bool, "slices": np.int32}
        for name, dtype in kinds.items():
            set_field(self, name, to=own_array(getattr(self, name), name=name, dtype=dtype))


class Split(NamedTuple):
    """Slices to learn from and slices to judge by, apart in the head."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def split_by_position(n_slices: int) -> Split:
    """Split a series into slices to learn from and slices to judge by.

    Parameters
    ----------
    n_slices : int
        Slices in the order of their position.

    Returns
    -------
    Split
        Of four blocks of three slices the third is held out; its neighbours belong to neither, so
        that no slice is judged beside one that was learnt from.

    Raises
    ------
    DataError
        If there are too few slices for both.
    """
    index = np.arange(n_slices)
    held_out = index // BLOCK_SLICES % BLOCKS_PER_ROUND == HELD_OUT_BLOCK
    beside = np.convolve(held_out, [1, 1, 1], mode="same") > 0
    if n_slices < BLOCK_SLICES * (HELD_OUT_BLOCK + 1):
        raise DataError(f"planted lesions: {n_slices} slices are too few to hold some out.")
    return Split(train=index[~beside], test=index[held_out])


def plant_lesions(
    slices_hu: ArrayLike,
    *,
    which: ArrayLike,
    n_pairs: int,
    seed: int,
    settings: PlantingSettings | None = None,
) -> PlantedImages:
    """Make pairs of images, without and with a lesion, from slices of a head.

    Parameters
    ----------
    slices_hu : array_like, shape (n, rows, columns)
        Slices in Hounsfield units.
    which : array_like of int
        Numbers of the slices to use; those without enough brain for a lesion are passed over.
    n_pairs : int
        Number of pairs.
    seed : int
        Seed of positions, sizes, movements and noise.
    settings : PlantingSettings, optional
        How lesions and images look.

    Returns
    -------
    PlantedImages
        Both images of a pair show the same slice, moved alike, under different noise. The same
        settings and seed give the same bytes; pair k does not depend on how many there are.

    Raises
    ------
    DataError
        If the slices are no stack, or none of them has brain for a lesion.
    """
    settings = settings or PlantingSettings()
    stack = np.asarray(slices_hu, dtype=np.float32)
    if stack.ndim != 3:
        raise DataError(f"planted lesions: expected (slices, rows, columns), got {stack.shape}.")
    numbers = np.asarray(which, dtype=np.int64)
    box = head_box(stack)
    small = {int(k): _resized(stack[k][box], settings.side_px) for k in numbers}
    usable = [k for k, values in small.items() if _room(values, settings).any()]
    if not usable:
        raise DataError("planted lesions: no slice has brain (0 to 80 HU) with room for a lesion.")
    made = [
        _pair(small, usable, chance=stream(seed, "plant", index=k), settings=settings)
        for k in range(n_pairs)
    ]
    return PlantedImages(
        images=np.concatenate([pair.images for pair in made])[:, None],
        labels=np.tile([0, 1], n_pairs),
        masks=np.concatenate([np.stack([0 * pair.mask, pair.mask]) for pair in made]),
        slices=np.repeat([pair.number for pair in made], 2),
    )


class PlantedSlice(NamedTuple):
    """A slice with a lesion in it, and where that is."""

    values: NDArray[np.float32]
    mask: NDArray[np.bool_]


def planted_slice(
    slice_hu: ArrayLike, *, seed: int, index: int = 0, settings: PlantingSettings | None = None
) -> PlantedSlice:
    """Plant one lesion into a slice as it is: not moved, not resampled, without further noise.

    Parameters
    ----------
    slice_hu : array_like, shape (rows, columns)
        In Hounsfield units.
    seed, index : int
        Which place, size and density.
    settings : PlantingSettings, optional
        How lesions look; its lengths in pixels are those of this slice.

    Returns
    -------
    PlantedSlice
        The slice with the lesion, and where it is.

    Raises
    ------
    DataError
        If the slice has no brain with room for one.
    """
    settings = settings or PlantingSettings()
    values = np.asarray(slice_hu, dtype=np.float32)
    room = _room(values, settings)
    if not room.any():
        raise DataError("planted lesion: the slice has no brain (0 to 80 HU) with room for one.")
    lesion = _lesion(room, chance=stream(seed, "plant one", index=index), settings=settings)
    return PlantedSlice((values + lesion.rise).astype(np.float32), lesion.mask)


class _Pair(NamedTuple):
    images: NDArray[np.float32]
    mask: NDArray[np.bool_]
    number: int


def _pair(
    small: dict[int, Floats],
    usable: list[int],
    *,
    chance: np.random.Generator,
    settings: PlantingSettings,
) -> _Pair:
    """Move a slice, plant a lesion into its brain, and show it without and with it."""
    number = usable[int(chance.integers(len(usable)))]
    head = _moved(small[number], chance=chance, settings=settings)
    room = _room(head, settings)
    if not room.any():  # the movement took the brain out of the image: leave the head where it was
        head = small[number]
        room = _room(head, settings)
    lesion = _lesion(room, chance=chance, settings=settings)
    noise = settings.noise_hu * chance.standard_normal((2, *head.shape))
    images = np.stack([head, head + lesion.rise]) + noise
    centre_hu, width_hu = settings.window_hu
    shown = np.clip((images - centre_hu) / width_hu + 0.5, 0, 1).astype(np.float32)
    return _Pair(shown, lesion.mask, number)


class _Lesion(NamedTuple):
    rise: Floats
    mask: NDArray[np.bool_]


def _lesion(
    room: NDArray[np.bool_], *, chance: np.random.Generator, settings: PlantingSettings
) -> _Lesion:
    """Draw place, size and density of a lesion whose centre lies in the room."""
    places = np.argwhere(room)
    centre = places[int(chance.integers(len(places)))] + chance.uniform(-0.5, 0.5, size=2)
    radius = chance.uniform(*settings.radius_px)
    rise = chance.uniform(*settings.lesion_hu)
    rows, columns = np.indices(room.shape)
    distance = np.hypot(rows - centre[0], columns - centre[1])
    softly = 1 + np.exp(np.clip((distance - radius) / settings.softness_px, -30, 30))
    return _Lesion(rise / softly, distance <= radius)


def head_box(stack: Floats) -> tuple[slice, slice]:
    """Return the square of rows and columns around everything that is head in some slice.

    Parameters
    ----------
    stack : numpy.ndarray, shape (n, rows, columns)
        Slices in Hounsfield units.

    Returns
    -------
    tuple of slice
        Rows and columns.

    Raises
    ------
    DataError
        If nothing in them is dense enough to be a head.
    """
    inside = ndimage.binary_opening((stack > AIR_HU).any(axis=0), iterations=2)
    labels, n_parts = ndimage.label(inside)
    if not n_parts:
        raise DataError(f"planted lesions: nothing is denser than {AIR_HU:g} HU; are these HU?")
    head = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    found = ndimage.find_objects(head.astype(int))[0]
    side = max(part.stop - part.start for part in found)
    box = []
    for part, length in zip(found, head.shape, strict=True):
        start = max(0, min((part.start + part.stop - side) // 2, length - side))
        box.append(slice(start, min(start + side, length)))
    return box[0], box[1]


def _resized(values: Floats, side: int) -> Floats:
    """Return a slice on a square of that side, each new pixel the mean of what it covers."""
    sigmas = [max(length / side / 2 - 0.25, 0) for length in values.shape]
    smooth = ndimage.gaussian_filter(values, sigmas, mode="nearest")
    at = [(np.arange(side) + 0.5) * length / side - 0.5 for length in values.shape]
    grid = np.meshgrid(*at, indexing="ij")
    return np.asarray(ndimage.map_coordinates(smooth, grid, order=1, mode="nearest"))


def _moved(values: Floats, *, chance: np.random.Generator, settings: PlantingSettings) -> Floats:
    """Return the head turned, shifted and perhaps mirrored; air comes in from outside."""
    angle = np.deg2rad(chance.uniform(-settings.turn_degrees, settings.turn_degrees))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (np.array(values.shape) - 1) / 2
    shift = chance.uniform(-settings.shift_px, settings.shift_px, size=2)
    offset = middle - turn @ (middle + shift)
    moved = ndimage.affine_transform(
        values, turn, offset=offset, order=1, mode="constant", cval=float(values.min())
    )
    return np.asarray(moved[:, ::-1] if chance.random() < 0.5 else moved)


def _room(values: Floats, settings: PlantingSettings) -> NDArray[np.bool_]:
    """Return where a lesion's centre may lie: inside of the brain by the largest radius."""
    low, high = TISSUE_HU
    smooth = ndimage.gaussian_filter(values, 1.0)
    tissue = ndimage.binary_opening((smooth > low) & (smooth < high), iterations=2)
    labels, n_parts = ndimage.label(tissue)
    if not n_parts:
        return np.zeros(values.shape, dtype=bool)
    brain = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    depth = ndimage.distance_transform_edt(ndimage.binary_fill_holes(brain))
    return np.asarray(depth > settings.radius_px[1] + 1)
