"""A first study file, written from what a folder or a table holds, with a reason at each line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import wrap

from heatlas.core.errors import DataError
from heatlas.core.table import Column, Table
from heatlas.core.words import count, join
from heatlas.io.atomic import write_text
from heatlas.io.tables import read_table
from heatlas.study.discover import (
    Folder,
    FoundTable,
    MapPattern,
    bare_patterns,
    id_patterns,
    look_into,
    merged_maps,
)

_MOST_LEVELS = 6
_FEWEST_PER_LEVEL = 2
_FEWEST_DISTINCT_NUMBERS = 5
_GROUPS = re.compile(
    r"group|diagnosis|diag|dx|condition|patients?|arm|status|cohort|treatment", re.IGNORECASE
)
_SEXES = re.compile(r"sex|gender", re.IGNORECASE)
_AGES = re.compile(r"age(_?(years|y|at_?scan))?", re.IGNORECASE)
_SIZES = re.compile(r"(brain|tiv|icv|etiv|tbv)(_?(ml|mm3|vol|volume))?", re.IGNORECASE)
_CONTROLS = re.compile(
    r"(healthy)?[ _-]?(controls?|ctrl|con|hc|nc|cn|td|healthy|placebo|sham|none|no|0)",
    re.IGNORECASE,
)
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN_LEVEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PLAIN_YAML = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_YAML_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
# What the last part of a file's name usually means.
_MEASURES: tuple[tuple[str, str], ...] = (
    (r"gm|grey|gray|greymatter|c1|mwp1|smwp1", "grey-matter volume"),
    (r"wm|white|c2|mwp2", "white-matter volume"),
    (r"fa", "fractional anisotropy"),
    (r"md", "mean diffusivity"),
    (r"thickness", "cortical thickness"),
    (r"lesions?|lesionmask", "lesion"),
    (r"con|cope|beta|effect|contrast", "contrast estimate"),
)
_TISSUES = frozenset({"grey-matter volume", "white-matter volume"})
_NO_MAPS = "maps/{participant_id}.nii.gz"


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What a draft is written from."""

    name: str
    tables: tuple[FoundTable, ...]
    pattern: MapPattern
    others: tuple[MapPattern, ...] = ()
    remarks: tuple[str, ...] = ()
    has_maps: bool = True
    merged: str | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Participants of the first table, in its order."""
        if not self.tables:
            return tuple(sorted(self.pattern.ids))
        return tuple(word or "" for word in self.tables[0].table.words(self.pattern.column))

    @property
    def without_map(self) -> tuple[str, ...]:
        """Participants of the table for whom there is no file."""
        return tuple(word for word in self.ids if self.has_maps and word not in self.pattern.ids)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns of all tables but the id, rows of the participants who have a map."""
        rows = [n for n, word in enumerate(self.ids) if word not in set(self.without_map)]
        listed = []
        for found in self.tables:
            row_of = {word: n for n, word in enumerate(found.table.words(self.pattern.column))}
            table = found.table.take([row_of[self.ids[row]] for row in rows])
            listed += [column for column in table.columns if column.name != self.pattern.column]
        return tuple(listed)


@dataclass(frozen=True, kw_only=True)
class _Model:
    """A guess at a first analysis."""

    name: str
    formula: str
    contrasts: tuple[str, ...]
    reason: str


def draft_study(source: Path) -> str:
    """Return a commented first study file.

    Parameters
    ----------
    source : Path
        A folder with maps, with or without tables; or a table, beside or above its maps. The
        draft's paths are relative to that folder, or to the table's.

    Returns
    -------
    str
        YAML that :func:`heatlas.study.spec.parse_spec` accepts; each line says why it stands
        there, and what else could.

    Raises
    ------
    DataError
        If there is no such file or folder, or if it holds neither tables nor maps.
    """
    if not source.exists():
        raise DataError(f"{source}: no such file or folder.")
    folder = source if source.is_dir() else source.parent
    looked = look_into(folder)
    if not source.is_dir():
        chosen = FoundTable(name=source.name, table=read_table(source))
        rest = tuple(found for found in looked.tables if found.name != source.name)
        looked = Folder(tables=(chosen, *rest), unreadable=(), maps=looked.maps)
    found = _choose(looked, name=folder.resolve().name, fixed_table=not source.is_dir())
    if found.tables and not found.has_maps:
        merged = merged_maps(folder, looked.maps, n=len(found.tables[0].table))
        found = replace(found, merged=merged)
    return _written(found)


