"""Groups are told apart at places that their members had no say in, in the contrast's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy.stats import mannwhitneyu, ttest_ind

from heatlas.core.atlas import Atlas
from heatlas.core.errors import DataError
from heatlas.core.stack import MapStack
from heatlas.infer.folds import stratified_folds
from heatlas.stats.glm import FittedAnalysis
from heatlas.study.findings import GroupOverlap
from heatlas.study.overlaps import N_FOLDS, contrast_overlaps, region_elements
from heatlas.study.spec import Sphere
from tests.study.stacks import SHAPE, fitted, noise, stack_of

N_ILL, N_WELL = 14, 10
GROUP = ("ill",) * N_ILL + ("well",) * N_WELL
ILL = np.array(GROUP) == "ill"
PLACE = (2, 6, 3)
SEED, STEP = 11, "judge groups / asked"


def maps_with_effect(size: float, *, seed: int = 0) -> np.ndarray:
    """Noise in which the ill are higher by ``size`` at one voxel."""
    maps = noise(len(GROUP), seed=seed)
    maps[ILL, *PLACE] += size
    return maps


def overlaps_of(
    stack: MapStack,
    found: FittedAnalysis,
    *,
    regions: Sequence[Any] = (),
    atlas: Atlas | None = None,
) -> tuple[tuple[GroupOverlap, ...], tuple[str, ...]]:
    return contrast_overlaps(
        stack,
        found,
        tested=found.contrasts[0],
        regions=regions,
        atlas=atlas,
        source=(SEED, STEP),
    )


def ill_minus_well(maps: np.ndarray, **options: Any) -> tuple[GroupOverlap, ...]:
    """The overlaps of the two groups without covariates; no warning is expected."""
    stack = stack_of(maps, {"group": GROUP})
    found, warnings = overlaps_of(stack, fitted(stack, "group", "group[ill] - group[well]"),
                                  **options)  # fmt: skip
    assert warnings == ()
    return found


def groups_of(overlap: GroupOverlap) -> dict[str, np.ndarray]:
    return dict(overlap.groups())


# ---------------------------------------------------------------- who is who


def test_values_belong_to_the_group_that_they_are_filed_under() -> None:
    maps = maps_with_effect(50)
    (peak,) = ill_minus_well(maps)
    held = groups_of(peak)
    at_place = maps[:, *PLACE].astype(float)
    assert_allclose(held["ill"], at_place[ILL], rtol=1e-6)
    assert_allclose(held["well"], at_place[~ILL], rtol=1e-6)


@pytest.mark.parametrize(
    ("test", "names"),
    [
        ("group[ill] - group[well]", ("ill", "well")),
        ("group[well] - group[ill]", ("well", "ill")),
        ("-group[well] + group[ill]", ("ill", "well")),
    ],
)
def test_names_come_in_the_order_of_the_contrast(test: str, names: tuple[str, str]) -> None:
    stack = stack_of(maps_with_effect(50), {"group": GROUP})
    (peak,), _ = overlaps_of(stack, fitted(stack, "group", test))
    assert peak.names == names
    lower = 0 if names[0] == "ill" else 100
    assert float(peak.overlap.superiority.value) == lower
    assert f"the member of {names[0]} has the lower value" in peak.overlap.words(*peak.names)


def test_the_number_of_pairs_is_that_of_mann_and_whitney() -> None:
    (peak,) = ill_minus_well(maps_with_effect(3))
    held = groups_of(peak)
    u = mannwhitneyu(held["well"], held["ill"]).statistic
    assert float(peak.overlap.superiority.value) == pytest.approx(100 * u / (N_ILL * N_WELL))


def test_the_words_of_the_place_are_in_mm() -> None:
    maps = maps_with_effect(50)
    stack = stack_of(maps, {"group": GROUP})
    x, y, z = stack.mask.grid.to_mm(PLACE)
    (peak,) = ill_minus_well(maps)
    listed = ", ".join(f"{mm:.1f}".removesuffix(".0").replace("-", "−") for mm in (x, y, z))
    assert peak.place == f"At the cross-fitted peak, ({listed}) mm"
    assert (peak.quantity, peak.unit) == ("thickness", "mm")


# ---------------------------------------------------------------- how the place is chosen


def test_held_out_maps_do_not_choose_their_own_place() -> None:
    folds = stratified_folds(GROUP, seed=SEED, step=f"{STEP} / folds", n_folds=N_FOLDS)
    others = folds != 2
    maps = noise(len(GROUP), shape=(2, 1, 1), seed=4)
    for group in (ILL, ~ILL):  # means that are known exactly, fold 2 left out
        maps[group] -= maps[group & others].mean(axis=0)
    maps[ILL, 0] += 0.4
    # The maps of fold 2 alone differ at the second voxel, by more than everybody at the first.
    maps[~others, 1] = np.where(ILL[~others], 1000, -1000)[:, None, None]
    flat = maps[:, :, 0, 0].astype(float)
    t_all, t_others = (
        np.abs(ttest_ind(flat[rows & ILL], flat[rows & ~ILL]).statistic)
        for rows in (np.ones(len(GROUP), bool), others)
    )
    assert (t_all.argmax(), t_others.argmax()) == (1, 0)
    (peak,) = ill_minus_well(maps)
    assert "(2 places)" in peak.chosen
    groups = [flat[others & rows, 0] for rows in (ILL, ~ILL)]
    residuals = np.concatenate([group - group.mean() for group in groups])
    spread = np.sqrt((residuals**2).sum() / (others.sum() - 2))
    middle = (groups[0].mean() + groups[1].mean()) / 2
    assert_allclose(peak.values[~others], (flat[~others, 0] - middle) / spread, rtol=1e-6)


def test_noise_is_not_made_to_differ_by_choosing_the_place_on_the_same_people() -> None:
    gaps, dipped = [], []
    for seed in range(12):
        maps = noise(len(GROUP), seed=100 + seed)
        (peak,) = ill_minus_well(maps)
        held = groups_of(peak)
        gaps.append(held["ill"].mean() - held["well"].mean())
        flat = maps.reshape(len(GROUP), -1)
        differences = flat[ILL].mean(axis=0) - flat[~ILL].mean(axis=0)
        dipped.append(np.abs(differences).max())
    assert abs(np.mean(gaps)) < 0.35
    assert np.mean(dipped) > 1


def test_folds_that_choose_several_places_are_put_on_one_scale_and_say_so() -> None:
    (peak,) = ill_minus_well(noise(len(GROUP), seed=5))
    assert " and (" in peak.place
    assert (peak.quantity, peak.unit) == ("thickness, in SD of the training folds", "SD")


def test_the_same_study_gives_the_same_values() -> None:
    first, second = (ill_minus_well(maps_with_effect(1))[0] for _ in range(2))
    assert first.values.tobytes() == second.values.tobytes()


# ---------------------------------------------------------------- what is adjusted for


def test_covariates_are_taken_out_of_what_is_shown() -> None:
    rng = np.random.default_rng(3)
    age = rng.uniform(20, 70, len(GROUP)) + 8 * ILL
    maps = maps_with_effect(30)
    maps[:, *PLACE] += 2 * (age - age.mean())
    stack = stack_of(maps, {"group": GROUP, "age": age})
    (peak,), _ = overlaps_of(stack, fitted(stack, "group + age", "group[ill] - group[well]"))
    y = maps[:, *PLACE].astype(float)
    whole = sm.OLS(y, np.column_stack([np.ones(len(y)), ILL, age])).fit()
    adjusted = y - whole.params[2] * (age - age.mean())
    # Slopes come from the training folds, so they differ a little from those of everybody.
    assert np.abs(peak.values - adjusted).max() < 1.5
    assert abs(np.corrcoef(peak.values - 30 * ILL, age)[0, 1]) < 0.5
    assert abs(np.corrcoef(y - 30 * ILL, age)[0, 1]) > 0.95


def test_a_training_slope_never_sees_the_held_out_value() -> None:
    age = np.random.default_rng(3).uniform(20, 70, len(GROUP))
    maps = maps_with_effect(300)
    stack = stack_of(maps, {"group": GROUP, "age": age})
    found = fitted(stack, "group + age", "group[ill] - group[well]")
    (before,), _ = overlaps_of(stack, found)
    maps[0, *PLACE] += 40
    changed = stack_of(maps, {"group": GROUP, "age": age})
    (after,), _ = overlaps_of(changed, fitted(changed, "group + age", "group[ill] - group[well]"))
    assert after.values[0] - before.values[0] == pytest.approx(40, rel=1e-5)


def test_another_factor_is_adjusted_for_too() -> None:
    site = np.array(["a", "b"] * (len(GROUP) // 2))
    maps = maps_with_effect(30)
    maps[site == "b"] += 100
    stack = stack_of(maps, {"group": GROUP, "site": list(site)})
    (peak,), _ = overlaps_of(stack, fitted(stack, "group + site", "group[ill] - group[well]"))
    held = groups_of(peak)
    assert all(np.ptp(values) < 20 for values in held.values())


def test_an_interaction_of_the_groups_is_no_covariate() -> None:
    age = np.random.default_rng(3).uniform(20, 70, len(GROUP))
    stack = stack_of(maps_with_effect(30), {"group": GROUP, "age": age})
    found = fitted(stack, "group * age", "group[ill] - group[well]")
    (peak,), warnings = overlaps_of(stack, found)
    assert warnings == ()
    held = groups_of(peak)
    assert held["ill"].mean() - held["well"].mean() == pytest.approx(30, abs=2)


# ---------------------------------------------------------------- where there is nothing to compare


@pytest.mark.parametrize(
    ("model", "test", "kind"),
    [
        ("group + age", "age", "t"),
        ("group + age", "group", "F"),
        ("1", "intercept", "t"),
        ("group + age", "group[ill]", "t"),
    ],
)
def test_contrasts_that_compare_no_two_groups_have_no_overlap(
    model: str, test: str, kind: str
) -> None:
    age = np.arange(len(GROUP), dtype=float) ** 1.5
    stack = stack_of(maps_with_effect(1), {"group": GROUP, "age": age})
    assert overlaps_of(stack, fitted(stack, model, test, kind=kind)) == ((), ())


def test_groups_below_six_members_give_a_warning_instead_of_numbers() -> None:
    group = ["ill"] * 19 + ["well"] * 5
    stack = stack_of(noise(24), {"group": group})
    found = fitted(stack, "group", "group[ill] - group[well]")
    sphere = Sphere(name="seed", x=0, y=0, z=0, radius_mm=6)
    overlaps, warnings = overlaps_of(stack, found, regions=[sphere])
    assert overlaps == ()
    assert warnings == (
        "The overlap of the groups was not measured: group well has 5 members, fewer than 6.",
    )


def test_groups_of_six_are_measured() -> None:
    stack = stack_of(noise(12), {"group": ["ill"] * 6 + ["well"] * 6})
    overlaps, warnings = overlaps_of(stack, fitted(stack, "group", "group[ill] - group[well]"))
    assert (len(overlaps), warnings) == (1, ())


def test_only_the_rows_of_the_model_are_counted() -> None:
    age = [np.nan] * 9 + list(range(N_ILL + N_WELL - 9))
    stack = stack_of(noise(len(GROUP)), {"group": GROUP, "age": np.array(age, float)})
    found = fitted(stack, "group + age", "group[ill] - group[well]", missing="drop")
    overlaps, (warning,) = overlaps_of(stack, found)
    assert overlaps == ()
    assert "group ill has 5 members" in warning


def test_rows_that_a_model_leaves_out_do_not_shift_the_others() -> None:
    age = np.random.default_rng(3).uniform(20, 70, len(GROUP))
    age[[0, 16]] = np.nan
    maps = maps_with_effect(50)
    stack = stack_of(maps, {"group": GROUP, "age": age})
    found = fitted(stack, "group + age", "group[ill] - group[well]", missing="drop")
    (peak,), _ = overlaps_of(stack, found)
    held = groups_of(peak)
    assert (len(held["ill"]), len(held["well"])) == (N_ILL - 1, N_WELL - 1)
    assert held["ill"].min() > held["well"].max() + 20


def test_pairs_of_one_subject_are_not_pulled_apart() -> None:
    subject = [f"s{k % 12}" for k in range(24)]
    condition = ["rest"] * 12 + ["task"] * 12
    stack = stack_of(noise(24), {"subject": subject, "condition": condition})
    found = fitted(stack, "C(subject) + condition", "condition[task] - condition[rest]")
    overlaps, (warning,) = overlaps_of(stack, found)
    assert overlaps == ()
    assert warning.startswith("The overlap of the groups at the peak was not measured: ")


def test_maps_that_vary_nowhere_within_a_training_part_give_a_warning() -> None:
    folds = stratified_folds(GROUP, seed=SEED, step=f"{STEP} / folds", n_folds=N_FOLDS)
    maps = np.zeros((len(GROUP), *SHAPE), np.float32)
    maps[folds == 1] = noise(int((folds == 1).sum()))
    stack = stack_of(maps, {"group": GROUP})
    overlaps, (warning,) = overlaps_of(stack, fitted(stack, "group", "group[ill] - group[well]"))
    assert overlaps == ()
    assert warning.startswith("The overlap of the groups at the peak was not measured: ")
    assert "no place varies" in warning


def test_a_region_that_does_not_vary_costs_its_own_overlap_alone() -> None:
    maps = maps_with_effect(40)
    maps[:, : SHAPE[0] // 2] = 0
    maps[ILL, 6, 6, 3] += 40
    stack = stack_of(maps, {"group": GROUP})
    found = fitted(stack, "group", "group[ill] - group[well]")
    overlaps, (warning,) = overlaps_of(
        stack, found, regions=["left", "right"], atlas=block_atlas(stack)
    )
    assert [overlap.place[:6] for overlap in overlaps] == ["At the", "In rig"]
    assert "in left of Halves was not measured: " in warning


# ---------------------------------------------------------------- more than two groups


def test_two_of_three_levels_are_compared_and_the_third_is_left_out() -> None:
    group = ["ill"] * 8 + ["well"] * 8 + ["risk"] * 8
    maps = noise(24)
    maps[:8, *PLACE] += 50
    maps[16:, *PLACE] += 500
    stack = stack_of(maps, {"group": group})
    (peak,), warnings = overlaps_of(stack, fitted(stack, "group", "group[ill] - group[well]"))
    assert warnings == ()
    assert peak.names == ("ill", "well")
    held = groups_of(peak)
    assert_allclose(held["ill"], maps[:8, *PLACE], rtol=1e-5)
    assert_allclose(held["well"], maps[8:16, *PLACE], rtol=1e-5)
    assert (peak.overlap.n_first, peak.overlap.n_second) == (8, 8)


def test_a_single_member_of_a_third_level_is_named_as_the_reason() -> None:
    group = ["ill"] * 8 + ["well"] * 8 + ["risk"]
    stack = stack_of(noise(17), {"group": group})
    overlaps, (warning,) = overlaps_of(stack, fitted(stack, "group", "group[ill] - group[well]"))
    assert overlaps == ()
    assert "group  has" not in warning
    assert "a single map" in warning


def test_cells_of_two_factors_are_groups() -> None:
    group = ["ill", "well"] * 14
    sex = ["f", "f", "m", "m"] * 7
    maps = noise(28)
    cell = (np.array(group) == "ill") & (np.array(sex) == "f")
    maps[cell, *PLACE] += 40
    stack = stack_of(maps, {"group": group, "sex": sex})
    test = "group[ill]:sex[f] - group[well]:sex[f]"
    (peak,), warnings = overlaps_of(stack, fitted(stack, "group * sex", test))
    assert warnings == ()
    assert peak.names == ("ill/f", "well/f")
    held = groups_of(peak)
    assert (len(held["ill/f"]), len(held["well/f"])) == (7, 7)
    assert held["ill/f"].min() > held["well/f"].max() + 20


# ---------------------------------------------------------------- regions of the reader's choice


def block_atlas(stack: MapStack) -> Atlas:
    """Left half 1, right half 2, of the stack's own grid."""
    labels = np.ones(SHAPE, dtype=np.int32)
    labels[SHAPE[0] // 2 :] = 2
    return Atlas(name="Halves", labels=labels, grid=stack.mask.grid, names={1: "left", 2: "right"})


def test_a_region_by_label_shows_the_mean_of_its_voxels() -> None:
    maps = maps_with_effect(2)
    atlas = block_atlas(stack_of(maps, {"group": GROUP}))
    _, region = ill_minus_well(maps, regions=["left"], atlas=atlas)
    means = maps[:, : SHAPE[0] // 2].reshape(len(GROUP), -1).mean(axis=1, dtype=float)
    assert_allclose(region.values, means, rtol=1e-5, atol=1e-7)
    assert region.place == "In left of Halves (252 voxels)"
    assert (region.quantity, region.unit) == ("mean thickness", "mm")


def test_a_region_by_sphere_holds_the_voxels_within_its_radius() -> None:
    maps = maps_with_effect(2)
    stack = stack_of(maps, {"group": GROUP})
    centre = stack.mask.grid.to_mm(PLACE)
    sphere = Sphere(name="seed", x=centre[0], y=centre[1], z=centre[2], radius_mm=4.5)
    _, region = ill_minus_well(maps, regions=[sphere])
    steps = np.array(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"))
    distance = 3.0 * np.sqrt(((steps.T - PLACE) ** 2).sum(axis=-1)).T
    inside = distance <= 4.5  # 18 neighbours at 3 and 4.24 mm, and the centre
    assert inside.sum() == 19
    assert_allclose(region.values, maps[:, inside].mean(axis=1, dtype=float), rtol=1e-5, atol=1e-7)
    assert "seed, a sphere of 4.5 mm around (" in region.place
    assert region.place.endswith("mm (19 voxels)")


def test_a_region_is_named_as_the_study_files_choice_and_adjusted_too() -> None:
    age = np.random.default_rng(3).uniform(20, 70, len(GROUP))
    maps = maps_with_effect(2) + 5 * age[:, None, None, None]
    stack = stack_of(maps, {"group": GROUP, "age": age})
    found = fitted(stack, "group + age", "group[ill] - group[well]")
    (_, region), _ = overlaps_of(stack, found, regions=["right"], atlas=block_atlas(stack))
    assert "The study file names this region" in region.chosen
    assert np.ptp(region.values) < 5


def test_a_region_outside_the_mask_is_refused_by_name() -> None:
    stack = stack_of(noise(2), {"group": ["a", "b"]})
    far = Sphere(name="far", x=500, y=0, z=0, radius_mm=5)
    with pytest.raises(DataError, match="regions: no voxel of the mask lies in far, a sphere"):
        region_elements(far, stack, atlas=None)


def test_a_label_without_an_atlas_is_refused() -> None:
    stack = stack_of(noise(2), {"group": ["a", "b"]})
    with pytest.raises(DataError, match="'left' is a label, but the study names no atlas"):
        region_elements("left", stack, atlas=None)
