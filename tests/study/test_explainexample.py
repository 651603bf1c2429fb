"""The example trains, judges and explains as it says; its head is the one that ships."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.study.explain import ModelExplanation
from heatlas.study.explainexample import (
    WINDOW,
    ExampleSettings,
    pointing_table,
    run_example,
    shipped_head,
    skill_table,
)
from tests.study.explaining import TINY, example


def test_the_head_that_ships_is_in_hu_and_lies_as_it_was_scanned() -> None:
    lower, upper = shipped_head()
    assert lower.is_hu and upper.is_hu
    assert len(lower.slices) == len(upper.slices) == 14
    spacings = [
        np.linalg.norm(np.diff(s.slices.corners_mm, axis=0), axis=1) for s in (lower, upper)
    ]
    np.testing.assert_allclose(spacings[0], 4.22, atol=1e-3)
    np.testing.assert_allclose(spacings[1], 7.38, atol=1e-3)
    assert dict(lower.facts)["Gantry tilt"] == "18.5 degrees"


def test_slices_are_held_out_by_their_place_in_the_head() -> None:
    split = example().split
    apart = np.abs(split.train[:, None] - split.test[None, :])
    assert apart.min() > 1
    assert {case.place - 1 for case in example().cases} <= set(split.test.tolist())
    assert all(case.place == case.number + 14 for case in example().cases)


def test_each_case_holds_its_lesion_where_the_scan_was_changed() -> None:
    for case in example().cases:
        before = shipped_head()[1].slices.values[case.number - 1]
        rise = case.scan.slices.values[case.number - 1] - before
        place = np.unravel_index(rise.argmax(), rise.shape)
        mm = case.scan.slices.to_mm(case.number - 1, np.array([place], dtype=float))
        voxel = np.rint(case.lesion.grid.to_voxels(mm))[0].astype(int)
        assert case.lesion.values[tuple(voxel)] == 1
        assert 10 < rise.max() < 40


def test_the_untrained_twin_is_no_evidence_and_the_trained_network_is_told_apart() -> None:
    for case in example().cases:
        assert case.untrained.main.card.standing == "no evidence"
        assert case.trained.network.digest != case.untrained.network.digest
        assert isinstance(case.trained, ModelExplanation)
        checks = {check.name for check in case.trained.main.card.checks}
        assert "pointing" in checks


def test_the_same_seed_gives_the_same_network_and_maps() -> None:
    again = run_example(settings=TINY)
    assert again.network.digest == example().network.digest
    one, two = example().cases[0].trained, again.cases[0].trained
    np.testing.assert_array_equal(one.volume.values, two.volume.values)


def test_skill_counts_what_is_right_with_its_interval() -> None:
    shares = np.array([0.9, 0.4, 0.2, 0.1])
    table = skill_table(shares, labels=np.array([1, 1, 0, 0]))
    assert table.words("held-out images")[0] == "lesions found"
    np.testing.assert_allclose(table.numbers("share"), [50, 100, 75])
    assert table.words("95 % interval")[2] == "30 to 95"


def test_pointing_needs_lesions_that_were_found() -> None:
    from heatlas.learn.planted import plant_lesions

    stack = np.concatenate([np.nan_to_num(s.slices.values, nan=-1024) for s in shipped_head()])
    test = plant_lesions(stack, which=[18, 19], n_pairs=2, seed=0)
    none = pointing_table(example().network, test, shares=np.zeros(4))
    assert len(none) == 0
    some = pointing_table(example().network, test, shares=np.ones(4))
    assert "HiResCAM, aligned" in some.words("peaks")
    assert set(some.numbers("n")) == {2}


def test_a_head_that_is_no_hu_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from heatlas.core.space import Grid
    from heatlas.core.volume import Volume
    from heatlas.io.encode import write_volume

    path = tmp_path / "grey.nii.gz"
    values = np.random.default_rng(0).uniform(0, 255, (20, 20, 10)).astype(np.float32)
    write_volume(path, Volume(values=values, grid=Grid(shape=(20, 20, 10), affine=np.eye(4))))
    with pytest.raises(DataError, match="planted in HU"):
        run_example(path)


@pytest.mark.parametrize("name", ["n_pairs", "n_test_pairs", "n_epochs"])
def test_counts_that_teach_nothing_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="at least 1"):
        ExampleSettings(**{name: 0})


def test_the_window_of_the_example_is_the_one_that_the_images_were_made_with() -> None:
    from heatlas.learn.planted import PlantingSettings
    from heatlas.prep.ct import WINDOWS

    assert PlantingSettings().window_hu == (WINDOWS[WINDOW].centre, WINDOWS[WINDOW].width)
