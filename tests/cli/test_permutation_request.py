"""Options become a request, or one sentence that says which of them contradict each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heatlas.cli.permutation_request import request_of
from heatlas.cli.test import JudgeOptions
from heatlas.core.errors import DataError, DesignError, HeatlasError
from heatlas.study.askedmodel import FslModel, TableModel
from heatlas.study.permute_files import PermutationRequest
from heatlas.study.spec import VolumeFile, VolumeSphere


def request(**given: Any) -> PermutationRequest:
    """The request of the mean of all maps, with some options."""
    asked = {"model": "1"} if not {"design_mat", "con", "model", "grp"} & set(given) else {}
    return request_of(JudgeOptions(maps=["a.nii.gz"], out=Path("out"), **asked, **given))


def model(**given: Any) -> TableModel:
    found = request(**given).model
    assert isinstance(found, TableModel)
    return found


def test_the_mean_of_all_maps_needs_no_test() -> None:
    (test,) = model().tests
    assert (test.name, test.test, test.kind) == ("mean", "intercept", "t")


@pytest.mark.parametrize(
    ("words", "name", "test"),
    [
        ("older = age", "older", "age"),
        ("a-b=group[a]:age - group[b]:age", "a-b", "group[a]:age - group[b]:age"),
        ("group[a] - group[b]", "group-a-minus-group-b", "group[a] - group[b]"),
        ("0.5*(site[1] + site[2]) - site[3]", "0-5-site-1-plus-site-2-minus-site-3", None),
        ("age", "age", "age"),
    ],
)
def test_contrasts_are_named_or_get_a_name(words: str, name: str, test: str | None) -> None:
    (asked,) = model(model="x", tests=[words]).tests
    assert (asked.name, asked.test) == (name, test or words)


def test_f_tests_follow_the_t_tests() -> None:
    kinds = [(t.name, t.kind) for t in model(model="x", tests=["age"], f_tests=["site"]).tests]
    assert kinds == [("age", "t"), ("site", "F")]


def test_tfce_touches_by_faces_and_clusters_by_edges_unless_told() -> None:
    assert request(method="tfce").settings.neighbourhood == "faces"
    assert request(method="cluster-mass", cluster_p=0.001).settings.neighbourhood == "edges"
    assert request(method="tfce", neighbours="26").settings.neighbourhood == "corners"
    assert request(neighbours="faces").settings.neighbourhood == "faces"


def test_settings_reach_the_engine() -> None:
    settings = request(
        method="tfce", tfce_statistic="z", height=1.5, extent=0.7, one_sided=True, permutations=99,
        seed=4, residuals="huh-jhun", shuffle="whole", mode="both", adaptive=True, alpha=0.01,
    ).settings  # fmt: skip
    assert (settings.tfce.statistic, settings.tfce.height, settings.tfce.extent) == ("z", 1.5, 0.7)
    assert (settings.two_sided, settings.n_permutations, settings.seed) == (False, 99, 4)
    assert (settings.residuals, settings.adaptive) == ("huh-jhun", 0.01)
    assert (settings.exchangeability.shuffle, settings.exchangeability.mode) == ("whole", "both")


@pytest.mark.parametrize("given", [{"cluster_p": 0.01}, {"cluster_statistic": 3.1}])
def test_clusters_form_at_the_threshold_given(given: dict[str, float]) -> None:
    forming = request(method="cluster-extent", **given).settings.cluster_forming
    assert forming is not None
    assert (forming.p, forming.statistic) == (
        given.get("cluster_p"),
        given.get("cluster_statistic"),
    )


def test_small_volumes_are_a_sphere_or_an_image() -> None:
    sphere = request(sphere="-20,-10,-18,10").volume
    assert isinstance(sphere, VolumeSphere)
    assert (sphere.x, sphere.radius_mm) == (-20.0, 10.0)
    image = request(small_volume=Path("amygdala.nii.gz")).volume
    assert isinstance(image, VolumeFile)
    assert image.mask == "amygdala.nii.gz"


def test_files_of_fsl_are_a_model() -> None:
    found = request(design_mat=Path("d.mat"), con=Path("d.con"), variance_groups="d.grp").model
    assert isinstance(found, FslModel)
    assert found.variance_groups == Path("d.grp")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"table": Path("t.tsv"), "design_mat": Path("d.mat"), "con": Path("d.con")},
            "--table and --design-mat name two models",
        ),
        ({"model": "1", "grp": Path("d.grp")}, "--model and --grp name two models"),
        ({"design_mat": Path("d.mat")}, "--con is missing"),
        ({"con": Path("d.con")}, "--design-mat is missing"),
        ({"model": "age"}, "Nothing is tested"),
        ({"model": None}, "No model is named"),
        ({"tests": ["two words = age"]}, "'two words' is no name of a contrast"),
        ({"tests": ["[]"]}, "has no name in it"),
    ],
)
def test_models_that_are_none_or_two_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(DesignError, match=words):
        request(**given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"method": "cluster-mass"}, "give --cluster-p"),
        (
            {"method": "cluster-mass", "cluster_p": 0.01, "cluster_statistic": 3.1},
            "--cluster-p and --cluster-statistic name two thresholds",
        ),
        ({"method": "tfce", "cluster_p": 0.01}, "forms no clusters; leave --cluster-p out"),
        ({"method": "cluster-mass", "cluster_p": 3.1}, "given as --cluster-statistic"),
        ({"method": "cluster-mass", "cluster_p": 0.6}, "given as --cluster-statistic"),
        ({"method": "cluster-mass", "cluster_p": 0.0}, "given as --cluster-statistic"),
        ({"method": "cluster-mass", "cluster_statistic": 0.001}, "a p is given as --cluster-p"),
        ({"method": "max-t", "height": 2.0}, "--height goes with --method tfce only"),
        ({"seed": -1}, "--seed -1 given"),
        ({"sphere": "1,2,3"}, "expected centre and radius"),
        ({"sphere": "1,2,3,-4"}, "expected centre and radius"),
        ({"sphere": "1,2,nan,4"}, "expected centre and radius"),
        ({"sphere": "1,2,3,4", "small_volume": Path("m.nii.gz")}, "name two volumes"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        request(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"permutations": 1},
        {"method": "step-down", "adaptive": True},
        {"method": "tfce", "height": -1.0},
    ],
)
def test_what_the_engine_refuses_is_refused_before_a_file_is_read(given: dict[str, Any]) -> None:
    with pytest.raises(HeatlasError):
        request(**given)