def write_draft(source: Path, *, out: Path | None = None, overwrite: bool = False) -> Path:
    """Write a first study file (see :func:`draft_study`).

    Parameters
    ----------
    source : Path
        A folder with maps, or a table.
    out : Path, optional
        File to write, in that folder or the table's; ``study.yaml`` by default.
    overwrite : bool
        Whether a file of that name may be replaced.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    DataError
        If there is nothing to draft from, the file lies elsewhere, so that the paths in it would
        lead nowhere, or it exists.
    """
    text = draft_study(source)
    folder = source if source.is_dir() else source.parent
    target = out if out is not None else folder / "study.yaml"
    if target.resolve().parent != folder.resolve():
        raise DataError(
            f"{target}: the paths in a study file are relative to it; write it into '{folder}', "
            f"such as -o {folder / target.name}."
        )
    if target.exists() and not overwrite:
        raise DataError(
            f"{target}: it exists already; choose another name, or allow it to be replaced "
            "(--overwrite)."
        )
    write_text(target, text)
    return target


# ---------------------------------------------------------------- choosing


def _choose(looked: Folder, *, name: str, fixed_table: bool) -> _Found:
    """Choose the table and the pattern of maps that explain most of the folder."""
    candidates = looked.tables[:1] if fixed_table else looked.tables
    best: tuple[FoundTable, list[MapPattern]] | None = None
    for candidate in candidates:
        patterns = id_patterns(candidate, looked.maps)
        if patterns and (best is None or len(patterns[0].ids) > len(best[1][0].ids)):
            best = (candidate, patterns)
    if best is not None:
        return _with_table(looked, best, name=name)
    bare = bare_patterns(looked.maps)
    if bare and not fixed_table:
        remarks = _unused(looked.tables, "its ids name none of the maps")
        return _Found(
            name=name,
            tables=(),
            pattern=bare[0],
            others=tuple(bare[1:4]),
            remarks=(*remarks, *looked.unreadable),
        )
    if not candidates:
        raise DataError(
            "There is neither a table (.tsv, .csv) nor a set of maps whose names differ by an id."
        )
    return _table_alone(candidates[0], name=name, remarks=looked.unreadable)


def _with_table(looked: Folder, best: tuple[FoundTable, list[MapPattern]], *, name: str) -> _Found:
    main, patterns = best
    pattern = patterns[0]
    tables, unused = [main], []
    for other in looked.tables:
        if other is main:
            continue
        reason = _not_joined(other, tables, column=pattern.column)
        if reason:
            unused.append(f"{other.name}: {reason}")
        else:
            tables.append(other)
    return _Found(
        name=name,
        tables=tuple(tables),
        pattern=pattern,
        others=tuple(patterns[1:4]),
        remarks=(*unused, *looked.unreadable),
    )


def _not_joined(other: FoundTable, tables: Sequence[FoundTable], *, column: str) -> str:
    """Say why a table cannot be joined with the others, nothing if it can."""
    if column not in other.table.names:
        return f"has no column {column}"
    ids = other.table.words(column)
    first = tables[0].table.words(column)
    if len(set(ids)) < len(ids) or set(ids) != set(first):
        return "speaks of other participants"
    taken = {name for found in tables for name in found.table.names} - {column}
    doubled = sorted(taken & set(other.table.names))
    return f"holds {join(doubled)} as well" if doubled else ""


def _unused(tables: Sequence[FoundTable], reason: str) -> tuple[str, ...]:
    return tuple(f"{found.name}: {reason}" for found in tables)


def _table_alone(found: FoundTable, *, name: str, remarks: tuple[str, ...]) -> _Found:
    """Guess the id column of a table without maps: the first whose words all differ."""
    names = [column.name for column in found.table.columns if _may_be_id(column)]
    if not names:
        raise DataError(f"{found.name} has no column whose values differ from row to row.")
    column = "participant_id" if "participant_id" in names else names[0]
    template = _NO_MAPS.replace("participant_id", column)
    pattern = MapPattern(template=template, ids=frozenset(), column=column)
    return _Found(name=name, tables=(found,), pattern=pattern, remarks=remarks, has_maps=False)


def _may_be_id(column: Column) -> bool:
    words = Table(columns=(column,)).words(column.name)
    return (
        bool(words)
        and None not in words
        and len(set(words)) == len(words)
        and (not set(column.name) & set("{}.[]"))
    )


# ---------------------------------------------------------------- models


