"""What is wrong with a study's settings, in words: wrong shapes, and rules across settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from string import Formatter
from typing import Any

from heatlas.core.words import join, nearest
from heatlas.study.document import Fault, Place
from heatlas.study.inference_rules import inference_faults

_NAME_WORDS = "must be letters, digits and hyphens (it becomes part of file names)"
_TITLE_WORDS = "must hold no slash, no tab or line break, and not begin with a dot or a space"


def shape_fault(
    entry: Mapping[str, Any], content: Mapping[str, Any], *, schema: Mapping[str, Any]
) -> Fault:
    """Return one error of pydantic as a fault.

    Parameters
    ----------
    entry : mapping
        An item of ``ValidationError.errors()``.
    content : mapping
        The settings.
    schema : mapping
        Their JSON Schema, in which the known keys are found.

    Returns
    -------
    Fault
        With the path in the reader's file and the nearest valid spelling.
    """
    place: Place = tuple(part for part in entry["loc"] if not str(part).startswith("<"))
    seen = entry.get("input")
    kind = str(entry["type"])
    if kind == "extra_forbidden":
        return Fault(path=place, words=_unknown_key(place, schema))
    if kind == "literal_error":
        return Fault(
            path=place, words=_wrong_choice(place, seen, expected=entry["ctx"]["expected"])
        )
    if kind == "string_pattern_mismatch":
        return Fault(path=place, words=_wrong_pattern(place, seen))
    if kind.startswith("model_") and place[-1:] and place[-1] in _EXAMPLES:
        words = f"expected keys and values, such as {_EXAMPLES[place[-1]]}, got {_seen(seen)}."
        return Fault(path=place, words=words)
    make = _SHAPES.get(kind)
    words = make(seen, entry.get("ctx", {})) if make else f"{entry['msg'].lower()}."
    return Fault(path=place, words=words)


def rule_faults(content: Mapping[str, Any]) -> list[Fault]:
    """Return the faults that concern more than the shape of one setting.

    Parameters
    ----------
    content : mapping
        Settings of any shape: entries of a wrong one are passed over, they are faults already.

    Returns
    -------
    list of Fault
        In the order of the rules.
    """
    return [fault for rule in _RULES for fault in rule(content)]


# ---------------------------------------------------------------- shapes


def _seen(value: Any) -> str:
    """Return what stands in the file, for a message."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "keys and values"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return "nothing"
    text = f"'{value}'" if isinstance(value, str) else f"{value}"
    return text if len(text) <= 60 else f"{text[:56]}...'"


def _wanted(noun: str) -> Callable[[Any, Mapping[str, Any]], str]:
    return lambda seen, context: f"expected {noun}, got {_seen(seen)}."


def _bound(words: str, key: str) -> Callable[[Any, Mapping[str, Any]], str]:
    return lambda seen, context: f"must be {words} {context[key]:g}, got {_seen(seen)}."


def _words_wanted(seen: Any, context: Mapping[str, Any]) -> str:
    if isinstance(seen, (bool, int, float)):
        return f'expected words, got {_seen(seen)}; put it into quotes: "{_seen(seen)}".'
    if seen is None:
        return "is empty; words are expected."
    return f"expected words, got {_seen(seen)}."


def _truth_wanted(seen: Any, context: Mapping[str, Any]) -> str:
    return f"expected true or false, got {_seen(seen)}."


def _list_wanted(seen: Any, context: Mapping[str, Any]) -> str:
    if isinstance(seen, (str, int, float)):
        return f"expected a list, got {_seen(seen)}; write [{seen}]."
    return f"expected a list, got {_seen(seen)}."


def _too_long(seen: Any, context: Mapping[str, Any]) -> str:
    return f"is longer than {context['max_length']} characters."


