"""From the options of ``heatlas test`` to a request: what contradicts itself is refused here."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from heatlas.core.errors import DataError, DesignError

if TYPE_CHECKING:
    from heatlas.cli.test import JudgeOptions
    from heatlas.infer.request import ClusterForming, PermutationSettings, TfceSettings
    from heatlas.stats.glm import ContrastRequest
    from heatlas.study.askedmodel import FslModel, TableModel
    from heatlas.study.permute_files import PermutationRequest
    from heatlas.study.spec import VolumeFile, VolumeSphere

NEIGHBOURHOODS = {"6": "faces", "18": "edges", "26": "corners"}
LARGEST_P = 0.5  # more would put most voxels of pure noise into clusters
SMALLEST_STATISTIC = 0.5
LARGEST_RADIUS_MM = 200.0
LARGEST_SEED = 2**63  # as in a study file
LONGEST_NAME = 60
NAMED = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9-]*)\s*=(.*)", re.DOTALL)
SIGNS = {"+": "plus", "-": "minus", "*": "times", "/": "over"}
SPELT = {"tests": "test", "f_tests": "f-test", "id_column": "id"}


def request_of(options: JudgeOptions) -> PermutationRequest:
    """Return what is asked.

    Parameters
    ----------
    options : JudgeOptions
        As they were given.

    Returns
    -------
    PermutationRequest
        Maps, model and settings; no file has been read.

    Raises
    ------
    DataError
        If settings contradict each other or cannot be meant.
    DesignError
        If no model is named, or two.
    """
    from heatlas.study.permute_files import PermutationRequest

    return PermutationRequest(
        maps=tuple(options.maps),
        model=_model(options),
        settings=_settings(options),
        alpha=options.alpha,
        across_contrasts=options.across_contrasts,
        mask=options.mask,
        volume=_volume(options),
        template=options.template,
    )


# -------------------------------------------------------------------------------- model


def _model(options: JudgeOptions) -> TableModel | FslModel:
    """Return the model by table or by FSL's files, or refuse what mixes them."""

    of_table = _given(options, "table", "model", "tests", "f_tests", "id_column", "where", "blocks")
    of_fsl = _given(options, "design_mat", "con", "fts", "grp")
    if of_table and of_fsl:
        raise DesignError(
            f"{of_table[0]} and {of_fsl[0]} name two models; give --table with --model and --test, "
            "or --design-mat with --con."
        )
    if of_fsl:
        return _fsl_model(options)
    if options.model is None:
        raise DesignError(
            "No model is named; give --table with --model and --test, or FSL's --design-mat with "
            "--con. For the mean of all maps: --model 1."
        )
    return _table_model(options, model=options.model)


def _given(options: JudgeOptions, *fields: str) -> list[str]:
    """Return the options among these that were given, as they are spelt."""
    return [
        "--" + SPELT.get(name, name.replace("_", "-"))
        for name in fields
        if getattr(options, name) not in (None, [])
    ]


def _fsl_model(options: JudgeOptions) -> FslModel:
    from heatlas.study.askedmodel import FslModel

    if options.design_mat is None or options.con is None:
        lacking = "--design-mat" if options.design_mat is None else "--con"
        raise DesignError(f"{lacking} is missing; a design of FSL is --design-mat with --con.")
    groups = options.variance_groups
    return FslModel(
        design_mat=options.design_mat,
        con=options.con,
        fts=options.fts,
        grp=options.grp,
        variance_groups=None if groups is None else Path(groups),
    )


def _table_model(options: JudgeOptions, *, model: str) -> TableModel:
    from heatlas.study.askedmodel import TableModel

    tests = [_asked(words, kind="t") for words in options.tests or ()]
    tests += [_asked(words, kind="F") for words in options.f_tests or ()]
    if not tests and model.strip() == "1":
        tests = [_asked("mean = intercept", kind="t")]
    if not tests:
        raise DesignError("Nothing is tested; give --test, such as --test 'group[a] - group[b]'.")
    return TableModel(
        model=model,
        tests=tuple(tests),
        table=options.table,
        id_column=options.id_column,
        where=options.where,
        missing=options.missing,
        blocks=tuple(options.blocks or ()),
        variance_groups=options.variance_groups,
    )


def _asked(words: str, *, kind: Literal["t", "F"]) -> ContrastRequest:
    """Return a contrast with its name: that before ``=``, else one made of the test itself."""
    from heatlas.stats.glm import ContrastRequest

    named = NAMED.fullmatch(words)
    if named:
        return ContrastRequest(name=named[1], test=named[2].strip(), kind=kind)
    if "=" in words:
        raise DesignError(
            f"'{words.partition('=')[0].strip()}' is no name of a contrast: letters, digits and "
            "hyphens are allowed, as in 'older = age'."
        )
    spoken = re.sub(r"\s([-+*/])\s", lambda sign: f" {SIGNS[sign[1]]} ", words)
    name = "-".join(re.findall(r"[A-Za-z0-9]+", spoken))[:LONGEST_NAME].strip("-")
    if not name:
        raise DesignError(f"--test '{words}' has no name in it; write 'NAME = {words}'.")
    return ContrastRequest(name=name, test=words.strip(), kind=kind)


