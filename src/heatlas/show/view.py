"""What is looked at: planes, positions in mm, side convention, size and theme of a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from heatlas.core.errors import DataError
from heatlas.core.validate import check_choice, set_field
from heatlas.core.value import Value, freeze

Axis = Literal["x", "y", "z"]
ViewKind = Literal["mosaic", "ortho", "stored"]
AXES: tuple[Axis, ...] = get_args(Axis)


@dataclass(frozen=True, kw_only=True, eq=False)
class Theme(Value):
    """Colours of everything that is no value: grey levels 0 to 255 and RGB triples.

    Parameters
    ----------
    page : int
        Grey level of the page and of everything outside the brain.
    dark, bright : int
        Grey levels of the darkest and the brightest tissue of the background.
    ink, faint : tuple of int
        RGB of words and outlines, and of words that stand back.
    """

    page: int
    dark: int
    bright: int
    ink: tuple[int, int, int]
    faint: tuple[int, int, int]

    @property
    def backdrop(self) -> int:
        """Grey level under the colour bar: the middle of the tissue."""
        return (self.dark + self.bright) // 2


THEMES: Mapping[str, Theme] = freeze({
    "light": Theme(page=255, dark=148, bright=240, ink=(24, 26, 30), faint=(98, 102, 110)),
    "dark": Theme(page=16, dark=26, bright=128, ink=(240, 241, 243), faint=(160, 164, 172)),
})


@dataclass(frozen=True, kw_only=True, eq=False)
class View(Value):
    """How heat maps are looked at.

    Parameters
    ----------
    kind : {"mosaic", "ortho", "stored"}
        Rows of parallel slices, three orthogonal planes through one position, or slices as the
        background (without one: the map) stores them, tilted as they are, voxel by pixel where
        there is room.
    axes : tuple of {"x", "y", "z"}
        Rows of a mosaic, from top to bottom: the axis that each cuts across.
    n_slices : int, optional
        Slices in a row; the default is 7 for one panel, fewer for several.
    cuts : mapping of axis to sequence of float
        Positions in mm of a mosaic's slices; axes that are not named are cut by default.
    position_mm : tuple of float, optional
        Where orthogonal planes cross; the default is the strongest peak.
    left_is_left : bool
        True draws the left of the body on the left (neurological convention), False on the
        right (radiological convention). L and R are drawn either way.
    width_px : int
        Width of the picture at ``scale`` 1.
    scale : float
        Pixels per unit of width: 2 for high-resolution screens and print.
    theme : {"light", "dark"}
        Colours of page and words.
    title : str
        Heading of the whole picture.
    slices : tuple of int
        Which stored slices, numbered from 1; by default up to 20 of them, spread, one through
        the peak.
    first_slice : int
        Number by which the first stored slice is called, where the slices are a part of a scan.
    scale_bar : bool
        Whether a bar of 10, 20, 50 or 100 mm lies on the first slice of each panel.
    captions : bool
        Whether the caption of each panel stands under it.
    note : str
        One more sentence at the foot, such as which anatomy lies beneath and why.
    """

    kind: ViewKind = "mosaic"
    axes: tuple[Axis, ...] = ("z", "y", "x")
    n_slices: int | None = None
    cuts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    position_mm: tuple[float, float, float] | None = None
    left_is_left: bool = True
    width_px: int = 1270
    scale: float = 1.0
    theme: Literal["light", "dark"] = "light"
    title: str = ""
    slices: tuple[int, ...] = ()
    first_slice: int = 1
    scale_bar: bool = False
    captions: bool = True
    note: str = ""

    def __post_init__(self) -> None:
        """Check choices, positions and sizes."""
        check_choice(self.kind, name="view", known=get_args(ViewKind))
        check_choice(self.theme, name="theme", known=tuple(THEMES))
        set_field(self, "axes", to=tuple(self.axes))
        for axis in (*self.axes, *self.cuts):
            check_choice(axis, name="axis of a view", known=AXES)
        if not self.axes or len(set(self.axes)) < len(self.axes):
            raise DataError("view: name at least one axis, and each once.")
        cuts = {axis: _finite(mm, f"cuts of {axis}") for axis, mm in self.cuts.items()}
        set_field(self, "cuts", to=freeze(cuts))
        if self.position_mm is not None:
            set_field(self, "position_mm", to=_finite(self.position_mm, "position", length=3))
        set_field(self, "slices", to=tuple(int(number) for number in self.slices))
        if self.slices and self.kind != "stored":
            raise DataError(
                f"view: slices {list(self.slices)} are numbers of stored slices, but the view is "
                f"'{self.kind}'; take kind 'stored', or cuts in mm."
            )
        self._check_sizes()

    @property
    def palette(self) -> Theme:
        """The theme's colours."""
        return THEMES[self.theme]

    def _check_sizes(self) -> None:
        if self.n_slices is not None and not 1 <= self.n_slices <= 40:
            raise DataError(f"view: {self.n_slices} slices in a row; 1 to 40 can be drawn.")
        if not 0.5 <= self.scale <= 8:
            raise DataError(f"view: scale {self.scale:g} is not between 0.5 and 8.")
        if not 200 <= self.width_px <= 8000:
            raise DataError(f"view: width {self.width_px} px is not between 200 and 8,000.")


def _finite(positions: object, name: str, *, length: int | None = None) -> tuple[float, ...]:
    array = np.atleast_1d(np.asarray(positions, dtype=np.float64))
    wrong = length is not None and array.size != length
    if array.ndim != 1 or not array.size or wrong or not np.isfinite(array).all():
        raise DataError(f"view: {name} must be {length or 'some'} finite positions in mm.")
    return tuple(array.tolist())
