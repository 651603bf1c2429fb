"""The cells of the calibration: method, noise and maps, and what theory expects of each."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from heatlas.infer.exchangeability import Action, Exchangeability, Shuffle
from heatlas.infer.request import (
    ClusterForming,
    PermutationMethod,
    PermutationSettings,
    TfceSettings,
)
from scripts.calibration_cell import ALPHA, Cell, Verdict
from scripts.calibration_samples import LAYOUTS, MASK

N = 200  # arrangements: alpha * N is whole
ENOUGH = 400  # for all arrangements of a few maps
STOPPED = 2000  # arrangements that an adaptive test may make
STOPPING_ERROR = 0.001  # chance that a stopped test is on the wrong side (infer/sequential)
PARAMETRIC = ("bonferroni", "fdr-bh", "fdr-by")


def _settings(
    layout: str,
    *,
    by: PermutationMethod = "max-t",
    mode: Action | None = None,
    blocks: Shuffle | None = None,
    groups: bool = False,
    **more: Any,
) -> PermutationSettings:
    """Return the settings of a cell; labels come from its layout."""
    maps = LAYOUTS[layout]
    return PermutationSettings(
        method=by,
        exchangeability=Exchangeability(
            blocks=maps.blocks if blocks else None, shuffle=blocks or "within", mode=mode
        ),
        variance_groups=maps.groups if groups else None,
        **{"n_permutations": N, **more},
    )


def _cell(method: str, noise: str, *, on: str, expected: Verdict, why: str, **more: Any) -> Cell:
    """Return a cell; what is no field of it goes to the settings."""
    own = {name: more.pop(name) for name in tuple(more) if name in Cell.__dataclass_fields__}
    settings = None if "threshold" in own else _settings(on, **more)
    return Cell(
        method=method,
        noise=noise,
        layout=on,
        expected=expected,
        why=why,
        settings=settings,
        **own,
    )


_exact = partial(_cell, expected="exact")
_conservative = partial(_cell, expected="conservative")
_approximate = partial(_cell, expected="approximate")


def _invalid(method: str, noise: str, *, on: str, why: str, **more: Any) -> Cell:
    """Return a negative control; tests that look at residuals must have warned."""
    warns = "threshold" not in more
    return _cell(method, noise, on=on, expected="invalid", why=why, warns=warns, **more)


FREE = "maps trade places freely"
SYMMETRIC = "errors are symmetric around zero"
CONTROL_SKEW = "negative control: signs of skewed errors are flipped"
CONTROL_SPREAD = "negative control: the smaller group varies more than the pooled variance says"
REVERSE = "the smaller group varies less than the pooled variance says"
REFITTED = "residuals of covariates are exchangeable only in the long run"
PROJECTED = "projected normal errors stay independent, with one variance"
NOT_NORMAL = "projected errors stay independent only if they are normal"
FLIPPED_RESIDUALS = "signs of residuals: exact only in the long run, whatever the variances"


def _parametric() -> list[Cell]:
    m = MASK.size
    harmonic = float((1 / np.arange(1, m + 1)).sum())
    names = {
        "bonferroni": "Bonferroni",
        "fdr-bh": "Benjamini-Hochberg",
        "fdr-by": "Benjamini-Yekutieli",
    }
    levels = {"bonferroni": 1 - (1 - ALPHA / m) ** m, "fdr-bh": ALPHA, "fdr-by": ALPHA / harmonic}
    known = [
        _exact(
            names[name],
            "Gaussian",
            on="two",
            threshold=name,
            known=level,
            why=f"t is exact, elements are independent: {level:.4f} is known",
        )
        for name, level in levels.items()
    ]
    bounded = [
        _conservative(names[name], noise, on="two", threshold=name, why=why)
        for noise, why in {
            "long-range": "correlated elements repeat each other",
            "heavy-tailed": "outliers widen the standard error more than the difference",
            "skewed": "equal groups: skewness cancels in the difference",
        }.items()
        for name in (PARAMETRIC if noise == "long-range" else PARAMETRIC[:2])
    ]
    wrong = [
        _invalid(
            "Bonferroni",
            "skewed",
            on="one",
            threshold="bonferroni",
            why="negative control: t of one skewed sample",
        ),
        _invalid(
            "Bonferroni",
            "Gaussian",
            on="wide few",
            threshold="bonferroni",
            why=CONTROL_SPREAD,
        ),
    ]
    return [*known, *bounded, *wrong]


def _max_t() -> list[Cell]:
    name = "max-t"
    free = [
        *[("two", noise) for noise in ("Gaussian", "heavy-tailed", "skewed", "long-range")],
        *[("unequal", noise) for noise in ("Gaussian", "skewed", "outlying maps")],
        ("slope", "heavy-tailed"),
    ]
    return [
        *[_exact(name, noise, on=on, why=FREE) for on, noise in free],
        _exact(name, "Gaussian", on="two few", why=FREE, n_permutations=ENOUGH),
        _exact(
            "max-t, one-sided",
            "long-range",
            on="two",
            why=FREE,
            two_sided=False,
        ),
        *[
            _approximate("max-t, Freedman-Lane", noise, on="covariate", why=REFITTED)
            for noise in ("Gaussian", "heavy-tailed", "skewed", "long-range")
        ],
        _conservative(
            "max-t beside a signal",
            "Gaussian",
            on="two",
            beside=True,
            why="the maximum is taken over the signal as well",
        ),
        _approximate(
            name,
            "Gaussian",
            on="wide half",
            why="groups of equal size: the pooled variance is right, the exchange is not",
        ),
        _invalid(name, "Gaussian", on="wide few", why=CONTROL_SPREAD),
        _invalid(name, "long-range", on="wide few", why=CONTROL_SPREAD),
        _conservative(name, "Gaussian", on="narrow few", why=REVERSE, warns=True),
    ]


def _huh_jhun() -> list[Cell]:
    name = "max-t, Huh-Jhun"
    projected: dict[str, Any] = {"residuals": "huh-jhun"}
    return [
        _exact(name, "Gaussian", on="two", why=PROJECTED, **projected),
        *[
            _exact(name, noise, on="covariate", why=PROJECTED, **projected)
            for noise in ("Gaussian", "long-range")
        ],
        _exact(name, "Gaussian", on="one with age", why=PROJECTED, **projected),
        *[
            _approximate(name, noise, on="covariate", why=NOT_NORMAL, **projected)
            for noise in ("heavy-tailed", "skewed")
        ],
    ]


def _sign_flips() -> list[Cell]:
    name = "max-t, sign-flips"
    exact = [
        *[("one", noise) for noise in ("Gaussian", "heavy-tailed", "long-range")],
        ("one uneven", "heavy-tailed"),
    ]
    return [
        *[_exact(name, noise, on=on, why=SYMMETRIC) for on, noise in exact],
        _exact(
            name,
            "Gaussian",
            on="one few",
            why=SYMMETRIC,
            n_permutations=ENOUGH,
        ),
        _approximate(name, "Gaussian", on="one with age", why=REFITTED),
        _invalid(name, "skewed", on="one", why=CONTROL_SKEW),
    ]


def _both() -> list[Cell]:
    name = "max-t, permutations and sign-flips"
    both: dict[str, Any] = {"mode": "both"}
    why = "errors are alike and symmetric around zero"
    return [
        _exact(name, "Gaussian", on="one", why=why, **both),
        _exact(name, "heavy-tailed", on="origin", why=why, **both),
        _invalid(name, "skewed", on="one", why=CONTROL_SKEW, **both),
    ]


def _step_down() -> list[Cell]:
    name = "step-down"
    down: dict[str, Any] = {"by": "step-down"}
    first = "where nothing is there, the first step is max-t"
    return [
        *[_exact(name, noise, on="two", why=first, **down) for noise in ("Gaussian", "long-range")],
        _conservative(
            "step-down beside a signal",
            "Gaussian",
            on="two",
            beside=True,
            why="what was rejected leaves the maximum only step by step",
            **down,
        ),
        _invalid(
            name,
            "Gaussian",
            on="wide few",
            why=CONTROL_SPREAD,
            **down,
        ),
    ]


def _tfce() -> list[Cell]:
    by: dict[str, Any] = {"by": "tfce"}
    name = "TFCE"
    free = [
        *[("two", noise) for noise in ("Gaussian", "long-range", "heavy-tailed")],
        ("unequal", "skewed"),
    ]
    return [
        *[_exact(name, noise, on=on, why=FREE, **by) for on, noise in free],
        _exact(
            "TFCE of z, 18 neighbours",
            "long-range",
            on="two",
            why=FREE,
            tfce=TfceSettings(statistic="z"),
            neighbourhood="edges",
            **by,
        ),
        _exact(
            "TFCE in a small volume",
            "long-range",
            on="unequal",
            why=FREE,
            small=True,
            **by,
        ),
        _exact("TFCE", "outlying maps", on="one", why=SYMMETRIC, **by),
        _exact(
            "TFCE, Huh-Jhun",
            "long-range",
            on="covariate",
            why=PROJECTED,
            residuals="huh-jhun",
            **by,
        ),
        _approximate(
            "TFCE, Freedman-Lane",
            "skewed",
            on="covariate",
            why=REFITTED,
            **by,
        ),
        _invalid(name, "skewed", on="one", why=CONTROL_SKEW, **by),
        _invalid(
            name,
            "Gaussian",
            on="wide few",
            why=CONTROL_SPREAD,
            **by,
        ),
        _conservative(
            name,
            "Gaussian",
            on="narrow few",
            why=REVERSE,
            warns=True,
            **by,
        ),
    ]


def _clusters() -> list[Cell]:
    wide: dict[str, Any] = {"cluster_forming": ClusterForming(p=0.05)}
    high: dict[str, Any] = {"cluster_forming": ClusterForming(p=0.01)}
    ties = "numbers of elements tie"
    extent: dict[str, Any] = {"by": "cluster-extent"}
    mass: dict[str, Any] = {"by": "cluster-mass"}
    above: dict[str, Any] = {"by": "cluster-mass-above"}
    return [
        *[
            _conservative("cluster extent", noise, on=on, why=ties, **extent, **wide)
            for on, noise in [
                ("two", "Gaussian"),
                ("two", "long-range"),
                ("unequal", "skewed"),
                ("one", "outlying maps"),
            ]
        ],
        *[
            _exact("cluster mass", noise, on=on, why=FREE, **mass, **wide)
            for on, noise in [("two", "Gaussian"), ("unequal", "skewed"), ("two", "heavy-tailed")]
        ],
        _exact("cluster mass", "long-range", on="two", why=FREE, **mass, **high),
        _exact("cluster mass", "outlying maps", on="one", why=SYMMETRIC, **mass, **high),
        _invalid(
            "cluster mass",
            "skewed",
            on="one",
            why=CONTROL_SKEW,
            **mass,
            **high,
        ),
        _invalid(
            "cluster mass",
            "Gaussian",
            on="wide few",
            why=CONTROL_SPREAD,
            **mass,
            **high,
        ),
        *[
            _exact("cluster mass above", noise, on=on, why=FREE, **above, **wide)
            for on, noise in [("two", "Gaussian"), ("unequal", "long-range")]
        ],
    ]


def _variance_groups() -> list[Cell]:
    flips: dict[str, Any] = {"mode": "sign-flips"}
    own: dict[str, Any] = {"groups": True}
    few = "rearranged, v has more degrees of freedom than the few maps that vary most give it"
    many = "rearranged, v has fewer degrees of freedom than the many maps that vary most give it"
    long_run = "v and G are exact in the long run, whatever the variances"
    return [
        _exact("max-v", "Gaussian", on="same spread", why=FREE, **own),
        _invalid(
            "max-v",
            "Gaussian",
            on="wide few",
            why=f"negative control: {few}",
            **own,
        ),
        _conservative("max-v", "Gaussian", on="narrow few", why=many, **own),
        _approximate("max-v", "Gaussian", on="wide half", why=long_run, **own),
        _approximate("max-G", "Gaussian", on="three wide", why=long_run, **own),
        *[
            _approximate(
                "max-v, sign-flips",
                noise,
                on=on,
                why=FLIPPED_RESIDUALS,
                **own,
                **flips,
            )
            for on, noise in [
                ("wide few", "Gaussian"),
                ("wide few", "heavy-tailed"),
                ("narrow few", "Gaussian"),
            ]
        ],
        _approximate(
            "max-t, sign-flips",
            "Gaussian",
            on="wide few",
            why=FLIPPED_RESIDUALS,
            **flips,
        ),
        _approximate(
            "TFCE of v, sign-flips",
            "long-range",
            on="wide few",
            why=FLIPPED_RESIDUALS,
            by="tfce",
            **own,
            **flips,
        ),
        _approximate(
            "max-G, sign-flips",
            "Gaussian",
            on="three wide few",
            why=FLIPPED_RESIDUALS,
            **own,
            **flips,
        ),
    ]


def _blocks() -> list[Cell]:
    within, whole = "maps trade places within blocks", "blocks trade places as wholes"
    return [
        *[
            _exact(
                "max-t, within blocks",
                noise,
                on=on,
                why=within,
                blocks="within",
            )
            for on, noise in [("pairs", "Gaussian"), ("pairs", "skewed"), ("sites", "heavy-tailed")]
        ],
        _exact(
            "TFCE, within blocks",
            "long-range",
            on="sites",
            why=within,
            blocks="within",
            by="tfce",
        ),
        _exact(
            "max-t, whole blocks",
            "Gaussian",
            on="repeats",
            why=whole,
            blocks="whole",
        ),
        _exact(
            "TFCE, whole blocks",
            "outlying maps",
            on="repeats",
            why=whole,
            blocks="whole",
            by="tfce",
        ),
        _exact(
            "max-t, whole blocks flipped",
            "heavy-tailed",
            on="repeated mean",
            why=SYMMETRIC,
            blocks="whole",
        ),
    ]


def _adaptive() -> list[Cell]:
    stopped: dict[str, Any] = {"n_permutations": STOPPED, "adaptive": ALPHA}
    why = f"a stopped test errs with a chance of {STOPPING_ERROR:g}"
    return [
        _exact(
            "max-t, adaptive",
            "Gaussian",
            on="two",
            why=why,
            slack=STOPPING_ERROR,
            **stopped,
        ),
        _exact(
            "max-t, sign-flips, adaptive",
            "heavy-tailed",
            on="one",
            why=why,
            slack=STOPPING_ERROR,
            **stopped,
        ),
        _exact(
            "cluster mass, adaptive",
            "long-range",
            on="unequal",
            why=why,
            slack=STOPPING_ERROR,
            by="cluster-mass",
            cluster_forming=ClusterForming(p=0.05),
            **stopped,
        ),
    ]


def _families() -> list[Cell]:
    return [
        _exact(
            "max-t across contrasts",
            "skewed",
            on="both ways",
            why=FREE,
            across=True,
            two_sided=False,
        ),
        *[
            _approximate(
                "max-t across contrasts",
                noise,
                on="pairwise",
                why=REFITTED,
                across=True,
            )
            for noise in ("Gaussian", "heavy-tailed")
        ],
        *[_exact("max-F", noise, on="three", why=FREE) for noise in ("Gaussian", "skewed")],
        _exact(
            "cluster mass of F",
            "long-range",
            on="three",
            why=FREE,
            by="cluster-mass",
            cluster_forming=ClusterForming(p=0.05),
        ),
        _invalid(
            "max-F",
            "Gaussian",
            on="three wide few",
            why=CONTROL_SPREAD,
        ),
    ]


SECTIONS: dict[str, list[Cell]] = {
    "Without permutations": _parametric(),
    "Largest t": _max_t(),
    "Largest t, Huh-Jhun": _huh_jhun(),
    "Sign-flips": _sign_flips(),
    "Permutations and sign-flips": _both(),
    "Step-down": _step_down(),
    "Threshold-free cluster enhancement": _tfce(),
    "Clusters": _clusters(),
    "Variance groups": _variance_groups(),
    "Exchangeability blocks": _blocks(),
    "Stopped early": _adaptive(),
    "Several contrasts and F": _families(),
}
CELLS: dict[str, Cell] = {cell.key: cell for cells in SECTIONS.values() for cell in cells}
