"""Docstrings are numpydoc, and complete where strangers read them.

Two levels:

- **Exported** names (in ``heatlas.__all__`` or in the ``__all__`` of a package or module) are what
  a user meets: every parameter with its type and meaning, Returns or Yields, and Raises if the
  function itself raises. Of an exception only the sentence is asked for. A class documents its
  constructor's parameters; its public methods have at least the sentence.
- **Every other** public module, class, function and method has at least a one-line sentence; as
  soon as it has a Parameters section, that and its Returns and Raises must be complete as well.

Not asked for, of numpydoc's codes: see also (SA), extended summaries (ES), examples (EX; they live
where they run), layout of quotes (GL01-GL03), capitals and full stops inside sections (PR05-PR09,
RT02-RT05), and the infinitive (SS05: it takes "Does" from words like "Gaussian fields").
The verbs of ``cli`` are exempt from sections: their docstring is the help on the screen.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import Validator, validate

from tests.meta.source import Module, expect_none, functions, modules, write_package
from tests.meta.test_exports import exported_names

SENTENCE = {
    "GL08",  # no docstring
    "SS01",  # no summary
    "SS03",  # the summary does not end with a full stop
    "SS06",  # the summary takes more than one line
}
COMPLETE = SENTENCE | {
    "GL06",  # unknown section
    "GL07",  # sections in the wrong order
    "PR01",  # parameters not documented
    "PR02",  # documented parameters that do not exist
    "PR03",  # parameters in the wrong order
    "PR04",  # a parameter without type
    "PR07",  # a parameter without description
    "PR10",  # no space before the colon
    "RT01",  # no Returns
    "RT03",  # a Returns without description
    "YD01",  # no Yields
}


def sentence_faults(docstring: str | None) -> list[str]:
    """What is missing from a docstring that needs only its sentence."""
    if not docstring or not docstring.strip():
        return ["no docstring"]
    first = inspect.cleandoc(docstring).split("\n\n")[0]
    faults = []
    if "\n" in first:
        faults.append("the summary takes more than one line")
    if not first.rstrip().endswith((".", "?", "!", ":", "::")):
        faults.append("the summary does not end with a full stop")
    return faults


def has_sections(docstring: str) -> bool:
    """Whether a docstring promises to be complete."""
    return "Parameters\n" in docstring and "----" in docstring


def raised(node: ast.AST) -> set[str]:
    """Names of the exceptions that a function raises itself, nested functions left out."""
    found: set[str] = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(child, ast.Raise) and child.exc is not None:
            thing = child.exc.func if isinstance(child.exc, ast.Call) else child.exc
            name = getattr(thing, "attr", None) or getattr(thing, "id", "")
            if name[:1].isupper() and name != "NotImplementedError":
                found.add(name)
        found |= raised(child)
    return found


def section_faults(module: Module, node: ast.AST, name: str) -> list[str]:
    """What numpydoc and our rule about Raises say about one complete docstring."""
    target = f"{module.name}.{name}"
    thing = getattr(importlib.import_module(module.name), name)
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        return []
    listed = validate(target)["errors"]
    faults = [f"{code} {text}" for code, text in listed if code in COMPLETE - SENTENCE]
    if not inspect.isclass(thing):
        documented = Validator(get_doc_object(thing)).doc["Raises"]
        words = " ".join(f"{entry.name} {entry.type}" for entry in documented)
        missing = sorted(name for name in raised(node) if name not in words)
        if missing:
            faults.append(f"Raises does not name {', '.join(missing)}")
    return faults


def public_definitions(module: Module) -> Iterator[tuple[str, ast.AST, str | None]]:
    """Public classes, functions and methods as (qualified name, node, docstring).

    Overloads, setters and methods of private classes are not met by a reader.
    """
    if any(part.startswith("_") for part in module.name.split(".")):
        return
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    for node in module.tree.body:
        if not isinstance(node, kinds) or node.name.startswith("_"):
            continue
        yield node.name, node, ast.get_docstring(node)
        if not isinstance(node, ast.ClassDef):
            continue
        for name, method, is_method in functions(node, within=f"{node.name}."):
            decorators = {ast.unparse(decorator) for decorator in method.decorator_list}
            hidden = any(word.endswith(("overload", ".setter")) for word in decorators)
            hidden = hidden or method.name.startswith("_") or name.count(".") > 1
            if is_method and not hidden:
                yield name, method, ast.get_docstring(method)


def exports_by_module(listed: Iterable[Module]) -> set[tuple[str, str]]:
    """Every exported name as (module where it is defined, name)."""
    found = set()
    for module in listed:
        for name in exported_names(module):
            thing = getattr(importlib.import_module(module.name), name, None)
            found.add((getattr(thing, "__module__", module.name), name))
    return found


def docstring_faults(listed: Iterable[Module]) -> Iterator[str]:
    """Everything that a reader would miss."""
    known = list(listed)
    exported = exports_by_module(known)
    for module in known:
        for fault in sentence_faults(ast.get_docstring(module.tree)):
            yield f"{module.name}: {fault}"
        for name, node, docstring in public_definitions(module):
            where = f"{module.name}:{getattr(node, 'lineno', 0)} {name}"
            yield from (f"{where}: {fault}" for fault in sentence_faults(docstring))
            is_top = "." not in name and ".cli" not in module.name
            asked = (module.name, name) in exported or has_sections(docstring or "")
            if is_top and asked:
                yield from (f"{where}: {fault}" for fault in section_faults(module, node, name))


@pytest.mark.filterwarnings("ignore::UserWarning:numpydoc")  # it warns about what it lists anyway
def test_docstrings_are_complete_where_strangers_read_them() -> None:
    expect_none(docstring_faults(modules()))


@pytest.mark.filterwarnings("ignore::UserWarning:numpydoc")
def test_the_check_finds_each_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '''"""A module."""

__all__ = ["bare", "full", "Odd"]

def bare(a):
    """Return it."""
    return a

def full(a):
    """Return it.

    Parameters
    ----------
    a : int
        What it is.

    Returns
    -------
    int
        The same.

    Raises
    ------
    ValueError
        If it is negative.
    """
    if a < 0:
        raise ValueError("negative")
    if a > 9:
        raise KeyError("large")
    return a

class Odd:
    """Takes two
    lines."""

    def method(self):
        pass

def shared(a):
    """Return it"""
    return a

def _private(a):
    return a
'''
    # A package of its own name, so that the real heatlas stays the one that is imported.
    root = write_package(tmp_path, {"oddities.py": text})
    monkeypatch.syspath_prepend(str(root))
    (module,) = modules(root)
    alone = Module(name="oddities", path=module.path, text=module.text, tree=module.tree)
    found = [fault.partition(" ")[2] for fault in docstring_faults([alone])]
    assert found == [
        "bare: PR01 Parameters {'a'} not documented",
        "bare: RT01 No Returns section found",
        "full: Raises does not name KeyError",
        "Odd: the summary takes more than one line",
        "Odd.method: no docstring",
        "shared: the summary does not end with a full stop",
    ]
