"""Starting costs next to nothing: heavy libraries are imported by what needs them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import heatlas
from heatlas.cli.app import VERBS

HEAVY = (
    "numpy", "scipy", "nibabel", "nilearn", "matplotlib", "PIL", "pydantic", "pandas", "formulaic",
    "jinja2", "yaml", "loky", "sklearn", "numba", "torch", "onnx",
)  # fmt: skip
NAMES = [name for name in heatlas.__all__ if name != "__version__"]


def imported_by(code: str) -> set[str]:
    """Which heavy libraries a fresh interpreter holds after running the code."""
    script = f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split()) & set(HEAVY)


def test_importing_the_package_imports_no_heavy_library() -> None:
    assert imported_by("import heatlas; heatlas.__version__; dir(heatlas)") == set()


def test_the_check_would_see_a_heavy_library() -> None:
    assert "numpy" in imported_by("import heatlas; heatlas.Volume")


def test_help_imports_no_heavy_library() -> None:
    assert imported_by("from heatlas.cli import main; main(['--help'])") == set()


@pytest.mark.parametrize(
    "verb", [module.__name__.rsplit(".", 1)[-1].replace("_", "-") for module in VERBS]
)
def test_the_help_of_a_verb_imports_no_heavy_library(verb: str) -> None:
    found = imported_by(f"from heatlas.cli import main; main(['{verb}', '--help'])")
    assert found - {"pydantic"} == set()  # newer versions of typer import pydantic themselves


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_found_on_first_use(name: str) -> None:
    code = f"import heatlas; assert callable(heatlas.{name}); assert '{name}' in dir(heatlas)"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_drawing_does_not_import_matplotlib_for_pixels() -> None:
    assert "matplotlib" not in imported_by("import heatlas; heatlas.draw")


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'darw'"):
        _ = heatlas.darw
