"""The engine equals MRtrix3, an independent program in C++, permutation by permutation.

MRtrix moves the maps where Heatlas moves the rows of the design, so that each permutation of the
one is the inverse in the other. MRtrix judges one tail, by z.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage, stats

from heatlas.core.design import Contrast, Design
from heatlas.core.space import Grid, Mask
from heatlas.infer.arrangements import listed_arrangements
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.null_distribution import Engine
from heatlas.infer.permute import permute
from heatlas.infer.request import ClusterForming, PermutationSettings, TfceSettings
from tests.conftest import require_component
from tests.reference import mrtrix

Floats = NDArray[np.float64]
N, DOF = 20, 16
WEIGHTS = np.array([0.0, 1, 0, 0])
BOTH_COVARIATES = np.array([[0.0, 0, 1, 0], [0, 0, 0, 1]])
SHAPE = (14, 15, 13)


@pytest.fixture(autouse=True, scope="module")
def installed() -> None:
    """Every test of this file needs MRtrix3."""
    require_component("mrtrix3", "apt-get install mrtrix3", present=mrtrix.is_installed())


class Study(NamedTuple):
    """Numbers that go to both programs."""

    maps: NDArray[np.float32]
    matrix: Floats
    rows: NDArray[np.int64]
    """permutations of the maps, the identity first"""

    def judged(self, weights: Floats, *, mask: Mask | None = None, **settings: Any) -> Any:
        """Heatlas on the same permutations."""
        names = tuple(f"x{i}" for i in range(self.matrix.shape[1]))
        design = Design(matrix=self.matrix, names=names, ids=tuple(map(str, range(N))))
        kind: Any = "t" if weights.ndim == 1 else "F"
        arrangements = listed_arrangements(np.argsort(self.rows, axis=1))
        (found,) = permute(
            self.maps, design, contrasts=[Contrast(name="c", weights=weights, kind=kind)],
            settings=PermutationSettings(
                n_permutations=len(self.rows), **{"two_sided": False, **settings}
            ),
            mask=mask, engine=Engine(arrangements=arrangements),
        )  # fmt: skip
        return found


def study_of(maps: NDArray[Any], *, n_permutations: int, seed: int) -> Study:
    """Unequal groups, two covariates of which one goes with the group, an effect in some maps."""
    rng = np.random.default_rng(seed)
    group = (np.arange(N) % 5 < 2).astype(float)
    age = rng.standard_normal(N) + 0.5 * group
    matrix = np.column_stack([np.ones(N), group, age, rng.standard_normal(N)])
    maps = maps + 0.7 * age[:, None] * np.linspace(-1, 1, maps.shape[1])
    maps[:, :12] += 2.5 * group[:, None]
    rows = [np.arange(N), *(rng.permutation(N) for _ in range(n_permutations - 1))]
    return Study(maps.astype(np.float32), matrix, np.array(rows))


@pytest.fixture(scope="module")
def vectors() -> Study:
    """Numbers without a space."""
    maps = np.random.default_rng(1).standard_normal((N, 150)) + 100
    return study_of(maps, n_permutations=300, seed=2)


def write_study(folder: Path, study: Study, *, weights: Floats) -> list[str]:
    """Write what vectorstats reads; return the options that name the permutations."""
    mrtrix.write_vectors(folder, study.maps)
    mrtrix.write_model(folder, study.matrix, weights=weights)
    return mrtrix.permutations_file(folder, study.rows)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_z_of_each_permutation_equals_vectorstats(
    vectors: Study, sign: int, tmp_path: Path
) -> None:
    options = write_study(tmp_path, vectors, weights=sign * WEIGHTS)
    theirs = mrtrix.vectorstats(tmp_path, options=options)
    ours = vectors.judged(sign * WEIGHTS)
    z = stats.norm.isf(stats.t.sf(ours.null_maxima, DOF))
    assert len(theirs.maxima) == 300
    np.testing.assert_allclose(z, theirs.maxima, rtol=0, atol=1e-4)
    # Their p leaves out the permutation that was observed: it is lower by 1 / N at most.
    gap = ours.p - theirs.p
    assert gap.min() > -1e-6 and gap.max() < 1 / 300 + 1e-6


def test_two_tails_are_the_larger_one_of_two_runs_of_vectorstats(
    vectors: Study, tmp_path: Path
) -> None:
    tails = []
    for sign in (1, -1):
        options = write_study(tmp_path, vectors, weights=sign * WEIGHTS)
        tails.append(mrtrix.vectorstats(tmp_path, options=options).maxima)
    ours = vectors.judged(WEIGHTS, two_sided=True)
    z = stats.norm.isf(stats.t.sf(ours.null_maxima, DOF))
    np.testing.assert_allclose(z, np.maximum(*tails), rtol=0, atol=1e-4)


def test_the_largest_z_of_an_f_test_equals_vectorstats(vectors: Study, tmp_path: Path) -> None:
    options = write_study(tmp_path, vectors, weights=BOTH_COVARIATES)
    (tmp_path / "f.txt").write_text("1 1\n", encoding="utf-8")
    theirs = mrtrix.vectorstats(tmp_path, options=[*options, "-ftests", "f.txt", "-fonly"])
    ours = vectors.judged(BOTH_COVARIATES)
    z = stats.norm.isf(stats.f.sf(ours.null_maxima, 2, DOF))
    np.testing.assert_allclose(z, theirs.maxima, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", ["v", "G"])
def test_statistics_of_variance_groups_equal_vectorstats(
    vectors: Study, kind: str, tmp_path: Path
) -> None:
    groups = 1 + (np.arange(N) % 4 == 0)
    weights = WEIGHTS if kind == "v" else BOTH_COVARIATES
    options = write_study(tmp_path, vectors, weights=weights)
    np.savetxt(tmp_path / "groups.txt", groups, fmt="%d")
    options += ["-variance", "groups.txt"]
    if kind == "G":
        (tmp_path / "f.txt").write_text("1 1\n", encoding="utf-8")
        options += ["-ftests", "f.txt", "-fonly"]
    mrtrix.vectorstats(tmp_path, options=options)
    theirs = np.loadtxt(tmp_path / ("out_tvalue.csv" if kind == "v" else "out_Fvalue.csv"))
    ours = vectors.judged(weights, variance_groups=groups)
    assert ours.kind == kind
    np.testing.assert_allclose(ours.statistic, theirs, rtol=1e-9)


@pytest.fixture(scope="module")
def volumes() -> Study:
    """Smooth maps in a volume, with an effect in one corner of it."""
    noise = np.random.default_rng(3).standard_normal((N, *SHAPE))
    maps = ndimage.gaussian_filter(noise, (0, 1.2, 1.2, 1.2)) * 8
    maps[:, 4:8, 4:9, 5:9] += 1.2 * (np.arange(N) % 5 < 2)[:, None, None, None]
    return study_of(maps.reshape(N, -1)[:, mask_of_volumes().inside], n_permutations=20, seed=4)


def mask_of_volumes() -> Mask:
    """A box with a step in its border."""
    inside = np.ones(SHAPE, bool)
    inside[0] = inside[:, -1] = inside[:5, :5, :4] = False
    return Mask(space=Grid(shape=SHAPE, affine=np.diag([3.0, 3, 3, 1])), inside=inside)


def write_volumes(folder: Path, study: Study) -> list[str]:
    """Write what mrclusterstats reads; return the options that name the permutations."""
    mask = mask_of_volumes()
    inside = mask.inside.reshape(SHAPE).astype(np.uint8)
    mrtrix.write_images(folder, study.maps, image=nibabel.Nifti1Image(inside, mask.grid.affine))
    mrtrix.write_model(folder, study.matrix, weights=WEIGHTS)
    return mrtrix.permutations_file(folder, study.rows)


def enhanced(study: Study, statistic: str) -> PermutationResult:
    """Our TFCE of t or z."""
    options = TfceSettings(statistic=statistic)  # type: ignore[arg-type]
    return study.judged(WEIGHTS, mask=mask_of_volumes(), method="tfce", tfce=options)  # type: ignore[no-any-return]


@pytest.mark.parametrize(("extent", "height"), [(0.5, 2.0), (1.0, 1.0)])
def test_the_sum_of_mrclusterstats_converges_to_our_integral(
    volumes: Study, extent: float, height: float, tmp_path: Path
) -> None:
    permutations = write_volumes(tmp_path, volumes)
    exponents = ["-tfce_e", str(extent), "-tfce_h", str(height)]
    tfce = TfceSettings(statistic="z", extent=extent, height=height)
    ours = volumes.judged(WEIGHTS, mask=mask_of_volumes(), method="tfce", tfce=tfce)
    mine, errors = np.maximum(ours.observed, 0), []
    for step in (0.5, 0.1, 0.01):
        options = [*permutations, *exponents, "-tfce_dh", str(step)]
        theirs = mrtrix.mrclusterstats(tmp_path, options=options)
        # It is a sum of heights that lie a step apart, which is not multiplied by the step.
        errors.append([
            np.abs(theirs.enhanced * step - mine).max() / mine.max(),
            np.abs(theirs.maxima * step / ours.null_maxima - 1).max(),
        ])
    correlation = np.corrcoef(theirs.enhanced, mine)[0, 1]
    assert correlation > 0.9999
    assert (np.diff(errors, axis=0) < 0).all()
    assert max(errors[-1]) < 0.01
    np.testing.assert_allclose(theirs.enhanced.sum() * step, mine.sum(), rtol=0.005)


def test_mrclusterstats_enhances_z_and_not_t(volumes: Study, tmp_path: Path) -> None:
    options = [*write_volumes(tmp_path, volumes), "-tfce_dh", "0.01"]
    theirs = mrtrix.mrclusterstats(tmp_path, options=options).maxima * 0.01
    of_t, of_z = (enhanced(volumes, statistic).null_maxima for statistic in "tz")
    np.testing.assert_allclose(of_z, theirs, rtol=0.01)
    assert (of_t > 1.1 * theirs).all()


@pytest.mark.parametrize(
    ("neighbourhood", "option"), [("faces", []), ("corners", ["-connectivity"])]
)
def test_the_largest_cluster_of_each_permutation_equals_mrclusterstats(
    volumes: Study, neighbourhood: str, option: list[str], tmp_path: Path
) -> None:
    options = [*write_volumes(tmp_path, volumes), "-threshold", "1.8", *option]
    theirs = mrtrix.mrclusterstats(tmp_path, options=options)
    cut = float(stats.t.isf(stats.norm.sf(1.8), DOF))
    ours = volumes.judged(
        WEIGHTS, mask=mask_of_volumes(), method="cluster-extent", neighbourhood=neighbourhood,
        cluster_forming=ClusterForming(statistic=cut),
    )  # fmt: skip
    np.testing.assert_array_equal(ours.null_maxima, theirs.maxima)
    np.testing.assert_array_equal(ours.observed, theirs.enhanced)
