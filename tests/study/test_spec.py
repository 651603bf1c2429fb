"""Study files: the issue's example is read, and every fault is told at once, with its path."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from heatlas.core.errors import DataError, SpecError
from heatlas.study.spec import (
    GridFile,
    MergedMaps,
    Sphere,
    StudySpec,
    VolumeFile,
    VolumeSphere,
    json_schema,
    parse_spec,
    read_spec,
    resolved,
    spec_from_json,
)

MINIMAL: dict[str, Any] = {
    "heatlas": 1,
    "name": "minimal",
    "cohort": {"tables": ["t.tsv"], "maps": "{participant_id}.nii.gz"},
    "analyses": [
        {"name": "mean", "model": "1", "contrasts": [{"name": "mean", "test": "intercept"}]}
    ],
}


def with_settings(**settings: Any) -> str:
    """The minimal study with other settings, as a text."""
    return json.dumps({**MINIMAL, **settings}, indent=1)


def faults_of(text: str) -> list[str]:
    """The lines of the error, without file name and line numbers."""
    with pytest.raises(SpecError) as caught:
        parse_spec(text)
    message = str(caught.value)
    lines = message.splitlines()[1:] or [message.removeprefix("study.yaml, ")]
    return [re.sub(r"^\s*(line \d+, )?", "", line) for line in lines]


# ---------------------------------------------------------------- what is read


def test_the_study_of_the_demo_is_read(repository: Path) -> None:
    spec = read_spec(repository / "demo" / "study.yaml")
    assert spec.name == "depression-grey-matter"
    assert spec.cohort.maps == "depression/gm/{participant_id}_gm.nii.gz"
    assert spec.smooth is not None
    assert (spec.smooth.fwhm_mm, spec.mask.minimum, spec.mask.coverage) == (8.0, 0.1, 1.0)
    assert [analysis.name for analysis in spec.analyses][:2] == ["groups", "severity"]
    assert (spec.analyses[1].where, spec.analyses[1].missing) == ("group == 'depr'", "drop")
    assert spec.analyses[0].contrasts[2].kind == "F"
    assert (spec.inference.method, spec.inference.n_permutations, spec.seed) == (
        "max-t",
        1000,
        2026,
    )


def test_defaults_are_safe() -> None:
    spec = parse_spec(with_settings())
    assert (spec.inference.method, spec.inference.two_sided) == ("max-t", True)
    assert spec.analyses[0].missing == "refuse"
    assert spec.grid == "same"
    assert spec.smooth is None


def test_alternatives_are_told_apart_by_their_shape() -> None:
    spec = parse_spec(
        with_settings(
            cohort={"tables": ["t.tsv"], "maps": {"merged": "all.nii"}},
            grid={"path": "grid.nii"},
            atlas={"image": "a.nii"},
            regions=["Left", {"name": "seed", "x": 1, "y": -2.5, "z": 3, "radius_mm": 8}],
        )
    )
    assert spec.cohort.maps == MergedMaps(merged="all.nii")
    assert spec.grid == GridFile(path="grid.nii")
    assert spec.regions == ("Left", Sphere(name="seed", x=1, y=-2.5, z=3, radius_mm=8))


def test_a_key_without_value_counts_as_left_out() -> None:
    text = with_settings(smooth=None, mask=None, atlas={"image": "a.nii", "labels": None})
    assert parse_spec(text).mask.coverage == 1.0


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + with_settings().replace("\n", "\r\n").encode())
    assert read_spec(path).name == "minimal"


def test_settings_cannot_be_changed() -> None:
    spec = parse_spec(with_settings())
    with pytest.raises(ValidationError):
        spec.seed = 3  # type: ignore[misc]


def test_resolved_settings_are_plain_complete_and_read_back(repository: Path) -> None:
    spec = read_spec(repository / "demo" / "study.yaml")
    plain = json.loads(json.dumps(resolved(spec)))
    assert plain["inference"]["neighbourhood"] == "edges"
    assert spec_from_json(plain) == spec


@pytest.mark.parametrize(
    ("inference", "neighbourhood"),
    [
        ({}, "edges"),
        ({"method": "tfce"}, "faces"),
        ({"method": "tfce", "neighbourhood": "corners"}, "corners"),
        ({"method": "cluster-mass", "cluster_threshold": {"p": 0.001}}, "edges"),
    ],
)
def test_a_default_that_depends_on_the_method_is_resolved_and_recorded(
    inference: dict[str, Any], neighbourhood: str
) -> None:
    spec = parse_spec(with_settings(inference=inference))
    assert resolved(spec)["inference"]["neighbourhood"] == neighbourhood
    assert spec_from_json(resolved(spec)) == spec


def test_the_settings_of_tfce_are_recorded_and_only_its() -> None:
    spec = parse_spec(with_settings(inference={"method": "tfce", "tfce": None}))
    exponents = {"statistic": "t", "extent": 0.5, "height": 2.0}
    assert resolved(spec)["inference"]["tfce"] == exponents
    assert resolved(parse_spec(with_settings()))["inference"]["tfce"] is None


def test_blocks_are_one_column_or_several() -> None:
    def columns(blocks: Any) -> tuple[str, ...]:
        said = {**MINIMAL["analyses"][0], "exchangeability": {"blocks": blocks}}
        found = parse_spec(with_settings(analyses=[said])).analyses[0].exchangeability
        assert found is not None
        return found.columns

    assert columns("site") == ("site",)
    assert columns(["all", "family"]) == ("all", "family")
    assert columns(None) == ()


def test_a_small_volume_is_told_apart_by_its_shape() -> None:
    by_file = parse_spec(with_settings(inference={"small_volume": {"mask": "m.nii"}}))
    assert by_file.inference.small_volume == VolumeFile(mask="m.nii")
    sphere = {"x": 1, "y": -2.5, "z": 3, "radius_mm": 8}
    by_centre = parse_spec(with_settings(inference={"small_volume": sphere}))
    assert by_centre.inference.small_volume == VolumeSphere(**sphere)
    assert spec_from_json(resolved(by_centre)) == by_centre


# ---------------------------------------------------------------- what is refused


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    text = """\
heatlas: 2
name: x
cohort: {tables: participants.tsv, maps: "gm/all.nii", measur: grey}
smooth: {fwhm: 8}
analyses:
  - name: groups
    model: "1"
    contrasts: [{name: a, test: age}, {name: b, test: age, kind: f}]
  - name: Groups
    model: 1
    contrasts: []
