"""What ``heatlas explain-example`` writes: its page, the network, and scans to try it on."""

from __future__ import annotations

from pathlib import Path

from heatlas.core.table import Table
from heatlas.io.atomic import PROVENANCE_KEY, atomic_write, write_json, write_text
from heatlas.io.nifti import write_volume
from heatlas.learn.network.weights import state_dict_bytes
from heatlas.show.report import render_page
from heatlas.study.explainexample import Example
from heatlas.study.explainexamplepage import example_page, explain_command
from heatlas.study.explainfiles import card_document

REPORT, NETWORK, NUMBERS = "report.html", "network.pt", "example.json"


def example_files(n_cases: int = 2) -> tuple[str, ...]:
    """Return the names of what is written."""
    cases = [f"case-{k + 1}{part}" for k in range(n_cases) for part in ENDINGS]
    return (REPORT, NETWORK, NUMBERS, *cases)


ENDINGS = (
    ".nii.gz",
    ".json",
    "-lesion.nii.gz",
    "-lesion.json",
    "-saliency.nii.gz",
    "-saliency.json",
)


def write_example(example: Example, *, out: Path) -> tuple[Path, ...]:
    """Write the example to a folder.

    Parameters
    ----------
    example : Example
        What was found.
    out : Path
        The folder; files of an earlier example are replaced.

    Returns
    -------
    tuple of Path
        What was written, sidecars left out.

    Raises
    ------
    DataError
        If a file cannot be written.
    """
    written = [out / REPORT, out / NETWORK, out / NUMBERS]
    write_text(out / REPORT, render_page(example_page(example)))
    atomic_write(out / NETWORK, state_dict_bytes(example.network))
    write_json(out / NUMBERS, example_document(example))
    for k, case in enumerate(example.cases):
        maps = {"": case.scan.volume, "-lesion": case.lesion, "-saliency": case.trained.volume}
        for ending, volume in maps.items():
            path = out / f"case-{k + 1}{ending}.nii.gz"
            write_volume(path, volume)
            written.append(path)
    return tuple(written)


def example_document(example: Example) -> dict[str, object]:
    """Return the numbers of the example as JSON-like data."""
    return {
        "skill": _rows(example.skill),
        "pointing": _rows(example.pointing),
        "command": explain_command(example),
        "cases": [
            {
                "slice": case.number,
                "trained": [
                    card_document(v.card) for v in (case.trained.main, *case.trained.others)
                ],
                "untrained": [
                    card_document(v.card) for v in (case.untrained.main, *case.untrained.others)
                ],
            }
            for case in example.cases
        ],
        PROVENANCE_KEY: example.provenance.to_json(),
    }


def _rows(table: Table) -> list[dict[str, str | None]]:
    columns = [table.words(name) for name in table.names]
    return [dict(zip(table.names, row, strict=True)) for row in zip(*columns, strict=True)]
