"""The version of Heatlas."""

from __future__ import annotations

import re
from importlib.metadata import version

import heatlas
from heatlas.core.provenance import Step
from heatlas.core.version import __version__


def test_package_provenance_and_installation_tell_the_same_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+([a-z]+\d*)?", __version__)
    assert {heatlas.__version__, Step(name="s").version, version("heatlas")} == {__version__}
