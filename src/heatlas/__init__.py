"""Heatlas turns medical images into heat maps that can be trusted."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from heatlas.core.renderer import register_renderer
from heatlas.core.version import __version__

if TYPE_CHECKING:
    from heatlas.core.design import Contrast, Design
    from heatlas.core.heatmap import HeatMap
    from heatlas.core.stack import MapStack
    from heatlas.core.statmap import StatMap
    from heatlas.core.volume import Volume
    from heatlas.infer.request import PermutationSettings
    from heatlas.study.compare import compare_maps
    from heatlas.study.ct import CtScan, read_ct
    from heatlas.study.ctfiles import CtPictures, write_ct
    from heatlas.study.explain import ExplainSettings, explain_model
    from heatlas.study.inspect import inspect_file
    from heatlas.study.load import load
    from heatlas.study.loadmodel import load_model
    from heatlas.study.networkimages import NetworkInput
    from heatlas.study.permutations import permutation_test
    from heatlas.study.reproduce import reproduce_results
    from heatlas.study.run import run_study
    from heatlas.study.show import draw

_ROOMS = {
    "Contrast": "heatlas.core.design",
    "CtPictures": "heatlas.study.ctfiles",
    "CtScan": "heatlas.study.ct",
    "Design": "heatlas.core.design",
    "ExplainSettings": "heatlas.study.explain",
    "HeatMap": "heatlas.core.heatmap",
    "MapStack": "heatlas.core.stack",
    "NetworkInput": "heatlas.study.networkimages",
    "PermutationSettings": "heatlas.infer.request",
    "StatMap": "heatlas.core.statmap",
    "Volume": "heatlas.core.volume",
    "compare_maps": "heatlas.study.compare",
    "draw": "heatlas.study.show",
    "explain_model": "heatlas.study.explain",
    "inspect_file": "heatlas.study.inspect",
    "load": "heatlas.study.load",
    "load_model": "heatlas.study.loadmodel",
    "permutation_test": "heatlas.study.permutations",
    "read_ct": "heatlas.study.ct",
    "reproduce_results": "heatlas.study.reproduce",
    "run_study": "heatlas.study.run",
    "write_ct": "heatlas.study.ctfiles",
}

__all__ = [
    "Contrast",
    "CtPictures",
    "CtScan",
    "Design",
    "ExplainSettings",
    "HeatMap",
    "MapStack",
    "NetworkInput",
    "PermutationSettings",
    "StatMap",
    "Volume",
    "compare_maps",
    "draw",
    "explain_model",
    "inspect_file",
    "load",
    "load_model",
    "permutation_test",
    "read_ct",
    "reproduce_results",
    "run_study",
    "write_ct",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that ``import heatlas`` costs next to nothing."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'heatlas' has no attribute '{name}'")
    return getattr(import_module(_ROOMS[name]), name)


def _load_renderer() -> Any:
    """Import the recipe that draws a heat map."""
    return import_module("heatlas.study.show").heat_map_png


register_renderer(_load_renderer)


def __dir__() -> list[str]:
    """List the public names."""
    return [*__all__, "__version__"]
