"""``heatlas inspect`` prints how a file was made."""

from __future__ import annotations

import json
from pathlib import Path

from heatlas.study.show import draw
from tests.cli.runner import Runner


def test_steps_are_printed_for_people(heatlas: Runner, z_map: Path) -> None:
    out = z_map.with_name("fig.svg")
    draw(z_map, out=out, threshold=3)
    outcome = heatlas("inspect", out)
    assert outcome.code == 0
    assert outcome.out.startswith("1. read (Heatlas ")
    assert "input zmap.nii.gz: sha256:" in outcome.out
    assert "a cut chosen by the user" in outcome.out


def test_json_holds_whole_digests(heatlas: Runner, z_map: Path) -> None:
    out = z_map.with_name("fig.png")
    draw(z_map, out=out)
    content = json.loads(heatlas("inspect", out, "--json").out)
    assert content["heatlas_provenance"] == 1
    assert len(content["steps"][0]["inputs"]["zmap.nii.gz"]) == len("sha256:") + 64


def test_a_foreign_file_is_one_sentence(heatlas: Runner, z_map: Path) -> None:
    outcome = heatlas("inspect", z_map)
    assert outcome.code == 2
    assert "no sidecar zmap.json" in outcome.sentence
