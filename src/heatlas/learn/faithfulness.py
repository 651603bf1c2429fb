"""Whether an explanation can be believed: what it is compared with, and by which rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.errors import DataError
from heatlas.core.provenance import digest_array
from heatlas.core.value import Value
from heatlas.core.words import join, number
from heatlas.learn.attribution import integrated_gradients, noisy
from heatlas.learn.baseline import baseline_probabilities, check_image, neutral_baseline
from heatlas.learn.controls import CONTROLS, control_maps
from heatlas.learn.deletion import replacement_curves
from heatlas.learn.network.model import Network, probabilities, with_scores_known
from heatlas.learn.network.randomise import cascade, parameter_layers, randomise
from heatlas.learn.saliency import Explanation, explain_again
from heatlas.learn.similarity import pearson, spearman, ssim
from heatlas.learn.trust import Check, Forgetting, Ranking, TrustCard

Floats = NDArray[np.floating]
# The rules. A map that stays this alike when the network forgets everything is not about it;
FORGETTING_LIMIT = 0.5
# the probability has to move by this much between the image and its neutral baseline;
LEAST_CHANGE = 0.1
# maps of almost the same image have to be this alike;
LEAST_STABILITY = 0.5
# and a map this much like the image shows the image.
INPUT_LIMIT = 0.5
THIS_MAP = "this map"


@dataclass(frozen=True, kw_only=True, eq=False)
class TrustSettings(Value):
    """The numbers of the checks.

    Parameters
    ----------
    n_steps : int
        Steps of deletion and insertion.
    n_levels : int
        Steps of the cascade, if there are more layers.
    n_networks : int
        Networks with random parameters that the cascade draws.
    n_untrained : int
        Networks that forgot everything, whose probabilities are looked at.
    n_noisy : int
        Noisy images for the stability.
    noise_share : float
        Their noise's standard deviation, as a share of the image's range.
    seed : int
        Seed of everything that chance decides.
    """

    n_steps: int = 20
    n_levels: int = 6
    n_networks: int = 3
    n_untrained: int = 19
    n_noisy: int = 5
    noise_share: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse counts that no check can use."""
        for name in ("n_steps", "n_levels", "n_networks", "n_untrained", "n_noisy"):
            if getattr(self, name) < 1:
                raise DataError(f"{name}: at least 1 is needed, got {getattr(self, name)}.")
        if not self.noise_share > 0:
            raise DataError(f"noise_share: expected more than 0, got {self.noise_share}.")


def assess(
    explanation: Explanation,
    *,
    network: Network,
    image: ArrayLike,
    mask: ArrayLike | None = None,
    settings: TrustSettings | None = None,
) -> TrustCard:
    """Check an explanation and say how far it can be trusted.

    Parameters
    ----------
    explanation : Explanation
        The map, as :func:`heatlas.learn.saliency.explain` gave it.
    network : Network
        What it explains.
    image : array_like, shape (channels, ...)
        What the network looked at.
    mask : array_like of bool, shape (...), optional
        Where the truth is known to lie: the map's peak should be inside (pointing game).
    settings : TrustSettings, optional
        Numbers of the checks.

    Returns
    -------
    TrustCard
        Every check with what was found and its rule, and a verdict by stated rules. The same
        inputs and seed give the same card.

    Raises
    ------
    DataError
        If the image is not the one of the map, or the mask does not fit it.

    Notes
    -----
    The map is made again for each random network and noisy image: with the default settings 23
    times, with two runs of integrated gradients and 19 of random networks beside it.

    References
    ----------
    Adebayo et al. (2018), Sanity checks for saliency maps. arXiv:1810.03292
    """
    settings = settings or TrustSettings()
    values = check_image(np.asarray(image))
    _check_same_image(explanation, values)
    truth = None if mask is None else _checked_mask(mask, shape=values.shape[1:])
    network = with_scores_known(network, values)
    kind = explanation.settings.baseline or ""
    baseline = neutral_baseline(values, kind=kind)
    case = _Case(explanation=explanation, network=network, image=values, baseline=baseline)
    seen = baseline_probabilities(network, values, class_index=explanation.class_index)
    gradients = _gradients(case, settings)
    facts = _Facts(
        baseline=kind,
        baseline_probabilities=seen,
        untrained_changes=_untrained_changes(case, settings),
        rankings=_rankings(case, truth=truth, settings=settings),
        forgetting=_forgetting(case, settings),
        stability=_stability(case, settings),
        input_likeness=_likeness(explanation.values, _difference(case)),
    )
    return TrustCard(
        method=explanation.method,
        class_index=explanation.class_index,
        probability=explanation.probability,
        baseline=kind,
        baseline_probabilities=seen,
        untrained_changes=facts.untrained_changes,
        rankings=facts.rankings,
        forgetting=facts.forgetting,
        stability=facts.stability,
        input_likeness=facts.input_likeness,
        gradients_input_likeness=gradients[0],
        gradients_untrained_likeness=gradients[1],
        checks=_checks(explanation, facts),
        provenance=explanation.provenance.then(
            "assess",
            parameters={name: getattr(settings, name) for name in _NUMBERS}
            | {"baseline": explanation.settings.baseline},
            inputs={} if truth is None else {"mask": digest_array(truth)},
            seed=settings.seed,
        ),
    )