def _guess_model(columns: Sequence[Column]) -> _Model:
    """Return the analysis that most readers of such a table would run first."""
    usable = [c for c in columns if _PLAIN_NAME.fullmatch(c.name) and not c.missing.any()]
    factors = [column for column in usable if _levels(column)]
    numbers = [column for column in usable if _is_covariate(column)]
    sexes = [column for column in factors if _SEXES.fullmatch(column.name)]
    groups = [column for column in factors if column not in sexes]
    groups.sort(key=lambda column: not _GROUPS.fullmatch(column.name))
    covariates = [c.name for c in numbers if _AGES.fullmatch(c.name)][:1]
    covariates += [f"C({column.name})" for column in sexes[:1]]
    covariates += [c.name for c in numbers if _SIZES.fullmatch(c.name)][:1]
    if groups:
        return _group_model(groups[0], covariates)
    if numbers:
        return _slope_model(numbers, covariates)
    return _Model(
        name="mean",
        formula="1",
        contrasts=(_contrast("mean", "intercept"),),
        reason="One sample: is the mean of the maps different from zero?",
    )


def _group_model(group: Column, covariates: list[str]) -> _Model:
    levels = _levels(group)
    reference = next((level for level in levels if _CONTROLS.fullmatch(level)), levels[-1])
    others = [level for level in levels if level != reference]
    contrasts = [
        _contrast(
            _slug(f"{level}-{reference}"), f"{group.name}[{level}] - {group.name}[{reference}]"
        )
        for level in others
    ]
    if len(levels) > 2:
        contrasts.append(_contrast("any-difference", group.name, kind="F"))
    return _Model(
        name=_slug(group.name),
        formula=" + ".join([f"C({group.name})", *covariates]),
        contrasts=tuple(dict.fromkeys(contrasts)),
        reason=f"Do the levels of {group.name} ({join(levels)}) differ?",
    )


def _slope_model(numbers: list[Column], covariates: list[str]) -> _Model:
    named = next((c.name for c in numbers if c.name not in covariates), numbers[0].name)
    formula = [named, *(name for name in covariates if name != named)]
    return _Model(
        name=_slug(named),
        formula=" + ".join(formula),
        contrasts=(_contrast(_slug(named), named),),
        reason=f"Do the maps follow {named}?",
    )


def _levels(column: Column) -> tuple[str, ...]:
    """Return the levels of a column that can be a factor, in order of appearance."""
    words = Table(columns=(column,)).words(column.name)
    levels = list(dict.fromkeys(word for word in words if word is not None))
    most = 2 if column.is_numeric else _MOST_LEVELS
    if not 2 <= len(levels) <= most or not all(_PLAIN_LEVEL.fullmatch(level) for level in levels):
        return ()
    fewest = min(words.count(level) for level in levels)
    return tuple(levels) if fewest >= _FEWEST_PER_LEVEL else ()


def _is_covariate(column: Column) -> bool:
    words = Table(columns=(column,)).words(column.name)
    return column.is_numeric and len(set(words)) >= _FEWEST_DISTINCT_NUMBERS


def _contrast(name: str, test: str, *, kind: str = "t") -> str:
    ending = ", kind: F" if kind == "F" else ""
    return f"{{name: {_word(name)}, test: {_word(test)}{ending}}}"


# ---------------------------------------------------------------- writing


def _written(found: _Found) -> str:
    measure = _measure(found.pattern.template)
    model = _guess_model(found.columns)
    lines = [
        "# A first draft by `heatlas init`. Read every line, change what is not meant, then:",
        "#   heatlas run study.yaml --dry-run",
        "heatlas: 1",
        f"name: {_word(_title(found.name))}",
        "",
        *_cohort_lines(found, measure=measure),
        "",
        *_space_lines(measure),
        "",
        "analyses:",
        f"  # {_comment(model.reason)}",
        f"  - name: {_word(model.name)}",
        f"    model: {_word(model.formula)}",
        "    # missing: drop      # leaves out rows without a value; without this they are refused",
        "    contrasts:",
        *(f"      - {contrast}" for contrast in model.contrasts),
        *_column_lines(found),
        "    # Repeated maps of one person, families or sites may not trade places freely:",
        "    # exchangeability: {blocks: subject, shuffle: within}",
        "",
        "# Permutations with the largest statistic of the mask: the chance of any false voxel",
        "# stays below alpha. Others that permute: step-down, tfce (neighbours support each",
        "# other), cluster-extent and cluster-mass (with cluster_threshold: {p: 0.001}). Without",
        "# permutations: bonferroni, fdr-bh, fdr-by, none (uncorrected, and says so).",
        "inference: {method: max-t, alpha: 0.05, two_sided: true, n_permutations: 5000}",
        "",
        "# atlas: {image: atlas.nii.gz, labels: atlas.csv}   # names the regions in the tables",
        "",
        "# All chance follows from this number. Write it down once, before the first run.",
        "seed: 2026",
    ]
    return "\n".join(lines) + "\n"


