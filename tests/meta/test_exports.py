"""The public face: every exported name exists, is documented, and is no package's name."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import heatlas
from tests.meta.source import PACKAGES, Module, expect_none, modules, write_package


def exported_names(module: Module) -> list[str]:
    """The names in a module's ``__all__``, where it has one."""
    for node in module.tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
            return [str(name) for name in ast.literal_eval(node.value)]  # type: ignore[attr-defined]
    return []


def export_faults(face: ModuleType | SimpleNamespace, names: Iterable[str]) -> list[str]:
    """Exported names that are missing, undocumented, repeated or taken by a package."""
    listed, faults = list(names), []
    for name in sorted(set(listed)):
        if listed.count(name) > 1:
            faults.append(f"{name}: exported twice")
        if not hasattr(face, name):
            faults.append(f"{name}: exported, but does not exist")
            continue
        thing = getattr(face, name)
        is_code = inspect.isclass(thing) or inspect.isroutine(thing)
        if is_code and not (thing.__doc__ or "").strip():
            faults.append(f"{name}: exported without a docstring")
        if inspect.isroutine(thing) and name in PACKAGES:
            faults.append(f"{name}: a function with the name of a package")
    return faults


def functions_named_like_packages(listed: Iterable[Module]) -> list[str]:
    """Public functions anywhere in the source that share a name with a package.

    A verb of the command line is registered under its own name, so ``cli`` needs none either.
    """
    return [
        f"{module.name}:{node.lineno} {node.name}()"
        for module in listed
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in PACKAGES
    ]


def test_every_exported_name_exists_and_is_documented() -> None:
    expect_none(export_faults(heatlas, getattr(heatlas, "__all__", [])))


def test_every_exported_name_of_every_module_exists() -> None:
    faults = []
    for module in modules():
        names = exported_names(module)
        if names:
            found = export_faults(importlib.import_module(module.name), names)
            faults += [f"{module.name}.{fault}" for fault in found]
    expect_none(faults)


def test_no_public_function_shares_a_name_with_a_package() -> None:
    expect_none(functions_named_like_packages(modules()))


def test_the_package_says_what_it_is() -> None:
    assert heatlas.__doc__
    assert heatlas.__version__


def test_the_check_finds_each_fault(tmp_path: Path) -> None:
    def documented() -> None:
        """Say what."""

    def undocumented() -> None: ...

    face = SimpleNamespace(fine=documented, bare=undocumented, learn=documented, VERSION="1")
    assert export_faults(face, ["fine", "bare", "learn", "VERSION", "gone", "fine"]) == [
        "bare: exported without a docstring",
        "fine: exported twice",
        "gone: exported, but does not exist",
        "learn: a function with the name of a package",
    ]
    root = write_package(tmp_path, {"cli/a.py": "__all__ = ['show']\ndef show(): ...\n"})
    (module,) = modules(root)
    assert exported_names(module) == ["show"]
    assert functions_named_like_packages([module]) == ["heatlas.cli.a:2 show()"]
