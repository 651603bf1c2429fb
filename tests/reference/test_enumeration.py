"""Exact tests: the engine's p equal those of every arrangement, made one by one by brute force.

The engine makes each different design once; here the whole group is gone through, in which each
of them occurs equally often.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from heatlas.core.design import Contrast, Design
from heatlas.core.space import Grid, Mask
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.exchangeability import Exchangeability
from heatlas.infer.linear import partition
from heatlas.infer.permute import permute
from heatlas.infer.request import ClusterForming, PermutationSettings
from heatlas.infer.residuals import huh_jhun
from tests.reference import brute_force as brute

Floats = NDArray[np.float64]
EIGHT = np.array([1, 0, 0, 1, 1, 0, 1, 0])
V = 30


def judged(
    maps: Floats, *columns: Any, weights: Any, mask: Mask | None = None, **settings: Any
) -> PermutationResult:
    """Heatlas with more permutations asked for than there are."""
    design = design_of(*columns)
    contrast = Contrast(name="c", weights=np.array(weights, float), kind=kind_of(weights))
    asked = PermutationSettings(**{"n_permutations": 10_000, **settings})
    (found,) = permute(maps, design, contrasts=[contrast], settings=asked, mask=mask)
    assert found.exact
    return found


def design_of(*columns: Any) -> Design:
    matrix = np.column_stack(columns).astype(float)
    names = tuple(f"x{i}" for i in range(matrix.shape[1]))
    return Design(matrix=matrix, names=names, ids=tuple(map(str, range(len(matrix)))))


def kind_of(weights: Any) -> Any:
    return "t" if np.ndim(weights) == 1 else "F"


def maps_of(n: int, *, seed: int, v: int = V) -> Floats:
    """Maps with a mean far from zero in some elements; float32 numbers, so that both see equals."""
    rng = np.random.default_rng(seed)
    return (
        (rng.standard_normal((n, v)) + 3 * (np.arange(v) % 3 == 0)).astype(np.float32).astype(float)
    )


def sized(values: Floats, *, two_sided: bool) -> Floats:
    return np.abs(values) if two_sided else values


def assert_p(found: PermutationResult, tables: list[Floats], *, two_sided: bool) -> None:
    """The p are those of the maxima of all tables, of which the first was observed."""
    maxima = [float(sized(values, two_sided=two_sided).max()) for values in tables]
    expected = brute.corrected_p(sized(tables[0], two_sided=two_sided), maxima)
    np.testing.assert_allclose(found.statistic, tables[0], rtol=1e-6)
    np.testing.assert_allclose(found.p, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("two_sided", [True, False])
def test_six_maps_have_64_sign_flips(two_sided: bool) -> None:
    maps = maps_of(6, seed=1) - 0.5
    tables = [
        stats.ttest_1samp(np.array(signs)[:, None] * maps, 0).statistic
        for _, signs in brute.flips_of(range(6))
    ]
    found = judged(maps, np.ones(6), weights=[1], two_sided=two_sided)
    assert found.n_permutations == len(tables) == 64
    assert_p(found, tables, two_sided=two_sided)


@pytest.mark.parametrize("two_sided", [True, False])
def test_two_groups_of_four_have_70_permutations(two_sided: bool) -> None:
    maps = maps_of(8, seed=2)
    maps[EIGHT == 1, :5] += 2
    found = judged(maps, np.ones(8), EIGHT, weights=[0, 1], two_sided=two_sided)
    tables = [
        stats.ttest_ind(maps[chosen], maps[~chosen]).statistic for chosen in choices_of_four()
    ]
    assert found.n_permutations == len(tables) == 70
    assert_p(found, tables, two_sided=two_sided)


def choices_of_four() -> list[NDArray[np.bool_]]:
    """The 70 ways to choose four of eight maps, the observed one first."""
    ways = [np.isin(np.arange(8), chosen) for chosen in itertools.combinations(range(8), 4)]
    return sorted(ways, key=lambda way: not (way == EIGHT).all())


def test_freedman_lane_with_a_covariate_goes_through_all_720_orders_of_six_maps() -> None:
    maps, age = maps_of(6, seed=3), np.array([3.0, -1, 0.5, 2, -2, 1])
    group = np.array([1, 0, 1, 0, 0, 1])
    matrix = np.column_stack([np.ones(6), group, age])
    tables = [
        brute.t_of(moved, matrix, weights=np.array([0.0, 1, 0]))
        for moved in brute.arranged(maps, matrix[:, [0, 2]], moves=brute.free_moves(6))
    ]
    found = judged(maps, *matrix.T, weights=[0, 1, 0])
    assert found.n_permutations == 720
    assert_p(found, tables, two_sided=True)


BLOCKS = [2, 2, 1, 1, 2, 1, 1, 2]
SUBJECTS = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
PATIENT = np.repeat([1, 0, 1, 0, 0], 2)
SESSION = np.tile([0, 1], 5)


def test_permutations_within_blocks_keep_each_map_in_its_block() -> None:
    maps = maps_of(8, seed=4) + 5 * np.array(BLOCKS)[:, None]
    matrix = np.column_stack([np.ones(8), EIGHT, np.array(BLOCKS) == 2]).astype(float)
    tables = [
        brute.t_of(moved, matrix, weights=np.array([0.0, 1, 0]))
        for moved in brute.arranged(maps, matrix[:, [0, 2]], moves=brute.within_moves(BLOCKS))
    ]
    found = judged(
        maps, *matrix.T, weights=[0, 1, 0], exchangeability=Exchangeability(blocks=BLOCKS)
    )
    assert (len(tables), found.n_permutations) == (24 * 24, 6 * 6)
    assert_p(found, tables, two_sided=True)


def subjects() -> tuple[Floats, Floats]:
    """Two sessions of five subjects, alike within each; and their model."""
    maps = maps_of(10, seed=5) + 2 * np.repeat(maps_of(5, seed=6), 2, axis=0)
    return maps, np.column_stack([np.ones(10), PATIENT, SESSION]).astype(float)


def test_whole_blocks_trade_places_as_wholes() -> None:
    maps, matrix = subjects()
    tables = [
        brute.t_of(moved, matrix, weights=np.array([0.0, 1, 0]))
        for moved in brute.arranged(maps, matrix[:, [0, 2]], moves=brute.whole_moves(SUBJECTS))
    ]
    found = judged(
        maps, *matrix.T, weights=[0, 1, 0], two_sided=False,
        exchangeability=Exchangeability(blocks=SUBJECTS, shuffle="whole"),
    )  # fmt: skip
    assert (len(tables), found.n_permutations) == (120, 10)
    assert_p(found, tables, two_sided=False)


def test_blocks_and_their_maps_trade_places_together() -> None:
    maps, matrix = subjects()
    moves = brute.products_of(brute.whole_moves(SUBJECTS), brute.within_moves(SUBJECTS))
    tables = [
        brute.t_of(moved, matrix, weights=np.array([0.0, 1, 0]))
        for moved in brute.arranged(maps, matrix[:, [0, 2]], moves=moves)
    ]
    found = judged(
        maps, *matrix.T, weights=[0, 1, 0],
        exchangeability=Exchangeability(blocks=SUBJECTS, shuffle="both"),
    )  # fmt: skip
    assert (len(tables), found.n_permutations) == (120 * 32, 10 * 32)
    assert_p(found, tables, two_sided=True)


def test_signs_of_whole_blocks_flip_together() -> None:
    maps, _ = subjects()
    matrix = np.column_stack([np.ones(10), SESSION - 0.5])
    tables = [
        brute.t_of(moved, matrix, weights=np.array([1.0, 0]))
        for moved in brute.arranged(maps, matrix[:, [1]], moves=brute.flips_of(SUBJECTS))
    ]
    found = judged(
        maps, *matrix.T, weights=[1, 0],
        exchangeability=Exchangeability(blocks=SUBJECTS, shuffle="whole"),
    )  # fmt: skip
    assert found.n_permutations == len(tables) == 32
    assert_p(found, tables, two_sided=True)


def test_permutations_and_sign_flips_go_together() -> None:
    maps, group = maps_of(5, seed=7), np.array([1.0, 0, 1, 1, 0])
    matrix = np.column_stack([np.ones(5), group])
    moves = brute.products_of(brute.free_moves(5), brute.flips_of(range(5)))
    tables = [
        brute.t_of(moved, matrix, weights=np.array([0.0, 1]))
        for moved in brute.arranged(maps, matrix[:, [0]], moves=moves)
    ]
    found = judged(maps, *matrix.T, weights=[0, 1], exchangeability=Exchangeability(mode="both"))
    assert len(tables) == 120 * 32
    assert_p(found, tables, two_sided=True)


@pytest.mark.parametrize("two_sided", [True, False])
def test_variance_groups_give_welchs_t_in_each_of_126_arrangements(two_sided: bool) -> None:
    first = np.arange(9) < 4
    maps = maps_of(9, seed=8) * np.where(first, 3.0, 1.0)[:, None]
    maps = maps.astype(np.float32).astype(float)
    found = judged(
        maps, first, ~first, weights=[1, -1], two_sided=two_sided,
        variance_groups=first.astype(int),
    )  # fmt: skip
    tables = [
        stats.ttest_ind(
            maps[list(chosen)], np.delete(maps, chosen, axis=0), equal_var=False
        ).statistic
        for chosen in itertools.combinations(range(9), 4)
    ]
    assert (found.kind, found.n_permutations, len(tables)) == ("v", 126, 126)
    assert_p(found, tables, two_sided=two_sided)


def orders_of_three_groups() -> list[NDArray[np.int64]]:
    """The 560 ways to label eight maps with groups of 3, 3 and 2."""
    labels = {tuple(order) for order in itertools.permutations((0, 0, 0, 1, 1, 1, 2, 2))}
    return [np.array(order) for order in sorted(labels)]


@pytest.mark.parametrize("equal_variances", [True, False])
def test_f_of_three_groups_equals_scipy_in_each_of_560_arrangements(equal_variances: bool) -> None:
    maps, labels = maps_of(8, seed=9), orders_of_three_groups()
    tables = [
        stats.f_oneway(*(maps[order == k] for k in range(3)), equal_var=equal_variances).statistic
        for order in labels
    ]
    columns = [labels[0] == k for k in range(3)]
    groups = None if equal_variances else labels[0]
    found = judged(maps, *columns, weights=[[1, -1, 0], [0, 1, -1]], variance_groups=groups)
    assert (found.kind, found.n_permutations) == ("F" if equal_variances else "G", 560)
    assert_p(found, tables, two_sided=False)


def test_an_f_beside_covariates_equals_refitting() -> None:
    maps = maps_of(6, seed=10)
    rng = np.random.default_rng(11)
    matrix = np.column_stack([np.ones(6), rng.standard_normal((6, 3))])
    nuisance = matrix[:, [0, 3]]
    tables = [
        brute.f_of(moved, matrix, nuisance=nuisance)
        for moved in brute.arranged(maps, nuisance, moves=brute.free_moves(6))
    ]
    found = judged(maps, *matrix.T, weights=[[0, 1, 0, 0], [0, 0, 1, 0]])
    assert found.n_permutations == 720
    assert_p(found, tables, two_sided=False)


@pytest.mark.parametrize("two_sided", [True, False])
def test_step_down_p_equal_a_loop_over_the_elements_that_are_left(two_sided: bool) -> None:
    maps = maps_of(8, seed=12)
    maps[EIGHT == 1, :6] += np.linspace(0, 4, 6)
    found = judged(maps, np.ones(8), EIGHT, weights=[0, 1], method="step-down", two_sided=two_sided)
    tables = [
        sized(stats.ttest_ind(maps[way], maps[~way]).statistic, two_sided=two_sided)
        for way in choices_of_four()
    ]
    np.testing.assert_allclose(found.p, brute.stepped_down_p(tables[0], tables), atol=1e-12)
    single = judged(maps, np.ones(8), EIGHT, weights=[0, 1], two_sided=two_sided)
    assert (found.p <= single.p).all() and (found.p < single.p).any()


def test_huh_jhun_p_equal_all_orders_of_the_projected_maps() -> None:
    maps, age = maps_of(7, seed=13), np.array([0.3, -1.2, 2, 0.7, -0.4, 1.1, -2.5])
    columns = (np.ones(7), np.array([1, 0, 0, 1, 1, 0, 1]), age)
    contrast = Contrast(name="c", weights=np.array([0.0, 1, 0]))
    basis = projection_of(design_of(*columns), contrast)
    nuisance = np.column_stack([np.ones(7), age])
    np.testing.assert_allclose(basis @ basis.T, np.eye(5), atol=1e-6)
    np.testing.assert_allclose(basis @ nuisance, 0, atol=1e-6)
    projected, interest = basis @ maps, (basis @ columns[1])[:, None]
    tables = [
        brute.t_of(projected[list(rows)], interest, weights=np.ones(1))
        for rows, _ in brute.free_moves(5)
    ]
    found = judged(maps, *columns, weights=[0, 1, 0], residuals="huh-jhun")
    assert found.n_permutations == len(tables) == 120
    # t of the projected maps has one degree of freedom less than rows: the same as of the maps.
    assert_p(found, tables, two_sided=True)


def projection_of(design: Design, contrast: Contrast) -> Floats:
    """The matrix by which the engine projects: what it makes of maps with a single 1 each."""
    parts = partition(design, contrast)
    unit = huh_jhun(np.eye(design.n), parts).residuals.astype(float)
    left = np.eye(design.n) - parts.nuisance @ parts.nuisance.T
    return np.asarray(unit * np.linalg.norm(left, axis=0))


SHAPE = (7, 6, 5)
Enhance = Callable[[Floats], Floats]
CUT = 1.6
ENHANCED: dict[str, Enhance] = {
    "tfce": brute.tfce_of,
    "cluster-extent": lambda t: brute.clusters_of(t, cut=CUT, weigh=np.ones_like),
    "cluster-mass": lambda t: brute.clusters_of(t, cut=CUT, weigh=np.abs),
    "cluster-mass-above": lambda t: above(t, cut=CUT),
}


@pytest.mark.parametrize("two_sided", [True, False])
@pytest.mark.parametrize("method", ENHANCED)
def test_p_of_tfce_and_of_clusters_equal_labelling_each_arrangement(
    method: str, two_sided: bool
) -> None:
    maps = volumes()
    tables = [
        enhanced(stats.ttest_ind(maps[way], maps[~way]).statistic, ENHANCED[method])
        for way in choices_of_four()
    ]
    sizes = [np.maximum(*table) if two_sided else table[0] for table in tables]
    expected = brute.corrected_p(sizes[0], [float(size.max()) for size in sizes])
    forming = None if method == "tfce" else ClusterForming(statistic=CUT)
    found = judged(
        maps, np.ones(8), EIGHT, weights=[0, 1], mask=whole_box(), method=method,
        two_sided=two_sided, cluster_forming=forming,
    )  # fmt: skip
    np.testing.assert_allclose(np.abs(found.observed), sizes[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.p, expected, rtol=0, atol=1e-12)
    assert len(np.unique(expected)) > 2


def enhanced(t: Floats, enhance: Enhance) -> tuple[Floats, Floats]:
    """Both tails, each on its own."""
    up, down = (enhance(sign * t.reshape(SHAPE)).ravel() for sign in (1, -1))
    return up, down


def test_a_cluster_that_hardly_exceeds_the_cut_still_ties_with_its_mirror_image() -> None:
    counts, expected = [], []
    for seed in range(8):
        maps = np.random.default_rng(seed).standard_normal((8, np.prod(SHAPE))).astype(np.float32)
        tables = [stats.ttest_ind(maps[w], maps[~w]).statistic for w in choices_of_four()]
        cut = float(np.abs(tables[0]).max() * 0.999)
        found = judged(
            maps, np.ones(8), EIGHT, weights=[0, 1], mask=whole_box(), method="cluster-mass-above",
            cluster_forming=ClusterForming(statistic=cut),
        )  # fmt: skip
        masses = [np.maximum(*enhanced(t, partial(above, cut=cut))).max() for t in tables]
        counts.append(found.counts[np.argmax(np.abs(found.observed))])
        expected.append(sum(mass >= masses[0] * (1 - brute.TIE) for mass in masses))
    assert counts == expected


def above(t: Floats, *, cut: float) -> Floats:
    """The mass above a cut of each voxel's cluster."""
    return brute.clusters_of(t, cut=cut, weigh=lambda heights: heights - cut)


