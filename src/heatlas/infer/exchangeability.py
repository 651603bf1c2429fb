"""What the user states of the errors: which maps may trade places, which only change their sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.errors import DesignError
from heatlas.core.validate import check_choice, own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import count

Action = Literal["permutations", "sign-flips", "both"]
Shuffle = Literal["within", "whole", "both"]
Labels = NDArray[np.int64]

# Signs of the root and of the blocks: positive where what stands below may be exchanged.
SIGNS: dict[str, tuple[int, int]] = {"within": (-1, 1), "whole": (1, -1), "both": (1, 1)}


@dataclass(frozen=True, kw_only=True, eq=False)
class Exchangeability(Value):
    """Which rearrangements leave the distribution of the errors as it is.

    Parameters
    ----------
    blocks : array_like of int64, shape (n,) or (n, levels), optional
        One axis: the block of each map, any integers. Two axes: one column per level, the
        outermost first (see Notes). None: every map may take the place of every other.
    shuffle : {"within", "whole", "both"}
        For blocks of one axis. ``"within"``: maps trade places within their block. ``"whole"``:
        blocks trade places as wholes, the k-th map of one for the k-th of the other in the order
        of the rows; all must have the same size, unless their signs alone are flipped.
        ``"both"``: the two together.
    mode : {"permutations", "sign-flips", "both"}, optional
        None: sign-flips where the contrast involves the mean, permutations otherwise.
    names : tuple of str
        What the blocks are called, one name per column, such as ``("subject",)``; for words only.

    Notes
    -----
    Multi-level blocks follow the convention of PALM. Every column is a level, from the whole
    sample (one and the same label everywhere) inwards. The sign of a label says what happens to
    the sub-blocks that lie directly under this block, which the next column labels: positive,
    they may be exchanged with each other as wholes; negative, they stay in place, and their own
    labels decide what happens inside them. Where the labels of the last column are shared by
    several maps, its signs say the same of these maps. Labels either number the blocks of a level
    through or start anew in each block of the level above; blocks and maps trade places in the
    order of their labels. ``"within"``, ``"whole"`` and ``"both"`` are the columns (-1, +b),
    (+1, -b) and (+1, +b).

    Signs flip for each of the sub-blocks under the outermost positive label on the way inwards,
    all maps of such a sub-block together; where no label is positive, for each map. So
    ``"within"`` flips maps, ``"whole"`` and ``"both"`` flip blocks.

    References
    ----------
    Winkler et al. (2015), Multi-level block permutation. doi:10.1016/j.neuroimage.2015.05.092
    """

    blocks: Labels | None = None
    shuffle: Shuffle = "within"
    mode: Action | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Take ownership of the labels and check the choices."""
        check_choice(self.shuffle, name="shuffle", known=tuple(SIGNS))
        if self.mode is not None:
            check_choice(self.mode, name="mode", known=("permutations", "sign-flips", "both"))
        set_field(self, "names", to=tuple(map(str, self.names)))
        if self.blocks is not None:
            set_field(self, "blocks", to=own_labels(self.blocks, name="blocks"))
            self._check_levels()

    def _check_levels(self) -> None:
        """Raise unless multi-level labels have a root and signs."""
        blocks = self.blocks
        if blocks is None or blocks.ndim == 1:
            return
        if self.shuffle != "within":
            raise DesignError(
                f"shuffle: '{self.shuffle}' is for blocks of one column; with "
                f"{blocks.shape[1]} columns the signs of the labels say what is shuffled, so "
                "leave shuffle out."
            )
        if (blocks == 0).any():
            row, level = np.argwhere(blocks == 0)[0]
            raise DesignError(
                f"blocks: the label in row {row + 1} of {self.level_name(int(level))} is 0, which "
                "has no sign; number the blocks from 1 or -1 on."
            )
        if len(np.unique(blocks[:, 0])) > 1:
            raise DesignError(
                f"blocks: {self.level_name(0)} has {len(np.unique(blocks[:, 0]))} labels, but the "
                "first column of multi-level blocks stands for the whole sample; put a column of "
                "1 before it if these blocks may be exchanged as wholes, of -1 if they stay in "
                "place."
            )

    @property
    def kind(self) -> Literal["free", "within", "whole", "both", "multi-level"]:
        """What the blocks allow, in one word."""
        if self.blocks is None:
            return "free"
        return "multi-level" if self.blocks.ndim == 2 else self.shuffle

    def level_name(self, level: int) -> str:
        """Return what a level is called in messages."""
        if level < len(self.names):
            return f"level {level + 1} ('{self.names[level]}')"
        return f"level {level + 1}"

    def levels(self, n: int) -> Labels:
        """Return the labels of n maps as multi-level blocks, shape (n, levels).

        Parameters
        ----------
        n : int
            Number of maps.

        Returns
        -------
        numpy.ndarray of int64
            The first column is the root: +1 alone where there are no blocks.

        Raises
        ------
        DesignError
            If the number of labels is another.
        """
        if self.blocks is None:
            return np.ones((n, 1), np.int64)
        if len(self.blocks) != n:
            raise DesignError(
                f"blocks: {count(len(self.blocks), 'label')} given for {count(n, 'map')}; give "
                "one label per map, in the order of the maps."
            )
        if self.blocks.ndim == 2:
            return self.blocks
        root, sign = SIGNS[self.shuffle]
        numbers = np.unique(self.blocks, return_inverse=True)[1].ravel() + 1
        return np.column_stack([np.full(n, root), sign * numbers])