inference: {method: fdr, two_sided: yes, n_permutations: 1.5}
seed: true
"""
    places = [fault.split(": ")[0] for fault in faults_of(text)]
    assert places == [
        "heatlas",
        "cohort.tables",
        "cohort.measur",
        "cohort.maps",
        "smooth.fwhm_mm",
        "smooth.fwhm",
        "analyses[0].contrasts[1].kind",
        "analyses[1].name",
        "analyses[1].model",
        "analyses[1].contrasts",
        "inference.method",
        "inference.two_sided",
        "inference.n_permutations",
        "seed",
    ]


def test_a_fault_names_its_line() -> None:
    text = 'heatlas: 1\nname: x\ncohort: {maps: "{participant_id}.nii"}\nanalyses: 3\n'
    with pytest.raises(SpecError, match=r"^study.yaml, line 4, analyses: expected a list, got 3"):
        parse_spec(text)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"smoth": {}}, "smoth: unknown key. Did you mean 'smooth'?"),
        ({"alpha": 0.1}, "alpha: unknown key. It belongs to inference."),
        (
            {"smooth": {"fwhm_mm": 8, "insid": 1}},
            "smooth.insid: unknown key. Did you mean 'inside'",
        ),
        (
            {"grid": "coarse"},
            "grid: 'coarse' is not one of same or coarsest. Did you mean 'coarsest'",
        ),
        ({"heatlas": 3}, "heatlas: version 3 of the format is not known here"),
        ({"name": "../x"}, "name: '../x' must hold no slash"),
        ({"name": "a/b"}, "name: 'a/b' must hold no slash"),
        ({"seed": True}, "seed: expected a whole number, got true."),
        ({"seed": -1}, "seed: must be at least 0, got -1."),
        ({"smooth": {"fwhm_mm": True}}, "smooth.fwhm_mm: expected a number, got true."),
        ({"smooth": {"fwhm_mm": "8"}}, "smooth.fwhm_mm: expected a number, got '8'."),
        ({"smooth": {"fwhm_mm": 0}}, "smooth.fwhm_mm: must be greater than 0, got 0."),
        ({"smooth": 8}, "smooth: expected keys and values, got 8."),
        ({"inference": {"two_sided": 1}}, "inference.two_sided: expected true or false, got 1."),
        ({"inference": {"alpha": 1}}, "inference.alpha: must be less than 1, got 1."),
        ({"inference": {"method": "bonferoni"}}, "inference.method: 'bonferoni' is not one of"),
        ({"mask": {"coverage": 1.5}}, "mask.coverage: must be at most 1, got 1.5."),
        (
            {"inference": {"method": "cluster-mass", "cluster_threshold": 0.001}},
            "inference.cluster_threshold: expected keys and values, such as {p: 0.001} or",
        ),
        (
            {"inference": {"method": "cluster-mass", "cluster_threshold": {"p": 3.1}}},
            "inference.cluster_threshold.p: must be less than 1, got 3.1.",
        ),
        (
            {"inference": {"method": "cluster-mas", "cluster_threshold": {"p": 0.001}}},
            "inference.method: 'cluster-mas' is not one of none, bonferroni, fdr-bh, fdr-by, max-t",
        ),
        (
            {"inference": {"small_volume": {"x": 1, "y": 2, "z": 3}}},
            "inference.small_volume.radius_mm: is required.",
        ),
        (
            {"inference": {"small_volume": "hippocampus.nii"}},
            "inference.small_volume: expected keys and values, such as {mask: file.nii.gz} or",
        ),
        (
            {"inference": {"method": "tfce", "tfce": {"heigth": 2}}},
            "inference.tfce.heigth: unknown key. Did you mean 'height'?",
        ),
        ({"analyses": []}, "analyses: is empty; at least one entry is needed."),
        (
            {"regions": [{"name": "a", "x": 1, "y": 1, "z": 1}]},
            "regions[0].radius_mm: is required.",
        ),
    ],
)
def test_one_fault_is_one_sentence(settings: dict[str, Any], fault: str) -> None:
    found = faults_of(with_settings(**settings))
    assert len(found) == 1
    assert found[0].startswith(fault)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (
            {"exchangeability": "site"},
            "exchangeability: expected keys and values, such as {blocks: site}, got 'site'.",
        ),
        (
            {"exchangeability": {"block": "site"}},
            "exchangeability.block: unknown key. Did you mean 'blocks'?",
        ),
        (
            {"exchangeability": {"blocks": []}},
            "exchangeability.blocks: is empty; at least one entry is needed.",
        ),
        (
            {"exchangeability": {"mode": "sign-flip"}},
            "exchangeability.mode: 'sign-flip' is not one of permutations, sign-flips or both. Did "
            "you mean 'sign-flips'?",
        ),
        ({"variance_groups": 3}, "variance_groups: expected words, got 3"),
    ],
)
def test_a_fault_in_what_is_said_of_errors_is_one_sentence(
    said: dict[str, Any], fault: str
) -> None:
    (found,) = faults_of(with_settings(analyses=[{**MINIMAL["analyses"][0], **said}]))
    assert found.startswith(f"analyses[0].{fault}")


def test_names_of_files_hold_no_separator() -> None:
    for name in ("a/b", "a\\b", "..", "a b", "a_b", ""):
        contrast = {"name": name, "test": "intercept"}
        analysis = {"name": "mean", "model": "1", "contrasts": [contrast]}
        assert faults_of(with_settings(analyses=[analysis]))[0].startswith(
            "analyses[0].contrasts[0].name: "
        )


def test_a_model_that_yaml_reads_as_a_number_is_explained() -> None:
    analysis = {**MINIMAL["analyses"][0], "model": 1}
    assert faults_of(with_settings(analyses=[analysis])) == [
        'analyses[0].model: expected words, got 1; put it into quotes: "1".'
    ]


def test_an_exclusion_needs_its_reason() -> None:
    cohort = {**MINIMAL["cohort"], "exclude": {"sub-01": None}}
    assert faults_of(with_settings(cohort=cohort)) == [
        "cohort.exclude.sub-01: is empty; words are expected."
    ]


@pytest.mark.parametrize("text", ["", "# nothing", "[1, 2]", "just words", "a: [", "3"])
def test_what_is_no_study_file_is_one_sentence(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, name="s.yaml")
    assert str(caught.value).startswith("s.yaml")
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.yaml cannot be read: no such file"):
        read_spec(tmp_path / "nowhere.yaml")
    with pytest.raises(DataError, match="is a directory"):
        read_spec(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe4\n")
    with pytest.raises(SpecError, match="latin.yaml is not text in UTF-8"):
        read_spec(tmp_path / "latin.yaml")


# ---------------------------------------------------------------- the schema


def test_the_exported_schema_is_the_schema(repository: Path) -> None:
    stored = json.loads((repository / "docs" / "study.schema.json").read_text(encoding="utf-8"))
    assert stored == json_schema(), "run: python scripts/export_schema.py"


def test_every_key_of_the_schema_is_described() -> None:
    schema = json_schema()
    for part in (schema, *schema["$defs"].values()):
        for key, entry in part["properties"].items():
            assert "$ref" in entry or entry.get("description"), key


def test_the_schema_accepts_and_refuses_what_the_reader_does(repository: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    check = jsonschema.Draft202012Validator(json_schema())
    assert check.is_valid(resolved(read_spec(repository / "demo" / "study.yaml")))
    assert check.is_valid(MINIMAL)
    assert not check.is_valid({**MINIMAL, "smoth": {}})
    assert not check.is_valid({**MINIMAL, "heatlas": 2})


def test_every_part_forbids_unknown_keys() -> None:
    schema = json_schema()
    assert all(not part["additionalProperties"] for part in (schema, *schema["$defs"].values()))
    assert isinstance(StudySpec.model_validate(MINIMAL), StudySpec)