_NUMBERS = ("n_steps", "n_levels", "n_networks", "n_untrained", "n_noisy", "noise_share")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Case(Value):
    """An explanation with what it is about."""

    explanation: Explanation
    network: Network
    image: NDArray[np.float32]
    baseline: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Facts(Value):
    """What was measured, before any rule."""

    baseline: str
    baseline_probabilities: Mapping[str, float]
    untrained_changes: tuple[float, ...]
    rankings: tuple[Ranking, ...]
    forgetting: tuple[Forgetting, ...]
    stability: float
    input_likeness: float


def _check_same_image(explanation: Explanation, image: NDArray[np.float32]) -> None:
    inputs = explanation.provenance.steps[-1].inputs if explanation.provenance.steps else {}
    if inputs.get("image") != digest_array(image):
        raise DataError(
            "trust card: this image is not the one that the map explains; give the image that "
            "explain() was given."
        )


def _checked_mask(mask: ArrayLike, *, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    truth = np.asarray(mask).astype(bool)
    if truth.shape != shape:
        raise DataError(f"mask: shape {truth.shape}, expected that of the image, {shape}.")
    if not truth.any():
        raise DataError("mask: it is empty, so no peak can lie in it; leave it out.")
    return truth


def _untrained_changes(case: _Case, settings: TrustSettings) -> tuple[float, ...]:
    """Return |P(image) - P(baseline)| of networks that forgot everything."""
    layers = parameter_layers(case.network)
    both = np.stack([case.image, case.baseline])
    changes = []
    for draw in range(settings.n_untrained):
        other = randomise(case.network, layers=layers, seed=settings.seed + 1000 + draw)
        shares = probabilities(other, both)[:, case.explanation.class_index]
        changes.append(float(abs(shares[0] - shares[1])))
    return tuple(changes)


def _rankings(
    case: _Case, *, truth: NDArray[np.bool_] | None, settings: TrustSettings
) -> tuple[Ranking, ...]:
    """Return the curves and hits of the map and of each control."""
    alignment = case.explanation.alignment
    maps: dict[str, list[Floats]] = {THIS_MAP: [case.explanation.values]}
    for name in CONTROLS:
        maps[name] = control_maps(name, case.image, alignment=alignment, seed=settings.seed)
    words = {THIS_MAP: "the explanation"} | {name: CONTROLS[name].words for name in CONTROLS}
    return tuple(
        Ranking(
            name=name,
            words=words[name],
            curves=tuple(
                replacement_curves(
                    values,
                    network=case.network,
                    image=case.image,
                    baseline=case.baseline,
                    class_index=case.explanation.class_index,
                    n_steps=settings.n_steps,
                )
                for values in draws
            ),
            hits=() if truth is None else tuple(bool(truth.flat[d.argmax()]) for d in draws),
        )
        for name, draws in maps.items()
    )


def _forgetting(case: _Case, settings: TrustSettings) -> tuple[Forgetting, ...]:
    """Return the likeness of the map to those of networks that forget more and more."""
    found: dict[str, list[tuple[float, float]]] = {}
    mine = case.explanation.values
    for draw in range(settings.n_networks):
        steps = cascade(case.network, levels=settings.n_levels, seed=settings.seed + draw)
        for layer, other in steps:
            again = explain_again(case.explanation, network=other, image=case.image)
            likeness = (abs(spearman(mine, again)), ssim(mine, again))
            found.setdefault(layer, []).append(likeness)
    means = {layer: np.mean(pairs, axis=0) for layer, pairs in found.items()}
    return tuple(
        Forgetting(layer=layer or "the whole network", spearman=float(rank), ssim=float(structure))
        for layer, (rank, structure) in means.items()
    )


def _stability(case: _Case, settings: TrustSettings) -> float:
    """Return the median rank correlation with maps of slightly noisy images."""
    found = []
    for draw in range(settings.n_noisy):
        image = noisy(case.image, share=settings.noise_share, seed=settings.seed, index=draw)
        again = explain_again(case.explanation, network=case.network, image=image)
        found.append(spearman(case.explanation.values, again))
    return float(np.median(found))


def _gradients(case: _Case, settings: TrustSettings) -> tuple[float, float]:
    """Return how like integrated gradients are to the image, and to those of a random network."""
    other = randomise(case.network, layers=parameter_layers(case.network), seed=settings.seed)
    maps = [
        integrated_gradients(
            network,
            case.image,
            class_index=case.explanation.class_index,
            baseline=case.baseline,
        ).sum(axis=0)
        for network in (case.network, other)
    ]
    return _likeness(maps[0], _difference(case)), _likeness(maps[0], maps[1])


def _difference(case: _Case) -> Floats:
    """Return how far the image is from its neutral baseline."""
    return np.asarray((case.image.astype(np.float64) - case.baseline).sum(axis=0))


def _likeness(first: Floats, second: Floats) -> float:
    return abs(pearson(np.abs(first), np.abs(second)))


def _checks(explanation: Explanation, facts: _Facts) -> tuple[Check, ...]:
    """Hold the facts against the rules."""
    checks = [
        _decision(explanation),
        _baseline(explanation, facts),
        _training(explanation, facts),
        _randomisation(facts),
        _faithfulness(facts),
        _stable(facts),
        _input(facts),
    ]
    if facts.rankings[0].hits:
        checks.append(_pointing(facts))
    return tuple(checks)


def _decision(explanation: Explanation) -> Check:
    chance = 1 / explanation.n_classes
    return Check(
        name="decision",
        passed=explanation.probability > chance,
        found=f"P(class {explanation.class_index}) = {number(explanation.probability)}.",
        rule=f"P is above chance, {number(chance)}",
    )


def _baseline(explanation: Explanation, facts: _Facts) -> Check:
    change = explanation.probability - facts.baseline_probabilities[facts.baseline]
    seen = facts.baseline_probabilities
    others = join(f"{kind} {number(seen[kind])}" for kind in seen if kind != facts.baseline)
    return Check(
        name="baseline",
        passed=abs(change) >= LEAST_CHANGE,
        found=f"On the neutral baseline ({facts.baseline}) P is {number(seen[facts.baseline])}: a "
        f"change of {number(change)}. On others: {others}.",
        rule=f"the image moves P by at least {number(LEAST_CHANGE)} from its neutral baseline",
        is_decisive=True,
    )


def _training(explanation: Explanation, facts: _Facts) -> Check:
    mine = abs(explanation.probability - facts.baseline_probabilities[facts.baseline])
    others = np.array(facts.untrained_changes)
    as_large = int(np.count_nonzero(others >= mine))
    return Check(
        name="training",
        passed=as_large / len(others) <= 0.1,
        found=f"{as_large} of {len(others)} networks with random parameters move P as much "
        f"(median {number(float(np.median(others)))}).",
        rule="at most one in ten networks with random parameters moves P from baseline to image "
        "as much: otherwise this one cannot be told from an untrained one",
        is_decisive=True,
    )


def _randomisation(facts: _Facts) -> Check:
    last = facts.forgetting[-1]
    return Check(
        name="randomisation",
        passed=last.spearman <= FORGETTING_LIMIT,
        found=f"With all parameters random the map keeps a rank correlation of "
        f"{number(last.spearman)} with itself (structural similarity {number(last.ssim)}).",
        rule=f"the rank correlation is at most {number(FORGETTING_LIMIT)}",
        is_decisive=True,
    )


def _faithfulness(facts: _Facts) -> Check:
    mine, *controls = facts.rankings
    better = [control.name for control in controls if control.gain >= mine.gain]
    gains = join(f"{control.name} {number(control.gain)}" for control in controls)
    found = f"Insertion less deletion is {number(mine.gain)}; of the controls: {gains}."
    return Check(
        name="faithfulness",
        passed=not better,
        found=f"{found} As good without the network: {join(better)}." if better else found,
        rule="insertion less deletion is larger than that of every control",
    )


def _stable(facts: _Facts) -> Check:
    return Check(
        name="stability",
        passed=facts.stability >= LEAST_STABILITY,
        found=f"Under small noise the map keeps a rank correlation of {number(facts.stability)}.",
        rule=f"the rank correlation is at least {number(LEAST_STABILITY)}",
    )


def _input(facts: _Facts) -> Check:
    return Check(
        name="input",
        passed=facts.input_likeness <= INPUT_LIMIT,
        found=f"The map's size correlates {number(facts.input_likeness)} with the image's "
        "difference from its baseline.",
        rule=f"the correlation is at most {number(INPUT_LIMIT)}: otherwise the map shows the image",
    )


def _pointing(facts: _Facts) -> Check:
    mine, *controls = facts.rankings
    others = join(f"{control.name} {number(control.hit_share)}" for control in controls)
    return Check(
        name="pointing",
        passed=mine.hits[0],
        found=f"The peak lies {'inside' if mine.hits[0] else 'outside'} of the mask; share of the "
        f"controls' peaks inside: {others}.",
        rule="the largest value lies inside of the mask",
    )
