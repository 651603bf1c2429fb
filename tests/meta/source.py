"""What the rules of the house look at: the modules of the source, parsed, and the tracked files."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "heatlas"

# The plan of the house: every package that may ever stand beside the others.
PACKAGES = frozenset(
    {"cli", "study", "live", "serve", "connect", "compare", "learn", "show"}
    | {"stats", "prep", "infer", "io", "geometry", "core"}
)

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, its text and its tree."""

    name: str
    path: Path
    text: str
    tree: ast.Module


def expect_none(faults: Iterable[str]) -> None:
    """Fail with one line a fault."""
    listed = list(faults)
    if listed:
        pytest.fail("\n".join([f"{len(listed)} faults:", *listed]), pytrace=False)


def parse(path: Path, *, root: Path) -> Module:
    """Parse one file; ``root`` is the folder of the package ``heatlas``."""
    parts = list(path.relative_to(root.parent).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    text = path.read_text(encoding="utf-8")
    return Module(name=".".join(parts), path=path, text=text, tree=ast.parse(text))


def modules(root: Path = SOURCE) -> list[Module]:
    """Every module of the package, in order of name."""
    return [parse(path, root=root) for path in sorted(root.rglob("*.py"))]


def write_package(folder: Path, files: dict[str, str]) -> Path:
    """Write a small package ``heatlas`` for the tests of a rule and return its folder."""
    root = folder / "heatlas"
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def functions(tree: ast.AST, *, within: str = "") -> Iterator[tuple[str, FunctionNode, bool]]:
    """Every function as (qualified name, node, whether it is a method), outermost first."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{within}{node.name}", node, isinstance(tree, ast.ClassDef)
            yield from functions(node, within=f"{within}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, within=f"{within}{node.name}.")
        else:
            yield from functions(node, within=within)


def tracked_files(root: Path = ROOT) -> list[Path]:
    """Files that belong to the repository (tracked, or new and not ignored), relative to it."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others"]
    listed = subprocess.run(
        [*command, "--exclude-standard"], cwd=root, check=True, capture_output=True, text=True
    ).stdout
    names = sorted(set(listed.split("\0")) - {""})
    return [Path(name) for name in names if (root / name).is_file()]