_SHAPES: Mapping[str, Callable[[Any, Mapping[str, Any]], str]] = {
    "missing": lambda seen, context: "is required.",
    "string_type": _words_wanted,
    "bool_type": _truth_wanted,
    "int_type": _wanted("a whole number"),
    "int_from_float": _wanted("a whole number"),
    "float_type": _wanted("a number"),
    "finite_number": _wanted("a finite number"),
    "tuple_type": _list_wanted,
    "dict_type": _wanted("keys and values"),
    "model_type": _wanted("keys and values"),
    "model_attributes_type": _wanted("keys and values"),
    "greater_than": _bound("greater than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "string_too_short": lambda seen, context: "is empty.",
    "string_too_long": _too_long,
    "too_short": lambda seen, context: "is empty; at least one entry is needed.",
}


# Keys in whose place a bare number or word would be ambiguous.
_EXAMPLES: Mapping[str | int, str] = {
    "cluster_threshold": "{p: 0.001} or {statistic: 3.1}",
    "tfce": "{statistic: t, extent: 0.5, height: 2}",
    "small_volume": "{mask: file.nii.gz} or {x: -20, y: -10, z: -18, radius_mm: 10}",
    "exchangeability": "{blocks: site}",
}


def _wrong_choice(place: Place, seen: Any, *, expected: str) -> str:
    if place == ("heatlas",):
        return f"version {_seen(seen)} of the format is not known here; this is version 1."
    known = re.findall(r"'([^']*)'", expected) or re.findall(r"\w+", expected)
    guess = nearest(seen, known) if isinstance(seen, str) else None
    hint = f" Did you mean '{guess}'?" if guess else ""
    return f"{_seen(seen)} is not one of {join(known, last='or')}.{hint}"


def _wrong_pattern(place: Place, seen: Any) -> str:
    if not str(seen).strip():
        return "is empty."
    if place[-1:] != ("name",):
        return f"{_seen(seen)} does not fit."
    return f"{_seen(seen)} {_TITLE_WORDS if len(place) == 1 else _NAME_WORDS}."


def _unknown_key(place: Place, schema: Mapping[str, Any]) -> str:
    known = _known_keys(place[:-1], schema)
    hint = _elsewhere(str(place[-1]), schema)
    if not hint and (guess := nearest(str(place[-1]), known)):
        hint = f" Did you mean '{guess}'?"
    return f"unknown key.{hint} Known here: {', '.join(known)}."


def _elsewhere(key: str, schema: Mapping[str, Any]) -> str:
    """Say where a key would be known: most misplaced keys are one level too high or too low."""
    owners = {"top level": schema["properties"], **_parts_of(schema)}
    found = [name for name, properties in owners.items() if key in properties]
    return f" It belongs to {join(found, last='or')}." if found else ""


def _parts_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of each mapping that stands directly under a key of the top level."""
    parts = {}
    for name in schema["properties"]:
        known = _known_keys((name,), schema) or _known_keys((name, 0), schema)
        if known:
            parts[name] = known
    return parts


def _known_keys(place: Place, schema: Mapping[str, Any]) -> list[str]:
    """Return the keys that a place may hold, by following it through the JSON Schema."""
    nodes = [schema]
    for key in place:
        nodes = [step for node in nodes for step in _below(node, key, schema=schema)]
    keys = (name for node in nodes for part in _options(node, schema) for name in _keys(part))
    return list(dict.fromkeys(keys))


def _keys(node: Mapping[str, Any]) -> list[str]:
    return list(node.get("properties", {}))


def _below(
    node: Mapping[str, Any], key: str | int, *, schema: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    for part in _options(node, schema):
        if isinstance(key, int) and "items" in part:
            yield part["items"]
        elif key in part.get("properties", {}):
            yield part["properties"][key]


def _options(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Follow references and alternatives."""
    if "$ref" in node:
        yield from _options(schema["$defs"][node["$ref"].rsplit("/", 1)[1]], schema)
        return
    yield node
    for option in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _options(option, schema)


# ---------------------------------------------------------------- rules


def _mapping(content: Any, key: str) -> Mapping[str, Any]:
    found = content.get(key) if isinstance(content, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _entries(content: Any, key: str) -> list[tuple[int, Mapping[str, Any]]]:
    found = content.get(key) if isinstance(content, Mapping) else None
    listed = found if isinstance(found, (list, tuple)) else []
    return [(n, entry) for n, entry in enumerate(listed) if isinstance(entry, Mapping)]


def _doubled_names(listed: list[tuple[int, Mapping[str, Any]]], place: Place) -> Iterator[Fault]:
    """Compare without case: the names become files, and some file systems do not know case."""
    seen: dict[str, int] = {}
    for n, entry in listed:
        name = entry.get("name")
        if not isinstance(name, str):
            continue
        first = seen.setdefault(name.lower(), n)
        if first != n:
            words = f"'{name}' is the name of {place[-1]}[{first}] as well; give each its own."
            yield Fault(path=(*place, n, "name"), words=words)


def _check_names(content: Mapping[str, Any]) -> Iterator[Fault]:
    analyses = _entries(content, "analyses")
    yield from _doubled_names(analyses, ("analyses",))
    for n, analysis in analyses:
        place: Place = ("analyses", n, "contrasts")
        yield from _doubled_names(_entries(analysis, "contrasts"), place)
    yield from _doubled_names(_entries(content, "regions"), ("regions",))


def _check_template(content: Mapping[str, Any]) -> Iterator[Fault]:
    cohort = _mapping(content, "cohort")
    template = cohort.get("maps")
    if isinstance(template, str):
        words = _template_words(template, id_column=cohort.get("id", "participant_id"))
        if words:
            yield Fault(path=("cohort", "maps"), words=words)


def _template_words(template: str, *, id_column: Any) -> str:
    """Return what is wrong with a path with columns in braces, nothing where it is right."""
    try:
        parsed = list(Formatter().parse(template))
    except ValueError:
        return "its braces do not close; write a column's name as {participant_id}."
    columns = [(name, spec, conversion) for _, name, spec, conversion in parsed if name is not None]
    if not columns:
        return f"names no column, so all participants would share one map; write {{{id_column}}}."
    for name, spec, conversion in columns:
        if not name or spec or conversion or not re.fullmatch(r"[^.\[\]{}]+", name):
            return f"braces hold a column's name and nothing else; write {{{id_column}}}."
    return ""


def _check_mask(content: Mapping[str, Any]) -> Iterator[Fault]:
    mask = _mapping(content, "mask")
    if mask.get("path") is None:
        return
    # Resolved settings spell out every default, also beside a path.
    defaults = {"minimum": None, "coverage": 1.0}
    others = [key for key, default in defaults.items() if mask.get(key, default) != default]
    if others:
        yield Fault(path=("mask", "path"), words=f"excludes {join(others)}: a file is the mask.")


def _check_regions(content: Mapping[str, Any]) -> Iterator[Fault]:
    regions = content.get("regions")
    listed = regions if isinstance(regions, (list, tuple)) else ()
    labels = [entry for entry in listed if isinstance(entry, str)]
    if labels and not _mapping(content, "atlas"):
        words = f"'{labels[0]}' is a label, but there is no atlas; name one, or give x, y, z in mm."
        yield Fault(path=("regions",), words=words)
    for n, label in enumerate(labels):
        if label in labels[:n]:
            yield Fault(path=("regions",), words=f"'{label}' is named twice.")


_RULES: tuple[Callable[[Mapping[str, Any]], Iterable[Fault]], ...] = (
    _check_names,
    _check_template,
    _check_mask,
    inference_faults,
    _check_regions,
)
