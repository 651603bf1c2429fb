"""Atlases: label images and tables as they come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.core.errors import DataError, UnknownNameError
from heatlas.geometry.parcellate import parcels_of
from heatlas.io.atlases import CENTRES, read_atlas, read_label_names, shipped_atlas
from heatlas.io.tables import read_table
from tests.io.images import nifti_bytes, write

LABELS = np.zeros((4, 4, 4), dtype=np.int16)
LABELS[0], LABELS[1], LABELS[2] = 1, 2, 700


def image(tmp_path: Path, labels: np.ndarray = LABELS) -> Path:
    return write(tmp_path / "regions.nii.gz", nifti_bytes(labels))


def table(tmp_path: Path, text: str, name: str = "regions.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "index,name\n1,One\n2,Two\n700,Last\n",
        "\ufeffIndex\tName\r\n1\tOne\r\n2\tTwo\r\n700\tLast\r\n",
        "label,region,colour\n1,One,red\n2,Two,blue\n700,Last,green\n",
        "name;id\nOne;1\nTwo;2\nLast;700\n",
        "1 One 120 18 134 0\n2 Two 70 130 180 0\n700 Last 0 118 14 0\n",
        "0 NONE 0 0 0 0\n1 One 1 1 1 0\n2 Two 1 1 1 0\n700 Last 1 1 1 0\n",
    ],
)
def test_tables_in_the_wild_name_the_regions(tmp_path: Path, text: str) -> None:
    atlas = read_atlas(image(tmp_path), table(tmp_path, text))
    assert atlas.regions == ("One", "Two", "Last")
    assert atlas.provenance.warnings == ()


def test_an_atlas_without_a_table_calls_regions_by_label(tmp_path: Path) -> None:
    atlas = read_atlas(image(tmp_path))
    assert atlas.name == "regions"
    assert atlas.regions == ("label 1", "label 2", "label 700")


def test_labels_without_a_name_are_counted(tmp_path: Path) -> None:
    atlas = read_atlas(image(tmp_path), table(tmp_path, "index,name\n1,One\n"))
    assert atlas.provenance.warnings == ("regions.nii.gz: 2 labels without a name (2 and 700)",)


def test_a_table_that_names_none_of_the_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="names none of the 3 labels"):
        read_atlas(image(tmp_path), table(tmp_path, "index,name\n5,Five\n"))


def test_a_table_that_counts_from_zero_is_refused(tmp_path: Path) -> None:
    text = "index,name\n0,Frontal\n1,Temporal\n2,Occipital\n"
    with pytest.raises(DataError, match="label 0 is called 'Frontal'"):
        read_atlas(image(tmp_path), table(tmp_path, text))


def test_one_label_with_two_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="label 1 has two names, 'One' and 'Two'"):
        read_label_names(table(tmp_path, "index,name\n1,One\n1,Two\n"))


def test_a_label_that_is_no_number_is_named_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 2 has the label 'x'"):
        read_label_names(table(tmp_path, "index,name\n1,One\nx,Two\n"))


def test_a_table_without_such_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="call them 'index' and 'name'"):
        read_label_names(table(tmp_path, "age,group\n1,a\n"))


def test_an_image_of_fractions_is_no_atlas(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds a whole number per voxel"):
        read_atlas(image(tmp_path, LABELS.astype(np.float32) + 0.25))


def test_an_image_without_labels_is_no_atlas(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no voxel belongs to a region"):
        read_atlas(image(tmp_path, np.zeros_like(LABELS)))


def test_the_atlas_of_the_demo_names_the_hand_area_and_the_occipital_pole(
    repository: Path,
) -> None:
    folder = repository / "demo" / "atlas"
    atlas = read_atlas(folder / "atlas_aal.nii.gz", folder / "labels_aal.csv", name="AAL")
    assert len(atlas.regions) == 120
    assert atlas.at([[-40, -20, 55], [30, -90, 0]]) == ("Precentral_L", "Occipital_Mid_R")


@pytest.mark.parametrize(
    ("name", "labels", "n"),
    [
        ("atlas_destrieux", "labels_destrieux.csv", 192),
        ("atlas_talairach_ba", "labels_talairach_ba.csv", 71),
        (
            "Yeo2011_7Networks_MNI152_FreeSurferConformed1mm",
            "Yeo2011_7Networks_ColorLUT.txt",
            7,
        ),
    ],
)
def test_published_atlases_are_read_with_all_their_names(
    real_data: Path, name: str, labels: str, n: int
) -> None:
    folder = real_data / "atlases"
    atlas = read_atlas(folder / f"{name}.nii.gz", folder / labels)
    assert len(atlas.regions) == n
    assert atlas.provenance.warnings == ()


def test_the_shipped_atlas_has_names_places_and_a_citation(repository: Path) -> None:
    atlas = shipped_atlas("aal")
    assert (atlas.name, len(atlas.regions), atlas.provenance.warnings) == ("AAL", 120, ())
    assert atlas.at([[-40, -20, 55]]) == ("Precentral_L",)
    assert "10.1006/nimg.2001.0978" in atlas.citation
    notice = " ".join((repository / "NOTICE").read_text().split())
    assert "10.1006/nimg.2001.0978" in notice


def test_the_shipped_centres_lie_in_the_regions_of_the_volume(real_data: Path) -> None:
    atlas = read_atlas(
        real_data / "atlases" / "atlas_desikan_killiany.nii.gz",
        real_data / "atlases" / "labels_desikan_killiany.csv",
    )
    centres = read_table(CENTRES["desikan-killiany"])
    found = parcels_of(atlas)
    place = dict(zip(found.names, found.positions_mm(), strict=True))
    cortex = [name for name in centres.words("name") if name and "_" in name]
    assert len(cortex) == 68
    for row, name in enumerate(centres.words("name")):
        if not name or name not in cortex:
            continue
        other = place[f"ctx-{name[0].lower()}h-{name[2:]}"]
        here = [centres.numbers(axis)[row] for axis in "xyz"]
        assert np.linalg.norm(other - here) < 8  # a mesh and a volume of different brains


def test_an_atlas_that_is_not_shipped_is_named_with_those_that_are() -> None:
    with pytest.raises(UnknownNameError, match="Unknown atlas 'aal3'.*Known: aal"):
        shipped_atlas("aal3")


def test_names_without_a_voxel_are_counted(tmp_path: Path) -> None:
    table = tmp_path / "names.csv"
    found = sorted({*np.unique(LABELS).tolist()} - {0})
    rows = [f"{label},region {label}" for label in (*found, 9001, 9002)]
    table.write_text("index,name\n" + "\n".join(rows))
    atlas = read_atlas(image(tmp_path, LABELS), table)
    assert len(atlas.provenance.warnings) == 1
    assert "2 names without a voxel" in atlas.provenance.warnings[0]
    assert "region 9001 and region 9002" in atlas.provenance.warnings[0]
