"""The command line: one verb a file; the only place that reads the environment."""

from __future__ import annotations

from heatlas.cli.app import main

__all__ = ["main"]
