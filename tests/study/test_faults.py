"""Rules across settings: each says what is wrong, and is silent about the shape of things."""

from __future__ import annotations

from typing import Any

import pytest

from heatlas.study.faults import rule_faults


def sentences(**content: Any) -> list[str]:
    """The faults of some settings."""
    return [fault.sentence() for fault in rule_faults(content)]


def test_names_that_differ_in_case_only_are_doubled() -> None:
    contrasts = [{"name": "age"}, {"name": "Age"}]
    found = sentences(analyses=[{"name": "a", "contrasts": contrasts}, {"name": "A"}])
    assert [sentence.split(":")[0] for sentence in found] == [
        "analyses[1].name",
        "analyses[0].contrasts[1].name",
    ]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("gm/all.nii", "names no column"),
        ("gm/{sub.nii", "do not close"),
        ("gm/{sub:03d}.nii", "nothing else"),
        ("gm/{}.nii", "nothing else"),
        ("gm/{sub.name}.nii", "nothing else"),
    ],
)
def test_a_pattern_of_maps_needs_plain_columns(template: str, words: str) -> None:
    assert words in sentences(cohort={"maps": template})[0]


def test_a_good_pattern_passes() -> None:
    assert sentences(cohort={"maps": "{site}/{participant id}_gm.nii"}) == []


def test_a_mask_is_a_rule_or_a_file() -> None:
    assert "excludes minimum" in sentences(mask={"path": "m.nii", "minimum": 0.1})[0]
    assert sentences(mask={"path": "m.nii", "minimum": None, "coverage": 1.0}) == []


def test_rules_of_the_judgement_are_among_them() -> None:
    found = sentences(inference={"method": "max-t", "cluster_extent_mm3": 10})
    assert [sentence.split(":")[0] for sentence in found] == ["inference.cluster_extent_mm3"]


def test_a_label_needs_an_atlas() -> None:
    assert "there is no atlas" in sentences(regions=["Precuneus_L"])[0]
    assert sentences(regions=["Precuneus_L"], atlas={"image": "a.nii"}) == []


@pytest.mark.parametrize("wrong", [None, 3, "x", [], [1], {"a": 1}, True])
def test_settings_of_a_wrong_shape_are_passed_over(wrong: Any) -> None:
    keys = ("cohort", "mask", "inference", "analyses", "atlas")
    assert sentences(**dict.fromkeys(keys, wrong)) == []
