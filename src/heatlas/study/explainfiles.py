"""What ``heatlas explain`` writes: the map, its picture, the trust card and the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heatlas.io.atomic import PROVENANCE_KEY, atomic_write, write_json, write_text
from heatlas.io.nifti import write_volume
from heatlas.learn.saliency import METHODS
from heatlas.learn.trust import TrustCard
from heatlas.show.report import render_page
from heatlas.study.explain import ExplainedView, ModelExplanation
from heatlas.study.explainpage import explanation_page, record
from heatlas.study.explainpictures import explanation_pictures

MAP = "saliency.nii.gz"
PICTURES = ("explanation.png", "explanation.svg")
TRUST = "trust.json"
REPORT = "report.html"
FILES = (MAP, "saliency.json", *PICTURES, TRUST, REPORT)


def write_explanation(found: ModelExplanation, *, out: Path) -> tuple[Path, ...]:
    """Write an explanation to a folder.

    Parameters
    ----------
    found : ModelExplanation
        What was found.
    out : Path
        The folder; files of an earlier explanation are replaced.

    Returns
    -------
    tuple of Path
        What was written, the sidecar left out.

    Raises
    ------
    DataError
        If a file cannot be written.
    """
    write_volume(out / MAP, found.volume, sidecar=map_sidecar(found))
    for name, content in zip(PICTURES, explanation_pictures(found), strict=True):
        atomic_write(out / name, content)
    write_json(out / TRUST, trust_document(found))
    write_text(out / REPORT, render_page(explanation_page(found)))
    return tuple(out / name for name in (MAP, *PICTURES, TRUST, REPORT))


def map_sidecar(found: ModelExplanation) -> dict[str, Any]:
    """Return what the map's sidecar says beside its provenance."""
    view = found.main.explanation
    return {
        "Description": found.main.explanation.caption,
        "Quantity": f"{METHODS[view.method].title}, evidence for class {view.class_index}",
        "Sign": "positive speaks for the class, negative against it",
        "NaN": "not explained",
        "Verdict": found.verdict,
        "Slices": [v.number for v in found.views if v.number],
    }


def trust_document(found: ModelExplanation) -> dict[str, Any]:
    """Return every number of the trust cards as JSON-like data.

    Parameters
    ----------
    found : ModelExplanation
        What was found.

    Returns
    -------
    dict
        Verdict, record, probabilities of every slice, and one card a view and method.
    """
    return {
        "verdict": found.verdict,
        "standing": found.main.card.standing,
        "caption": found.main.explanation.caption,
        "record": dict(record(found)),
        "class_probabilities": _numbers(found.class_shares.tolist()),
        "cards": [_card_entry(view) for view in (*found.views, *found.others)],
        "warnings": list(found.warnings),
        PROVENANCE_KEY: found.provenance.to_json(),
    }


def card_document(card: TrustCard) -> dict[str, Any]:
    """Return one trust card as JSON-like data: checks with rule and finding, and all numbers.

    Parameters
    ----------
    card : TrustCard
        The card.

    Returns
    -------
    dict
        Numbers that are not finite are null.
    """
    numbers = {
        "probability": card.probability,
        "baseline_probability": card.baseline_probability,
        "untrained_changes": list(card.untrained_changes),
        "stability": card.stability,
        "input_likeness": card.input_likeness,
        "gradients_input_likeness": card.gradients_input_likeness,
        "gradients_untrained_likeness": card.gradients_untrained_likeness,
    }
    return {
        "method": card.method,
        "class": card.class_index,
        "standing": card.standing,
        "verdict": card.verdict,
        "checks": [
            {
                "name": check.name,
                "passed": check.passed,
                "decisive": check.is_decisive,
                "found": check.found,
                "rule": check.rule,
            }
            for check in card.checks
        ],
        **{name: _numbers(value) for name, value in numbers.items()},
        "rankings": [
            {
                "map": row.name,
                "deletion": _numbers(row.deletion),
                "insertion": _numbers(row.insertion),
                "gain": _numbers(row.gain),
                "peaks_in_mask": list(row.hits),
                "curves": [
                    {
                        "shares": _numbers(curve.shares.tolist()),
                        "deletion": _numbers(curve.deletion.tolist()),
                        "insertion": _numbers(curve.insertion.tolist()),
                    }
                    for curve in row.curves
                ],
            }
            for row in card.rankings
        ],
        "forgetting": [
            {"layer": step.layer, "rank_correlation": _numbers(step.spearman),
             "structural_similarity": _numbers(step.ssim)}
            for step in card.forgetting
        ],
    }  # fmt: skip


def _card_entry(view: ExplainedView) -> Mapping[str, Any]:
    return {"view": view.place, "layer": view.explanation.layer, **card_document(view.card)}


def _numbers(value: Any) -> Any:
    """Return numbers as JSON can hold them: null where there is none."""
    if isinstance(value, (list, tuple)):
        return [_numbers(entry) for entry in value]
    number = float(value)
    return number if math.isfinite(number) else None