def _cohort_lines(found: _Found, *, measure: str) -> list[str]:
    pattern = found.pattern
    lines = ["cohort:"]
    if found.tables:
        names = ", ".join(_word(table.name) for table in found.tables)
        lines += [f"  tables: [{names}]      # joined on the id"]
    else:
        lines += ["  # No table names these maps: participants are what the braces stand for."]
    lines += [f"  # {_comment(remark)}" for remark in found.remarks[:8]]
    lines += [f"  id: {_word(pattern.column)}"]
    if found.merged is not None:
        lines += ["  # One 4-D file with a volume for each row; the order must be the table's."]
        return [*lines, f"  maps: {{merged: {_word(found.merged)}}}", *_measure_lines(measure)]
    if found.has_maps:
        n = len(pattern.ids & set(found.ids))
        lines += [f"  # {count(n, 'file')} found by this pattern."]
    else:
        lines += ["  # No maps were found near this table: say where they are."]
    lines += [f"  maps: {_word(pattern.template)}"]
    lines += [
        f"  # or: {_comment(_word(other.template))}, {count(len(other.ids), 'file')}"
        for other in found.others
    ]
    return [*lines, *_measure_lines(measure), *_exclusion_lines(found)]


def _measure_lines(measure: str) -> list[str]:
    return [f"  measure: {_word(measure)}      # the words that captions use"]


def _exclusion_lines(found: _Found) -> list[str]:
    missing = found.without_map
    if not missing:
        return ['  # exclude: {id: "reason"}      # every exclusion is listed in the report']
    verb = "has" if len(missing) == 1 else "have"
    return [
        f"  # {count(len(missing), 'participant')} of the table {verb} no map:",
        "  exclude:",
        *(f"    {_word(word)}: no map" for word in missing),
    ]


def _space_lines(measure: str) -> list[str]:
    lines = [
        "# grid: coarsest      # only where maps lie on different grids, which are refused else"
    ]
    if measure in _TISSUES:
        return [
            *lines,
            "smooth: {fwhm_mm: 8}      # before the mask, so that no edge is cut",
            "# A voxel stays when every smoothed map (coverage 1.0) holds at least 0.1 there.",
            "mask: {minimum: 0.1, coverage: 1.0}",
        ]
    return [
        *lines,
        "# smooth: {fwhm_mm: 6}      # only if the maps are not smooth yet",
        "# A voxel stays when it has a value in every map; {minimum: 0.1} asks for a size as well,",
        "# {path: mask.nii.gz} names a mask instead.",
        "mask: {coverage: 1.0}",
    ]


def _column_lines(found: _Found) -> list[str]:
    """List the columns that a model may name, with what is missing."""
    columns = found.columns
    if not columns:
        return []
    told = []
    for column in columns[:40]:
        n_missing = int(column.missing.sum())
        note = f" ({count(n_missing, 'value')} missing)" if n_missing else ""
        told.append(_comment(column.name) + note)
    text = "Columns: " + ", ".join(told) + (", ..." if len(columns) > 40 else "")
    return [f"    # {line}" for line in wrap(text, width=92, break_long_words=False)]


def _measure(template: str) -> str:
    """Guess what the maps show from the words in their names, the last one first."""
    words = re.split(r"[^A-Za-z0-9]+", re.sub(r"\{.*?\}", " ", template).lower())
    for word in reversed(words):
        for pattern, measure in _MEASURES:
            if re.fullmatch(pattern, word):
                return measure
    return "value"


def _slug(text: str) -> str:
    """Return letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:60].strip("-") or "analysis"


def _title(text: str) -> str:
    return re.sub(r"[^\w -]+", "-", text).strip(" .-")[:120] or "study"


def _word(text: str) -> str:
    """Return a word as YAML: plain where nothing can be misread, else in quotes."""
    if _PLAIN_YAML.fullmatch(text) and text.lower() not in _YAML_WORDS:
        return text
    return '"' + "".join(_escaped(sign) for sign in text) + '"'


def _escaped(sign: str) -> str:
    return sign if sign.isprintable() and sign not in '"\\' else f"\\U{ord(sign):08x}"


def _comment(text: str) -> str:
    """Return a text that stays within one line."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
