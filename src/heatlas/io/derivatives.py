"""A results folder as a BIDS-derivatives dataset: names, sidecars, dictionaries, descriptions."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heatlas.core.cohort import FileReference
from heatlas.core.errors import DataError, PrivacyError
from heatlas.core.provenance import Provenance
from heatlas.core.registry import Registry
from heatlas.core.statmap import StatMap
from heatlas.core.table import Table
from heatlas.core.threshold import Threshold
from heatlas.core.value import thaw
from heatlas.core.version import __version__
from heatlas.io.atomic import PROVENANCE_KEY, atomic_write, json_text, remove_leftovers
from heatlas.io.tables import data_dictionary, table_text

BIDS_VERSION = "1.10.0"
STAT_LABELS: Registry[str] = Registry(
    "kind of map",
    {
        "effect": "estimate of the contrast",
        "se": "standard error of the estimate",
        "cilow": "lower limit of the interval of the estimate",
        "cihigh": "upper limit of the interval of the estimate",
        "mean": "mean of a group",
        "t": "t statistic",
        "z": "z statistic",
        "F": "F statistic",
        "v": "v statistic, a t of groups with variances of their own",
        "G": "G statistic, an F of groups with variances of their own",
        "g": "Hedges g",
        "glow": "lower limit of the interval of Hedges g",
        "ghigh": "upper limit of the interval of Hedges g",
        "partialr2": "partial R2",
        "partialr2low": "lower limit of the interval of partial R2",
        "partialr2high": "upper limit of the interval of partial R2",
        "logp": "-log10 of the uncorrected p",
        "logpfwe": "-log10 of the p corrected for the family-wise error rate",
        "logpfdr": "-log10 of the p corrected for the false discovery rate",
        "tfce": "threshold-free cluster enhancement",
        "clusterextent": "extent of the cluster of each element",
        "clustermass": "mass of the cluster of each element",
        "mask": "elements that were analysed",
    },
)
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# A whole string that is a path on this machine: /a/b, C:\a, \\server, ~/a, file://...
PATH_OF_A_MACHINE = re.compile(r"(/[^/\s]+/|[A-Za-z]:[\\/]|\\\\\w|~/|file://)")


def bids_label(name: str) -> str:
    """Return a name as a BIDS label: ASCII letters and digits only, accents taken off.

    Parameters
    ----------
    name : str
        Such as ``"any-difference"``.

    Returns
    -------
    str
        Such as ``"anydifference"``.

    Raises
    ------
    DataError
        If no letter and no digit is left.
    """
    plain = unicodedata.normalize("NFKD", name)
    label = re.sub(r"[^A-Za-z0-9]", "", plain)
    if not label:
        raise DataError(f"The name '{name}' has no Latin letter or digit for a file name.")
    return label


def bids_labels(names: Iterable[str], *, kind: str) -> dict[str, str]:
    """Return the BIDS label of each name, and refuse two names that would share a file.

    Parameters
    ----------
    names : iterable of str
        Names of analyses, or of the contrasts of one analysis.
    kind : str
        What they name, for the message: ``"contrast"``.

    Returns
    -------
    dict of str to str
        Label by name.

    Raises
    ------
    DataError
        If two labels are equal (upper and lower case count as equal, as some disks see them so).
    """
    labels = {name: bids_label(name) for name in names}
    owner: dict[str, str] = {}
    for name, label in labels.items():
        other = owner.setdefault(label.casefold(), name)
        if other != name:
            raise DataError(
                f"The {kind} names '{other}' and '{name}' would give the same file name "
                f"('{label}'); they must differ in letters or digits."
            )
    return labels


def map_name(analysis: str, contrast: str, *, stat: str) -> str:
    """Return the path of a map within the results folder.

    Parameters
    ----------
    analysis, contrast : str
        Names; see :func:`bids_labels` for those that would collide.
    stat : str
        One of ``STAT_LABELS``.

    Returns
    -------
    str
        ``maps/analysis-<name>_contrast-<name>_stat-<kind>_statmap.nii.gz``.

    Raises
    ------
    DataError
        If nothing is left of a name.
    UnknownNameError
        If there is no such kind of map.
    """
    known = stat if STAT_LABELS[stat] else ""
    entities = f"analysis-{bids_label(analysis)}_contrast-{bids_label(contrast)}_stat-{known}"
    return f"maps/{entities}_statmap.nii.gz"


def map_sidecar(
    stat_map: StatMap,
    *,
    stat: str,
    test: str = "",
    threshold: Threshold | None = None,
    sources: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what a map's JSON sidecar says.

    Parameters
    ----------
    stat_map : StatMap
        The map.
    stat : str
        One of ``STAT_LABELS``.
    test : str
        The contrast as it was written.
    threshold : Threshold, optional
        The judgement that belongs to it.
    sources : sequence of str
        Digests of the files that it was made from.

    Returns
    -------
    dict
        JSON-like; entries that are not known are left out.

    Raises
    ------
    UnknownNameError
        If there is no such kind of map.
    """
    content = {
        "Description": STAT_LABELS[stat],
        "StatisticKind": stat_map.kind,
        "DegreesOfFreedom": list(stat_map.dof),
        "N": stat_map.n,
        "Groups": [{"Name": name, "N": n} for name, n in stat_map.groups],
        "Contrast": {key: words for key, words in _contrast(stat_map, test).items() if words},
        "Quantity": stat_map.quantity,
        "Units": stat_map.unit,
        "Elements": stat_map.mask.size,
        "UndefinedElements": int(np.isnan(stat_map.values).sum()),
        "Threshold": threshold_entry(threshold) if threshold is not None else {},
        "Sources": list(sources),
        PROVENANCE_KEY: stat_map.provenance.to_json(),
    }
    return {key: entry for key, entry in content.items() if entry not in ("", None, [], {})}


