"""Numbers of real studies, pinned as scipy and nilearn gave them before Heatlas was written."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from heatlas.core.errors import DesignError
from heatlas.core.space import Grid, Mask
from heatlas.core.stack import MapStack
from heatlas.core.table import table_from_columns
from heatlas.stats.glm import ContrastRequest, fit_analysis

MEN_WOMEN = ContrastRequest(name="men-women", test="gender[m] - gender[f]")


def read_columns(path: Path) -> dict[str, list[str]]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {name: [row[name] for row in rows] for name in rows[0]}


def numbers(words: list[str]) -> NDArray[np.float64]:
    return np.array([np.nan if word == "n/a" else float(word) for word in words])


def stack_from(
    images: list[nibabel.Nifti1Image], values: NDArray[np.float32], **columns
) -> MapStack:  # type: ignore[no-untyped-def]
    inside = columns.pop("inside")
    grid = Grid(shape=images[0].shape[:3], affine=images[0].affine)
    ids = tuple(columns.pop("ids"))
    return MapStack(
        values=values[:, inside], mask=Mask(space=grid, inside=inside), ids=ids,
        table=table_from_columns(columns or {"row": list(range(len(ids)))}),
    )  # fmt: skip


@pytest.fixture(scope="module")
def depression(real_data: Path) -> MapStack:
    """72 grey-matter maps, smoothed by 8 mm, where all of them hold at least 0.1."""
    people = read_columns(real_data / "depression/participants.tsv")
    volumes = read_columns(real_data / "depression/gm/volumes.tsv")
    assert people["participant_id"] == volumes["participant_id"]
    files = [real_data / f"depression/gm/{i}_gm.nii.gz" for i in people["participant_id"]]
    images = [nibabel.load(file) for file in files]
    sizes = np.array(images[0].header.get_zooms()[:3])
    sigma = 8 / np.sqrt(8 * np.log(2)) / sizes
    maps = [i.get_fdata(dtype=np.float32) for i in images]
    smoothed = np.stack([gaussian_filter(m, sigma, mode="constant") for m in maps])
    volumes_ml = {name: numbers(volumes[name]) for name in volumes if name != "participant_id"}
    return stack_from(
        images, smoothed, inside=(smoothed >= 0.1).all(axis=0), ids=people["participant_id"],
        gender=people["gender"], group=people["group"], age=numbers(people["age"]),
        BDI=numbers(people["BDI"]), **volumes_ml,
    )  # fmt: skip


def test_men_have_more_grey_matter_until_brain_size_is_in_the_model(depression: MapStack) -> None:
    assert depression.mask.size == 55_934
    size = fit_analysis(depression, model="C(gender) + age", contrasts=[MEN_WOMEN])
    statistic = size.contrasts[0].statistic
    assert statistic.sample_words() == "n = 72 (53 f, 19 m), df = 69"
    assert statistic.values.max() == pytest.approx(8.89, abs=0.005)
    adjusted = fit_analysis(depression, model="C(gender) + age + brain_ml", contrasts=[MEN_WOMEN])
    assert np.mean(adjusted.contrasts[0].statistic.values > 4.87) < 0.001


def test_patients_without_a_score_are_refused_and_dropped_only_on_request(
    depression: MapStack,
) -> None:
    request = [ContrastRequest(name="bdi", test="BDI")]
    model, where = "BDI + age + C(gender) + brain_ml", "group == 'depr'"
    with pytest.raises(DesignError, match="4 of 51 rows lack values"):
        fit_analysis(depression, model=model, where=where, contrasts=request)
    analysis = fit_analysis(depression, model=model, where=where, contrasts=request, missing="drop")
    assert [name for name, _ in analysis.design.dropped] == ["sub-08", "sub-32", "sub-46", "sub-50"]
    assert analysis.contrasts[0].statistic.dof == (42,)


def test_volumes_that_add_up_are_named(depression: MapStack) -> None:
    with pytest.raises(DesignError, match=r"brain_ml = gm_ml \+ wm_ml \+ csf_ml up to rounding"):
        fit_analysis(depression, model="brain_ml + age + gm_ml + wm_ml + csf_ml", contrasts=[])


def test_one_sample_of_wager_2008_has_its_known_maximum(real_data: Path) -> None:
    """t = 7.2547 at (6.9, 24.1, 54.0) mm among 75,919 voxels that are finite in all 30 maps."""
    files = sorted((real_data / "wager2008").glob("sub-*_con-regVSlookneg.nii.gz"))
    images = [nibabel.load(file) for file in files]
    maps = np.stack([image.get_fdata(dtype=np.float32) for image in images])
    inside = np.isfinite(maps).all(axis=0)
    stack = stack_from(images, maps, inside=inside, ids=[file.name[:6] for file in files])
    assert (len(stack), stack.mask.size) == (30, 75_919)
    request = [ContrastRequest(name="mean", test="intercept")]
    statistic = fit_analysis(stack, model="1", contrasts=request).contrasts[0].statistic
    assert statistic.values.max() == pytest.approx(7.2547, abs=5e-5)
    peak = stack.mask.positions_mm()[int(np.nanargmax(statistic.values))]
    np.testing.assert_allclose(peak, [6.9, 24.1, 54.0], atol=0.05)
