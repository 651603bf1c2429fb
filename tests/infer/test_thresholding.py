"""Thresholds: each rule against its oracle, its words, and real maps with known counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError, NotSupportedError, SpaceMismatchError, UnknownNameError
from heatlas.core.space import Grid, Mask
from heatlas.core.statmap import StatMap
from heatlas.infer import linear
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.permute import permute
from heatlas.infer.request import PermutationMethod, PermutationSettings, TfceSettings
from heatlas.infer.thresholding import THRESHOLDS, apply_threshold

SHAPE = (10, 10, 10)
MASK = Mask(space=Grid(shape=SHAPE, affine=np.diag([2.0, 2, 2, 1])), inside=np.ones(1000, bool))
CORRECTED = ("bonferroni", "fdr-bh", "fdr-by")


def t_map(*, seed: int = 1, n_strong: int = 60) -> StatMap:
    values = np.random.default_rng(seed).standard_t(30, 1000)
    values[:n_strong] += np.linspace(2, 8, n_strong) * np.where(np.arange(n_strong) % 3, 1, -1)
    values[500] = np.nan
    return StatMap(values=values, mask=MASK, kind="t", dof=(30.0,))


def two_sided_p(stat_map: StatMap) -> NDArray[np.float64]:
    return 2 * scipy.stats.t.sf(np.abs(stat_map.values), *stat_map.dof)


def test_uncorrected_is_labelled_as_such_and_cuts_at_the_quantile() -> None:
    stat_map = t_map()
    found = apply_threshold(stat_map, method="none", alpha=0.001)
    np.testing.assert_array_equal(found.survives, two_sided_p(stat_map) <= 0.001)
    assert found.cut == pytest.approx(scipy.stats.t.isf(0.0005, 30))
    assert found.words == "p < .001, uncorrected for 999 voxels"
    assert found.correction == "none"


def test_bonferroni_divides_alpha_by_the_elements_tested() -> None:
    stat_map = t_map()
    found = apply_threshold(stat_map, method="bonferroni")
    np.testing.assert_array_equal(found.survives, two_sided_p(stat_map) <= 0.05 / 999)
    assert found.cut == pytest.approx(scipy.stats.t.isf(0.025 / 999, 30))
    assert found.words == "voxelwise FWE p < .05 (Bonferroni)"


@pytest.mark.parametrize(("method", "name"), [("fdr-bh", "bh"), ("fdr-by", "by")])
def test_fdr_equals_scipy(method: str, name: str) -> None:
    stat_map = t_map()
    found = apply_threshold(stat_map, method=method)
    tested = ~np.isnan(stat_map.values)
    adjusted = scipy.stats.false_discovery_control(two_sided_p(stat_map)[tested], method=name)
    assert found.logp is not None
    np.testing.assert_allclose(10.0 ** -found.logp[tested], adjusted, rtol=1e-9)
    np.testing.assert_array_equal(found.survives[tested], adjusted <= 0.05)
    assert found.n_surviving > 0
    assert found.correction == "fdr"


def test_the_words_of_fdr_name_the_procedure() -> None:
    bh, by = (apply_threshold(t_map(), method=m, alpha=0.1).words for m in ("fdr-bh", "fdr-by"))
    assert bh == "voxelwise FDR q < .1 (Benjamini-Hochberg)"
    assert by == "voxelwise FDR q < .1 (Benjamini-Yekutieli)"


@pytest.mark.parametrize("method", ["none", *CORRECTED])
@pytest.mark.parametrize("two_sided", [True, False])
def test_the_cut_and_the_survivors_agree(method: str, two_sided: bool) -> None:
    stat_map = t_map()
    found = apply_threshold(stat_map, method=method, two_sided=two_sided)
    size = np.abs(stat_map.values) if two_sided else stat_map.values
    assert found.cut is not None
    np.testing.assert_array_equal(np.nan_to_num(size, nan=-9) > found.cut, found.survives)


@pytest.mark.parametrize("method", [*CORRECTED, "none"])
def test_nothing_survives_in_a_map_of_zeros_and_the_cut_is_still_known(method: str) -> None:
    zeros = StatMap(values=np.zeros(1000), mask=MASK, kind="z")
    found = apply_threshold(zeros, method=method)
    assert found.n_surviving == 0
    assert found.cut is not None and found.cut > 1.9


def test_one_sided_judges_the_upper_tail_alone() -> None:
    stat_map = t_map()
    found = apply_threshold(stat_map, method="none", alpha=0.01, two_sided=False)
    np.testing.assert_array_equal(found.survives, scipy.stats.t.sf(stat_map.values, 30) <= 0.01)


def test_f_has_one_tail_whatever_is_asked() -> None:
    values = np.random.default_rng(3).f(3, 40, 1000)
    stat_map = StatMap(values=values, mask=MASK, kind="F", dof=(3, 40))
    found = apply_threshold(stat_map, method="none", alpha=0.05, two_sided=True)
    np.testing.assert_array_equal(found.survives, scipy.stats.f.sf(values, 3, 40) <= 0.05)
    assert not found.two_sided


def test_enormous_statistics_have_a_finite_corrected_p() -> None:
    stat_map = StatMap(values=np.full(1000, 200.0), mask=MASK, kind="z")
    for method in CORRECTED:
        logp = apply_threshold(stat_map, method=method).logp
        assert logp is not None and np.isfinite(logp).all() and (logp > 8000).all()


def test_small_clusters_are_removed_and_the_words_say_so() -> None:
    values = np.zeros(SHAPE)
    values[1:4, 1:4, 1:4] = 6
    values[8, 8, 8] = 7
    stat_map = StatMap(values=values.ravel(), mask=MASK, kind="t", dof=(30,))
    found = apply_threshold(stat_map, method="none", alpha=0.001, cluster_extent_mm3=100)
    assert found.n_surviving == 27
    assert found.cluster_extent_mm3 == 100
    assert "clusters of at least 100 mm³ (an extent chosen by the user" in found.words


def permuted(
    n_permutations: int = 400,
    *,
    n: int = 20,
    effect: float = 1.5,
    two_sided: bool = True,
    method: PermutationMethod = "max-t",
    groups: bool = False,
    within: NDArray[np.bool_] | None = None,
) -> tuple[StatMap, PermutationResult]:
    rng = np.random.default_rng(5)
    maps = rng.standard_normal((n, 1000))
    group = np.arange(n) % 2
    maps[:, :200] += np.linspace(0, effect, 200) * group[:, None]
    maps[:, 7] = 1.0
    design = Design(
        matrix=np.column_stack([np.ones(n), group]), names=("i", "g"), ids=tuple(map(str, range(n)))
    )
    contrast = Contrast(name="c", weights=np.array([0.0, 1.0]))
    tested = linear.test(linear.fit(maps, design), contrast)
    settings = PermutationSettings(
        n_permutations=n_permutations,
        two_sided=two_sided,
        seed=6,
        method=method,
        variance_groups=group if groups else None,
    )
    (null,) = permute(maps, design, contrasts=[contrast], settings=settings, within=within)
    stat_map = StatMap(values=tested.statistic, mask=MASK, kind="t", dof=tested.dof)
    if groups:
        stat_map = StatMap(values=null.statistic, mask=MASK, kind="v")
    return stat_map, null


def extended(method: PermutationMethod, quantity: str, **changed: object) -> PermutationResult:
    """A judgement of 100 permutations in which elements 2 and 3 survive, one in each tail."""
    values = np.zeros(1000)
    values[[1, 2, 3]] = 50, 120, -130
    counts = np.full(1000, 100)
    counts[[1, 2, 3]] = 40, 2, 1
    counts[500] = 0
    tail = np.full(1000, np.nan)
    tail[3] = 4.5
    content = {
        "method": method,
        "kind": "t",
        "dof": (30.0,),
        "two_sided": True,
        "statistic": t_map().values,
        "observed": values,
        "quantity": quantity,
        "null_maxima": np.append(130.0, np.linspace(0, 125, 99)),
        "counts": counts,
        "exact": False,
        "n_possible": np.inf,
        "n_asked": 100,
        "action": "permutations",
        "exchangeability": "errors exchangeable",
        "neighbourhood": "faces",
        "tail_logp": tail,
    }
    return PermutationResult(**{**content, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize("two_sided", [True, False])
def test_max_t_survivors_are_those_above_the_cut(two_sided: bool) -> None:
    stat_map, null = permuted(two_sided=two_sided)
    for alpha in (0.01, 0.05, 0.5):
        found = apply_threshold(
            stat_map, method="max-t", alpha=alpha, two_sided=two_sided, permutations=null
        )
        size = np.abs(stat_map.values) if two_sided else stat_map.values
        np.testing.assert_array_equal(np.nan_to_num(size, nan=-99) > found.cut, found.survives)
        np.testing.assert_array_equal(found.survives, np.nan_to_num(null.p, nan=2) <= alpha)
        assert not found.survives[7]
        assert (found.quantity, found.extended, found.strength) == ("", None, None)


def test_max_t_says_how_many_permutations() -> None:
    stat_map, null = permuted()
    found = apply_threshold(stat_map, method="max-t", permutations=null)
    assert found.words == "voxelwise FWE p < .05 by 400 permutations"
    assert (found.n_permutations, found.correction) == (400, "fwe")
    np.testing.assert_array_equal(found.null_maxima, null.null_maxima)


def test_elements_whose_interval_holds_alpha_are_undecided() -> None:
    stat_map, null = permuted()
    found = apply_threshold(stat_map, method="max-t", permutations=null)
    assert found.undecided is not None and found.undecided.any()
    for element in np.flatnonzero(null.counts)[::50]:
        interval = scipy.stats.binomtest(int(null.counts[element]) - 1, 399).proportion_ci()
        assert found.undecided[element] == (interval.low <= 0.05 <= interval.high)


def test_the_number_that_would_settle_is_enough_for_the_closest() -> None:
    stat_map, null = permuted()
    found = apply_threshold(stat_map, method="max-t", permutations=null)
    assert found.n_to_settle is not None and found.n_to_settle > 400
    p = null.p[found.undecided]
    closest = p[np.argmin(np.abs(p - 0.05))]
    gap = max(abs(closest - 0.05), 0.5 / 400)
    share = 0.05 + gap
    interval = scipy.stats.binomtest(
        round(share * found.n_to_settle), found.n_to_settle
    ).proportion_ci(method="wilson")
    assert interval.low > 0.05 - 0.2 * gap


def test_a_full_enumeration_leaves_nothing_undecided() -> None:
    stat_map, null = permuted(1000, n=8, effect=6)
    found = apply_threshold(stat_map, method="max-t", alpha=0.1, permutations=null)
    assert found.undecided is not None and not found.undecided.any()
    assert found.n_to_settle is None
    assert found.n_possible == found.n_permutations == 70
    assert "by all 70 permutations" in found.words


def test_too_few_arrangements_are_said_and_nothing_survives() -> None:
    stat_map, null = permuted(1000, n=8, effect=40)
    found = apply_threshold(stat_map, method="max-t", alpha=0.01, permutations=null)
    assert found.n_surviving == 0
    assert found.cut is None
    assert "p cannot fall below 0.029" in found.words


def test_max_t_of_another_test_is_refused() -> None:
    stat_map, null = permuted()
    with pytest.raises(DataError, match="none given"):
        apply_threshold(stat_map, method="max-t")
    with pytest.raises(DataError, match="another test"):
        apply_threshold(stat_map, method="max-t", two_sided=False, permutations=null)
    small = Mask(space=MASK.space, inside=np.arange(1000) < 9)
    other = StatMap(values=np.zeros(9), mask=small, kind="t", dof=(18,))
    with pytest.raises(SpaceMismatchError, match="1,000 elements, but the map has 9"):
        apply_threshold(other, method="max-t", permutations=null)


def test_permutations_of_another_method_are_refused() -> None:
    stat_map, null = permuted()
    with pytest.raises(DataError, match="'step-down' needs permutations of that method"):
        apply_threshold(stat_map, method="step-down", permutations=null)


def test_step_down_keeps_what_max_t_finds_and_is_cut_at_its_weakest_survivor() -> None:
    stat_map, null = permuted(method="step-down", effect=6)
    found = apply_threshold(stat_map, method="step-down", permutations=null)
    _, plain = permuted(effect=6)
    single = apply_threshold(stat_map, method="max-t", permutations=plain)
    assert (found.survives | ~single.survives).all()
    assert found.words == "voxelwise FWE p < .05 (step-down) by 400 permutations"
    size = np.abs(stat_map.values)
    assert found.cut == pytest.approx(size[found.survives].min(), rel=1e-6)
    np.testing.assert_array_equal(
        np.nan_to_num(size, nan=-9) >= found.cut * (1 - 1e-6), found.survives
    )


def test_a_v_map_is_judged_without_degrees_of_freedom() -> None:
    stat_map, null = permuted(groups=True)
    found = apply_threshold(stat_map, method="max-t", permutations=null)
    np.testing.assert_array_equal(found.survives, np.nan_to_num(null.p, nan=2) <= 0.05)
    assert found.settings["Statistic"] == "v"
    with pytest.raises(NotSupportedError, match="kind 'v' has no p-values"):
        apply_threshold(stat_map, method="bonferroni")


def test_outside_of_a_small_volume_nothing_survives_and_everything_is_faint() -> None:
    inside = np.arange(1000) < 200
    stat_map, null = permuted(effect=6, within=inside)
    found = apply_threshold(stat_map, method="max-t", permutations=null)
    assert found.n_surviving > 0
    assert not found.survives[200:].any()
    assert found.logp is not None and np.isnan(found.logp[200:]).all()
    assert found.strength is not None
    assert np.abs(found.strength[200:]).max() <= 0.7
    assert (np.abs(found.strength[found.survives]) == 1).all()


def test_tfce_is_judged_by_what_was_made_largest() -> None:
    null = extended("tfce", "tfce", tfce=TfceSettings())
    found = apply_threshold(t_map(), method="tfce", permutations=null)
    assert np.flatnonzero(found.survives).tolist() == [2, 3]
    assert found.words == (
        "TFCE (t, E = 0.5, H = 2, 6 neighbours), FWE p < .05 by 100 permutations"
    )
    assert (found.cut, found.quantity) == (None, "TFCE")
    assert found.extended_cut == pytest.approx(null.cut(0.05))
    assert found.extended is not None and found.strength is not None
    np.testing.assert_array_equal(found.extended, null.observed)
    np.testing.assert_array_equal(np.flatnonzero(np.abs(found.strength) > 0.7), [2, 3])
    assert found.tail_logp is not None and found.tail_logp[3] == 4.5
    assert found.settings["TfceHeightExponent"] == 2


@pytest.mark.parametrize(
    ("method", "quantity", "name", "by"),
    [
        ("cluster-extent", "cluster extent", "cluster extent", "extent"),
        ("cluster-mass", "cluster mass", "cluster mass", "mass"),
        (
            "cluster-mass-above",
            "cluster mass above",
            "cluster mass",
            "mass above that threshold",
        ),
    ],
)
def test_clusters_name_their_threshold_as_statistic_and_as_p(
    method: PermutationMethod, quantity: str, name: str, by: str
) -> None:
    cut = float(scipy.stats.t.isf(0.0005, 30))
    null = extended(method, quantity, cluster_cut=cut, neighbourhood="edges")
    found = apply_threshold(t_map(), method=method, permutations=null)
    assert found.words == (
        f"clusters (|t| > 3.65, p < .001 per voxel, 18 neighbours) by {by}, FWE p < .05 by 100 "
        "permutations"
    )
    assert (found.quantity, found.method, found.correction) == (name, method, "fwe")
    assert found.settings["ClusterFormingP"] == 0.001
    assert found.n_surviving == 2


def test_requests_without_meaning_are_refused() -> None:
    with pytest.raises(NotSupportedError, match="needs 1 positive degrees of freedom"):
        apply_threshold(StatMap(values=np.zeros(1000), mask=MASK, kind="t"))
    with pytest.raises(NotSupportedError, match="kind 'mean' has no p-values"):
        apply_threshold(StatMap(values=np.zeros(1000), mask=MASK, kind="mean"))
    with pytest.raises(DataError, match="alpha: expected"):
        apply_threshold(t_map(), alpha=5)
    with pytest.raises(UnknownNameError, match="Did you mean 'bonferroni'"):
        apply_threshold(t_map(), method="bonferoni")


def test_every_threshold_is_in_the_registry() -> None:
    assert list(THRESHOLDS) == [
        "none", "bonferroni", "fdr-bh", "fdr-by", "max-t", "step-down", "tfce", "cluster-extent",
        "cluster-mass", "cluster-mass-above",
    ]  # fmt: skip


def test_the_real_one_sample_study_gives_its_known_counts(real_data: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    files = sorted((real_data / "wager2008").glob("sub-*_con-*.nii.gz"))
    images = [nibabel.load(file) for file in files]
    maps = np.stack([np.asarray(image.dataobj, dtype=np.float32).ravel() for image in images])
    inside = np.isfinite(maps).all(axis=0)
    grid = Grid(shape=images[0].shape[:3], affine=images[0].affine)
    mask = Mask(space=grid, inside=inside)
    n = len(files)
    design = Design(matrix=np.ones((n, 1)), names=("mean",), ids=tuple(map(str, range(n))))
    contrast = Contrast(name="mean", weights=np.ones(1))
    tested = linear.test(linear.fit(maps[:, inside], design), contrast)
    stat_map = StatMap(values=tested.statistic, mask=mask, kind="t", dof=tested.dof)
    peak = int(np.nanargmax(tested.statistic))
    assert mask.size == 75_919
    assert tested.statistic[peak] == pytest.approx(7.2547, abs=5e-5)
    np.testing.assert_allclose(mask.positions_mm()[peak], (6.9, 24.1, 54.0), atol=0.05)
    found = apply_threshold(stat_map, method="fdr-bh")
    assert int((found.survives & (stat_map.values > 0)).sum()) == 1857
    assert int((found.survives & (stat_map.values < 0)).sum()) == 13
