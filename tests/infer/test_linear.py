"""The linear model against statsmodels, nilearn, scipy's NIST sets and hand cases."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError, DesignError
from heatlas.infer import linear

Floats = NDArray[np.float64]


def design_of(matrix: Floats, *names: str) -> Design:
    """A design with plain names and ids."""
    columns = names or tuple(f"x{i}" for i in range(matrix.shape[1]))
    return Design(matrix=matrix, names=columns, ids=tuple(f"s{i}" for i in range(len(matrix))))


def study(n: int = 30, v: int = 40, *, seed: int = 1) -> tuple[NDArray[np.float32], Design]:
    """Float32 maps with a large mean, and a design of intercept, group, age and brain size."""
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([
        np.ones(n),
        np.where(np.arange(n) < n // 3, 1.0, -1.0),
        rng.normal(50, 12, n),
        rng.normal(1.2e6, 1e5, n),
    ])
    noise = rng.standard_normal((n, v))
    maps = 100 + 0.05 * matrix[:, 2:3] + 0.5 * matrix[:, 1:2] + noise
    return maps.astype(np.float32), design_of(matrix, "intercept", "group", "age", "brain_ml")


def t_contrast(*weights: float) -> Contrast:
    return Contrast(name="c", weights=np.array(weights))


def test_t_effect_error_and_interval_equal_statsmodels() -> None:
    sm = pytest.importorskip("statsmodels.api")
    maps, design = study()
    contrast = t_contrast(0, 2, 0.1, 0)
    result = linear.test(linear.fit(maps, design), contrast)
    for v in range(maps.shape[1]):
        oracle = sm.OLS(maps[:, v].astype(np.float64), design.matrix).fit().t_test(contrast.weights)
        low, high = oracle.conf_int()[0]
        ours = [getattr(result, name)[v] for name in ("statistic", "effect", "se", "low", "high")]
        theirs = [oracle.tvalue.item(), oracle.effect.item(), oracle.sd.item(), low, high]
        np.testing.assert_allclose(ours, theirs, rtol=1e-8)
    assert result.dof == (26.0,)


def test_f_equals_statsmodels_also_with_dependent_rows() -> None:
    sm = pytest.importorskip("statsmodels.api")
    maps, design = study()
    rows = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 1, 0]], dtype=float)
    result = linear.test(linear.fit(maps, design), Contrast(name="f", weights=rows, kind="F"))
    for v in range(maps.shape[1]):
        oracle = sm.OLS(maps[:, v].astype(np.float64), design.matrix).fit().f_test(rows[:2])
        np.testing.assert_allclose(result.statistic[v], oracle.fvalue, rtol=1e-8)
    assert result.dof == (2.0, 26.0)


@pytest.mark.filterwarnings("ignore")  # nilearn's own warnings are not ours to judge
def test_t_and_effect_equal_the_second_level_model_of_nilearn() -> None:
    glm = pytest.importorskip("nilearn.glm")
    maps, design = study()
    result = linear.test(linear.fit(maps, design), t_contrast(0, 1, 0, 0))
    labels, fits = glm.first_level.run_glm(
        maps.astype(np.float64), design.matrix, noise_model="ols"
    )
    oracle = glm.compute_contrast(labels, fits, np.array([0, 1, 0, 0]), stat_type="t")
    np.testing.assert_allclose(result.statistic, oracle.stat(), rtol=1e-8)
    np.testing.assert_allclose(result.effect, oracle.effect_size(), rtol=1e-8)


def test_one_sample_and_two_samples_equal_scipy() -> None:
    maps, _ = study()
    one = linear.test(linear.fit(maps, design_of(np.ones((30, 1)))), t_contrast(1))
    oracle = scipy.stats.ttest_1samp(maps.astype(np.float64), 0)
    np.testing.assert_allclose(one.statistic, oracle.statistic, rtol=1e-10)
    group = np.arange(30) < 12
    cells = design_of(np.column_stack([group, ~group]).astype(float))
    two = linear.test(linear.fit(maps, cells), t_contrast(1, -1))
    oracle = scipy.stats.ttest_ind(maps[group].astype(float), maps[~group].astype(float))
    np.testing.assert_allclose(two.statistic, oracle.statistic, rtol=1e-10)


def test_blocks_of_elements_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    maps, design = study()
    whole = linear.fit(maps, design)
    monkeypatch.setattr(linear, "BLOCK_VALUES", 7 * len(maps))
    parts = linear.fit(maps, design)
    np.testing.assert_allclose(parts.rss, whole.rss, rtol=1e-13)
    np.testing.assert_allclose(parts.coefficients, whole.coefficients, rtol=1e-11)


# Relative distance of NIST's certified F from the F of the numbers as float64 stores them, by exact
# arithmetic: the last sets are numbers around 10^6 and 10^12 with noise of 0.1.
NIST = {
    "SiRstv": 1e-12, "SmLs01": 1e-12, "SmLs02": 1e-12, "SmLs03": 1e-12, "AtmWtAg": 1e-10,
    "SmLs04": 1e-10, "SmLs05": 1e-10, "SmLs06": 1e-10, "SmLs07": 1e-4, "SmLs08": 1e-4,
    "SmLs09": 1e-4,
}  # fmt: skip


def nist_set(name: str) -> tuple[Floats, Floats, float]:
    """Treatment, value and certified F of one of the sets that scipy ships."""
    folder = Path(scipy.stats.__file__).parent / "tests" / "data" / "nist_anova"
    if not folder.is_dir():
        pytest.skip("this installation of scipy came without its tests")
    lines = (folder / f"{name}.dat").read_text().splitlines()
    certified = next(line for line in lines if line.startswith("Between "))
    data = np.array([line.split() for line in lines[60:] if line.strip()], dtype=np.float64)
    return data[:, 0], data[:, 1], float(certified.split()[-1])


@pytest.mark.parametrize("name", NIST)
def test_certified_f_of_nist_is_met_to_the_digits_that_storage_allows(name: str) -> None:
    treatment, values, certified = nist_set(name)
    levels = np.unique(treatment)
    cells = (treatment[:, None] == levels).astype(float)
    sums = np.column_stack([np.ones(len(values)), cells[:, :-1] - cells[:, -1:]])
    rows = np.eye(len(levels))[1:]
    fitted = linear.fit(values[:, None], design_of(sums))
    result = linear.test(fitted, Contrast(name="f", weights=rows, kind="F"))
    np.testing.assert_allclose(result.statistic, certified, rtol=NIST[name])


def test_a_large_offset_leaves_t_as_it_is() -> None:
    rng = np.random.default_rng(3)
    noise = np.round(rng.standard_normal((20, 5)) * 1024) / 1024  # exact beside the offset
    matrix = np.column_stack([np.ones(20), np.arange(20.0)])
    small = linear.test(linear.fit(noise, design_of(matrix)), t_contrast(0, 1))
    large = linear.test(linear.fit(noise + 2.0**33, design_of(matrix)), t_contrast(0, 1))
    np.testing.assert_allclose(large.statistic, small.statistic, rtol=1e-12)


def test_constant_elements_have_no_statistic_and_are_counted() -> None:
    maps, design = study()
    maps[:, 3] = 7.25
    maps[:, 5] = design.matrix[:, 1]  # the model explains all of it
    result = linear.test(linear.fit(maps, design), t_contrast(0, 1, 0, 0))
    assert np.flatnonzero(np.isnan(result.statistic)).tolist() == [3, 5]
    assert result.n_undefined == 2
    assert result.effect is not None and result.effect[5] == pytest.approx(1)


def test_t_does_not_depend_on_the_unit_of_the_maps_or_of_a_covariate() -> None:
    maps, design = study()
    first = linear.test(linear.fit(maps, design), t_contrast(0, 0, 1, 0))
    matrix = design.matrix * np.array([1, 1, 365.25, 1e-3])
    second = linear.test(
        linear.fit(maps * np.float32(8), design_of(matrix)), t_contrast(0, 0, 1, 0)
    )
    np.testing.assert_allclose(second.statistic, first.statistic, rtol=1e-9)


def test_collinear_columns_still_answer_what_they_can() -> None:
    maps, _ = study()
    group = np.arange(30) < 12
    over = design_of(np.column_stack([np.ones(30), group, ~group]), "all", "a", "b")
    plain = design_of(np.column_stack([group, ~group]).astype(float))
    ours = linear.test(linear.fit(maps, over), t_contrast(0, 1, -1))
    theirs = linear.test(linear.fit(maps, plain), t_contrast(1, -1))
    np.testing.assert_allclose(ours.statistic, theirs.statistic, rtol=1e-9)
    assert ours.dof == (28.0,)


def test_a_contrast_outside_the_row_space_is_refused_with_its_columns() -> None:
    maps, _ = study()
    group = np.arange(30) < 12
    age = np.arange(30.0)
    over = design_of(np.column_stack([np.ones(30), group, ~group, age]), "all", "a", "b", "age")
    fitted = linear.fit(maps, over)
    with pytest.raises(DesignError, match="columns all, a and b"):
        linear.test(fitted, t_contrast(0, 1, 0, 0))
    assert linear.test(fitted, t_contrast(0, 0, 0, 1)).dof == (27.0,)


def test_a_model_that_takes_all_maps_is_refused() -> None:
    with pytest.raises(DesignError, match="4 independent regressors for 4 maps"):
        linear.fit(np.ones((4, 2)), design_of(np.eye(4)))


def test_weights_and_maps_that_do_not_fit_are_refused() -> None:
    maps, design = study()
    with pytest.raises(DesignError, match="2 weights, but the design has 4 columns"):
        linear.check_estimable(design, t_contrast(0, 1))
    with pytest.raises(DataError, match="29 given, but there are 30"):
        linear.fit(maps[:-1], design)
    with pytest.raises(DataError, match="expected 2 axes"):
        linear.fit(maps[:, 0], design)


def test_the_partition_splits_the_column_space_and_gives_the_same_t_and_f() -> None:
    maps, design = study()
    fitted = linear.fit(maps, design)
    weights = np.array([[0.0, 1, 0.02, 0], [0, 0, 1, 0]])
    for contrast in (
        Contrast(name="t", weights=weights[:1]),
        Contrast(name="f", weights=weights, kind="F"),
    ):
        parts = linear.partition(design, contrast)
        both = np.column_stack([parts.interest, parts.nuisance])
        np.testing.assert_allclose(both.T @ both, np.eye(4), atol=1e-12)
        along = parts.interest.T @ maps.astype(np.float64)
        expected = linear.test(fitted, contrast).statistic
        mean = np.sqrt(fitted.residual_variance)
        ours = along[0] / mean if contrast.kind == "t" else (along**2).sum(0) / 2 / mean**2
        np.testing.assert_allclose(ours, expected, rtol=1e-7)


def test_a_fit_survives_pickling() -> None:
    maps, design = study()
    fitted = linear.fit(maps, design)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.rss, fitted.rss)
    assert not again.rss.flags.writeable
