"""Planted blobs are found as well as an independent program finds them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import require_component
from tests.reference import mrtrix, planted


@pytest.mark.parametrize("blob", planted.BLOBS)
def test_tfce_finds_as_much_of_a_blob_as_mrclusterstats(blob: str, tmp_path: Path) -> None:
    require_component("mrtrix3", "apt-get install mrtrix3", present=mrtrix.is_installed())
    found = planted.find_blobs(planted.BLOBS[blob], tmp_path, n_sets=4, n_permutations=60, seed=31)
    lead, error = found.lead("heatlas z", over="mrclusterstats")
    assert lead >= -2 * error
    assert 0.1 < found.power("heatlas z") < 0.9  # neither hopeless nor easy
