"""An exported program runs no code when it is read: what could is refused or left out."""

from __future__ import annotations

import io
import json
import os
import pickle
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.learn.network.exported import read_exported
from heatlas.learn.network.exported_archive import SAFE_FORMULA, SAFE_TARGETS, harmless_copy
from tests.learn.nets import seeded
from tests.learn.network.test_exported import program

MODEL = "models/model.json"
CONSTANTS = "data/constants/model_constants_config.json"
SAMPLES = "data/sample_inputs/model.pt"


class Planted:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.flag),)


@pytest.fixture(scope="module")
def honest() -> bytes:
    return program(seeded("plain-2d"))


def pickled(flag: Path) -> bytes:
    stream = io.BytesIO()
    torch.save((Planted(flag),), stream)
    return stream.getvalue()


def with_parts(honest: bytes, parts: dict[str, bytes]) -> io.BytesIO:
    """The same archive with parts put in place of its own, or added."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(honest)) as before, zipfile.ZipFile(stream, "w") as after:
        own = {name.partition("/")[2]: before.read(name) for name in before.namelist()}
        for part, content in (own | parts).items():
            after.writestr(f"archive/{part}", content)
    return stream


def part_of(honest: bytes, part: str) -> Any:
    with zipfile.ZipFile(io.BytesIO(honest)) as archive:
        return json.loads(archive.read(f"archive/{part}"))


def test_pickled_example_images_are_never_read(honest: bytes, tmp_path: Path) -> None:
    flag = tmp_path / "ran"
    read_exported(with_parts(honest, {SAMPLES: pickled(flag)}), trust_model=False)
    assert not flag.exists()


def test_the_trap_of_these_tests_springs_where_it_is_read(tmp_path: Path) -> None:
    flag = tmp_path / "ran"
    torch.load(io.BytesIO(pickled(flag)), weights_only=False)
    assert flag.exists()


def test_pickled_weights_of_an_old_layout_are_refused(honest: bytes, tmp_path: Path) -> None:
    flag = tmp_path / "ran"
    archive = with_parts(honest, {"data/weights/model.pt": pickled(flag)})
    with pytest.raises(NotSupportedError, match=r"it holds 'data/weights/model.pt'"):
        read_exported(archive, trust_model=False)
    assert not flag.exists()


@pytest.mark.parametrize("kind", ["opaque_obj_0", "custom_obj_0", "../sample_inputs/model.pt"])
def test_an_object_that_is_no_tensor_is_refused(honest: bytes, tmp_path: Path, kind: str) -> None:
    flag = tmp_path / "ran"
    entry = {"path_name": kind, "is_param": False, "use_pickle": False, "tensor_meta": None}
    config = json.dumps({"config": {"object": entry}}).encode()
    content = pickle.dumps(Planted(flag))
    named = with_parts(honest, {CONSTANTS: config})
    held = with_parts(honest, {CONSTANTS: config, "data/constants/opaque_obj_0": content})
    with pytest.raises(NotSupportedError, match=f"it keeps tensors in '{kind}'"):
        read_exported(named, trust_model=False)
    with pytest.raises(NotSupportedError, match="which may be compiled code or a custom object"):
        read_exported(held, trust_model=False)
    assert not flag.exists()


@pytest.mark.parametrize("part", ["models/other.jsoN", "models/MODEL.json", "models/other.json"])
def test_a_second_model_is_refused_whatever_its_name(honest: bytes, part: str) -> None:
    with pytest.raises(NotSupportedError, match=f"it holds '{part}'"):
        harmless_copy(with_parts(honest, {part: b"{}"}))


def test_two_files_of_one_name_are_refused(honest: bytes) -> None:
    stream = with_parts(honest, {})
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(f"other/{MODEL}", b"{}")
    with pytest.raises(NotSupportedError, match="two files of one name"):
        harmless_copy(stream)


def nested(model: Any) -> None:
    """Ask for a module to be imported by the nesting of the inputs."""
    context = json.dumps({"default_factory_module": "this", "default_factory_name": "s"})
    tree = [1, {"type": "collections.defaultdict", "context": context, "children_spec": []}]
    signature = next(e["signature"] for e in model["module_call_graph"] if e["signature"])
    signature["in_spec"] = json.dumps(tree)


def enumerated(model: Any) -> None:
    """Ask for an import by a member of an enumeration in the nesting of the inputs."""
    context = json.dumps({"__enum__": True, "fqn": "this:s", "name": "x"})
    tree = [1, {"type": "builtins.dict", "context": context, "children_spec": []}]
    signature = next(e["signature"] for e in model["module_call_graph"] if e["signature"])
    signature["out_spec"] = json.dumps(tree)


def named(model: Any) -> None:
    """Hide a call in the name of the input, which becomes source code."""
    model["graph"]["inputs"][0]["as_tensor"]["name"] = "x=print()"


def placed(model: Any) -> None:
    """Leave the quotes in which the names of layers are written into source code."""
    model["graph"]["nodes"][0]["metadata"]["nn_module_stack"] = 'a,b")+print(),c'


def given(model: Any) -> None:
    """Give an operator another function as an argument."""
    model["graph"]["nodes"][0]["inputs"][0]["arg"] = {"as_operator": "torch.load"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (nested, "its inputs are nested as"),
        (enumerated, "its outputs are nested as"),
        (named, r"a name in it is 'x=print\(\)'"),
        (placed, "a string in it is 'a,b"),
        (given, "its graph calls 'torch.load'"),
    ],
)
def test_strings_that_torch_would_run_are_refused(
    honest: bytes, change: Callable[[Any], None], sentence: str
) -> None:
    model = part_of(honest, MODEL)
    change(model["graph_module"])
    archive = with_parts(honest, {MODEL: json.dumps(model).encode()})
    with pytest.raises(NotSupportedError, match=f"{sentence}.*reading the file could run code"):
        read_exported(archive, trust_model=False)


def test_guards_which_are_code_are_left_out(honest: bytes) -> None:
    model = part_of(honest, MODEL) | {"guards_code": ["print()"]}
    copy = harmless_copy(with_parts(honest, {MODEL: json.dumps(model).encode()}))
    assert "guards_code" not in part_of(copy.getvalue(), MODEL)


def test_operators_that_open_files_are_not_called() -> None:
    for name in ("from_file", "save"):
        assert not SAFE_TARGETS.fullmatch(f"torch.ops.aten.{name}.default"), name


def test_a_formula_that_does_not_fit_is_known_at_once() -> None:
    start = time.process_time()
    assert not SAFE_FORMULA.fullmatch("1" * 5_000 + "x")
    assert time.process_time() - start < 1


def test_what_is_no_archive_is_one_sentence() -> None:
    with pytest.raises(DataError, match=r"torch.export: the file cannot be read"):
        harmless_copy(io.BytesIO(b"PK\x03\x04 and no more"))
