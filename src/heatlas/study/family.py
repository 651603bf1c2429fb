"""Contrasts that are corrected together: whether they can be, known before a map is read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DesignError
from heatlas.core.words import join
from heatlas.infer.linear import partition
from heatlas.infer.permute import arrangements_for
from heatlas.infer.request import PermutationSettings

NEGLIGIBLE = 1e-9


def check_family(
    design: Design, contrasts: Sequence[Contrast], *, settings: PermutationSettings
) -> None:
    """Raise unless the contrasts of an analysis can be corrected together.

    Parameters
    ----------
    design : Design
        The model.
    contrasts : sequence of Contrast
        All that are tested.
    settings : PermutationSettings
        How.

    Raises
    ------
    DesignError
        If some are judged by permutations and others by sign-flips, each in a projection of its
        own (Huh-Jhun), or their statistics have no common scale.
    """
    if len(contrasts) < 2:
        return
    made = {c.name: arrangements_for(design, c, settings=settings) for c in contrasts}
    actions = {action: [name for name, one in made.items() if one.action == action]
               for action in sorted({one.action for one in made.values()})}  # fmt: skip
    if len(actions) > 1:
        told = join(f"{action} for {join(names)}" for action, names in actions.items())
        raise DesignError(
            f"across_contrasts: contrasts that are corrected together need the same arrangements, "
            f"but the model asks for {told}; put them into analyses of their own, or set "
            "exchangeability.mode."
        )
    if settings.residuals == "huh-jhun":
        _check_projection(design, contrasts)
    _check_scale(design, contrasts, settings=settings)


def _check_projection(design: Design, contrasts: Sequence[Contrast]) -> None:
    """Raise where the rows that are rearranged are not the same for all contrasts."""
    first, *others = (partition(design, contrast).nuisance for contrast in contrasts)
    for contrast, nuisance in zip(contrasts[1:], others, strict=True):
        shared = np.linalg.norm(first.T @ nuisance) ** 2
        if nuisance.shape != first.shape or shared < first.shape[1] - NEGLIGIBLE:
            raise DesignError(
                f"across_contrasts: Huh-Jhun residuals of {contrasts[0].name} and {contrast.name} "
                "are projections of different covariates, so one arrangement does not make both; "
                "use Freedman-Lane residuals."
            )


def _check_scale(
    design: Design, contrasts: Sequence[Contrast], *, settings: PermutationSettings
) -> None:
    """Raise where values of different statistics would have to be compared as they are."""
    kinds = {(c.kind, partition(design, c).interest.shape[1]) for c in contrasts}
    by_p = settings.method == "max-t" and settings.variance_groups is None
    if len(kinds) > 1 and not by_p:
        told = join(sorted(f"{kind} of {q} columns" for kind, q in kinds))
        raise DesignError(
            f"across_contrasts: the statistics ({told}) have no common scale of what the method "
            f"{settings.method} compares; put them into analyses of their own, or use max-t "
            "without variance groups."
        )
