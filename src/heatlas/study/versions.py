"""Versions of everything that computes results."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from heatlas.core.version import __version__

COMPUTING_PACKAGES = (
    "numpy", "scipy", "numba", "nibabel", "formulaic", "nilearn", "matplotlib", "pillow",
)  # fmt: skip


def versions(packages: Sequence[str] = COMPUTING_PACKAGES) -> dict[str, str]:
    """Return the version of Heatlas, of Python and of each package that computes."""
    found = {"heatlas": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
