"""The trust card: every check of an explanation with its rule, and one plain verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from heatlas.core.provenance import Provenance
from heatlas.core.table import Column, Table
from heatlas.core.validate import check_choice, set_field
from heatlas.core.value import Value, freeze
from heatlas.core.words import join, number
from heatlas.learn.deletion import Curves

Standing = Literal["holds", "care", "no evidence"]
OUTCOMES = {True: "passed", False: "failed"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Check(Value):
    """One question to an explanation.

    Parameters
    ----------
    name : str
        What is checked, in a word: "randomisation".
    passed : bool
        Whether the rule is met.
    found : str
        What was measured, as a sentence.
    rule : str
        When it passes.
    is_decisive : bool
        Whether a map that fails it is no evidence at all.
    """

    name: str
    passed: bool
    found: str
    rule: str
    is_decisive: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking(Value):
    """How well one map, ours or a control, orders the pixels.

    Parameters
    ----------
    name : str
        "this map" or a control's name.
    words : str
        What it is.
    curves : tuple of Curves
        One a draw.
    hits : tuple of bool
        Whether each draw's peak lies in the mask; empty without a mask.
    """

    name: str
    words: str
    curves: tuple[Curves, ...]
    hits: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        """Make the sequences tuples."""
        set_field(self, "curves", to=tuple(self.curves))
        set_field(self, "hits", to=tuple(bool(hit) for hit in self.hits))

    @property
    def deletion(self) -> float:
        """Mean area under the deletion curves."""
        return float(np.mean([curve.deletion_area for curve in self.curves]))

    @property
    def insertion(self) -> float:
        """Mean area under the insertion curves."""
        return float(np.mean([curve.insertion_area for curve in self.curves]))

    @property
    def gain(self) -> float:
        """Insertion less deletion."""
        return self.insertion - self.deletion

    @property
    def hit_share(self) -> float:
        """Share of the draws whose peak lies in the mask; NaN without a mask."""
        return float(np.mean(self.hits)) if self.hits else float("nan")


@dataclass(frozen=True, kw_only=True, eq=False)
class Forgetting(Value):
    """How alike the map stays when the network forgets, from the output down to a layer.

    Parameters
    ----------
    layer : str
        The deepest layer that forgot.
    spearman, ssim : float
        Likeness to the map of the network as it is: means over draws, of absolute rank
        correlations and of structural similarities.
    """

    layer: str
    spearman: float
    ssim: float


@dataclass(frozen=True, kw_only=True, eq=False)
class TrustCard(Value):
    """What is known about how far an explanation can be trusted.

    Parameters
    ----------
    method : str
        Of the explanation.
    class_index : int
        The class that is explained.
    probability : float
        P(class) on the image.
    baseline : str
        The neutral baseline that was used.
    baseline_probabilities : mapping of str to float
        P(class) on each kind of neutral baseline.
    untrained_changes : tuple of float
        |P(image) - P(baseline)| of networks that forgot everything.
    rankings : tuple of Ranking
        This map first, then the controls.
    forgetting : tuple of Forgetting
        From the output to the input; the last one forgot everything.
    stability : float
        Median rank correlation with the maps of slightly noisy images.
    input_likeness : float
        |correlation| of the map's size with the image's difference from the baseline.
    gradients_input_likeness, gradients_untrained_likeness : float
        Of integrated gradients on this network, as a warning: |correlation| of their size with
        that difference, and with the size of integrated gradients of a network that forgot
        everything.
    checks : tuple of Check
        In the order in which they are told.
    provenance : Provenance
        How it came about.
    """

    method: str
    class_index: int
    probability: float
    baseline: str
    baseline_probabilities: Mapping[str, float]
    untrained_changes: tuple[float, ...]
    rankings: tuple[Ranking, ...]
    forgetting: tuple[Forgetting, ...]
    stability: float
    input_likeness: float
    gradients_input_likeness: float
    gradients_untrained_likeness: float
    checks: tuple[Check, ...]
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        """Make the sequences tuples and the mapping read-only."""
        set_field(self, "baseline_probabilities", to=freeze(self.baseline_probabilities))
        for name in ("untrained_changes", "rankings", "forgetting", "checks"):
            set_field(self, name, to=tuple(getattr(self, name)))

    @property
    def baseline_probability(self) -> float:
        """P(class) on the baseline that was used."""
        return self.baseline_probabilities[self.baseline]

    @property
    def standing(self) -> Standing:
        """The verdict in a word."""
        return standing_of(self.checks)

    @property
    def verdict(self) -> str:
        """The verdict as a plain sentence."""
        return verdict_of(self.checks)


def standing_of(checks: Sequence[Check]) -> Standing:
    """Return "no evidence" if a decisive check failed, "care" if another did, else "holds"."""
    failed = [check for check in checks if not check.passed]
    if any(check.is_decisive for check in failed):
        return "no evidence"
    return "care" if failed else "holds"


def verdict_of(checks: Sequence[Check]) -> str:
    """Return the verdict as a sentence that names every check that failed."""
    names = [check.name for check in checks if not check.passed]
    which = f"the {join(names)} {'check' if len(names) == 1 else 'checks'}"
    sentences = {
        "no evidence": f"Fails {which}: do not read this map as model evidence.",
        "care": f"Fails {which}: read this map with care.",
        "holds": f"Passes all {len(checks)} checks: the map shows what the network's score rests "
        "on, not that the network is right.",
    }
    standing = standing_of(checks)
    check_choice(standing, name="standing", known=get_args(Standing))
    return sentences[standing]


def check_table(card: TrustCard) -> Table:
    """Return the checks of a card as a table.

    Parameters
    ----------
    card : TrustCard
        Whose checks.

    Returns
    -------
    Table
        Check, outcome, what was found, and the rule.
    """
    checks = card.checks
    return Table(
        columns=(
            Column(name="check", values=tuple(check.name for check in checks)),
            Column(name="outcome", values=tuple(OUTCOMES[check.passed] for check in checks)),
            Column(name="found", values=tuple(check.found for check in checks)),
            Column(name="passes if", values=tuple(check.rule for check in checks)),
        ),
        caption=card.verdict,
    )


def ranking_table(card: TrustCard) -> Table:
    """Return deletion, insertion and pointing of the map beside the controls.

    Parameters
    ----------
    card : TrustCard
        Whose rankings.

    Returns
    -------
    Table
        One row a map.
    """

    def numbers(name: str) -> np.ndarray:
        return np.array([getattr(row, name) for row in card.rankings])

    return Table(
        columns=(
            Column(name="map", values=tuple(row.name for row in card.rankings)),
            Column(name="what it is", values=tuple(row.words for row in card.rankings)),
            Column(name="deletion", values=numbers("deletion"), description="area; small is good"),
            Column(
                name="insertion", values=numbers("insertion"), description="area; large is good"
            ),
            Column(name="gain", values=numbers("gain"), description="insertion less deletion"),
            Column(
                name="peak in the mask",
                values=numbers("hit_share"),
                description="share of draws whose peak lies in the mask",
            ),
        ),
        caption="What P(class) does while pixels are replaced in the order of each map.",
    )


def forgetting_table(card: TrustCard) -> Table:
    """Return how alike the map stays while the network forgets.

    Parameters
    ----------
    card : TrustCard
        Whose cascade.

    Returns
    -------
    Table
        One row a step, from the output to the input.
    """
    steps = card.forgetting
    return Table(
        columns=(
            Column(name="forgotten down to", values=tuple(step.layer for step in steps)),
            Column(name="rank correlation", values=np.array([step.spearman for step in steps])),
            Column(name="structural similarity", values=np.array([step.ssim for step in steps])),
        ),
        caption="Likeness of the map to those of networks with random parameters; a map about what "
        "the network learnt loses it: "
        f"{number(steps[-1].spearman)} when everything is forgotten.",
    )
