"""A plan names its steps in order; a digest changes when, and only when, its outcome may."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatlas.core.errors import SpecError
from heatlas.study.plan import Event, Plan, silence
from heatlas.study.run import plan_study
from tests.tiny import (
    AGES,
    ILL_WELL,
    MEAN,
    SETTINGS,
    SHAPE,
    analysis,
    people,
    tiny_study,
    write_map,
    write_study,
    write_tsv,
)

TWO = [*analysis("C(group) + age", ILL_WELL["test"], "age"), MEAN]


def plan(folder: Path, **changes: Any) -> Plan:
    return plan_study(write_study(folder, **{"analyses": TWO, **changes}))


def digests(found: Plan) -> dict[str, str]:
    return {step.name: step.digest for step in found.steps}


def changed(first: Plan, second: Plan) -> list[str]:
    """Names of the steps whose digests differ."""
    one, other = digests(first), digests(second)
    return [name for name in one if one[name] != other[name]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_study(tmp_path)
    return tmp_path


def test_steps_stand_in_the_order_in_which_they_run(folder: Path) -> None:
    found = plan(folder)
    assert [step.name for step in found.steps] == [
        "read",
        "fit asked",
        "judge asked / c1",
        "judge asked / c2",
        "fit mean",
        "judge mean / mean",
        "write",
    ]
    assert found.digest == found.steps[-1].digest
    assert found.step("fit mean").words == "model 1"


def test_a_plan_is_the_same_wherever_the_study_lies(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "another" / "place"
    tiny_study(elsewhere)
    assert digests(plan(folder)) == digests(plan(elsewhere))


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        ({"seed": 8}, ["judge asked / c1", "judge asked / c2", "judge mean / mean", "write"]),
        ({"name": "other"}, ["write"]),
        ({"regions": [{"name": "a", "x": 0, "y": 0, "z": 0, "radius_mm": 9}]}, ["write"]),
        (
            {"analyses": [TWO[0], {**MEAN, "where": "age > 30"}]},
            ["fit mean", "judge mean / mean", "write"],
        ),
    ],
)
def test_a_setting_changes_the_steps_that_depend_on_it(
    change: dict[str, Any], steps: list[str], folder: Path
) -> None:
    assert changed(plan(folder), plan(folder, **change)) == steps


@pytest.mark.parametrize("change", [{"smooth": {"fwhm_mm": 4}}, {"mask": {"minimum": 0.1}}])
def test_what_is_done_to_the_maps_changes_every_step(change: dict[str, Any], folder: Path) -> None:
    first = plan(folder)
    assert changed(first, plan(folder, **change)) == [step.name for step in first.steps]


def test_a_changed_map_or_table_changes_every_step(folder: Path) -> None:
    first = plan(folder)
    write_tsv(folder / "people.tsv", people(age=AGES[::-1]))
    second = plan(folder)
    assert len(changed(first, second)) == len(first.steps)
    path = folder / "maps" / "sub-05.nii.gz"
    path.write_bytes((folder / "maps" / "sub-06.nii.gz").read_bytes())
    assert len(changed(second, plan(folder))) == len(first.steps)


def test_words_say_what_will_happen(folder: Path) -> None:
    found = plan(folder, smooth={"fwhm_mm": 6})
    assert found.step("read").words == "read 12 maps, smooth by 6 mm FWHM, mask"
    judged = found.step("judge asked / c1").words
    assert judged == "group[ill] - group[well] by max-t, 200 permutations, alpha 0.05"
    other = plan(folder, inference={"method": "fdr-bh", "alpha": 0.01})
    assert other.step("judge asked / c2").words == "age by fdr-bh, alpha 0.01"


@pytest.mark.parametrize(
    ("inference", "words"),
    [
        ({"method": "tfce"}, "age by tfce, 5,000 permutations, alpha 0.05"),
        (
            {"method": "cluster-mass", "cluster_threshold": {"p": 0.001}, "adaptive": True},
            "age by cluster-mass at p < 0.001, 5,000 permutations at most, alpha 0.05",
        ),
        (
            {"method": "cluster-extent", "cluster_threshold": {"statistic": 3.1}},
            "age by cluster-extent at statistic > 3.1, 5,000 permutations, alpha 0.05",
        ),
        (
            {"small_volume": {"x": 0, "y": 0, "z": 0, "radius_mm": 9}, "across_contrasts": True},
            "age by max-t, 5,000 permutations, in a small volume, across contrasts, alpha 0.05",
        ),
    ],
)
def test_words_name_how_permutations_are_judged(
    inference: dict[str, Any], words: str, folder: Path
) -> None:
    assert plan(folder, inference=inference).step("judge asked / c2").words == words


@pytest.mark.parametrize("said", [{"exchangeability": {"blocks": "group"}},
                                  {"variance_groups": "group"}])  # fmt: skip
def test_what_is_said_of_errors_changes_the_steps_of_its_analysis(
    said: dict[str, Any], folder: Path
) -> None:
    asked = [TWO[0], {**MEAN, **said}]
    assert changed(plan(folder), plan(folder, analyses=asked)) == [
        "fit mean", "judge mean / mean", "write",
    ]  # fmt: skip


def test_another_small_volume_changes_what_is_judged(folder: Path) -> None:
    for value in (1.0, 2.0):  # the file counts, not its name alone
        volume = np.zeros(SHAPE)
        volume[4:9, 4:9, 4:9] = value
        write_map(folder / f"roi-{value:g}.nii.gz", volume)
    asked = {"inference": {"small_volume": {"mask": "roi.nii.gz"}}}
    (folder / "roi-1.nii.gz").rename(folder / "roi.nii.gz")
    first = plan(folder, **asked)
    (folder / "roi-2.nii.gz").rename(folder / "roi.nii.gz")
    assert "judge asked / c1" in changed(first, plan(folder, **asked))


def test_a_level_out_of_reach_is_a_note_of_the_plan_and_changes_no_digest(folder: Path) -> None:
    few = analysis("C(group)", ILL_WELL["test"], where="age > 45")
    found = plan(folder, analyses=few)
    (note,) = found.notes
    assert note.startswith("Analysis asked, contrast c1: Only 6 arrangements exist")
    assert replace(found, notes=()).digest == found.digest
    assert plan(folder).notes == ()


def test_a_plan_shows_itself_as_a_table(folder: Path) -> None:
    found = plan(folder)
    table = found.to_table()
    assert table.words("step") == tuple(step.name for step in found.steps)
    assert all(len(str(digest)) == 12 for digest in table.words("digest"))


def test_a_study_with_faults_has_no_plan(folder: Path) -> None:
    with pytest.raises(SpecError, match="Did you mean 'analyses'"):
        plan_study(write_study(folder, analysis=SETTINGS["analyses"]))


def test_silence_listens_to_nothing() -> None:
    assert silence(Event(kind="note", step="read")) is None
