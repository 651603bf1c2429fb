"""The versions of everything that computes, as the interpreter has them."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import numpy
import pytest
import scipy

from heatlas import __version__
from heatlas.study import versions as module
from heatlas.study.versions import COMPUTING_PACKAGES, versions


def test_versions_are_those_of_the_imported_packages() -> None:
    found = versions()
    assert found["heatlas"] == __version__
    assert found["python"] == platform.python_version()
    assert found["numpy"] == numpy.__version__
    assert found["scipy"] == scipy.__version__
    assert set(COMPUTING_PACKAGES) <= set(found)


def test_a_package_that_is_absent_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(name: str) -> str:
        if name == "formulaic":
            raise PackageNotFoundError(name)
        return "1.2.3"

    monkeypatch.setattr(module, "version", lookup)
    assert versions()["formulaic"] == "not installed"
    assert versions()["numpy"] == "1.2.3"


def test_asking_for_versions_imports_none_of_the_packages() -> None:
    script = (
        "import sys; from heatlas.study.versions import versions; versions();"
        "print([name for name in ('matplotlib', 'nilearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
