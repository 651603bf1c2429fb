"""The house has the packages of its plan, and every module has its mirrored test."""

from __future__ import annotations

from pathlib import Path

from tests.meta.source import PACKAGES, ROOT, SOURCE, expect_none, modules, write_package

# Files directly under src/heatlas: the public face and `python -m heatlas`.
TOP_LEVEL = frozenset({"__init__.py", "__main__.py", "py.typed"})


def unknown_entries(root: Path) -> list[str]:
    """Names directly under the package that the plan of the house does not know."""
    found = {entry.name for entry in root.iterdir() if entry.name != "__pycache__"}
    return sorted(found - PACKAGES - TOP_LEVEL)


def missing_tests(root: Path, tests: Path) -> list[str]:
    """Mirrored test files that do not exist: ``infer/fdr.py`` wants ``infer/test_fdr.py``."""
    missing = []
    for module in modules(root):
        path = module.path.relative_to(root)
        if path.name in {"__init__.py", "__main__.py"}:
            continue
        mirrored = path.with_name(f"test_{path.stem.lstrip('_')}.py")
        if not (tests / mirrored).is_file():
            missing.append(f"{path} has no tests/{mirrored}")
    return missing


def packages_without_init(root: Path) -> list[str]:
    """Folders with modules but without ``__init__.py``, which import-linter would not see."""
    folders = {path.parent for path in root.rglob("*.py")}
    return sorted(str(f.relative_to(root)) for f in folders if not (f / "__init__.py").is_file())


def test_the_source_holds_only_the_packages_of_the_plan() -> None:
    expect_none(unknown_entries(SOURCE))


def test_every_module_has_its_mirrored_test() -> None:
    expect_none(missing_tests(SOURCE, ROOT / "tests"))


def test_every_package_has_an_init() -> None:
    expect_none(packages_without_init(SOURCE))


def test_no_test_folder_hides_as_a_package_that_does_not_exist() -> None:
    other = {"meta", "e2e", "reference", "__pycache__"}
    folders = {entry.name for entry in (ROOT / "tests").iterdir() if entry.is_dir()}
    expect_none(sorted(folders - PACKAGES - other))


def test_the_check_finds_a_strange_package_and_a_missing_test(tmp_path: Path) -> None:
    files = {"__init__.py": "", "utils/__init__.py": "", "infer/fdr.py": "", "infer/_sort.py": ""}
    root = write_package(tmp_path, files)
    tests = tmp_path / "tests"
    (tests / "infer").mkdir(parents=True)
    (tests / "infer" / "test_sort.py").touch()
    assert unknown_entries(root) == ["utils"]
    assert missing_tests(root, tests) == ["infer/fdr.py has no tests/infer/test_fdr.py"]
    assert packages_without_init(root) == ["infer"]
