"""Heat maps of regions say their unit, keep their sign symmetric and never claim a test."""

from __future__ import annotations

import numpy as np

from heatlas.compare.regions import RegionTable, RegionValues, region_table
from heatlas.core.parcels import Parcels
from heatlas.core.provenance import Provenance
from heatlas.show.matrix import compile_matrix
from heatlas.study.regionpictures import region_correlation_map, region_heat_map, region_view


def made(n_maps: int = 4, n_regions: int = 6, *, unit: str = "d", shift: float = 0) -> RegionTable:
    rng = np.random.default_rng(3)
    names = tuple(f"region {k:03d}" for k in range(n_regions))
    maps = [
        RegionValues(
            name=f"map {k}",
            regions=names,
            values=shift + (k + 1) * rng.standard_normal(n_regions),
            unit=unit,
        )
        for k in range(n_maps)
    ]
    return region_table(
        maps, parcels=Parcels(names=names), provenance=Provenance(), words="some regions"
    )


def test_one_unit_is_shown_as_it_is_on_a_symmetric_scale() -> None:
    table = made()
    judged = region_heat_map(table)
    assert judged.matrix.shape == (4, 6)
    np.testing.assert_array_equal(judged.matrix.values, table.matrix.values.T)
    assert judged.scale.low == -judged.scale.high
    assert judged.scale.high >= np.abs(table.matrix.values).max()
    assert judged.scale.label == "d"
    assert "not tested" in judged.caption() and "all tables hold the same" in judged.caption()


def test_values_of_one_sign_use_all_colours() -> None:
    judged = region_heat_map(made(shift=100))
    assert judged.scale.kind == "sequential"
    assert judged.scale.low > 50


def test_maps_of_their_own_units_are_shown_as_z_that_saturate_at_three() -> None:
    table = made(unit="", n_regions=40)
    values = np.array(table.matrix.values)
    values[0, 0] = 1e6
    outlier = region_table(
        [
            RegionValues(name=name, regions=table.matrix.rows.names, values=values[:, k])
            for k, name in enumerate(table.matrix.columns.names)
        ],
        parcels=table.parcels,
        provenance=Provenance(),
    )
    judged = region_heat_map(outlier)
    assert (judged.scale.low, judged.scale.high) == (-3, 3)
    assert judged.scale.true_high > 6
    assert "z over the regions of each map" in judged.caption()


def test_regions_with_regions_have_a_grey_diagonal_and_no_verdict() -> None:
    judged = region_correlation_map(made())
    assert judged is not None
    assert judged.own.diagonal().all() and judged.own.sum() == 6
    assert (judged.scale.low, judged.scale.high) == (-1, 1)
    assert not judged.survives.any()
    assert "no sample of a population" in judged.caption()
    assert region_correlation_map(made(2)) is None


def test_pictures_grow_until_every_region_can_be_named() -> None:
    for n_regions in (6, 120):
        judged = region_heat_map(made(n_regions=n_regions))
        scene = compile_matrix(judged, region_view(judged))
        drawn = {words.text for words in scene.words}
        assert {f"region {k:03d}" for k in range(n_regions)} <= drawn
    many = region_heat_map(made(n_regions=400))
    assert region_view(many).width_px == region_view(region_heat_map(made())).width_px