def test_a_cluster_forming_p_is_that_of_both_tails() -> None:
    cut = float(stats.t.isf(0.15 / 2, 6))
    by_p, by_t = (
        judged(
            volumes(), np.ones(8), EIGHT, weights=[0, 1], mask=whole_box(), method="cluster-mass",
            cluster_forming=forming,
        )
        for forming in (ClusterForming(p=0.15), ClusterForming(statistic=cut))
    )  # fmt: skip
    np.testing.assert_array_equal(by_p.counts, by_t.counts)
    assert by_p.cluster_cut == pytest.approx(cut)


def volumes() -> Floats:
    """Eight small volumes whose neighbours are alike, with an effect of each sign."""
    noise = np.random.default_rng(14).standard_normal((8, *(n + 1 for n in SHAPE)))
    maps = noise[:, 1:, 1:, 1:] + 0.7 * noise[:, :-1, 1:, 1:] + 0.7 * noise[:, 1:, :-1, :-1]
    maps[EIGHT == 1, :3, :2, :2] += 1.8
    maps[EIGHT == 0, 5:, 4:, 3:] += 1.8
    return maps.reshape(8, -1).astype(np.float32).astype(float)


def whole_box() -> Mask:
    return Mask(space=Grid(shape=SHAPE, affine=np.eye(4)), inside=np.ones(SHAPE, bool))
