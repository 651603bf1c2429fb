"""Heavy libraries and the environment have one door each; a lazy import counts as an import."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.meta.source import Module, expect_none, modules, write_package

# library: the modules (or packages) that may import it. An empty set: nobody yet; whoever builds
# the first room that needs one adds the dependency, a decision record and its door here.
DOORS: dict[str, frozenset[str]] = {
    "matplotlib": frozenset({"heatlas.show.publish"}),
    "jinja2": frozenset({"heatlas.show.report"}),
    "pydantic": frozenset({"heatlas.study.spec"}),
    "formulaic": frozenset({"heatlas.stats.formula"}),
    "nilearn": frozenset({"heatlas.io.templates", "heatlas.stats.firstlevel"}),
    "typer": frozenset({"heatlas.cli"}),
    "click": frozenset({"heatlas.cli"}),
    "loky": frozenset({"heatlas.core.execute"}),
    "threadpoolctl": frozenset({"heatlas.core.execute"}),
    "pydicom": frozenset({
        "heatlas.io.dicom_codecs",
        "heatlas.io.dicom_elements",
        "heatlas.io.dicom_files",
        "heatlas.io.dicom_head",
        "heatlas.io.dicom_pixels",
    }),
    "imagecodecs": frozenset({"heatlas.io.dicom_codecs"}),
    "torch": frozenset({"heatlas.learn.network"}),
    "onnx": frozenset({"heatlas.learn.network.onnx_graph"}),
    "captum": frozenset(),
    "onnxruntime": frozenset(),
    "dask": frozenset(),
    "distributed": frozenset(),
    "zarr": frozenset(),
    "ants": frozenset(),
    "trimesh": frozenset(),
    "numba": frozenset({"heatlas.infer.compiled"}),
    "cmcrameri": frozenset(),
    "statsmodels": frozenset(),
}
# pandas comes behind formulaic; elsewhere only a function of this name may import it, on use.
PANDAS_DOOR = "heatlas.stats.formula"
PANDAS_FUNCTION = "to_frame"
ENVIRONMENT_DOOR = "heatlas.cli"
# matplotlib's global state, and where the reader of a figure would meet it.
NEVER = frozenset({"matplotlib.pyplot", "pylab"})


def imported(node: ast.AST) -> list[str]:
    """Dotted names that a node imports from outside, by statement or by ``import_module``."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
            return [node.args[0].value]
    return []


def is_type_checking(node: ast.AST) -> bool:
    """Whether the node is ``if TYPE_CHECKING:``, which never runs."""
    if not isinstance(node, ast.If):
        return False
    return "TYPE_CHECKING" in {getattr(node.test, "id", ""), getattr(node.test, "attr", "")}


def imports(tree: ast.AST, *, within: str = "") -> Iterator[tuple[str, int, str]]:
    """Every import as (dotted name, line, where): a function's name, "types" or "" for the top."""
    for node in ast.iter_child_nodes(tree):
        inner = within
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = node.name
        elif is_type_checking(node):
            inner = "types"
        for name in imported(node):
            yield name, node.lineno, within  # type: ignore[attr-defined]
        yield from imports(node, within=inner)


def stands_at(module: str, doors: Iterable[str]) -> bool:
    """Whether the module is one of the doors or inside one."""
    return any(module == door or module.startswith(f"{door}.") for door in doors)


def library_faults(module: Module) -> Iterator[str]:
    """Imports of heavy libraries outside their doors."""
    for name, line, where in imports(module.tree):
        library = name.split(".")[0]
        if any(name == never or name.startswith(f"{never}.") for never in NEVER):
            yield f"{module.name}:{line} imports {name}, which keeps global state"
        elif library in DOORS and not stands_at(module.name, DOORS[library]):
            doors = ", ".join(sorted(DOORS[library])) or "nobody yet"
            yield f"{module.name}:{line} imports {library}; its door: {doors}"
        elif library == "pandas" and not pandas_is_welcome(module.name, where):
            yield f"{module.name}:{line} imports pandas outside {PANDAS_FUNCTION}()"


def pandas_is_welcome(module: str, where: str) -> bool:
    """Whether pandas may be imported there: for types, in ``to_frame``, lazily behind the door."""
    if where in {"types", PANDAS_FUNCTION}:
        return True
    return module == PANDAS_DOOR and where != ""


def environment_faults(module: Module) -> Iterator[str]:
    """Readings of environment variables outside the command line."""
    if stands_at(module.name, {ENVIRONMENT_DOOR}):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}:
            yield f"{module.name}:{node.lineno} reads the environment; its door: cli"


def faults(listed: Iterable[Module]) -> list[str]:
    """Everything that does not go through its door."""
    return [
        fault
        for module in listed
        for check in (library_faults, environment_faults)
        for fault in check(module)
    ]


def test_heavy_libraries_and_the_environment_are_reached_through_their_doors() -> None:
    expect_none(faults(modules()))


def test_the_check_finds_top_level_lazy_and_dynamic_imports(tmp_path: Path) -> None:
    root = write_package(
        tmp_path,
        {
            "show/publish.py": "from matplotlib.figure import Figure\n",
            "show/raster.py": "def f():\n    import matplotlib.cm\n",
            "show/slices.py": "import importlib\nimportlib.import_module('zarr')\n",
            "show/glass.py": "from matplotlib import pyplot\n",
            "core/matrix.py": "import pandas\ndef to_frame():\n    import pandas as pd\n",
            "core/table.py": "if TYPE_CHECKING:\n    import pandas as pd\n",
            "core/store.py": "import os\nos.environ['HOME']\n",
            "cli/main.py": "import os\nimport typer\nos.environ['HOME']\n",
        },
    )
    assert faults(modules(root)) == [
        "heatlas.core.matrix:1 imports pandas outside to_frame()",
        "heatlas.core.store:2 reads the environment; its door: cli",
        "heatlas.show.glass:1 imports matplotlib.pyplot, which keeps global state",
        "heatlas.show.raster:2 imports matplotlib; its door: heatlas.show.publish",
        "heatlas.show.slices:2 imports zarr; its door: nobody yet",
    ]
