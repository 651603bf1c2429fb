"""The verdict follows from the checks by stated rules, and names those that failed."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.learn.deletion import Curves
from heatlas.learn.trust import (
    Check,
    Forgetting,
    Ranking,
    TrustCard,
    check_table,
    forgetting_table,
    ranking_table,
    standing_of,
    verdict_of,
)


def check(name: str, *, passed: bool, decisive: bool = False) -> Check:
    """A check with an outcome."""
    return Check(name=name, passed=passed, found="Found.", rule="rule", is_decisive=decisive)


@pytest.mark.parametrize(
    ("outcomes", "standing", "sentence"),
    [
        (
            (True, True, True),
            "holds",
            "Passes all 3 checks: the map shows what the network's score",
        ),
        ((True, False, True), "care", "Fails the stability check: read this map with care."),
        (
            (False, True, True),
            "no evidence",
            "Fails the randomisation check: do not read this map as model evidence.",
        ),
        (
            (False, False, False),
            "no evidence",
            "Fails the randomisation, stability and input checks: do not read this map as model",
        ),
    ],
)
def test_the_verdict_follows_from_the_checks(
    outcomes: tuple[bool, ...], standing: str, sentence: str
) -> None:
    first, second, third = outcomes
    checks = [
        check("randomisation", passed=first, decisive=True),
        check("stability", passed=second),
        check("input", passed=third),
    ]
    assert standing_of(checks) == standing
    assert verdict_of(checks).startswith(sentence)


def test_a_card_becomes_tables_for_a_page() -> None:
    curves = Curves(
        shares=np.array([0.0, 1]), deletion=np.array([1.0, 0]), insertion=np.array([0, 1.0])
    )
    card = TrustCard(
        method="grad-cam",
        class_index=1,
        probability=0.9,
        baseline="blur",
        baseline_probabilities={"blur": 0.1, "zero": 0.4},
        untrained_changes=(0.1, 0.2),
        rankings=(
            Ranking(name="this map", words="the explanation", curves=(curves,), hits=(True,)),
            Ranking(name="random", words="chance", curves=(curves, curves), hits=(True, False)),
        ),
        forgetting=(Forgetting(layer="scores", spearman=0.6, ssim=0.5),),
        stability=0.9,
        input_likeness=0.2,
        gradients_input_likeness=0.8,
        gradients_untrained_likeness=0.7,
        checks=(check("stability", passed=True), check("input", passed=False)),
    )
    assert card.standing == "care"
    assert card.baseline_probability == 0.1
    checks = check_table(card)
    assert checks.caption == card.verdict
    assert checks.columns[1].values == ("passed", "failed")
    ranking = {column.name: column.values for column in ranking_table(card).columns}
    assert ranking["gain"].tolist() == [0, 0]
    assert ranking["peak in the mask"].tolist() == [1, 0.5]
    assert forgetting_table(card).columns[0].values == ("scores",)
    assert np.isnan(Ranking(name="x", words="", curves=(curves,)).hit_share)
