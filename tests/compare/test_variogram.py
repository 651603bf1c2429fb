"""Variogram surrogates look like their map at every distance, and like nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.compare.fields import standardised
from heatlas.compare.policy import select_elements
from heatlas.compare.variogram import BATCH, places_of, variogram_of, variogram_surrogates
from heatlas.core.errors import DataError
from tests.compare.regions import exponential_values, over_regions, places

PLACES = places(120)


def test_the_variogram_agrees_with_its_definition_pair_by_pair() -> None:
    values = exponential_values(1, centres=PLACES)[0]
    apart, halved = [], []
    for i in range(len(PLACES)):
        for j in range(i):
            apart.append(float(np.linalg.norm(PLACES[i] - PLACES[j])))
            halved.append((values[i] - values[j]) ** 2 / 2)
    distance, squared = np.array(apart), np.array(halved)
    close = distance <= np.percentile(distance, 25)
    distance, squared = distance[close], squared[close]
    at = np.linspace(distance.min(), distance.max(), 25)
    bandwidth = 3 * (at[1] - at[0])
    wanted = []
    for h in at:
        weight = np.exp(-((2.68 * np.abs(h - distance)) ** 2) / (2 * bandwidth**2))
        wanted.append((weight * squared).sum() / weight.sum())
    found = variogram_of(values.astype(np.float32)[:, None], places_of(PLACES))[:, 0]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_smoother_takes_weighted_means_of_the_nearest_parcels() -> None:
    smoother = places_of(PLACES).smoothers[1]  # a share of 0.2: 24 parcels
    np.testing.assert_allclose(smoother.sum(axis=1), 1, rtol=1e-5)
    assert (np.count_nonzero(smoother, axis=1) == 24).all()
    distance = np.linalg.norm(PLACES - PLACES[7], axis=1)
    nearest = np.argsort(distance)[1:25]
    weight = np.exp(-distance[nearest] / distance[nearest[-1]])
    np.testing.assert_allclose(smoother[7, nearest], weight / weight.sum(), rtol=1e-5)


@pytest.mark.parametrize("range_mm", [15, 30])
def test_surrogates_have_the_variograms_of_their_maps(range_mm: float) -> None:
    centres = places(250)
    values = exponential_values(12, centres=centres, seed=5, range_mm=range_mm)
    chosen = select_elements(over_regions(values, centres=centres))
    made = variogram_surrogates(chosen, range(12), seed=1)(0)
    own = np.stack([standardised(chosen.values_of(k)) for k in range(12)])
    whole = places_of(centres)
    wanted = variogram_of(own.T.astype(np.float32), whole).mean(axis=1)
    found = variogram_of(made.reshape(-1, 250).T.astype(np.float32), whole).mean(axis=1)
    np.testing.assert_allclose(found, wanted, rtol=0.25)
    assert wanted[-1] > 1.5 * wanted[0]


def test_surrogates_of_other_maps_batches_and_seeds_differ() -> None:
    values = np.repeat(exponential_values(1, centres=PLACES), 2, axis=0)
    chosen = select_elements(over_regions(values, centres=PLACES))
    draw = variogram_surrogates(chosen, [0, 1], seed=1)
    fields = draw(0)
    assert fields.shape == (BATCH, 2, 120)
    np.testing.assert_allclose(np.linalg.norm(fields, axis=2), 1)
    np.testing.assert_allclose(fields.mean(axis=2), 0, atol=1e-12)
    others = (fields[:, 1], draw(BATCH)[:, 0], variogram_surrogates(chosen, [0], seed=2)(0)[:, 0])
    for other in others:
        assert abs(np.corrcoef(fields[0, 0], other[0])[0, 1]) < 0.9
    np.testing.assert_array_equal(draw(0), fields)


def test_too_few_parcels_and_parcels_at_one_place_are_refused() -> None:
    with pytest.raises(DataError, match="19 regions are too few for a variogram"):
        places_of(PLACES[:19])
    with pytest.raises(DataError, match="two regions lie at one place"):
        places_of(np.concatenate([PLACES, PLACES[:1]]))
