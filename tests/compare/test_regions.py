"""Region means leave background out, tables match by name, and correlations agree with pandas."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.compare.background import find_background
from heatlas.compare.policy import select_elements
from heatlas.compare.regions import (
    RegionValues,
    compared_regions,
    map_over_regions,
    region_table,
    regions_of,
)
from heatlas.core.atlas import Atlas
from heatlas.core.errors import DataError
from heatlas.core.parcels import Parcels
from heatlas.core.provenance import Provenance
from heatlas.core.space import Grid
from heatlas.core.volume import Volume
from heatlas.geometry.parcellate import labels_on
from tests.phantom import SHAPE, affine, ball, smooth_noise

GRID = Grid(shape=SHAPE, affine=affine())
BRAIN = ball(radius=4.4)
LABELS = np.zeros(SHAPE, dtype=np.int32)
LABELS[:, :, : SHAPE[2] // 2][BRAIN[:, :, : SHAPE[2] // 2]] = 5
LABELS[:, :, SHAPE[2] // 2 :][BRAIN[:, :, SHAPE[2] // 2 :]] = 9
LABELS[SHAPE[0] // 2 + 2 :][BRAIN[SHAPE[0] // 2 + 2 :]] = 7
ATLAS = Atlas(name="Thirds", labels=LABELS, grid=GRID, names={5: "low", 7: "right", 9: "high"})
NOTHING = Provenance()


def over_atlas(values: np.ndarray, *, name: str = "map") -> RegionValues:
    volume = Volume(values=values.astype(np.float32), grid=GRID, name=name)
    return map_over_regions(
        volume,
        background=find_background(volume),
        atlas=ATLAS,
        labels=labels_on(ATLAS, grid=GRID),
        name=name,
    )


def table(
    name: str, values: list[float], *, regions: str = "abcdef", unit: str = ""
) -> RegionValues:
    return RegionValues(
        name=name, regions=tuple(regions[: len(values)]), values=np.array(values), unit=unit
    )


# ---------------------------------------------------------------------------------- images


@pytest.mark.parametrize("background", [0.0, -1.0, 250.0, np.nan])
def test_background_never_enters_a_region(background: float) -> None:
    noise = 4 + smooth_noise(1, seed=3)[0]
    inside = BRAIN.copy()
    inside[LABELS == 7] &= np.arange((LABELS == 7).sum()) % 5 > 0  # a fifth of it not measured
    found = over_atlas(np.where(inside, noise, background))
    assert found.regions == ("low", "right", "high")
    expected = [
        noise.astype(np.float32)[inside & (label == LABELS)].mean(dtype=float)
        for label in (5, 7, 9)
    ]
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)
    assert found.n_partly == 0


def test_a_region_counts_where_half_of_it_is_measured() -> None:
    noise = 4 + smooth_noise(1, seed=3)[0]
    places = np.argwhere(LABELS == 7)
    half = len(places) // 2
    for n_kept, counts in ((len(places) - half, True), (half - 1, False)):
        inside = BRAIN.copy()
        inside[tuple(places[n_kept:].T)] = False
        found = over_atlas(np.where(inside, noise, np.nan))
        assert np.isfinite(found.values[1]) == counts
        assert found.n_partly == (0 if counts else 1)


def test_what_files_store_is_kept_beside_it() -> None:
    noise = 4 + smooth_noise(1, seed=3)[0]
    inside = BRAIN & (np.indices(SHAPE)[0] % 4 > 0)
    stored = np.where(inside, noise, -1).astype(np.float32)
    found = over_atlas(stored)
    assert found.stored is not None
    for k, label in enumerate((5, 7, 9)):
        assert found.stored[k] == pytest.approx(stored[label == LABELS].mean(dtype=float), rel=1e-6)
    measured = np.isfinite(found.values)
    assert measured.tolist() == [True, False, True]
    assert (found.stored < found.values)[measured].all()


def test_a_map_elsewhere_is_refused() -> None:
    values = np.where(LABELS == 0, smooth_noise(1, seed=1)[0] + 9, np.nan)
    with pytest.raises(DataError, match="measures none of the 3 regions of Thirds"):
        over_atlas(values)


# ---------------------------------------------------------------------------------- tables


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([1.0], "it holds a only; a comparison needs at least 3 regions"),
        ([2.0, 2, 2, 2], "it is constant, 2 in all 4 regions"),
        ([np.nan, np.nan, np.nan], "none of its 3 regions has a value"),
    ],
)
def test_maps_without_anything_to_compare_are_refused(values: list[float], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        table("x", values)


def test_regions_are_matched_by_name_and_not_by_row() -> None:
    one = table("one", [1.0, 2, 3, 4], regions="abcd")
    other = table("other", [40.0, 30, 5, 20], regions="dczb")
    assert regions_of([one, other]) == ("a", "b", "c", "d", "z")
    maps = compared_regions(
        [one, other], parcels=Parcels(names=("a", "b", "c", "d", "z")), provenance=NOTHING
    )
    np.testing.assert_array_equal(maps.values[1], [np.nan, 20, 30, 40, 5])
    assert maps.element == "region"
    assert select_elements(maps).mask.size == 3


def test_tables_without_a_common_region_are_refused() -> None:
    one, other = table("one", [1, 2, 3], regions="abc"), table("other", [1, 2, 3], regions="xyz")
    with pytest.raises(DataError, match="one holds a, b and c ..., other x, y and z"):
        regions_of([one, other])


def test_regions_that_no_map_holds_are_left_out() -> None:
    parcels = Parcels(names=("nowhere", "a", "b", "c"))
    maps = compared_regions([table("one", [1, 2, 3])], parcels=parcels, provenance=NOTHING)
    assert maps.mask.inside.tolist() == [False, True, True, True]


# ------------------------------------------------------------------------- regions with regions


def test_maps_of_one_unit_are_shown_as_they_are_and_others_as_z() -> None:
    stats = pytest.importorskip("scipy.stats")
    parcels = Parcels(names=tuple("abcd"))
    values = [[1.0, 2, 3, 7], [5.0, 5, 1, 900], [0.1, 0.2, 0.2, np.nan]]
    alike = region_table(
        [table(str(k), v, unit="d") for k, v in enumerate(values)],
        parcels=parcels, provenance=NOTHING,
    )  # fmt: skip
    assert (alike.unit, alike.comparable.kind) == ("d", "d")
    np.testing.assert_array_equal(alike.comparable.values, np.array(values).T)
    apart = region_table(
        [table(str(k), v, unit=f"d{k}") for k, v in enumerate(values)],
        parcels=parcels, provenance=NOTHING,
    )  # fmt: skip
    assert apart.unit == ""
    expected = stats.zscore(np.array(values).T, axis=0, nan_policy="omit")
    np.testing.assert_allclose(apart.comparable.values, expected, rtol=1e-12)


def test_correlations_of_regions_agree_with_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    values = np.random.default_rng(4).standard_normal((6, 9))  # maps x regions
    values[2, 3] = values[4, 3] = values[0, 7] = np.nan
    names = tuple("abcdefghi")
    maps = [
        table(str(k), list(row), regions="".join(names), unit="d") for k, row in enumerate(values)
    ]
    found = region_table(maps, parcels=Parcels(names=names), provenance=NOTHING).correlation
    assert found is not None
    expected = pandas.DataFrame(values, columns=names).corr(min_periods=3)
    np.testing.assert_allclose(found.values, expected, atol=1e-12)
    assert found.n is not None
    assert found.n[3, 3] == 4 and found.n[3, 7] == 3


def test_two_maps_say_nothing_about_regions_with_regions() -> None:
    maps = [table("x", [1, 2, 3]), table("y", [3, 1, 2])]
    assert (
        region_table(maps, parcels=Parcels(names=tuple("abc")), provenance=NOTHING).correlation
        is None
    )


def test_a_region_that_one_map_holds_has_no_correlation() -> None:
    maps = [
        table("x", [1, 2, 3]), table("y", [3, 1, 2]), table("z", [3, 2, 8, 4], regions="abcd")
    ]  # fmt: skip
    found = region_table(
        maps, parcels=Parcels(names=tuple("abcde")), provenance=NOTHING
    ).correlation
    assert found is not None
    assert np.isnan(found.values[3:]).all()
    assert np.isfinite(found.values[:3, :3]).all()
