"""A decision is explained where it was made: class, slice, place in mm, and its trust card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from heatlas.core.errors import DataError, SpaceMismatchError, UnknownNameError
from heatlas.core.volume import Volume
from heatlas.geometry.slicestack import even_runs
from heatlas.learn.network.model import as_network
from heatlas.study.explain import ExplainSettings, explain_model, on_image
from heatlas.study.networkimages import NetworkInput
from heatlas.study.networkinput import InputScale
from tests.learn.nets import seeded
from tests.study.explaining import (
    BRIGHT,
    Brightest,
    bright_scan,
    explained,
    scan_of,
    scan_of_slices,
)

BRAIN = NetworkInput(window="brain")
QUICK = ExplainSettings(methods=("hirescam",), quick=True)


def peak_mm(volume: Volume) -> np.ndarray:
    place = np.unravel_index(np.nanargmax(volume.values), volume.grid.shape)
    return volume.grid.to_mm(np.array(place))


def test_the_slice_with_the_largest_probability_is_explained_and_the_peak_lies_in_place() -> None:
    found = explained()
    assert [view.number for view in found.views] == [BRIGHT[2] + 1]
    assert found.volume.grid.same_as(found.scan.volume.grid)
    np.testing.assert_allclose(peak_mm(found.volume), found.volume.grid.to_mm(BRIGHT), atol=1e-6)
    other = np.delete(found.volume.values, BRIGHT[2], axis=2)
    assert np.isnan(other).all()


@pytest.mark.parametrize(
    "look",
    [
        replace(BRAIN, size=(24, 20)),
        replace(BRAIN, crop=((4, 34), (10, 40))),
        replace(BRAIN, size=(15, 15), crop=((4, 34), (10, 40))),
        NetworkInput(scale=InputScale(low=0, high=80, unit="HU")),
    ],
)
def test_resampling_and_cropping_the_input_leave_the_map_in_place(look: NetworkInput) -> None:
    found = explain_model(
        Brightest(), bright_scan(), look=look, class_index=1, settings=QUICK
    )  # fmt: skip
    mm = found.volume.grid.to_mm(np.array(BRIGHT))
    pixel = 2.0 * max(found.shown.frame.image_shape) / max(found.shown.frame.network_shape)
    assert np.linalg.norm(peak_mm(found.volume) - mm) <= 0.75 * pixel


def test_a_crop_says_nothing_about_what_the_network_did_not_see() -> None:
    look = replace(BRAIN, crop=((4, 34), (10, 40)))
    found = explain_model(Brightest(), bright_scan(), look=look, class_index=1, settings=QUICK)
    seen = np.isfinite(found.main.values)
    assert seen.sum() == 30 * 30
    assert seen[4:34, 10:40].all()


def test_values_keep_their_sign_and_their_size() -> None:
    found = explained()
    np.testing.assert_array_equal(found.main.values, found.main.explanation.values)
    against = explain_model(
        Brightest(), bright_scan(), look=BRAIN, class_index=0, settings=QUICK
    )  # fmt: skip
    assert found.main.values.max() > 0 > against.main.values.min()


def test_networks_of_volumes_see_the_volume() -> None:
    found = explain_model(
        Brightest(axes=3), bright_scan(), look=BRAIN, class_index=1, settings=QUICK
    )  # fmt: skip
    assert (found.main.number, found.main.place) == (0, "the volume")
    np.testing.assert_allclose(peak_mm(found.volume), found.volume.grid.to_mm(BRIGHT), atol=1e-6)


def test_unevenly_spaced_slices_are_explained_as_acquired_and_laid_onto_the_regular_grid() -> None:
    stack = bright_scan().slices
    corners = stack.corners_mm.copy()
    corners[4:, 2] += 6.0
    scan = scan_of_slices(replace(stack, corners_mm=corners))
    assert len(even_runs(scan.slices)) > 1
    found = explain_model(Brightest(), scan, look=BRAIN, class_index=1, settings=QUICK)
    assert found.volume.grid.same_as(scan.volume.grid)
    row, column = np.unravel_index(found.main.values.argmax(), found.main.values.shape)
    expected = scan.slices.to_mm(found.main.number - 1, np.array([[row, column]], float))[0]
    assert np.linalg.norm(peak_mm(found.volume) - expected) < 3.0


def test_slices_that_are_asked_for_are_explained_most_probable_first() -> None:
    found = explain_model(
        Brightest(), bright_scan(), look=replace(BRAIN, slices=(2, 4)), class_index=1,
        settings=QUICK,
    )  # fmt: skip
    assert [view.number for view in found.views] == [4, 2]
    assert np.isfinite(found.volume.values[..., [1, 3]]).all()


def test_without_a_class_the_one_of_the_largest_mean_probability_is_taken() -> None:
    found = explain_model(Brightest(), bright_scan(), look=BRAIN, settings=QUICK)
    assert found.main.explanation.class_index == int(found.class_shares.mean(axis=0).argmax())
    assert "the class decided for" in found.main.explanation.caption


def test_without_a_class_only_the_slices_that_were_asked_for_decide() -> None:
    module = Brightest()
    before = explain_model(module, bright_scan(), look=BRAIN, settings=QUICK).class_shares
    second, first = np.sort(np.log(before[:, 1] / before[:, 0]))[-2:]
    with torch.no_grad():  # now one slice alone is of class 1
        module.scores.bias += torch.tensor([1.0, -1.0]) * float(first + second) / 4
    number = int(before[:, 1].argmax()) + 1
    everything = explain_model(module, bright_scan(), look=BRAIN, settings=QUICK)
    alone = explain_model(
        module, bright_scan(), look=replace(BRAIN, slices=(number,)), settings=QUICK
    )
    assert everything.main.explanation.class_index == 0
    assert alone.main.explanation.class_index == 1


def test_a_mask_adds_the_pointing_game_whatever_grid_it_lies_on() -> None:
    scan = bright_scan()
    mm = scan.volume.grid.to_mm(np.array(BRIGHT))
    mask = scan_of(np.zeros((30, 30, 30)), affine=np.diag([3.0, 3, 3, 1])).volume
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = mm - 45
    values = np.zeros((30, 30, 30), np.float32)
    values[14:17, 14:17, 14:17] = 1
    mask = Volume(values=values, grid=replace(mask.grid, affine=affine))
    found = explain_model(
        Brightest(), scan, look=BRAIN, class_index=1, mask=mask, settings=QUICK
    )  # fmt: skip
    (pointing,) = [check for check in found.main.card.checks if check.name == "pointing"]
    assert pointing.passed
    affine[:3, 3] += 500
    elsewhere = replace(mask, grid=replace(mask.grid, affine=affine))
    with pytest.raises(SpaceMismatchError, match="none of its voxels lies in the image"):
        explain_model(Brightest(), scan, look=BRAIN, mask=elsewhere)


def test_all_methods_are_those_that_suit_the_network() -> None:
    found = explained("all")
    names = [view.explanation.method for view in (found.main, *found.others)]
    assert names[0] == "grad-cam"
    assert len(names) == len(set(names)) == 10
    assert "attention-rollout" not in names


def test_an_untrained_network_is_flagged() -> None:
    network = as_network(seeded("plain-2d"))
    found = explain_model(network, bright_scan(), look=BRAIN, settings=ExplainSettings(quick=True))
    assert found.main.card.standing == "no evidence"
    assert "do not read this map as model evidence" in found.caption


def test_the_record_of_the_map_names_input_network_and_seed() -> None:
    steps = {step.name: step for step in explained().provenance.steps}
    assert steps["show to a network"].parameters["scale"] == "0 to 80 HU becomes 0 to 1"
    assert steps["explain"].inputs["network"].startswith("sha256:")
    assert steps["assess"].seed == 0


def test_equal_inputs_give_equal_values() -> None:
    again = explain_model(
        Brightest(), bright_scan(), look=BRAIN, class_index=1, settings=QUICK
    )  # fmt: skip
    np.testing.assert_array_equal(again.volume.values, explained().volume.values)
    assert again.main.card.checks[3].found == explained().main.card.checks[3].found


def test_what_cannot_be_explained_is_one_sentence(tmp_path: Path) -> None:
    scan = bright_scan()
    cases = [
        ({"look": NetworkInput()}, DataError, "nothing says which values"),
        ({"look": BRAIN, "class_index": 2}, DataError, "2 classes, numbered 0 to 1"),
        ({"look": replace(BRAIN, slices=(6,))}, DataError, "there are 5 slices"),
        ({"look": replace(BRAIN, size=(9, 9, 9))}, DataError, "name 2 lengths"),
        ({"look": replace(BRAIN, axes=3)}, DataError, "takes 2-D images"),
        ({"look": NetworkInput(window="brian")}, UnknownNameError, "Did you mean 'brain'"),
    ]
    for words, kind, said in cases:
        with pytest.raises(kind, match=said):
            explain_model(Brightest(), scan, settings=QUICK, **words)
    with pytest.raises(UnknownNameError, match="Nearest: look"):
        explain_model(
            Brightest(), scan, look=BRAIN, settings=ExplainSettings(layer="lok", quick=True)
        )
    with pytest.raises(DataError, match="not made at a layer"):
        settings = ExplainSettings(methods=("occlusion",), layer="look")
        explain_model(Brightest(), scan, look=BRAIN, settings=settings)
    with pytest.raises(UnknownNameError, match="Did you mean 'grad-cam'"):
        ExplainSettings(methods=("gradcam",))


def test_a_range_in_hu_is_refused_for_what_is_no_hu() -> None:
    scan = replace(bright_scan(), unit="")
    look = NetworkInput(scale=InputScale(low=0, high=80, unit="HU"))
    with pytest.raises(DataError, match="the range is in HU"):
        explain_model(Brightest(), scan, look=look)


def test_a_map_on_the_scans_own_pixels_is_not_interpolated() -> None:
    view = explained().main
    assert on_image(view.explanation, frame=explained().shown.frame) is view.explanation.values
