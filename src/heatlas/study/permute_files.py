"""Recipe of ``heatlas test``: maps and a model to judged contrasts in a folder of plain files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from heatlas.core.errors import DataError
from heatlas.core.execute import Executor, available_cores, get_executor, one_thread
from heatlas.core.provenance import digest_array, digest_json
from heatlas.core.value import Value, field_values
from heatlas.core.version import __version__
from heatlas.core.words import count
from heatlas.infer.null_distribution import Engine
from heatlas.infer.permute import arrangements_for
from heatlas.infer.request import PermutationSettings
from heatlas.io.atomic import atomic_write
from heatlas.io.source import digest_file
from heatlas.study.askedmodel import FslModel, ReadModel, TableModel
from heatlas.study.backdrop import DECIDE, choose_background
from heatlas.study.findings import JudgedContrast
from heatlas.study.folder import LOCK_NAME, STATE_FOLDER, FolderStore, forget, single_writer
from heatlas.study.judged_files import check_free, write_judged
from heatlas.study.maplist import MapList, list_maps
from heatlas.study.mapstack import stack_maps
from heatlas.study.modelfiles import read_model, read_rows
from heatlas.study.permutations import Family, check_asked, permutation_test
from heatlas.study.plan import Event, Listener, silence
from heatlas.study.reach import possible_words, reach_note
from heatlas.study.small_volume import small_volume
from heatlas.study.spec import VolumeFile, VolumeSphere

STEPS = ("read", "judge", "write")
STATE = "permutations"  # in the hidden folder of state


@dataclass(frozen=True, kw_only=True, eq=False)
class PermutationRequest(Value):
    """What ``heatlas test`` is asked.

    Parameters
    ----------
    maps : tuple of str
        One 4-D file, several 3-D files, or a pattern with columns of the table in braces.
    model : TableModel or FslModel
        The model and what is tested.
    settings : PermutationSettings
        How; blocks and variance groups come from the model.
    alpha : float
        Family-wise level.
    across_contrasts : bool
        Correct over all contrasts together.
    mask : Path, optional
        Voxels to analyse; by default those that are finite in all maps and not 0 in every one.
    volume : VolumeFile or VolumeSphere, optional
        A small volume to correct in.
    template : str
        Anatomy beneath the figures: ``"decide"``, ``"none"``, a template's name or an image.
    """

    maps: tuple[str, ...]
    model: TableModel | FslModel
    settings: PermutationSettings
    alpha: float = 0.05
    across_contrasts: bool = False
    mask: Path | None = None
    volume: VolumeFile | VolumeSphere | None = None
    template: str = DECIDE


@dataclass(frozen=True, kw_only=True, eq=False)
class PermutedFiles(Value):
    """What a test found, and where it lies.

    Parameters
    ----------
    folder : Path
        The files.
    judged : tuple of JudgedContrast
        One per contrast.
    notes : tuple of str
        What a reader must know about maps and model.
    """

    folder: Path
    judged: tuple[JudgedContrast, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Prepared(Value):
    """A request of which every fault that needs no voxel has shown."""

    request: PermutationRequest
    maps: MapList
    model: ReadModel
    settings: PermutationSettings
    digests: dict[Path, str]
    notes: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Digest of all that the results depend on."""
        request, design = self.request, self.model.design
        content: dict[str, Any] = {
            "version": __version__,
            "files": sorted(self.digests.values()),
            "maps": [[name, self.digests[path], volume] for name, path, volume in zip(
                self.maps.ids, self.maps.paths, self.maps.volumes, strict=True)],
            "design": [digest_array(design.matrix), list(design.names)],
            "contrasts": [[c.name, c.kind, digest_array(c.weights)] for c in self.model.contrasts],
            "settings": _plain(self.settings),
            "alpha": request.alpha,
            "family": [request.across_contrasts, repr(request.volume)],
            "template": request.template,
        }  # fmt: skip
        return digest_json(content)


def permute_files(
    request: PermutationRequest,
    *,
    out: Path,
    workers: int | None = None,
    overwrite: bool = False,
    listen: Listener = silence,
) -> PermutedFiles:
    """Judge contrasts of maps by permutations, and write maps, tables and figures.

    Parameters
    ----------
    request : PermutationRequest
        Maps, model and settings.
    out : Path
        Folder of the results; files of others in it stay as they are.
    workers : int, optional
        Threads; the cores of the machine by default. Results do not depend on it.
    overwrite : bool
        Whether results of the same names may be replaced.
    listen : callable
        Hears of every step.

    Returns
    -------
    PermutedFiles
        The judged contrasts.

    Raises
    ------
    DataError
        If a file cannot be used, or the folder not be written.
    DesignError
        If the model does not fit the maps, a contrast cannot be estimated, or blocks forbid every
        rearrangement.

    Notes
    -----
    A test that was broken off goes on when it is asked for again with the same folder. A test that
    finds a fault in its input leaves the folder as it was.
    """
    executor = get_executor("threads", workers=available_cores() if workers is None else workers)
    prepared = _prepare(request, executor=executor)
    contrasts = prepared.model.contrasts
    with single_writer(out) as claim, one_thread():
        store = _open(out, prepared, overwrite=overwrite)
        listen(Event(kind="plan", step="plan", text=prepared.digest, total=len(STEPS)))
        _tell("plan", prepared.notes, listen=listen)
        _begin("read", count(len(prepared.maps), "map"), listen=listen)
        stacked = stack_maps(
            prepared.maps, mask=request.mask, digests=prepared.digests, executor=executor
        )
        _tell("read", stacked.notes, listen=listen)
        mask = stacked.stack.mask
        volume = small_volume(request.volume, mask, base=Path())
        background = choose_background(mask, template=request.template)
        claim.keep()
        _begin("judge", _judge_words(prepared), listen=listen)
        judged = permutation_test(
            stacked.stack,
            prepared.model.design,
            contrasts=contrasts,
            settings=prepared.settings,
            alpha=request.alpha,
            family=Family(volume=volume, across_contrasts=request.across_contrasts),
            engine=Engine(store=store, executor=executor, progress=_progress(listen)),
        )
        _begin("write", f"maps, figures and tables into {out.name}", listen=listen)
        sources = list(dict.fromkeys(prepared.digests[path] for path in prepared.maps.paths))
        write_judged(out, judged, background=background, sources=sources)
        listen(Event(kind="done", step="write", done=len(STEPS), total=len(STEPS)))
        _close(out)
    return PermutedFiles(folder=out, judged=judged, notes=(*prepared.notes, *stacked.notes))


