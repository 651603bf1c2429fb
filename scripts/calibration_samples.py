"""Maps of pure noise and the designs that they are judged by, for the calibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.design import Contrast, Design
from heatlas.core.space import Grid, Mask

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Noise = Callable[[np.random.Generator, int], Floats]

SHAPE = (6, 6, 6)
MASK = Mask(space=Grid(shape=SHAPE, affine=np.eye(4)), inside=np.ones(np.prod(SHAPE), dtype=bool))
SPECTRUM = 1.5  # amplitude falls with the wave number to this power: no scale of its own
TAIL = 3.0  # degrees of freedom of what is heavy-tailed: the fourth moment is infinite
SHARED = 1.5  # standard deviation of what the maps of one unit share


def _gaussian(rng: np.random.Generator, n: int) -> Floats:
    return rng.standard_normal((n, MASK.size))


def _heavy(rng: np.random.Generator, n: int) -> Floats:
    return rng.standard_t(TAIL, (n, MASK.size))


def _skewed(rng: np.random.Generator, n: int) -> Floats:
    return rng.exponential(1.0, (n, MASK.size)) - 1


def _long_range(rng: np.random.Generator, n: int) -> Floats:
    """Return Gaussian fields whose correlation reaches over the whole grid, of variance 1."""
    wide = [2 * side for side in SHAPE]  # only a part is kept: opposite edges do not meet
    x, y = (np.fft.fftfreq(side) * side for side in wide[:2])
    z = np.fft.rfftfreq(wide[2]) * wide[2]
    number = np.sqrt(x[:, None, None] ** 2 + y[:, None] ** 2 + z**2)
    gain = np.maximum(number, 1.0) ** -SPECTRUM
    twice = np.where((z == 0) | (z == wide[2] // 2), 1, 2)  # waves that stand for two
    gain /= np.sqrt((np.square(gain) * twice).sum() / np.prod(wide))
    axes = (1, 2, 3)
    white = np.fft.rfftn(rng.standard_normal((n, *wide)), axes=axes)
    field = np.fft.irfftn(white * gain, s=wide, axes=axes)
    kept = tuple(slice(side) for side in SHAPE)
    return np.asarray(field[:, *kept].reshape(n, -1))


def _outlying(rng: np.random.Generator, n: int) -> Floats:
    """Return long-range fields, whole maps of which lie far out: multivariate t of 3 dof."""
    scale = np.sqrt(TAIL / rng.chisquare(TAIL, (n, 1)))
    return _long_range(rng, n) * scale


NOISES: dict[str, Noise] = {
    "Gaussian": _gaussian,
    "heavy-tailed": _heavy,
    "skewed": _skewed,
    "long-range": _long_range,
    "outlying maps": _outlying,
}
NOISE_WORDS = {
    "Gaussian": "independent normal values",
    "heavy-tailed": "independent values of Student's t with 3 degrees of freedom",
    "skewed": "independent exponential values, their mean taken out",
    "long-range": "Gaussian fields whose amplitude falls with the wave number to the power of "
    "1.5, so that their correlation reaches over the whole grid",
    "outlying maps": "the same fields, each map scaled on its own so that single maps lie far "
    "out (multivariate t with 3 degrees of freedom)",
}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A design and what its maps are made of beside the noise."""

    words: str
    design: Design
    contrasts: tuple[Contrast, ...]
    sd: Floats
    """standard deviation of each map, shape (n,)"""
    offset: Floats
    """what the nuisance adds to each map, shape (n,)"""
    shared: Labels | None = None
    """maps with equal labels share one more field of noise"""
    blocks: Labels | None = None
    groups: Labels | None = None
    mirrored: bool = False
    """whether each arrangement has another one with every t reversed"""

    def maps(self, rng: np.random.Generator, *, noise: str) -> NDArray[np.float32]:
        """Return one set of maps in which nothing is to be found, shape (n, elements)."""
        make = NOISES[noise]
        values = make(rng, self.design.n) * self.sd[:, None] + self.offset[:, None]
        if self.shared is not None:
            values += SHARED * make(rng, int(self.shared.max()) + 1)[self.shared]
        return values.astype(np.float32)


def _layout(
    words: str,
    columns: ArrayLike,
    *,
    weights: ArrayLike,
    kind: str = "t",
    sd: ArrayLike = 1.0,
    offset: ArrayLike = 0.0,
    **more: Labels | bool | None,
) -> Layout:
    """Build a layout; ``weights`` of a t has one row for each contrast."""
    matrix = np.asarray(columns, dtype=np.float64).T
    n, p = matrix.shape
    rows = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    tested = [rows] if kind == "F" else [row[None] for row in rows]
    return Layout(
        words=words,
        design=Design(
            matrix=matrix,
            names=tuple(f"x{column + 1}" for column in range(p)),
            ids=tuple(f"map-{row + 1}" for row in range(n)),
        ),
        contrasts=tuple(
            Contrast(name=f"c{number + 1}", weights=one, kind="F" if kind == "F" else "t")
            for number, one in enumerate(tested)
        ),
        sd=np.broadcast_to(np.asarray(sd, dtype=np.float64), n).copy(),
        offset=np.broadcast_to(np.asarray(offset, dtype=np.float64), n).copy(),
        **more,  # type: ignore[arg-type]
    )


def _sized(*sizes: int) -> Labels:
    """Return the group of each map, from 0 on."""
    return np.repeat(np.arange(len(sizes)), sizes)


def _columns_of(groups: Labels) -> list[Floats]:
    """Return the constant and one column for each group but the last."""
    return [np.ones(len(groups)), *(1.0 * (groups == k) for k in range(groups.max()))]


