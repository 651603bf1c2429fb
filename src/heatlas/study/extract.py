"""Recipe of ``heatlas extract``: means of maps over the regions of an atlas, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance
from heatlas.core.table import Table
from heatlas.core.volume import Volume
from heatlas.geometry.parcellate import region_means
from heatlas.io.atlases import read_atlas
from heatlas.io.nifti import read_volume
from heatlas.io.source import digest_file
from heatlas.io.tables import write_table
from heatlas.study.outputs import check_outputs, distinct_names


def extract_regions(
    sources: Sequence[Path],
    *,
    out: Path,
    atlas: Path,
    labels: Path | None = None,
    volume: int | None = None,
    overwrite: bool = False,
) -> Table:
    """Write the mean of each map over each region, one row a map.

    Parameters
    ----------
    sources : sequence of Path
        The maps.
    out : Path
        The ``.tsv`` file; a JSON data dictionary is written beside it.
    atlas : Path
        Label image on any grid in the same space.
    labels : Path, optional
        Table with the labels' names.
    volume : int, optional
        Which volume of maps with several.
    overwrite : bool
        Whether a file of that name may be replaced.

    Returns
    -------
    Table
        What was written.

    Raises
    ------
    DataError
        If there is no map, a file cannot be read, or the table not be written.
    """
    if not sources:
        raise DataError("No map is given; name at least one image.")
    tables = [labels] if labels is not None else []
    check_outputs([out], inputs=[*sources, atlas, *tables], overwrite=overwrite, ending=".tsv")
    regions = read_atlas(atlas, labels)
    names = distinct_names(sources)
    warnings = dict.fromkeys(regions.provenance.warnings)
    maps = _read(sources, names=names, volume=volume, warnings=warnings)
    means = region_means(maps, regions)
    inputs = {
        name: digest_file(path)
        for name, path in zip(
            [*names, atlas.name, *(t.name for t in tables)], [*sources, atlas, *tables], strict=True
        )
    }
    provenance = Provenance().then(
        "extract",
        parameters={"statistic": "mean of finite voxels", "atlas": regions.name},
        inputs=inputs,
        warnings=tuple(warnings),
    )
    write_table(out, means, provenance=provenance)
    return means


def _read(
    sources: Sequence[Path],
    *,
    names: Sequence[str],
    volume: int | None,
    warnings: dict[str, None],
) -> Iterator[Volume]:
    """Yield one map at a time under its name, and collect what a reader must know."""
    for source, name in zip(sources, names, strict=True):
        read = read_volume(source, volume=volume)
        warnings.update(dict.fromkeys(read.provenance.warnings))
        yield replace(read, name=name)
