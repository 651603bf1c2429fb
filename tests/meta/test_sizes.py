"""Files, functions, signatures and classes keep to the sizes of the house."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable
from pathlib import Path

from tests.meta.source import FunctionNode, Module, expect_none, functions, modules, write_package

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 7
MAX_POSITIONAL = 2
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def code_lines(node: FunctionNode) -> int:
    """Lines of a function without its decorators and its docstring."""
    docstring = ast.get_docstring(node, clean=False)
    return node.end_lineno - node.lineno + 1 - (docstring.count("\n") + 1 if docstring else 0)


def parameters(node: FunctionNode, *, is_method: bool) -> tuple[int, int]:
    """How many parameters a function has, and how many of them are positional."""
    positional = [*node.args.posonlyargs, *node.args.args]
    static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
    n_positional = len(positional) - (1 if is_method and not static and positional else 0)
    n_positional += node.args.vararg is not None
    total = n_positional + len(node.args.kwonlyargs) + (node.args.kwarg is not None)
    return total, n_positional


def function_faults(module: Module) -> Iterable[str]:
    """Functions that are too long, take too much, or take anything."""
    for name, node, is_method in functions(module.tree):
        where = f"{module.name}:{node.lineno} {name}"
        if (lines := code_lines(node)) > MAX_FUNCTION_LINES:
            yield f"{where}: {lines} code lines, {MAX_FUNCTION_LINES} is the end"
        total, positional = parameters(node, is_method=is_method)
        if total > MAX_PARAMETERS:
            yield f"{where}: {total} parameters, at most {MAX_PARAMETERS}"
        if positional > MAX_POSITIONAL:
            yield f"{where}: {positional} positional parameters, at most {MAX_POSITIONAL}"
        if node.args.kwarg is not None and not node.name.startswith("_"):
            yield f"{where}: public **{node.args.kwarg.arg}"


def file_faults(module: Module) -> Iterable[str]:
    """Files that are too long, assert, or are not finished."""
    lines = len(module.text.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"{module.name}: {lines} lines, {MAX_FILE_LINES} is the end"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assert):
            yield f"{module.name}:{node.lineno} assert"
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type in {tokenize.COMMENT, tokenize.STRING} and UNFINISHED.search(token.string):
            yield f"{module.name}:{token.start[0]} unfinished: {token.string.strip()[:60]}"


def base_name(base: ast.expr) -> str:
    """Last part of a base class's name: ``Value`` of ``core.Value[T]``."""
    if isinstance(base, ast.Subscript):
        base = base.value
    return base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")


def is_abstract(node: FunctionNode) -> bool:
    """Whether the method only declares."""
    return any(base_name(decorator) == "abstractmethod" for decorator in node.decorator_list)


def methods_of(node: ast.ClassDef) -> dict[str, FunctionNode]:
    """Methods that stand in the class itself."""
    return {f.name: f for f in node.body if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)}


def concrete_methods(name: str, classes: dict[str, ast.ClassDef]) -> set[str]:
    """Names of the methods with a body in a class of ours or its parents of ours."""
    node = classes[name]
    own = {name for name, method in methods_of(node).items() if not is_abstract(method)}
    parents = [base_name(base) for base in node.bases if base_name(base) in classes]
    return own.union(*(concrete_methods(parent, classes) for parent in parents if parent != name))


def class_faults(listed: Iterable[Module]) -> Iterable[str]:
    """Classes with two parents of ours, or that override a method which has a body."""
    found = [(m, n) for m in listed for n in ast.walk(m.tree) if isinstance(n, ast.ClassDef)]
    classes = {node.name: node for _, node in found}
    for module, node in found:
        where = f"{module.name}:{node.lineno} {node.name}"
        parents = [base_name(base) for base in node.bases if base_name(base) in classes]
        if len(parents) > 1:
            yield f"{where}: {len(parents)} parents of ours ({', '.join(parents)})"
        for parent in parents:
            inherited = concrete_methods(parent, classes) if parent != node.name else set()
            for name in sorted(inherited & set(methods_of(node))):
                yield f"{where}: overrides {parent}.{name}, which has a body"


def test_files_are_finished_and_not_too_long() -> None:
    expect_none(fault for module in modules() for fault in file_faults(module))


def test_functions_keep_to_their_size_and_signature() -> None:
    expect_none(fault for module in modules() for fault in function_faults(module))


def test_classes_have_one_parent_of_ours_and_override_nothing() -> None:
    expect_none(class_faults(modules()))


def test_the_check_of_files_finds_each_fault(tmp_path: Path) -> None:
    text = "assert True\n# TO" + "DO: later\n" + "x = 1\n" * 600
    faults = list(file_faults(modules(write_package(tmp_path, {"core/a.py": text}))[0]))
    assert [fault.split(" ", 1)[1].split(":")[0] for fault in faults] == [
        "602 lines, 600 is the end",
        "assert",
        "unfinished",
    ]


def test_the_check_of_functions_finds_each_fault(tmp_path: Path) -> None:
    text = "\n".join([
        "def long():",
        '    """Say what."""',
        *["    x = 1"] * 60,
        "def many(a, *, b, c, d, e, f, g, h): ...",
        "def positional(a, b, c): ...",
        "def anything(**kwargs): ...",
        "def _private(**kwargs): ...",
        "class A:",
        "    def fine(self, a, b): ...",
        "    def positional(self, a, b, *c): ...",
    ])
    faults = list(function_faults(modules(write_package(tmp_path, {"core/a.py": text}))[0]))
    assert [fault.split(" ", 1)[1] for fault in faults] == [
        "long: 61 code lines, 60 is the end",
        "many: 8 parameters, at most 7",
        "positional: 3 positional parameters, at most 2",
        "anything: public **kwargs",
        "A.positional: 3 positional parameters, at most 2",
    ]


def test_the_check_of_classes_finds_each_fault(tmp_path: Path) -> None:
    text = "\n".join([
        "class A:",
        "    @abstractmethod",
        "    def declared(self): ...",
        "    def done(self): ...",
        "class B: ...",
        "class Both(A, B, Exception): ...",
        "class Fine(A, Generic[T]):",
        "    def declared(self): ...",
        "class Overrides(Fine):",
        "    def done(self): ...",
    ])
    faults = list(class_faults(modules(write_package(tmp_path, {"core/a.py": text}))))
    assert [fault.split(" ", 1)[1] for fault in faults] == [
        "Both: 2 parents of ours (A, B)",
        "Overrides: overrides Fine.done, which has a body",
    ]
