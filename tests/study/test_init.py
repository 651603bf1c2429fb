"""The first draft: it says what was found, and a run accepts it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heatlas.core.errors import DataError
from heatlas.study.init import draft_study
from heatlas.study.spec import MergedMaps, StudySpec, parse_spec
from tests import phantom


def write(folder: Path, name: str, text: str = "") -> None:
    """Write a file with its folders."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_cohort(folder: Path, *, pattern: str = "gm/{}_gm.nii.gz", extra: str = "") -> None:
    """A folder like a BIDS dataset: six participants in two groups, and a map of each."""
    rows = ["participant_id\tage\tsex\tgroup\tscore"]
    for n in range(1, 7):
        group, score = ("patient", n) if n < 4 else ("control", "n/a")
        rows.append(f"sub-0{n}\t{20 + n}\t{'mf'[n % 2]}\t{group}\t{score}")
        write(folder, pattern.format(f"sub-0{n}"))
    write(folder, "participants.tsv", "\n".join(rows) + "\n" + extra)


def drafted(source: Path) -> StudySpec:
    """The draft as a run would read it."""
    return parse_spec(draft_study(source))


def test_a_bids_folder_becomes_a_group_study(tmp_path: Path) -> None:
    write_cohort(tmp_path)
    spec = drafted(tmp_path)
    assert spec.cohort.tables == ("participants.tsv",)
    assert spec.cohort.id == "participant_id"
    assert spec.cohort.maps == "gm/{participant_id}_gm.nii.gz"
    assert spec.analyses[0].model == "C(group) + age + C(sex)"
    assert spec.analyses[0].contrasts[0].test == "group[patient] - group[control]"


def test_grey_matter_is_smoothed_and_masked_by_size(tmp_path: Path) -> None:
    write_cohort(tmp_path)
    spec = drafted(tmp_path)
    assert spec.cohort.measure == "grey-matter volume"
    assert spec.smooth is not None
    assert spec.mask.minimum == 0.1


def test_an_id_that_names_folder_and_file_is_filled_in_twice(tmp_path: Path) -> None:
    write_cohort(tmp_path, pattern="{0}/anat/{0}_T1w.nii.gz")
    assert drafted(tmp_path).cohort.maps == "{participant_id}/anat/{participant_id}_T1w.nii.gz"


def test_a_table_named_directly_is_the_first_table(tmp_path: Path) -> None:
    write_cohort(tmp_path)
    write(tmp_path, "a.tsv", "participant_id\tx\nsub-01\t1\nsub-02\t2\n")
    assert drafted(tmp_path / "participants.tsv").cohort.tables == ("participants.tsv",)


def test_tables_of_the_same_participants_are_joined_and_others_named(tmp_path: Path) -> None:
    write_cohort(tmp_path)
    ids = [f"sub-0{n}" for n in range(1, 7)]
    volumes = "participant_id\tbrain_ml\n" + "".join(
        f"{name}\t{1500 + 7 * n}\n" for n, name in enumerate(reversed(ids))
    )
    write(tmp_path, "gm/volumes.tsv", volumes)
    write(tmp_path, "other.csv", "participant_id,x\nsub-99,1\n")
    spec = drafted(tmp_path)
    assert spec.cohort.tables == ("participants.tsv", "gm/volumes.tsv")
    assert spec.analyses[0].model.endswith("+ brain_ml")
    assert "# other.csv: speaks of other participants" in draft_study(tmp_path)


def test_a_participant_without_a_map_is_excluded_with_the_reason(tmp_path: Path) -> None:
    write_cohort(tmp_path, extra="sub-07\t30\tm\tcontrol\tn/a\n")
    assert drafted(tmp_path).cohort.exclude == {"sub-07": "no map"}


def test_a_covariate_with_missing_values_is_told_but_not_used(tmp_path: Path) -> None:
    write_cohort(tmp_path)
    text = draft_study(tmp_path)
    assert "score (3 values missing)" in text
    assert "score" not in parse_spec(text).analyses[0].model


def test_three_levels_give_each_difference_and_the_f_test(tmp_path: Path) -> None:
    rows = [f"s{n}\t{'abc'[n % 3]}" for n in range(9)]
    write(tmp_path, "t.tsv", "id\tgroup\n" + "\n".join(rows) + "\n")
    contrasts = drafted(tmp_path / "t.tsv").analyses[0].contrasts
    assert [(c.test, c.kind) for c in contrasts] == [
        ("group[a] - group[c]", "t"),
        ("group[b] - group[c]", "t"),
        ("group", "F"),
    ]


def test_a_table_without_groups_asks_for_a_slope(tmp_path: Path) -> None:
    rows = [f"s{n},{n * 1.5}" for n in range(8)]
    write(tmp_path, "t.csv", "id,score\n" + "\n".join(rows) + "\n")
    spec = drafted(tmp_path / "t.csv")
    assert (spec.analyses[0].model, spec.analyses[0].contrasts[0].test) == ("score", "score")
    assert spec.cohort.maps == "maps/{id}.nii.gz"


def test_maps_without_a_table_are_one_sample(tmp_path: Path) -> None:
    for n in range(4):
        write(tmp_path, f"sub-0{n}_con-faces.nii.gz")
    spec = drafted(tmp_path)
    assert spec.cohort.tables == ()
    assert spec.cohort.maps == "{participant_id}_con-faces.nii.gz"
    assert spec.analyses[0].model == "1"
    assert spec.analyses[0].contrasts[0].test == "intercept"


def test_a_4d_file_with_a_volume_for_each_row_is_used(tmp_path: Path) -> None:
    import nibabel

    image = nibabel.Nifti1Image(np.zeros((3, 3, 3, 6), dtype=np.float32), phantom.affine())
    nibabel.save(image, tmp_path / "all.nii.gz")
    rows = [f"s{n}\t{n % 2}\t{n}" for n in range(6)]
    write(tmp_path, "t.tsv", "id\tgroup\tx\n" + "\n".join(rows) + "\n")
    assert drafted(tmp_path).cohort.maps == MergedMaps(merged="all.nii.gz")


def test_a_folder_with_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither a table"):
        draft_study(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        draft_study(tmp_path / "nowhere")


def test_the_draft_of_the_depression_data_is_the_study_of_the_demo(real_data: Path) -> None:
    spec = drafted(real_data / "depression")
    assert spec.cohort.tables == ("participants.tsv", "gm/volumes.tsv")
    assert spec.cohort.maps == "gm/{participant_id}_gm.nii.gz"
    assert spec.analyses[0].model == "C(group) + age + C(gender) + brain_ml"
    assert spec.analyses[0].contrasts[0].test == "group[depr] - group[control]"


def test_the_draft_of_published_contrast_maps_is_one_sample(real_data: Path) -> None:
    spec = drafted(real_data / "wager2008")
    assert spec.cohort.maps == "{participant_id}_con-regVSlookneg.nii.gz"
    assert spec.analyses[0].model == "1"


WORD = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(column=WORD, levels=st.lists(WORD, min_size=2, max_size=3, unique=True), name=WORD)
def test_whatever_a_table_holds_the_draft_is_valid(
    tmp_path: Path, column: str, levels: list[str], name: str
) -> None:
    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    rows = [f"{cell(name + str(n))},{cell(levels[n % len(levels)])},{n}" for n in range(8)]
    path = tmp_path / "hostile.csv"
    path.write_text(f"id,{cell(column)},x\n" + "\n".join(rows) + "\n", encoding="utf-8", newline="")
    try:
        text = draft_study(path)
    except DataError:
        return  # no table that anybody could read
    assert parse_spec(text).heatlas == 1