def assumption_words(exchangeability: Exchangeability, action: Action, *, what: str) -> str:
    """Say what is assumed of the errors and what is done to ``what``, such as "maps"."""
    exchangeable, permuted = _permutation_words(exchangeability, what=what)
    independent, flipped = _flip_words(exchangeability, what=what)
    if action == "permutations":
        return f"errors {exchangeable}: {permuted}"
    if action == "sign-flips":
        return f"errors {independent} and symmetric around zero: {flipped}"
    # The blocks are named once.
    independent = independent.replace(f" ({_counted(exchangeability)})", "")
    flipped = flipped if "blocks flipped" in flipped else "signs flipped"
    return (
        f"errors {exchangeable}, {independent} and symmetric around zero: {permuted}, and {flipped}"
    )


def _permutation_words(exchangeability: Exchangeability, *, what: str) -> tuple[str, str]:
    """Say what permutations assume and do."""
    each = f"each {exchangeability.names[0] if exchangeability.names else 'block'}"
    counted = _counted(exchangeability)
    words = {
        "free": ("across all maps", "freely, without blocks"),
        "within": (f"within {each} ({counted})", "within blocks"),
        "whole": (f"between whole blocks ({counted})", "in whole blocks"),
        "both": (
            f"within {each} and between whole blocks ({counted})",
            "within blocks and in whole blocks",
        ),
        "multi-level": (
            f"within and between blocks as the signs of their labels say ({counted})",
            "accordingly",
        ),
    }
    assumed, done = words[exchangeability.kind]
    return f"exchangeable {assumed}", f"{what} permuted {done}"


def _flip_words(exchangeability: Exchangeability, *, what: str) -> tuple[str, str]:
    """Say what sign-flips assume and do."""
    counted = _counted(exchangeability)
    whole = (f"independent between blocks ({counted})", "signs of whole blocks flipped")
    words = {
        "free": ("independent", f"signs of the {what} flipped freely, without blocks"),
        "within": ("independent", f"signs of single {what} flipped"),
        "whole": whole,
        "both": whole,
        "multi-level": (
            f"independent between the outermost exchangeable blocks ({counted})",
            "signs of such blocks flipped",
        ),
    }
    return words[exchangeability.kind]


def _counted(exchangeability: Exchangeability) -> str:
    """Return ``3 blocks``, ``12 blocks of subject`` or ``2 levels: all, site``."""
    blocks, names = exchangeability.blocks, exchangeability.names
    if blocks is None:
        return "no blocks"
    if blocks.ndim == 2:
        return count(blocks.shape[1], "level") + (f": {', '.join(names)}" if names else "")
    words = count(len(np.unique(blocks)), "block")
    return f"{words} of {names[0]}" if names and exchangeability.shuffle == "whole" else words


def own_labels(labels: ArrayLike, *, name: str) -> Labels:
    """Return whole numbers of one axis or of several columns.

    Parameters
    ----------
    labels : array_like
        What the caller gave.
    name : str
        What they label, for messages.

    Returns
    -------
    numpy.ndarray of int64
        Owned and read-only; a single column as one axis.

    Raises
    ------
    DesignError
        If a label is no whole number, or the shape fits no maps.
    """
    given = np.asarray(labels)
    is_float = given.dtype.kind == "f" and bool(np.isfinite(given).all())
    if given.dtype.kind not in "iub" and not (is_float and bool((given == np.round(given)).all())):
        raise DesignError(
            f"{name}: labels have to be whole numbers; number the {name}, for instance with "
            "numpy.unique(labels, return_inverse=True)[1]."
        )
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim not in (1, 2) or given.size == 0:
        raise DesignError(
            f"{name}: expected one label per map or one column per level, got shape {given.shape}."
        )
    return own_array(given.astype(np.int64), name=name, dtype=np.int64)
