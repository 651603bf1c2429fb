"""The engine against refitting, exact enumeration and its own interruption."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError
from heatlas.core.execute import get_executor
from heatlas.core.store import MemoryStore
from heatlas.infer import linear, null_distribution
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.null_distribution import Engine
from heatlas.infer.permute import arrangements_for, permute
from heatlas.infer.request import PermutationSettings

Floats = NDArray[np.float64]
SETTINGS = PermutationSettings(n_permutations=300, seed=11, step="t")


def design_of(*columns: NDArray[Any]) -> Design:
    matrix = np.column_stack(columns).astype(float)
    names = tuple(f"x{i}" for i in range(matrix.shape[1]))
    return Design(matrix=matrix, names=names, ids=tuple(map(str, range(len(matrix)))))


def t_contrast(*weights: float) -> Contrast:
    return Contrast(name="c", weights=np.array(weights))


def covariate_study(
    n: int = 24, v: int = 700, *, seed: int = 0
) -> tuple[NDArray[np.float32], Design]:
    """Maps with a large mean and a group effect, and a design with two covariates."""
    rng = np.random.default_rng(seed)
    group = np.where(np.arange(n) % 3 == 0, 1.0, -1.0)
    age, size = rng.normal(50, 10, n), rng.normal(1e6, 1e5, n)
    maps = 500 + rng.standard_normal((n, v)) + 0.3 * group[:, None] * (np.arange(v) < 50)
    return maps.astype(np.float32), design_of(np.ones(n), group, age, size)


def judged(
    maps: NDArray[Any],
    design: Design,
    *,
    contrast: Contrast,
    settings: PermutationSettings,
    **engine: Any,
) -> PermutationResult:
    """One contrast, judged."""
    (result,) = permute(
        maps, design, contrasts=[contrast], settings=settings, engine=Engine(**engine)
    )
    return result


def freedman_lane(maps: Floats, design: Design, *, contrast: Contrast, rows: Floats) -> Floats:
    """The statistic of one arrangement as Freedman and Lane wrote it: refit the permuted maps."""
    nuisance = linear.partition(design, contrast).nuisance
    fit = nuisance @ (nuisance.T @ maps)
    arranged = fit + rows @ (maps - fit)
    return linear.test(linear.fit(arranged, design), contrast).statistic


@pytest.mark.parametrize("kind", ["t", "F"])
@pytest.mark.parametrize("two_sided", [True, False])
def test_null_maxima_equal_refitting_each_permutation(kind: Any, two_sided: bool) -> None:
    maps, design = covariate_study()
    weights = np.array([[0, 1, 0, 0]] if kind == "t" else [[0, 1, 0, 0], [0, 0, 1, 0]], float)
    contrast = Contrast(name="c", weights=weights, kind=kind)
    settings = PermutationSettings(n_permutations=200, two_sided=two_sided, seed=1, step="s")
    found = judged(maps, design, contrast=contrast, settings=settings)
    plan = arrangements_for(design, contrast, settings=settings)
    for i in (0, 1, 77, 127, 128, 199):
        rows_of_block = plan.block(i // 128).rows
        assert rows_of_block is not None
        order = rows_of_block[i % 128]
        # The columns were arranged, so the maps go the other way.
        rows = np.eye(design.n)[np.argsort(order)]
        statistic = freedman_lane(maps.astype(float), design, contrast=contrast, rows=rows)
        expected = np.abs(statistic).max() if two_sided else statistic.max()
        np.testing.assert_allclose(found.null_maxima[i], expected, rtol=2e-5)


def test_corrected_p_of_two_groups_equal_exact_enumeration() -> None:
    rng = np.random.default_rng(8)
    maps = rng.standard_normal((8, 40)).astype(np.float32)
    first = np.array([1, 0, 1, 0, 0, 1, 1, 0], bool)
    maps[first, :6] += 2
    design = design_of(np.ones(8), first)
    found = judged(maps, design, contrast=t_contrast(0, 1), settings=SETTINGS)
    maxima = []
    for chosen in itertools.combinations(range(8), 4):
        label = np.isin(np.arange(8), chosen)
        fitted = linear.fit(maps, design_of(np.ones(8), label))
        maxima.append(np.abs(linear.test(fitted, t_contrast(0, 1)).statistic).max())
    observed = np.abs(linear.test(linear.fit(maps, design), t_contrast(0, 1)).statistic)
    expected = (np.array(maxima)[:, None] >= observed * (1 - 1e-9)).mean(axis=0)
    np.testing.assert_allclose(found.p, expected, atol=1e-12)
    assert (found.exact, found.n_permutations, found.n_possible) == (True, 70, 70)
    # Swapping equal groups turns every sign: the largest |t| is reached at least twice.
    assert found.counts.min() >= 2
    assert found.words == "all 70 permutations"


def test_corrected_p_of_one_sample_equal_all_sign_flips() -> None:
    rng = np.random.default_rng(9)
    maps = (rng.standard_normal((6, 30)) + 0.8).astype(np.float32)
    design = design_of(np.ones(6))
    settings = PermutationSettings(n_permutations=64, two_sided=False)
    found = judged(maps, design, contrast=t_contrast(1), settings=settings)
    maxima = []
    for signs in itertools.product((1.0, -1.0), repeat=6):
        fitted = linear.fit(maps * np.array(signs)[:, None], design)
        maxima.append(linear.test(fitted, t_contrast(1)).statistic.max())
    observed = linear.test(linear.fit(maps, design), t_contrast(1)).statistic
    expected = (np.array(maxima)[:, None] >= observed - 1e-9 * np.abs(observed)).mean(axis=0)
    np.testing.assert_allclose(found.p, expected, atol=1e-12)
    assert found.action == "sign-flips"
    assert found.words == "all 64 sign-flips"


@pytest.mark.parametrize("noise", [1e-1, 1e-3, 1e-5])
def test_mirrored_sign_flips_tie_however_large_the_statistic(noise: float) -> None:
    maps = 1 + noise * np.random.default_rng(4).standard_normal((5, 20))
    settings = PermutationSettings(n_permutations=100)
    found = judged(maps, design_of(np.ones(5)), contrast=t_contrast(1), settings=settings)
    assert found.n_permutations == 32
    assert found.smallest_p == pytest.approx(2 / 32)
    assert np.nanmin(found.p) == pytest.approx(2 / 32)


def test_two_maps_can_never_have_a_small_p() -> None:
    maps = np.random.default_rng(5).normal(3, 1, (2, 10))
    settings = PermutationSettings(n_permutations=100)
    found = judged(maps, design_of(np.ones(2)), contrast=t_contrast(1), settings=settings)
    assert found.smallest_p == pytest.approx(0.5)
    assert np.nanmin(found.p) >= 0.5


@pytest.mark.parametrize(("two_sided", "smallest"), [(True, 2 / 20), (False, 1 / 20)])
def test_arrangements_that_mirror_each_other_keep_p_from_falling_further(
    two_sided: bool, smallest: float
) -> None:
    maps = np.random.default_rng(3).standard_normal((6, 50)).astype(np.float32)
    maps[:3] += 9  # complete separation everywhere: the identity has the largest maximum
    settings = PermutationSettings(n_permutations=500, two_sided=two_sided)
    design = design_of(np.ones(6), np.arange(6) < 3)
    found = judged(maps, design, contrast=t_contrast(0, 1), settings=settings)
    assert found.n_permutations == 20
    assert found.smallest_p == pytest.approx(smallest)
    assert np.nanmin(found.p) == pytest.approx(smallest)


def test_exact_p_of_binary_maps_survive_ties_and_complete_separation() -> None:
    rng = np.random.default_rng(10)
    maps = (rng.uniform(size=(8, 60)) < 0.4).astype(np.float32)
    first = np.arange(8) < 4
    maps[:, 0] = [1, 1, 1, 0, 1, 0, 0, 0]
    design = design_of(np.ones(8), first)
    found = judged(maps, design, contrast=t_contrast(0, 1), settings=SETTINGS)
    centred = maps[:, np.ptp(maps, axis=0) > 0].astype(float)
    centred -= centred.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=0)
    maxima = [
        np.abs(np.isin(np.arange(8), chosen) @ centred).max()
        for chosen in itertools.combinations(range(8), 4)
    ]
    observed = abs((maps[:, 0] - maps[:, 0].mean()) @ first) / np.linalg.norm(maps[:, 0] - 0.5)
    expected = (np.array(maxima) >= observed - 1e-9).mean()
    assert found.p[0] == pytest.approx(expected)
    assert np.isfinite(found.null_maxima).all()


def test_the_identity_comes_first_and_is_the_observed_maximum() -> None:
    maps, design = covariate_study()
    contrast = t_contrast(0, 1, 0, 0)
    found = judged(maps, design, contrast=contrast, settings=SETTINGS)
    observed = np.abs(linear.test(linear.fit(maps, design), contrast).statistic)
    assert found.null_maxima[0] == pytest.approx(observed.max(), rel=1e-6)
    assert found.counts.min() >= 1
    np.testing.assert_array_equal(found.p, found.counts / 300)


def test_p_fall_where_the_statistic_rises() -> None:
    maps, design = covariate_study()
    contrast = t_contrast(0, 1, 0, 0)
    found = judged(maps, design, contrast=contrast, settings=SETTINGS)
    observed = np.abs(linear.test(linear.fit(maps, design), contrast).statistic)
    assert (np.diff(found.p[np.argsort(observed)]) <= 0).all()


def test_the_null_does_not_depend_on_the_unit_of_an_element() -> None:
    maps, design = covariate_study()
    scaled = maps * 2.0 ** np.arange(-20, 20)[np.arange(maps.shape[1]) % 40].astype(np.float32)
    contrast = t_contrast(0, 1, 0, 0)
    first, second = (
        judged(values, design, contrast=contrast, settings=SETTINGS) for values in (maps, scaled)
    )
    np.testing.assert_allclose(second.null_maxima, first.null_maxima, rtol=1e-6)


def test_more_permutations_begin_with_the_same_ones() -> None:
    maps, design = covariate_study()
    few, many = (
        judged(
            maps, design, contrast=t_contrast(0, 1, 0, 0),
            settings=PermutationSettings(n_permutations=n, seed=2),
        )
        for n in (150, 400)
    )  # fmt: skip
    np.testing.assert_array_equal(many.null_maxima[:150], few.null_maxima)


class Interrupted(Exception):
    """A run that was killed."""


class DyingExecutor:
    """Runs some items and dies."""

    def __init__(self, n: int) -> None:
        self.left = n

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            if self.left == 0:
                raise Interrupted
            self.left -= 1
            yield function(item)


def test_a_killed_run_resumes_to_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    maps, design = covariate_study()
    monkeypatch.setattr(null_distribution, "SLICE", 256)  # three slices
    settings = PermutationSettings(n_permutations=1400, seed=4)
    contrast = t_contrast(0, 1, 0, 0)
    whole = judged(maps, design, contrast=contrast, settings=settings)
    store = MemoryStore()
    for n in (1, 2, 3, 4):
        with pytest.raises(Interrupted):
            judged(
                maps, design, contrast=contrast, settings=settings, store=store,
                executor=DyingExecutor(n),
            )  # fmt: skip
    steps: list[tuple[int, int]] = []
    resumed = judged(
        maps, design, contrast=contrast, settings=settings, store=store,
        progress=lambda done, total: steps.append((done, total)),
    )  # fmt: skip
    assert resumed.null_maxima.tobytes() == whole.null_maxima.tobytes()
    assert steps[0][0] > 700 and steps[-1] == (1400, 1400)


@pytest.mark.parametrize("change", ["data", "seed", "step", "sides", "contrast", "design"])
def test_kept_blocks_are_not_taken_for_those_of_another_test(change: str) -> None:
    maps, design = covariate_study()
    contrast, settings = t_contrast(0, 1, 0, 0), SETTINGS
    store = MemoryStore()
    judged(maps, design, contrast=contrast, settings=settings, store=store)
    if change == "data":
        maps = maps * np.linspace(1, 2, len(maps), dtype=np.float32)[:, None]
    elif change == "contrast":
        contrast = t_contrast(0, 0, 1, 0)
    elif change == "design":
        design = design_of(*(design.matrix[:, :3].T))
        contrast = t_contrast(0, 1, 0)
    else:
        fields = {"seed": {"seed": 12}, "step": {"step": "u"}, "sides": {"two_sided": False}}
        settings = PermutationSettings(**{
            "n_permutations": 300,
            "seed": 11,
            "step": "t",
            **fields[change],
        })
    kept = judged(maps, design, contrast=contrast, settings=settings, store=store)
    fresh = judged(maps, design, contrast=contrast, settings=settings)
    np.testing.assert_array_equal(kept.null_maxima, fresh.null_maxima)


def test_processes_give_the_same_bytes_as_one_process() -> None:
    maps, design = covariate_study()
    contrast = t_contrast(0, 1, 0, 0)
    serial, parallel = (
        judged(
            maps, design, contrast=contrast, settings=SETTINGS,
            executor=get_executor(name, workers=2),
        )
        for name in ("serial", "processes")
    )  # fmt: skip
    assert serial.null_maxima.tobytes() == parallel.null_maxima.tobytes()


def test_constant_elements_take_no_part() -> None:
    maps, design = covariate_study()
    contrast = t_contrast(0, 1, 0, 0)
    with_constant = maps.copy()
    with_constant[:, 600:] = 3.5
    found = judged(with_constant, design, contrast=contrast, settings=SETTINGS)
    kept = judged(maps[:, :600], design, contrast=contrast, settings=SETTINGS)
    assert (found.counts[600:] == 0).all() and np.isnan(found.p[600:]).all()
    np.testing.assert_array_equal(found.counts[:600], kept.counts)


def test_maps_without_any_variation_are_refused() -> None:
    _, design = covariate_study()
    with pytest.raises(DataError, match="No element varies"):
        judged(np.ones((24, 5)), design, contrast=t_contrast(0, 1, 0, 0), settings=SETTINGS)


# The seed was written down before the first run and is not to be changed. Both counts lie in the
# 99.9 % band of 300 sets at .05.
CALIBRATION_SEED = 20260


def false_positives(design: Design, contrast: Contrast, *, n_sets: int = 300) -> int:
    """How often pure noise of 200 correlated elements gives a corrected p of at most .05."""
    rng = np.random.default_rng(CALIBRATION_SEED)
    settings = PermutationSettings(n_permutations=200, seed=CALIBRATION_SEED)
    found = 0
    for _ in range(n_sets):
        noise = rng.standard_normal((design.n, 201))
        result = judged(noise[:, 1:] + noise[:, :-1], design, contrast=contrast, settings=settings)
        found += int(result.p.min() <= 0.05)
    return found


def test_two_groups_with_a_covariate_hold_the_family_wise_level() -> None:
    rng = np.random.default_rng(CALIBRATION_SEED + 1)
    design = design_of(np.ones(20), np.arange(20) < 8, rng.standard_normal(20))
    assert 5 <= false_positives(design, t_contrast(0, 1, 0)) <= 28


def test_sign_flips_of_one_sample_hold_the_family_wise_level() -> None:
    assert 5 <= false_positives(design_of(np.ones(16)), t_contrast(1)) <= 28