# -------------------------------------------------------------------------------- settings


def _settings(options: JudgeOptions) -> PermutationSettings:
    from heatlas.infer.exchangeability import Exchangeability
    from heatlas.infer.request import PermutationSettings, TfceSettings

    if not 0 <= options.seed < LARGEST_SEED:
        raise DataError(f"--seed {options.seed} given, expected a whole number from 0 to 2^63 - 1.")
    tfce = _tfce(options)
    return PermutationSettings(
        n_permutations=options.permutations,
        two_sided=not options.one_sided,
        seed=options.seed,
        method=options.method,
        residuals=options.residuals,
        exchangeability=Exchangeability(shuffle=options.shuffle, mode=options.mode),
        cluster_forming=_cluster_forming(options),
        tfce=tfce or TfceSettings(),
        neighbourhood=_neighbourhood(options),
        adaptive=options.alpha if options.adaptive else None,
    )


def _neighbourhood(options: JudgeOptions) -> str:
    words = options.neighbours or ("faces" if options.method == "tfce" else "edges")
    return NEIGHBOURHOODS.get(words, words)


def _cluster_forming(options: JudgeOptions) -> ClusterForming | None:
    """Return the threshold that forms clusters, None for methods that form none."""
    from heatlas.infer.request import ClusterForming

    given = _given(options, "cluster_p", "cluster_statistic")
    if len(given) > 1:
        raise DataError(f"{given[0]} and {given[1]} name two thresholds; give one of them.")
    forms = options.method.startswith("cluster-")
    if forms and not given:
        raise DataError(
            f"--method {options.method} forms clusters at a threshold of yours; give --cluster-p, "
            "such as 0.001, or --cluster-statistic, such as 3.1."
        )
    if given and not forms:
        raise DataError(
            f"--method {options.method} forms no clusters; leave {given[0]} out, or choose "
            "cluster-extent, cluster-mass or cluster-mass-above."
        )
    _check_not_mistaken(options.cluster_p, statistic=options.cluster_statistic)
    if not given:
        return None
    return ClusterForming(p=options.cluster_p, statistic=options.cluster_statistic)


def _check_not_mistaken(p: float | None, *, statistic: float | None) -> None:
    """Refuse a p that must be a statistic, and a statistic that must be a p."""
    if p is not None and not 0 < p <= LARGEST_P:
        raise DataError(
            f"--cluster-p {p:g} forms no clusters: a p between 0 and {LARGEST_P} does, such as "
            "0.001; a value of the statistic is given as --cluster-statistic."
        )
    if statistic is not None and not SMALLEST_STATISTIC <= statistic < math.inf:
        raise DataError(
            f"--cluster-statistic {statistic:g} forms no clusters: a value of the statistic from "
            f"{SMALLEST_STATISTIC} on does, such as 3.1; a p is given as --cluster-p."
        )


def _tfce(options: JudgeOptions) -> TfceSettings | None:
    from heatlas.infer.request import TfceSettings

    given = _given(options, "tfce_statistic", "height", "extent")
    if not given:
        return None
    if options.method != "tfce":
        raise DataError(f"{given[0]} goes with --method tfce only, not with {options.method}.")
    return TfceSettings(
        statistic=options.tfce_statistic or "t",
        height=2.0 if options.height is None else options.height,
        extent=0.5 if options.extent is None else options.extent,
    )


def _volume(options: JudgeOptions) -> VolumeFile | VolumeSphere | None:
    """Return the small volume, by an image or by a sphere."""
    from heatlas.study.spec import VolumeFile, VolumeSphere

    if options.sphere is not None and options.small_volume is not None:
        raise DataError("--sphere and --small-volume name two volumes; give one of them.")
    if options.small_volume is not None:
        return VolumeFile(mask=str(options.small_volume))
    if options.sphere is None:
        return None
    x, y, z, radius = _four_numbers(options.sphere)
    return VolumeSphere(x=x, y=y, z=z, radius_mm=radius)


def _four_numbers(words: str) -> list[float]:

    try:
        numbers = [float(word) for word in words.split(",")]
    except ValueError:
        numbers = []
    is_place = len(numbers) == 4 and all(abs(number) < 1e4 for number in numbers)
    if not is_place or not 0 < numbers[3] <= LARGEST_RADIUS_MM:
        raise DataError(
            f"--sphere: '{words}' given, expected centre and radius in mm, such as -20,-10,-18,10."
        )
    return numbers
