"""What kind of map a header names."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from heatlas.io.intent import statistic_of


def header(
    *, intent: tuple[str | int, tuple[float, ...]] | None = None, description: str = ""
) -> nib.Nifti1Header:
    """A header with an intent and a description."""
    made = nib.Nifti1Header()
    if intent is not None:
        made.set_intent(*intent)
    made["descrip"] = description.encode()
    return made


def test_a_t_map_names_its_degrees_of_freedom() -> None:
    assert statistic_of(header(intent=("t test", (23.0,)))) == ("t", (23.0,))


def test_an_f_map_names_both_degrees_of_freedom() -> None:
    assert statistic_of(header(intent=("f test", (2.0, 45.0)))) == ("F", (2.0, 45.0))


def test_z_maps_and_estimates_have_none() -> None:
    assert statistic_of(header(intent=("z score", ()))) == ("z", ())
    assert statistic_of(header(intent=("estimate", ()))) == ("effect", ())


@pytest.mark.parametrize("dof", [0.0, -1.0, np.nan, np.inf])
def test_degrees_of_freedom_that_cannot_be_true_are_not_taken(dof: float) -> None:
    assert statistic_of(header(intent=("t test", (dof,)))) == ("t", ())


def test_spm_says_it_in_its_description() -> None:
    words = "SPM{T_[23.0]} - contrast 1: faces > houses"
    assert statistic_of(header(description=words)) == ("t", (23.0,))
    words = "SPM{F_[2.0,45.0]} - contrast 2: any"
    assert statistic_of(header(description=words)) == ("F", (2.0, 45.0))


def test_a_header_that_names_nothing_gives_nothing() -> None:
    assert statistic_of(header()) == ("", ())
    assert statistic_of(header(description="spm - algebra")) == ("", ())
    assert statistic_of(header(intent=("label", ()))) == ("", ())
