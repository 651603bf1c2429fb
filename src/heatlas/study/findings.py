"""What a run found: judged contrasts, analyses and the whole study, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heatlas.core.cohort import Cohort
from heatlas.core.design import Contrast, Design
from heatlas.core.estimate import Estimate
from heatlas.core.heatmap import HeatMap
from heatlas.core.statmap import StatMap
from heatlas.core.table import Table
from heatlas.core.threshold import Threshold
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value, freeze
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.effect import Overlap
from heatlas.study.stack import LoadedMaps


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupOverlap(Value):
    """How much two groups overlap at one place.

    Parameters
    ----------
    place : str
        Where, in words.
    chosen : str
        How the place was chosen, and why that is fair.
    names : tuple of str
        The two levels compared, the contrast's first one first.
    values : numpy.ndarray of float64, shape (n,)
        One value per member, adjusted for the covariates of the model.
    members : numpy.ndarray of int64, shape (n,)
        0 for the first level, 1 for the second.
    overlap : Overlap
        Overlap and probability of superiority with intervals.
    quantity, unit : str
        What the values are.
    """

    place: str
    chosen: str
    names: tuple[str, str]
    values: NDArray[np.float64]
    members: NDArray[np.int64]
    overlap: Overlap
    quantity: str = "value"
    unit: str = ""

    def __post_init__(self) -> None:
        """Take ownership of the arrays."""
        values = own_array(self.values, name="values", dtype=np.float64, ndim=1)
        members = own_array(self.members, name="members", dtype=np.int64, ndim=1)
        set_field(self, "values", to=values)
        set_field(self, "members", to=members)

    def groups(self) -> tuple[tuple[str, NDArray[np.float64]], ...]:
        """Return name and values of each of the two groups."""
        return tuple((name, self.values[self.members == k]) for k, name in enumerate(self.names))


@dataclass(frozen=True, kw_only=True, eq=False)
class JudgedContrast(Value):
    """A contrast with its evidence, its judgement and its pictures' source.

    Parameters
    ----------
    contrast : Contrast
        Weights and meaning.
    statistic : StatMap
        t or F; v or G where groups have variances of their own.
    threshold : Threshold
        What survives.
    heat_map : HeatMap
        The statistic, ready to be drawn.
    clusters : Table
        Clusters with their peaks.
    effect : Estimate, optional
        Difference, mean or slope in the maps' unit with its 95 % interval; none for an F.
    standardised : Estimate, optional
        Hedges g or partial R2 with its 95 % interval.
    means : tuple of StatMap
        Adjusted means of the levels that the contrast compares.
    overlaps : tuple of GroupOverlap
        Overlap of two groups, where the contrast compares two.
    smallest : str
        The smallest effect that this n would have found, in words.
    permuted : PermutationResult, optional
        The permutations behind it; none for other methods.
    warnings : tuple of str
        What a reader must know.
    """

    contrast: Contrast
    statistic: StatMap
    threshold: Threshold
    heat_map: HeatMap
    clusters: Table
    effect: Estimate | None = None
    standardised: Estimate | None = None
    means: tuple[StatMap, ...] = ()
    overlaps: tuple[GroupOverlap, ...] = ()
    smallest: str = ""
    permuted: PermutationResult | None = None
    warnings: tuple[str, ...] = ()

    @property
    def strongest(self) -> int | None:
        """Element with the largest statistic (in magnitude) among those that were judged."""
        size = np.abs(self.statistic.values.astype(np.float64))
        if self.threshold.logp is not None:
            size[np.isnan(self.threshold.logp)] = np.nan
        return None if np.isnan(size).all() else int(np.nanargmax(size))

    @property
    def arrangements(self) -> str:
        """How many permutations were used, in words; ``""`` for other methods."""
        return self.permuted.words if self.permuted else ""

    @property
    def exchangeability(self) -> str:
        """What the permutations assume, in words."""
        return self.permuted.exchangeability if self.permuted else ""


@dataclass(frozen=True, kw_only=True, eq=False)
class JudgedAnalysis(Value):
    """A model with its judged contrasts.

    Parameters
    ----------
    name : str
        Name in the study file.
    design : Design
        The design matrix with its explanation.
    contrasts : tuple of JudgedContrast
        In the order of the study file.
    warnings : tuple of str
        What a reader must know about the model.
    variance_groups : str
        Column of the groups that have variances of their own; ``""`` without such.
    """

    name: str
    design: Design
    contrasts: tuple[JudgedContrast, ...]
    warnings: tuple[str, ...] = ()
    variance_groups: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Findings(Value):
    """Everything that a run found.

    Parameters
    ----------
    cohort : Cohort
        Who was in and who was out.
    loaded : LoadedMaps
        The maps and how they were read.
    analyses : tuple of JudgedAnalysis
        In the order of the study file.
    quality : Table
        Coverage and distance to the rest of each map, worst first.
    versions : mapping of str to str
        Versions of everything that computed.
    """

    cohort: Cohort
    loaded: LoadedMaps
    analyses: tuple[JudgedAnalysis, ...]
    quality: Table
    versions: Mapping[str, str]

    def __post_init__(self) -> None:
        """Freeze the versions."""
        set_field(self, "versions", to=freeze(self.versions))

    @property
    def contrasts(self) -> tuple[tuple[JudgedAnalysis, JudgedContrast], ...]:
        """Every contrast with its analysis, in order."""
        return tuple((a, contrast) for a in self.analyses for contrast in a.contrasts)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Every warning with the part that it belongs to, each once."""
        found = list(self.loaded.warnings)
        for analysis in self.analyses:
            found += [f"Analysis {analysis.name}: {text}" for text in analysis.warnings]
            for judged in analysis.contrasts:
                where = f"Analysis {analysis.name}, contrast {judged.contrast.name}"
                found += [f"{where}: {text}" for text in judged.warnings]
        return tuple(dict.fromkeys(found))