def _two(words: str, *sizes: int, sds: tuple[float, float] = (1, 1)) -> Layout:
    """Return two groups, the mean their nuisance."""
    groups = _sized(*sizes)
    return _layout(
        words,
        _columns_of(groups),
        weights=[0, 1],
        sd=np.array(sds)[groups],
        groups=groups,
        mirrored=sizes[0] == sizes[1],
    )


def _three(words: str, *sizes: int, first_sd: float = 1) -> Layout:
    """Return three groups, judged by an F."""
    groups = _sized(*sizes)
    return _layout(
        words,
        _columns_of(groups),
        weights=[[0, 1, 0], [0, 0, 1]],
        kind="F",
        sd=np.where(groups == 0, first_sd, 1),
        groups=groups,
    )


def _ramp(n: int) -> Floats:
    """Return n values of a skewed predictor: quantiles of the exponential distribution."""
    return -np.log1p(-(np.arange(n) + 0.5) / n)


def _covariate() -> Layout:
    """Return two groups of different age, where age matters."""
    groups = _sized(12, 20)
    wave = np.sin(np.arange(32) * 2.4)  # neither random nor related to the group
    age = 1.4 * (groups == 0) + wave
    return _layout(
        "12 and 20 maps of different age (r = .72), age a covariate",
        [*_columns_of(groups), age],
        weights=[0, 1, 0],
        offset=3 * age,
    )


def _mean_with_age() -> Layout:
    age = _ramp(20) - _ramp(20).mean()
    return _layout(
        "20 maps, age a covariate",
        [np.ones(20), age],
        weights=[1, 0],
        offset=3 * age,
        mirrored=True,
    )


def _pairs() -> Layout:
    """Return 12 pairs, one map of each under either condition."""
    subjects = np.repeat(np.arange(12), 2)
    condition = np.tile([1.0, -1.0], 12)
    return _layout(
        "12 pairs, exchanged within",
        [condition, *np.eye(12)[:, subjects]],
        weights=[1, *[0] * 12],
        shared=subjects,
        blocks=subjects + 1,
        mirrored=True,
    )


def _sites() -> Layout:
    """Return two groups at three sites, each site with a mean and a variance of its own."""
    sites = _sized(8, 10, 12)
    group = np.tile([1.0, -1.0], 15)
    return _layout(
        "15 and 15 maps at 3 sites of sd 1, 2 and 3, exchanged within sites",
        [group, *(1.0 * (sites == k) for k in range(3))],
        weights=[1, 0, 0, 0],
        sd=np.array([1, 2, 3])[sites],
        offset=np.array([0, 5, -5])[sites],
        blocks=sites + 1,
        mirrored=True,
    )


def _repeats(words: str, n_subjects: int, *, compared: bool) -> Layout:
    """Return two maps of each subject: two groups of subjects, or one mean."""
    subjects = np.repeat(np.arange(n_subjects), 2)
    halves = 1 * (subjects >= n_subjects // 2)
    return _layout(
        words,
        _columns_of(halves) if compared else [np.ones(2 * n_subjects)],
        weights=[0, 1] if compared else [1],
        shared=subjects,
        blocks=subjects + 1,
        mirrored=True,
    )


LAYOUTS: dict[str, Layout] = {
    "two": _two("10 and 10 maps", 10, 10),
    "two few": _two("5 and 5 maps, all arrangements", 5, 5),
    "unequal": _two("8 and 24 maps", 8, 24),
    "both ways": _layout(
        "10 and 10 maps, each direction a contrast",
        _columns_of(_sized(10, 10)),
        weights=[[0, 1], [0, -1]],
    ),
    "slope": _layout("20 maps, a skewed predictor", [np.ones(20), _ramp(20)], weights=[0, 1]),
    "origin": _layout(
        "16 maps, a slope through the origin", [_ramp(16)], weights=[1], mirrored=True
    ),
    "covariate": _covariate(),
    "one": _layout("20 maps", [np.ones(20)], weights=[1], mirrored=True),
    "one few": _layout("8 maps, all arrangements", [np.ones(8)], weights=[1], mirrored=True),
    "one uneven": _layout(
        "20 maps of sd .5 to 3",
        [np.ones(20)],
        weights=[1],
        sd=np.linspace(0.5, 3, 20),
        mirrored=True,
    ),
    "one with age": _mean_with_age(),
    "pairs": _pairs(),
    "sites": _sites(),
    "repeats": _repeats("8 and 8 subjects of 2 maps, exchanged whole", 16, compared=True),
    "repeated mean": _repeats("12 subjects of 2 maps, flipped whole", 12, compared=False),
    "three": _three("8, 8 and 8 maps", 8, 8, 8),
    "pairwise": _layout(
        "10, 10 and 10 maps, each pair a contrast",
        _columns_of(_sized(10, 10, 10)),
        weights=[[0, 1, -1], [0, 1, 0], [0, 0, 1]],
    ),
    "wide few": _two("10 maps of sd 2, 30 of sd 1", 10, 30, sds=(2, 1)),
    "narrow few": _two("10 maps of sd 1, 30 of sd 2", 10, 30, sds=(1, 2)),
    "wide half": _two("20 maps of sd 2, 20 of sd 1", 20, 20, sds=(2, 1)),
    "same spread": _two("10 and 30 maps", 10, 30),
    "three wide few": _three("8 maps of sd 2, 16 and 24 of sd 1", 8, 16, 24, first_sd=2),
    "three wide": _three("24 maps of sd 2, 24 and 24 of sd 1", 24, 24, 24, first_sd=2),
}
