"""From files to findings: statistics of statsmodels, p of brute force, and words that fit both."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from heatlas.core.errors import DesignError
from heatlas.core.store import MemoryStore
from heatlas.study.findings import JudgedContrast
from tests.study.judged import DIFFERENCE, Judged, analysis, cohort_files, judged, settings_of
from tests.study.stacks import SHAPE, noise

PLACE = (2, 6, 3)
N = 20
GROUP = ["ill", "well", "well", "ill", "ill"] * 4
SEX = ["f", "m"] * 10
AGE = np.random.default_rng(2).integers(20, 70, N).astype(float)


def study(
    folder: Path,
    maps: np.ndarray,
    columns: dict[str, Any],
    *analyses: dict[str, Any],
    **settings: Any,
) -> Judged:
    spec = settings_of(analyses, **settings)
    return judged(spec, cohort_files(folder, maps, columns))


def only(found: Judged) -> JudgedContrast:
    ((_, contrast),) = found.findings.contrasts
    return contrast


def eight_maps(effect: float = 3.0) -> tuple[np.ndarray, dict[str, Any]]:
    """Four ill and four well; the ill are higher at one voxel and lower at another."""
    group = ["ill", "well", "well", "ill", "well", "ill", "ill", "well"]
    maps = noise(8, seed=4)
    ill = np.array(group) == "ill"
    maps[ill, *PLACE] += effect
    maps[ill, 5, 1, 1] -= effect
    return maps, {"group": group}


# ---------------------------------------------------------------- statistics


def test_statistics_and_intervals_equal_statsmodels(tmp_path: Path) -> None:
    maps = noise(N) + 0.02 * AGE[:, None, None, None].astype(np.float32)
    columns = {"group": GROUP, "sex": SEX, "age": AGE}
    asked = analysis("main", "C(group) + C(sex) + age", DIFFERENCE, "age")
    any_sex = {"name": "sex", "test": "sex", "kind": "F"}
    asked["contrasts"].append(any_sex)
    found = study(tmp_path, maps, columns, asked, inference={"method": "fdr-bh"})
    difference, slope, sex = (contrast for _, contrast in found.findings.contrasts)
    mask = found.findings.loaded.stack.mask
    assert mask.size == np.prod(SHAPE)
    for element in range(0, mask.size, 41):
        y = maps.reshape(N, -1)[:, element].astype(float)
        frame = pd.DataFrame({"y": y, **columns})
        fit = smf.ols("y ~ C(group, Treatment('well')) + C(sex) + age", frame).fit()
        group = "C(group, Treatment('well'))[T.ill]"
        for judged_one, name in ((difference, group), (slope, "age")):
            effect = judged_one.effect
            assert effect is not None
            low, high = fit.conf_int().loc[name]
            seen = [judged_one.statistic.values, effect.value, effect.low, effect.high]
            expected = [fit.tvalues[name], fit.params[name], low, high]
            assert_allclose([values[element] for values in seen], expected, rtol=1e-6)
        f = fit.f_test("C(sex)[T.m] = 0")
        assert sex.statistic.values[element] == pytest.approx(float(f.fvalue), rel=1e-6)


def test_rows_that_a_model_selects_are_the_rows_that_are_tested(tmp_path: Path) -> None:
    maps = noise(N)
    score = AGE.copy()
    score[[3, 10]] = np.nan
    columns = {"group": GROUP, "score": score}
    asked = analysis("ill", "score", "score", where="group == 'ill'", missing="drop")
    found = study(tmp_path, maps, columns, asked, inference={"n_permutations": 50})
    rows = np.flatnonzero((np.array(GROUP) == "ill") & ~np.isnan(score))
    contrast = only(found)
    r = stats.pearsonr(maps.reshape(N, -1)[rows], score[rows, None]).statistic
    t = r * np.sqrt((len(rows) - 2) / (1 - r**2))
    assert_allclose(contrast.statistic.values, t, rtol=1e-5)
    assert contrast.statistic.n == len(rows)
    assert contrast.threshold.null_maxima is not None
    assert contrast.threshold.null_maxima[0] == pytest.approx(np.abs(t).max(), rel=1e-5)
    dropped = dict(found.findings.analyses[0].design.dropped)
    assert [name for name in ("sub-04", "sub-11") if name in dropped] == [
        f"sub-{k + 1:02d}" for k in (3, 10) if GROUP[k] == "ill"
    ]


# ---------------------------------------------------------------- judgement


def test_corrected_p_of_eight_maps_equal_all_seventy_relabellings(tmp_path: Path) -> None:
    maps, columns = eight_maps()
    contrast = only(study(tmp_path, maps, columns, analysis("g", "group", DIFFERENCE)))
    flat = maps.reshape(8, -1).astype(float)
    maxima = []
    for chosen in itertools.combinations(range(8), 4):
        first = np.isin(np.arange(8), chosen)
        maxima.append(np.abs(stats.ttest_ind(flat[first], flat[~first]).statistic).max())
    ill = np.array(columns["group"]) == "ill"
    observed = stats.ttest_ind(flat[ill], flat[~ill]).statistic
    p = (np.array(maxima)[:, None] >= np.abs(observed) * (1 - 1e-9)).mean(axis=0)
    threshold = contrast.threshold
    assert threshold.logp is not None
    assert_allclose(10**-threshold.logp, p, rtol=1e-9)
    assert_array_equal(threshold.survives, p <= 0.05)
    assert threshold.n_permutations == 70
    assert threshold.undecided is not None
    assert not threshold.undecided.any()
    assert contrast.arrangements == "all 70 permutations"
    assert "exchangeable" in contrast.exchangeability


def test_a_strong_effect_survives_where_it_was_planted_with_its_sign(tmp_path: Path) -> None:
    maps, columns = eight_maps(effect=60)
    contrast = only(study(tmp_path, maps, columns, analysis("g", "group", DIFFERENCE)))
    heat_map = contrast.heat_map
    places = [np.ravel_multi_index(place, SHAPE) for place in (PLACE, (5, 1, 1))]
    assert_array_equal(np.flatnonzero(heat_map.survives_positive), places[:1])
    assert_array_equal(np.flatnonzero(heat_map.survives_negative), places[1:])


def test_the_caption_says_test_n_groups_dof_sides_rule_cut_and_survivors(tmp_path: Path) -> None:
    maps, columns = eight_maps(effect=60)
    contrast = only(study(tmp_path, maps, columns, analysis("g", "group", DIFFERENCE)))
    before, after = contrast.heat_map.caption().split("|t| > ")
    assert before == (
        "t map of c1, n = 8 (4 ill, 4 well), df = 6, two-sided, voxelwise FWE p < .05 by all 70 "
        "permutations, "
    )
    cut, survivors = after.split(", ", maxsplit=1)
    assert float(cut) == pytest.approx(contrast.threshold.cut, abs=0.05)
    assert survivors == "2 voxels (1 +, 1 −)"
    assert contrast.heat_map.title == "g: c1"


def test_an_empty_result_is_captioned_as_one(tmp_path: Path) -> None:
    maps = noise(N)
    found = study(tmp_path, maps, {"group": GROUP}, analysis("g", "group", DIFFERENCE),
                  inference={"method": "bonferroni"})  # fmt: skip
    contrast = only(found)
    assert contrast.threshold.n_surviving == 0
    assert contrast.heat_map.caption().endswith("no voxel survives")
    assert len(contrast.clusters) == 0


def test_one_sided_tests_judge_the_positive_tail_alone(tmp_path: Path) -> None:
    maps, columns = eight_maps(effect=60)
    found = study(
        tmp_path, maps, columns, analysis("g", "group", DIFFERENCE), inference={"two_sided": False}
    )
    contrast = only(found)
    assert contrast.heat_map.survives_positive.sum() == 1
    assert contrast.heat_map.survives_negative.sum() == 0
    assert ", one-sided, " in contrast.heat_map.caption()


def test_an_f_is_judged_by_its_own_tail_and_has_no_effect_map(tmp_path: Path) -> None:
    columns = {"site": ["a", "b", "c", "d"] * 5}
    maps = noise(N)
    maps[::4, *PLACE] += 40
    found = study(tmp_path, maps, columns, analysis("s", "site", "site", kind="F"),
                  inference={"n_permutations": 100})  # fmt: skip
    contrast = only(found)
    groups = [maps.reshape(N, -1)[k::4].astype(float) for k in range(4)]
    assert_allclose(contrast.statistic.values, stats.f_oneway(*groups).statistic, rtol=1e-6)
    assert contrast.statistic.dof == (3.0, 16.0)
    assert (contrast.effect, contrast.overlaps) == (None, ())
    assert not contrast.threshold.two_sided
    assert contrast.threshold.survives[np.ravel_multi_index(PLACE, SHAPE)]
    assert contrast.standardised is not None
    assert contrast.standardised.kind == "partial R2"


@pytest.mark.parametrize("method", ["none", "bonferroni", "fdr-bh", "fdr-by"])
def test_methods_without_permutations_draw_none(tmp_path: Path, method: str) -> None:
    maps, columns = eight_maps()
    found = study(
        tmp_path, maps, columns, analysis("g", "group", DIFFERENCE), inference={"method": method}
    )
    contrast = only(found)
    assert contrast.threshold.method == method
    assert contrast.threshold.n_permutations is None
    assert (contrast.arrangements, contrast.exchangeability) == ("", "")


def test_the_cluster_table_names_the_place_in_mm(tmp_path: Path) -> None:
    maps, columns = eight_maps(effect=60)
    found = study(tmp_path, maps, columns, analysis("g", "group", DIFFERENCE))
    clusters = only(found).clusters
    grid = found.findings.loaded.stack.mask.grid
    peaks = np.column_stack([clusters.numbers(f"{axis}_mm") for axis in "xyz"])
    expected = grid.to_mm([PLACE, (5, 1, 1)])
    assert_allclose(sorted(peaks.tolist()), sorted(expected.tolist()))
    assert_allclose(clusters.numbers("size_mm3"), 27)


def test_means_that_a_contrast_compares_are_plain_means_without_covariates(tmp_path: Path) -> None:
    maps, columns = eight_maps()
    first, second = only(study(tmp_path, maps, columns, analysis("g", "group", DIFFERENCE))).means
    ill = np.array(columns["group"]) == "ill"
    flat = maps.reshape(8, -1).astype(float)
    assert_allclose(first.values, flat[ill].mean(axis=0), rtol=1e-6, atol=1e-9)
    assert_allclose(second.values, flat[~ill].mean(axis=0), rtol=1e-6, atol=1e-9)


# ---------------------------------------------------------------- methods that permute


def wide_maps() -> tuple[np.ndarray, dict[str, Any]]:
    """Twenty maps in which the ill are higher in a box of 27 voxels."""
    maps = noise(N, seed=3)
    ill = np.array(GROUP) == "ill"
    maps[np.ix_(ill, range(1, 4), range(4, 7), range(2, 5))] += 4
    return maps, {"group": GROUP, "age": AGE, "half": ["a", "b"] * 10}


@pytest.mark.parametrize(
    ("inference", "quantity", "words"),
    [
        ({"method": "step-down"}, "", "voxelwise FWE p < .05 (step-down) by 100 permutations"),
        ({"method": "tfce"}, "TFCE", "TFCE (t, E = 0.5, H = 2, 6 neighbours), FWE p < .05 by 100"),
        (
            {"method": "cluster-extent", "cluster_threshold": {"p": 0.001}},
            "cluster extent",
            "clusters (|t| > 3.92, p < .001 per voxel, 18 neighbours) by extent, FWE p < .05 by",
        ),
        (
            {"method": "cluster-mass", "cluster_threshold": {"statistic": 3}},
            "cluster mass",
            "clusters (|t| > 3.00, p < .0077 per voxel, 18 neighbours) by mass, FWE p < .05 by",
        ),
        (
            {"method": "cluster-mass-above", "cluster_threshold": {"statistic": 3}},
            "cluster mass",
            "by mass above that threshold, FWE p < .05 by 100 permutations",
        ),
    ],
)
def test_every_method_finds_a_box_and_says_how(
    tmp_path: Path, inference: dict[str, Any], quantity: str, words: str
) -> None:
    maps, columns = wide_maps()
    found = study(tmp_path, maps, columns, analysis("g", "group", DIFFERENCE),
                  inference={"n_permutations": 100, **inference})  # fmt: skip
    contrast = only(found)
    assert words in contrast.threshold.words
    assert words in contrast.heat_map.caption()
    assert contrast.threshold.quantity == quantity
    box = np.zeros(SHAPE, bool)
    box[1:4, 4:7, 2:5] = True
    hit = contrast.heat_map.survives_positive
    assert hit[box.ravel()].mean() > 0.6
    assert hit[~box.ravel()].mean() < 0.1
    assert len(contrast.clusters) > 0
    assert contrast.permuted is not None
    assert contrast.arrangements == "100 permutations"


def test_variance_groups_are_judged_by_welch_s_statistic(tmp_path: Path) -> None:
    maps, columns = wide_maps()
    asked = analysis("g", "group", DIFFERENCE, variance_groups="group")
    found = study(tmp_path, maps, columns, asked, inference={"n_permutations": 100})
    contrast = only(found)
    ill = np.array(GROUP) == "ill"
    flat = maps.reshape(N, -1).astype(float)
    welch = stats.ttest_ind(flat[ill], flat[~ill], equal_var=False).statistic
    assert_allclose(contrast.statistic.values, welch, rtol=1e-5)
    assert (contrast.statistic.kind, contrast.statistic.dof) == ("v", ())
    assert contrast.heat_map.caption().startswith("v map of c1, n = 20 (12 ill, 8 well), two-sided")
    assert found.findings.analyses[0].variance_groups == "group"
    assert "v has no degrees of freedom" in contrast.smallest


def test_blocks_keep_maps_in_their_places(tmp_path: Path) -> None:
    maps, columns = wide_maps()
    few = analysis("g", "group", DIFFERENCE, where="row <= 8", exchangeability={"blocks": "pair"})
    columns |= {"row": np.arange(1.0, N + 1), "pair": np.repeat(np.arange(10.0), 2)}
    contrast = only(study(tmp_path, maps, columns, few))
    # ill well | well ill | ill ill | well well: two pairs differ, so four arrangements do.
    assert contrast.arrangements == "all 4 permutations"
    assert "pair" in contrast.exchangeability


def test_a_small_volume_is_judged_alone_and_the_rest_stays_visible(tmp_path: Path) -> None:
    maps, columns = wide_maps()
    sphere = {"x": -3.0, "y": 6.0, "z": 0.0, "radius_mm": 5.0}
    found = study(tmp_path, maps, columns, analysis("g", "group", DIFFERENCE),
                  inference={"n_permutations": 100, "small_volume": sphere})  # fmt: skip
    contrast = only(found)
    mask = found.findings.loaded.stack.mask
    inside = np.linalg.norm(mask.positions_mm() - [-3, 6, 0], axis=1) <= 5
    logp = contrast.threshold.logp
    assert logp is not None
    assert_array_equal(np.isfinite(logp), inside)
    assert np.isfinite(contrast.statistic.values).all()
    assert "within a sphere of 5 mm around (−3, 6, 0) mm" in contrast.heat_map.caption()


def test_contrasts_that_are_corrected_together_have_larger_p(tmp_path: Path) -> None:
    maps, columns = wide_maps()
    asked = analysis("g", "group + age", DIFFERENCE, "age")
    inference = {"n_permutations": 100}
    alone = study(tmp_path, maps, columns, asked, inference=inference)
    both = study(tmp_path, maps, columns, asked, inference={**inference, "across_contrasts": True})
    for (_, one), (_, other) in zip(alone.findings.contrasts, both.findings.contrasts, strict=True):
        assert "over 2 contrasts" in other.threshold.words
        assert one.threshold.cut is not None and other.threshold.cut is not None
        assert other.threshold.cut >= one.threshold.cut - 0.4
    first, second = (c.threshold.null_maxima for _, c in both.findings.contrasts)
    assert first is not None and second is not None
    assert_allclose(first, second)
    steps = [event.step for event in both.events if event.kind == "step"]
    assert steps[-2:] == ["judge g / c1", "judge g / c2"]


def test_a_settled_test_stops_early_and_says_so(tmp_path: Path) -> None:
    maps, columns = wide_maps()
    found = study(tmp_path, maps, columns, analysis("g", "group", DIFFERENCE),
                  inference={"n_permutations": 20_000, "adaptive": True,
                             "method": "cluster-mass", "cluster_threshold": {"p": 0.001}},
                  )  # fmt: skip
    contrast = only(found)
    assert contrast.threshold.n_permutations is not None
    assert contrast.threshold.n_permutations < 20_000
    assert "of 20,000 permutations (stopped early" in contrast.heat_map.caption()


def test_a_judgement_goes_on_from_what_was_kept(tmp_path: Path) -> None:
    maps, columns = wide_maps()
    files = cohort_files(tmp_path, maps, columns)
    spec = settings_of([analysis("g", "group", DIFFERENCE)], inference={"n_permutations": 300})
    store = MemoryStore()
    first = only(judged(spec, files, store=store))
    kept = dict(store._entries)
    assert len([key for key in kept if key.startswith("permute")]) == 3
    second = only(judged(spec, files, store=store))
    assert store._entries == kept
    assert first.threshold.null_maxima is not None and second.threshold.null_maxima is not None
    assert first.threshold.null_maxima.tobytes() == second.threshold.null_maxima.tobytes()


# ---------------------------------------------------------------- what a reader must know


@pytest.mark.parametrize(
    ("n", "inference", "words"),
    [
        (
            6,
            {"n_permutations": 20},
            "Only 20 arrangements exist, so no corrected p can be below 0.1 and .05",
        ),
        (8, {"alpha": 0.02}, "Only 70 arrangements exist, so no corrected p can be below 0.0286"),
    ],
)
def test_an_alpha_that_cannot_be_reached_is_a_warning(
    tmp_path: Path, n: int, inference: dict[str, Any], words: str
) -> None:
    columns = {"group": ["ill"] * (n // 2) + ["well"] * (n // 2)}
    found = study(
        tmp_path, noise(n), columns, analysis("g", "group", DIFFERENCE), inference=inference
    )
    (warning,) = [text for text in only(found).warnings if "arrangements" in text]
    assert warning.startswith(words)
    assert warning.endswith("cannot be reached.")


def test_five_sign_flips_cannot_reach_two_sided_significance_and_say_so(tmp_path: Path) -> None:
    columns = {"age": [1.0, 2, 3, 4, 5]}
    maps = noise(5) + 40
    contrast = only(study(tmp_path, maps, columns, analysis("mean", "1", "intercept")))
    assert contrast.threshold.n_surviving == 0
    assert (
        "Only 32 arrangements exist, so no corrected p can be below 0.0625" in contrast.warnings[0]
    )


def test_an_alpha_within_reach_brings_no_warning(tmp_path: Path) -> None:
    maps, columns = eight_maps()
    contrast = only(study(tmp_path, maps, columns, analysis("g", "group", DIFFERENCE)))
    assert [text for text in contrast.warnings if "arrangements" in text] == []
    assert "fewer than 6" in contrast.warnings[0]


def test_voxels_without_variance_are_counted(tmp_path: Path) -> None:
    maps, columns = eight_maps()
    maps[:, 0, :2, 0] = 3
    found = study(tmp_path, maps, columns, analysis("g", "group", DIFFERENCE))
    assert found.findings.analyses[0].warnings == (
        "2 voxels without residual variance: no statistic is defined there.",
    )
    assert np.isnan(only(found).statistic.values).sum() == 2
    assert only(found).threshold.survives[np.isnan(only(found).statistic.values)].sum() == 0


def test_a_model_that_cannot_be_fitted_shows_before_anything_is_judged(tmp_path: Path) -> None:
    columns = {"group": GROUP, "age": AGE, "months": 12 * AGE}
    first = analysis("g", "group", DIFFERENCE)
    second = analysis("bad", "age + months", "age")
    files = cohort_files(tmp_path, noise(N), columns)
    with pytest.raises(DesignError, match="months"):
        judged(settings_of([first, second]), files)


# ---------------------------------------------------------------- quality, order and chance


def test_quality_joins_distance_and_coverage_of_the_same_map(tmp_path: Path) -> None:
    maps = noise(6) + np.linspace(0, 3, np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    maps[4] += noise(1, seed=77)[0] * 5
    maps[2, 0] = np.nan  # a part that its coverage must tell
    found = study(tmp_path, maps, {"age": np.arange(6.0)}, analysis("m", "1", "intercept"),
                  mask={"coverage": 1.0})  # fmt: skip
    quality = found.findings.quality
    assert quality.words("id")[0] == "sub-05"
    lost = dict(zip(quality.words("id"), quality.numbers("not_finite"), strict=True))
    assert lost == {**dict.fromkeys(lost, 0.0), "sub-03": float(np.prod(SHAPE[1:]))}
    assert len(set(quality.names)) == len(quality.names)


def test_two_maps_have_coverage_but_no_distance(tmp_path: Path) -> None:
    found = study(tmp_path, noise(2), {"age": [1.0, 2.0]}, analysis("m", "1", "intercept"),
                  inference={"method": "fdr-bh"})  # fmt: skip
    assert "distance" not in found.findings.quality.names
    assert found.findings.quality.words("id") == ("sub-01", "sub-02")


def test_steps_are_told_in_the_order_of_the_plan(tmp_path: Path) -> None:
    maps, columns = eight_maps()
    both = [analysis("a", "group", DIFFERENCE), analysis("b", "1", "intercept")]
    found = study(tmp_path, maps, columns, *both)
    steps = [event.step for event in found.events if event.kind == "step"]
    assert steps == ["read", "fit a", "fit b", "judge a / c1", "judge b / c1"]
    notes = [event.text for event in found.events if event.kind == "note"]
    assert [c.heat_map.caption() for _, c in found.findings.contrasts] == notes


def test_the_progress_of_permutations_ends_at_their_number(tmp_path: Path) -> None:
    found = study(tmp_path, noise(N), {"group": GROUP}, analysis("g", "group", DIFFERENCE),
                  inference={"n_permutations": 300})  # fmt: skip
    told = [event for event in found.events if event.text == "permutations"]
    assert (told[-1].done, told[-1].total) == (300, 300)


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_permutations(
    tmp_path: Path,
) -> None:
    files = cohort_files(tmp_path, noise(N), {"group": GROUP})
    asked = analysis("g", "group", DIFFERENCE)
    maxima = []
    for seed in (1, 1, 2):
        spec = settings_of([asked], seed=seed, inference={"n_permutations": 200})
        null = only(judged(spec, files)).threshold.null_maxima
        assert null is not None
        maxima.append(null)
    assert maxima[0].tobytes() == maxima[1].tobytes()
    assert maxima[0][0] == maxima[2][0]
    assert (maxima[0][1:] != maxima[2][1:]).any()


def test_each_contrast_draws_its_own_permutations(tmp_path: Path) -> None:
    asked = analysis("g", "group", DIFFERENCE, f"{DIFFERENCE} ")
    found = study(tmp_path, noise(N), {"group": GROUP}, asked, inference={"n_permutations": 100})
    first, second = (c.threshold.null_maxima for _, c in found.findings.contrasts)
    assert first is not None and second is not None
    assert (first[1:] != second[1:]).any()


def test_maps_belong_to_the_rows_of_the_table_whatever_their_names(tmp_path: Path) -> None:
    maps, columns = eight_maps(effect=60)
    ids = ["zoe", "10", "9", "b", "a", "01", "x y", "é"]
    files = cohort_files(tmp_path, maps, columns, ids=ids)
    found = judged(settings_of([analysis("g", "group", DIFFERENCE)]), files)
    assert found.findings.loaded.stack.ids == tuple(ids)
    assert only(found).heat_map.survives_positive[np.ravel_multi_index(PLACE, SHAPE)]
