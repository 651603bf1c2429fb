"""What a comparison over regions adds to the report: its heat maps, and how regions were made."""

from __future__ import annotations

from heatlas.compare.comparison import MapComparison
from heatlas.compare.regions import LEAST_SHARE
from heatlas.core.matrix import JudgedMatrix
from heatlas.core.page import Block, Figure, Paragraph, Section
from heatlas.core.words import percent
from heatlas.study.comparisonpictures import matrix_figure
from heatlas.study.regionpictures import region_correlation_map, region_heat_map, region_view


def region_sections(compared: MapComparison) -> tuple[Section, ...]:
    """Return the sections about regions; none where voxels were compared.

    Parameters
    ----------
    compared : MapComparison
        What was found.

    Returns
    -------
    tuple of Section
        Regions in maps, and regions with regions across maps.
    """
    table = compared.regions
    if table is None:
        return ()
    blocks: list[Block] = [_figure(region_heat_map(table), name="regions")]
    across = region_correlation_map(table)
    if across is None:
        blocks.append(Paragraph(text="Regions are correlated across three maps or more."))
        return (Section(title="Regions", anchor="regions", blocks=tuple(blocks)),)
    return (
        Section(title="Regions", anchor="regions", blocks=tuple(blocks)),
        Section(
            title="Regions with regions",
            anchor="region-correlation",
            blocks=(_figure(across, name="region_correlation"),),
        ),
    )


def region_methods(compared: MapComparison) -> list[str]:
    """Return how values of regions came about, in sentences; empty where voxels were compared.

    Parameters
    ----------
    compared : MapComparison
        What was found.

    Returns
    -------
    list of str
        One paragraph each.
    """
    table = compared.regions
    if table is None:
        return []
    if compared.maps is not None and compared.maps.stored is None:
        return [
            "Regions of the tables were matched by their names; an empty cell, or a region that a "
            "table lacks, counts as not measured."
        ]
    return [
        "The value of a region is the mean over those of its voxels that a map measures; "
        "background is never mixed in, and a region counts where at least "
        f"{percent(LEAST_SHARE)} of its voxels are measured. Labels were taken from the atlas's "
        "nearest voxel onto each map's own grid; the maps themselves were not resampled. Under "
        "the policy 'whole-grid' every voxel of a region counts as its file stores it.",
    ]


def region_test_words(compared: MapComparison) -> str:
    """Return how the effective number of regions was found.

    Parameters
    ----------
    compared : MapComparison
        What was found.

    Returns
    -------
    str
        One paragraph; empty where voxels were compared.
    """
    if compared.regions is None:
        return ""
    return (
        "The effective number of regions is Dutilleul's, from autocorrelations over the shared "
        "regions, averaged over shells of equal distance between centres, with what left and right "
        "have in common by the distance to the other's mirror image, divided by the factor by "
        "which unequal spread (small regions scatter more) widens the regression of one map on "
        "the other (White); intervals are Fisher's with that number. Maps are taken as stationary "
        "and isotropic otherwise, and distances are straight lines through the brain."
    )


def _figure(judged: JudgedMatrix, *, name: str) -> Figure:
    return matrix_figure(judged, name=name, view=region_view(judged, scale=1.0))
