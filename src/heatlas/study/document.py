"""A settings file as plain data: safe YAML with line numbers, no doubles, bounded in size."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

Place = tuple[str | int, ...]

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 40
MAX_ENTRIES = 100_000

_WORDS = "tag:yaml.org,2002:str"
_RESOLVER = yaml.resolver.Resolver()
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}"
    for kind in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge", "seq", "map")
)
# The core schema of YAML 1.2. YAML 1.1, PyYAML's own, reads yes, no, on and off as truth values,
# 12:30 as 750, 010 as 8, 2026-01-02 as a date, and 1e-3 as a word. Digits with a leading zero are
# names here ("007"), and eighteen digits are enough for a number.
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?((0|[1-9][0-9]*)?\.[0-9]+|(0|[1-9][0-9]*)\.?)([eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong at one place of a settings file.

    Parameters
    ----------
    path : tuple of str and int
        Keys and positions that lead to the place.
    words : str
        What was seen and what was expected.
    line : int, optional
        Line of the file, from 1.
    """

    path: Place
    words: str
    line: int | None = None

    def sentence(self) -> str:
        """Return ``line 12, analyses[1].name: is required``."""
        where = [f"line {self.line}"] if self.line else []
        where += [path_words(self.path)] if self.path else []
        return f"{', '.join(where)}: {self.words}" if where else self.words


@dataclass(frozen=True, kw_only=True)
class Document:
    """Plain data with the line of every entry.

    Parameters
    ----------
    content : object
        Mappings with keys as they were written, lists, words, numbers, truth values and None.
    lines : dict
        Line of each path, from 1.
    faults : tuple of Fault
        Doubled keys and other things that no reader may guess about.
    """

    content: Any
    lines: dict[Place, int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


def path_words(path: Place) -> str:
    """Return ``analyses[1].contrasts[0].kind``."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")


def read_document(text: str) -> Document:
    """Return the plain data of a YAML text.

    Parameters
    ----------
    text : str
        One YAML document. JSON is YAML.

    Returns
    -------
    Document
        Its content; what could not be read is in ``faults``, and then ``content`` may be None.

    Notes
    -----
    Values follow the core schema of YAML 1.2, so that ``yes`` is a word and ``1e-3`` a number;
    keys stay as written. No object is built from a tag. Depth, length and the number of entries
    after expanding aliases are bounded before anything is expanded.
    """
    if len(text) > MAX_CHARACTERS:
        words = f"holds {len(text):,} characters; {MAX_CHARACTERS:,} are the limit for settings."
        return Document(content=None, faults=(Fault(path=(), words=words),))
    try:
        _check_depth(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        return Document(content=None, faults=(_syntax_fault(error),))
    if node is None:
        return Document(content=None)
    reader = _Reader()
    if reader.size(node) > MAX_ENTRIES:
        words = f"expands to more than {MAX_ENTRIES:,} entries; write fewer aliases."
        return Document(content=None, faults=(Fault(path=(), words=words),))
    content = reader.plain(node, ())
    return Document(content=content, lines=reader.lines, faults=tuple(reader.faults))


def _check_depth(text: str) -> None:
    """Raise YAMLError where entries are nested too deeply; composing them would be recursive."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            mark = event.start_mark if isinstance(event.start_mark, yaml.Mark) else None
            words = f"entries are nested more than {MAX_DEPTH} deep"
            raise yaml.MarkedYAMLError(problem=words, problem_mark=mark)


def _syntax_fault(error: yaml.YAMLError) -> Fault:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    words = getattr(error, "problem", None) or str(error).splitlines()[0]
    if "'\\t'" in words:
        words = "a tab; YAML wants spaces at the start of a line"
    line = mark.line + 1 if mark is not None else None
    column = f" (column {mark.column + 1})" if mark is not None else ""
    return Fault(path=(), words=f"this is not YAML: {words}{column}.", line=line)


class _Reader:
    """Walks the nodes of a document once."""

    def __init__(self) -> None:
        self.lines: dict[Place, int] = {}
        self.faults: list[Fault] = []
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()

    def size(self, node: yaml.Node) -> int:
        """Count the entries behind a node, every alias as often as it is used."""
        if isinstance(node, yaml.ScalarNode):
            return 1
        if id(node) in self._open:
            return MAX_ENTRIES + 1  # an alias to what it is part of never ends
        if id(node) not in self._sizes:
            self._open.add(id(node))
            children = [part for pair in node.value for part in _parts(pair)]
            self._sizes[id(node)] = 1 + sum(self.size(child) for child in children)
            self._open.discard(id(node))
        return self._sizes[id(node)]

    def plain(self, node: yaml.Node, path: Place) -> Any:
        """Return a node's data and remember the lines of its entries."""
        self.lines[path] = node.start_mark.line + 1
        if node.tag not in _PLAIN_TAGS:
            self._fault(node, path, words=f"the tag {node.tag} is not read; leave it out.")
            return None
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(part, (*path, n)) for n, part in enumerate(node.value)]
        return self._mapping(node, path)

    def _mapping(self, node: yaml.Node, path: Place) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._fault(key_node, path, words="a key must be a single word.")
                continue
            key = str(key_node.value)
            entry = (*path, key)
            if key in content:
                words = f"occurs twice (first in line {self.lines[entry]}); keep one."
                self._fault(key_node, entry, words=words)
                continue
            content[key] = self.plain(value_node, entry)
            self.lines[entry] = key_node.start_mark.line + 1
        return content

    def _fault(self, node: yaml.Node, path: Place, *, words: str) -> None:
        self.faults.append(Fault(path=path, words=words, line=node.start_mark.line + 1))


def _parts(entry: Any) -> tuple[yaml.Node, ...]:
    return entry if isinstance(entry, tuple) else (entry,)


def _scalar(node: yaml.ScalarNode) -> Any:
    """Return the value of a scalar: quoted ones and those tagged !!str are words."""
    text = str(node.value)
    explicit = node.tag == _WORDS and _reads_as_other(text)
    if node.style is not None or explicit:
        return text
    if text in _NOTHING:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text


def _reads_as_other(text: str) -> bool:
    """Say whether YAML 1.1 would read the text as something else, so that !!str was written."""
    tag: str = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # the stubs leave it open
    return tag != _WORDS
