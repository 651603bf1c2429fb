"""Exported programs are copied, and only what cannot run code is copied, before torch reads them.

torch's reader unpickles what the archive asks it to, evaluates sizes as Python, imports modules
that the shape of the inputs names, and turns names into source code. So every file of the archive
and every string in it is held against a list of what is known to be harmless; all else is refused.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.learn.network.engine import reason

# Targets that a graph may call: torch's own operators on tensors, less those that open files, and
# plain arithmetic on sizes.
SAFE_TARGETS = re.compile(
    r"torch\.ops\.aten\.(?!from_file\b|save\b|load\b|_print\b|warn\b)[A-Za-z_0-9]+\.[A-Za-z_0-9]+|"
    r"torch\.sym_(int|float|max|min|not)|"
    r"_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|neg|eq|ne|lt|le|gt|ge|pow|and_|or_)"
)
# Sizes are formulas that torch hands to sympy, which evaluates them as Python: symbols, numbers and
# a few functions only. Possessive (++, *+): a formula that does not fit is known at once.
SAFE_FORMULA = re.compile(
    r"(?:Symbol\('[su][0-9]++'(?:, (?:positive|integer|nonnegative)=True)*+\)|Integer|Add|Mul|Pow|"
    r"[su][0-9]++|[0-9]++|Max|Min|Mod|FloorDiv|CleanDiv|CeilToInt|floor|ceiling|Eq|Ne|Le|Lt|Ge|Gt|"
    r"True|False|And|Or|Not|int_oo|oo|[\s()+\-*/,<>=!&|])*+"
)
# How inputs and outputs are nested: tuples, lists and dicts, nothing that is imported by its name.
SAFE_NESTING = re.compile(
    r'(?:"(?:type|context|children_spec)"|null|"null"|"builtins\.(?:tuple|list|dict)"|"\[\]"|'
    r'"\[(?:\\"[A-Za-z_0-9]++\\"(?:, )?+)++\]"|[0-9]++|[\[\]{}:, ])*+'
)
SAFE_NAME = re.compile(r"(?:[A-Za-z_][A-Za-z_0-9]*)?")
SAFE_WORDS = re.compile(r"[A-Za-z_0-9.,:;<>()\[\]'@+= -]*")
# What a string may be by the name that it stands under; anything else consists of harmless words.
RULES = {
    "target": (SAFE_TARGETS, "its graph calls"),
    "as_operator": (SAFE_TARGETS, "its graph calls"),
    "expr_str": (SAFE_FORMULA, "a size in it is"),
    "in_spec": (SAFE_NESTING, "its inputs are nested as"),
    "out_spec": (SAFE_NESTING, "its outputs are nested as"),
    "name": (SAFE_NAME, "a name in it is"),
    "as_name": (SAFE_NAME, "a name in it is"),
    "forward_arg_names": (SAFE_NAME, "a name in it is"),
    "path_name": (re.compile(r"(weight|tensor)_[0-9]+"), "it keeps tensors in"),
}
WORDS = (SAFE_WORDS, "a string in it is")
MODEL, SAMPLES = "models/model.json", "data/sample_inputs/model.pt"
COPIED = re.compile(
    r"archive_format|archive_version|byteorder|\.data/version|models/model\.json|"
    r"data/weights/(model_weights_config\.json|weight_[0-9]+)|"
    r"data/constants/(model_constants_config\.json|tensor_[0-9]+)"
)
# Pickled example images, notes of the maker, numbers of the format: torch can do without.
LEFT_OUT = re.compile(r"data/sample_inputs/model\.pt|extra/.*|\.data/serialization_id")


def harmless_copy(stream: BinaryIO) -> io.BytesIO:
    """Return a copy of an exported program in which nothing can run code.

    Parameters
    ----------
    stream : binary stream
        Open and seekable: a ZIP archive.

    Returns
    -------
    io.BytesIO
        A new archive with the parts that are needed, so that torch's reader of archives cannot see
        others than were looked at. Where lines of source came from is left out.

    Raises
    ------
    DataError
        If it cannot be read.
    NotSupportedError
        If a part or a string in it is not known to be harmless.
    """
    stream.seek(0)
    copy = io.BytesIO()
    try:
        with zipfile.ZipFile(stream) as archive, zipfile.ZipFile(copy, "w") as checked:
            for name, content in _parts(archive):
                checked.writestr(f"archive/{name}", _checked(name, content))
            checked.writestr(f"archive/{SAMPLES}", b"")
    except (zipfile.BadZipFile, ValueError, RecursionError, EOFError) as error:
        raise DataError(f"torch.export: the file cannot be read: {reason(error)}.") from error
    copy.seek(0)
    return copy


def _parts(archive: zipfile.ZipFile) -> list[tuple[str, bytes]]:
    """Return the files of the archive that are copied; raise NotSupportedError for unknown ones."""
    parts = {file: file.filename.partition("/")[2] for file in archive.infolist()}
    if MODEL not in parts.values():
        raise _refused("it has the layout of an old version, which holds pickles")
    for part in parts.values():
        if not COPIED.fullmatch(part) and not LEFT_OUT.fullmatch(part):
            raise _refused(f"it holds '{part[:60]}', which may be compiled code or a custom object")
    copied = [(part, file) for file, part in parts.items() if COPIED.fullmatch(part)]
    if len(dict(copied)) < len(copied):
        raise _refused("it holds two files of one name")
    return [(part, archive.read(file)) for part, file in copied]


def _checked(name: str, content: bytes) -> bytes:
    """Return a file of the archive, looked through where it says what is to be done."""
    if not name.endswith(".json"):
        return content
    parsed = _without_history(json.loads(content.decode("utf-8")))
    for fault in _faults(parsed):
        raise _refused(fault)
    return json.dumps(parsed).encode()


def _without_history(content: Any) -> Any:
    """Return a parsed file without guards, which are code, and without where nodes came from."""
    if isinstance(content, list):
        return [_without_history(value) for value in content]
    if not isinstance(content, dict):
        return content
    kept = {key: _without_history(value) for key, value in content.items() if key != "guards_code"}
    history = kept.get("metadata")
    if isinstance(history, dict):
        kept["metadata"] = {k: v for k, v in history.items() if k == "nn_module_stack"}
    return kept


def _faults(content: Any, *, key: str = "") -> Iterator[str]:
    """Yield what in a parsed file of the archive could run code."""
    if isinstance(content, dict):
        for name, value in content.items():
            if not SAFE_WORDS.fullmatch(name):
                yield f"a name in it is '{name[:60]}'"
            if name == "use_pickle" and value:
                yield "it holds pickled tensors"
            yield from _faults(value, key=name)
    elif isinstance(content, list):
        for value in content:
            yield from _faults(value, key=key)
    elif isinstance(content, str):
        rule, words = RULES.get(key, WORDS)
        if not rule.fullmatch(content):
            yield f"{words} '{content[:60]}'"


def _refused(fault: str) -> NotSupportedError:
    return NotSupportedError(
        f"torch.export: {fault}, so reading the file could run code; if you trust whoever "
        "made it, say so (--trust-model, in Python trust_model=True)."
    )