# ------------------------------------------------------------------------------------- before


def _prepare(request: PermutationRequest, *, executor: Executor) -> _Prepared:
    """Read the model and the names of the maps; every fault that needs no voxel shows here."""
    asked = request.model
    table = read_rows(asked)
    id_column = asked.id_column if isinstance(asked, TableModel) else None
    maps = list_maps(request.maps, table=table, id_column=id_column)
    model = read_model(asked, maps, exchangeability=request.settings.exchangeability)
    maps = maps.take(model.rows)
    maps.check_present()
    settings = replace(
        request.settings,
        exchangeability=model.exchangeability,
        variance_groups=model.variance_groups,
        adaptive=request.alpha if request.settings.adaptive is not None else None,
    )
    check_asked(
        model.design,
        model.contrasts,
        settings=settings,
        alpha=request.alpha,
        family=Family(across_contrasts=request.across_contrasts),
    )
    reach = _reach_notes(model, settings=settings, alpha=request.alpha)
    paths = list(dict.fromkeys([*maps.paths, *_other_files(request)]))
    return _Prepared(
        request=request,
        maps=maps,
        model=model,
        settings=settings,
        digests=dict(zip(paths, executor.map(digest_file, paths), strict=True)),
        notes=(*model.notes, *reach),
    )


def _other_files(request: PermutationRequest) -> list[Path]:
    files = [*request.model.files, *([request.mask] if request.mask is not None else [])]
    return [*files, *_volume_file(request)]


def _volume_file(request: PermutationRequest) -> list[Path]:
    return [Path(request.volume.mask)] if isinstance(request.volume, VolumeFile) else []


def _reach_notes(model: ReadModel, *, settings: PermutationSettings, alpha: float) -> list[str]:
    """Say how many arrangements each contrast has, and where alpha is out of their reach."""
    notes: dict[str, list[str]] = {}
    unreachable = []
    at_most = " at most" if settings.adaptive is not None else ""
    for contrast in model.contrasts:
        made = arrangements_for(model.design, contrast, settings=settings)
        words = f"{possible_words(made.n_possible)} {made.noun}s are possible, "
        words += "all are made" if made.exact else f"{made.n_arrangements:,} are drawn{at_most}"
        notes.setdefault(words, []).append(contrast.name)
        reach = reach_note(model.design, contrast, settings=settings, alpha=alpha)
        unreachable += [f"{contrast.name}: {reach}"] if reach else []
    return [f"{', '.join(names)}: {words}" for words, names in notes.items()] + unreachable


def _plain(value: object) -> Any:
    """Return a value as JSON-like data; arrays by their digest."""
    if isinstance(value, Value):
        return {name: _plain(entry) for name, entry in field_values(value).items()}
    return digest_array(value) if isinstance(value, np.ndarray) else value


# ------------------------------------------------------------------------------------- folder


def _open(out: Path, prepared: _Prepared, *, overwrite: bool) -> FolderStore:
    """Make the folder ready and return the store of the blocks of permutations."""
    if (out / LOCK_NAME).exists():
        raise DataError(f"{out}: it holds the results of a study; choose another folder.")
    request = out / STATE_FOLDER / STATE / "request"
    is_same = request.is_file() and request.read_text(encoding="utf-8") == prepared.digest
    check_free(
        out,
        (contrast.name for contrast in prepared.model.contrasts),
        inputs=list(prepared.digests),
        overwrite=overwrite or is_same,
    )
    atomic_write(request, prepared.digest.encode())
    return FolderStore(folder=out / STATE_FOLDER / STATE / "blocks")


def _close(out: Path) -> None:
    """Take away what only a test that was broken off needs."""
    state = out / STATE_FOLDER
    forget(state / STATE)
    with contextlib.suppress(OSError):  # a run of a study keeps something there, or the lock stays
        (state / "lock").unlink()
        state.rmdir()


# ------------------------------------------------------------------------------------- words


def _begin(step: str, words: str, *, listen: Listener) -> None:
    listen(Event(kind="step", step=step, text=words, done=STEPS.index(step), total=len(STEPS)))


def _tell(step: str, notes: Sequence[str], *, listen: Listener) -> None:
    for note in notes:
        listen(Event(kind="note", step=step, text=note))


def _progress(listen: Listener) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        listen(Event(kind="progress", step="judge", text="permutations", done=done, total=total))

    return tell


def _judge_words(prepared: _Prepared) -> str:
    settings, n = prepared.settings, len(prepared.model.contrasts)
    return f"{count(n, 'contrast')} by {settings.method}"
