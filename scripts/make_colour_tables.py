"""Write src/heatlas/core/colour_tables.json from cmcrameri and matplotlib (build time only)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from cmcrameri import cm
from matplotlib import colormaps

SOURCES = {
    "vik": cm.vik,
    "batlow": cm.batlow,
    "cividis": colormaps["cividis"],
    "viridis": colormaps["viridis"],
    "RdBu_r": colormaps["RdBu_r"],
    "gray": colormaps["gray"],
    "jet": colormaps["jet"],
}


def table_of(colour_map: object) -> str:
    """Return 256 RGB triples as hexadecimal digits."""
    rgb = colour_map(np.arange(256) / 255)[:, :3]  # type: ignore[operator]
    return np.round(np.asarray(rgb) * 255).astype(np.uint8).tobytes().hex()


if __name__ == "__main__":
    target = Path(__file__).parent.parent / "src" / "heatlas" / "core" / "colour_tables.json"
    tables = {name: table_of(source) for name, source in SOURCES.items()}
    target.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")
