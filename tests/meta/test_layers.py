"""import-linter holds the layers, and finds what does not keep to them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.meta.source import PACKAGES, ROOT, write_package

COMMAND = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as l; l()"]


def broken_contracts(root: Path) -> list[str]:
    """First words of the contracts that the package at ``root`` breaks."""
    done = subprocess.run(
        [*COMMAND, "--config", str(ROOT / "pyproject.toml"), "--no-cache", "--no-logo"],
        env={**os.environ, "PYTHONPATH": str(root.parent), "COLUMNS": "300"},
        cwd=root.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Contracts:" in done.stdout, done.stdout + done.stderr
    return [" ".join(line.split()[:3]) for line in done.stdout.splitlines() if "BROKEN" in line]


@pytest.mark.parametrize(
    ("name", "text", "broken"),
    [
        ("core/a.py", "import heatlas.infer.b", ["Imports go downward"]),
        ("core/a.py", "def f():\n    import heatlas.infer.b", ["Imports go downward"]),
        ("io/a.py", "import heatlas.geometry.b", ["Imports go downward"]),
        ("infer/a.py", "import heatlas.io.b", ["Only study, live,"]),
        ("show/a.py", "import heatlas.infer.b", ["show imports core"]),
        ("show/a.py", "import heatlas.geometry.b", []),
        ("study/a.py", "import heatlas.io.b, heatlas.show.b, heatlas.infer.b", []),
        ("utils/__init__.py", "", ["Imports go downward"]),
        ("infer/a.py", "import nltools", ["Refused libraries stay"]),
    ],
)
def test_the_contracts_find_what_does_not_keep_to_them(
    tmp_path: Path, name: str, text: str, broken: list[str]
) -> None:
    built = ("core", "io", "geometry", "infer", "show", "study")
    files = {f"{package}/{file}": "" for package in built for file in ("__init__.py", "b.py")}
    root = write_package(tmp_path, {"__init__.py": "", **files, name: text})
    assert broken_contracts(root) == broken


def test_every_package_of_the_plan_has_its_place() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    layers = text.split("layers = [")[1].split("\n]")[0]
    assert set(re.findall(r"\((\w+)\)", layers)) == PACKAGES