def threshold_entry(threshold: Threshold) -> dict[str, Any]:
    """Return a judgement as JSON-like data, without its arrays.

    Parameters
    ----------
    threshold : Threshold
        The judgement.

    Returns
    -------
    dict
        Rule, numbers, and how many elements survive.
    """
    undecided = threshold.undecided
    content = {
        "Rule": threshold.words,
        "Method": threshold.method,
        "Correction": threshold.correction,
        "Alpha": threshold.alpha,
        "TwoSided": threshold.two_sided,
        "Cut": threshold.cut,
        "Quantity": threshold.quantity or None,
        "QuantityCut": threshold.extended_cut,
        "ClusterExtent_mm3": threshold.cluster_extent_mm3,
        "Permutations": threshold.n_permutations,
        "PossiblePermutations": _finite(threshold.n_possible),
        "SurvivingElements": threshold.n_surviving,
        "UndecidedElements": None if undecided is None else int(undecided.sum()),
        "PermutationsToSettle": threshold.n_to_settle,
        "Settings": thaw(threshold.settings) or None,
    }
    return {key: entry for key, entry in content.items() if entry is not None}


@dataclass(frozen=True)
class DerivativeWriter:
    """Writes the files of a results folder; each is there whole or not at all.

    Parameters
    ----------
    folder : Path
        The results folder; nothing in what is written may name it.

    Notes
    -----
    Every method returns a FileReference with the path within the folder and the digest, and
    raises DataError where the disk refuses and PrivacyError where the content holds an absolute
    path.
    """

    folder: Path

    def start(self, name: str, *, sources: Sequence[Mapping[str, str]] = ()) -> FileReference:
        """Clear what a killed run left half-written and write ``dataset_description.json``."""
        remove_leftovers(self.folder)
        return self.write_json("dataset_description.json", dataset_description(name, sources))

    def write_map(
        self, content: bytes, *, analysis: str, contrast: str, stat: str, sidecar: Mapping[str, Any]
    ) -> FileReference:
        """Write an encoded ``.nii.gz`` map and its sidecar (see :func:`map_sidecar`)."""
        name = map_name(analysis, contrast, stat=stat)
        self.write_json(name.replace(".nii.gz", ".json"), sidecar)
        return self._write(name, content)

    def write_table(
        self, name: str, table: Table, *, provenance: Provenance | None = None
    ) -> FileReference:
        """Write ``tables/<name>.tsv`` and its data dictionary."""
        stem = f"tables/{_plain(name)}"
        for column in table.columns:
            if not column.is_numeric:
                check_no_paths(column.values, where=f"column '{column.name}'")
        self.write_json(f"{stem}.json", data_dictionary(table, provenance=provenance))
        return self._write(f"{stem}.tsv", table_text(table).encode())

    def write_figure(self, name: str, content: bytes) -> FileReference:
        """Write ``figures/<name>``; the name has its ending, and the content its provenance."""
        return self._write(f"figures/{_plain(name)}", content)

    def write_page(self, html: str, *, name: str = "report.html") -> FileReference:
        """Write a page at the top of the folder."""
        return self._write(_plain(name), html.encode())

    def write_json(self, name: str, content: Any) -> FileReference:
        """Write JSON under a path within the folder, such as ``study.lock.json``."""
        check_no_paths(content, where=name)
        return self._write(name, json_text(content).encode())

    def _write(self, name: str, content: bytes) -> FileReference:
        for own in (self.folder.absolute(), Path.home()):
            # Shorter ones, such as /tmp, may occur in encoded pictures by chance.
            if len(own.parts) > 2 and f"{own}/".encode() in content:
                raise PrivacyError(f"{name}: its content names the folder {own} of this machine.")
        return FileReference(name=name, digest=atomic_write(self.folder / name, content))


def dataset_description(name: str, sources: Sequence[Mapping[str, str]] = ()) -> dict[str, Any]:
    """Return the content of ``dataset_description.json``.

    Parameters
    ----------
    name : str
        Name of the study.
    sources : sequence of mapping
        ``URL``, ``DOI`` or ``Version`` of each dataset that the results come from.

    Returns
    -------
    dict
        JSON-like.
    """
    return {
        "Name": name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "Heatlas", "Version": __version__}],
        "SourceDatasets": [dict(source) for source in sources],
    }


def check_no_paths(content: Any, *, where: str) -> None:
    """Raise PrivacyError if a string in JSON-like content is an absolute path.

    Parameters
    ----------
    content : JSON-like
        Mappings, sequences and plain values, nested.
    where : str
        Name of the content, for the message.

    Raises
    ------
    PrivacyError
        If a string (or a key) is a path on some machine.
    """
    for words in _strings_of(thaw(content)):
        if PATH_OF_A_MACHINE.match(words):
            raise PrivacyError(
                f"{where}: '{words}' is a path on this machine; results hold names only, such as "
                "paths relative to the study file."
            )


def _strings_of(content: Any) -> Iterable[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for key, entry in content.items():
            yield from _strings_of(key)
            yield from _strings_of(entry)
    elif isinstance(content, (list, tuple)):
        for entry in content:
            yield from _strings_of(entry)


def _finite(value: float | None) -> float | str | None:
    """Return a number that JSON has a word for."""
    if value is None or math.isfinite(value):
        return value
    return "more than 1e308"


def _contrast(stat_map: StatMap, test: str) -> dict[str, str]:
    return {"Name": stat_map.contrast, "Test": test}


def _plain(name: str) -> str:
    if not PLAIN_NAME.fullmatch(name):
        raise DataError(
            f"'{name}' is no plain file name; letters, digits, '.', '-' and '_' are allowed."
        )
    return name
