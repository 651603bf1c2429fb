"""One model file as a network that can be explained."""

from __future__ import annotations

from pathlib import Path

from heatlas.core.errors import DataError
from heatlas.io.atomic import os_reason
from heatlas.io.source import check_file
from heatlas.learn.network.files import load_network
from heatlas.learn.network.model import Network


def load_model(
    path: Path | str, *, architecture: str | None = None, trust_model: bool = False
) -> Network:
    """Read a network from a file.

    Parameters
    ----------
    path : Path or str
        A state dict (with ``architecture``), an exported program (``.pt2``), ONNX (``.onnx``, which
        is how Keras models come in) or TorchScript; told by content, not by name.
    architecture : str, optional
        Of a state dict: a name in
        :data:`~heatlas.learn.network.architectures.ARCHITECTURES`, or ``package.module:factory``,
        which is code and needs ``trust_model``.
    trust_model : bool
        Whether what is code may be run.

    Returns
    -------
    Network
        Called by the file's stem.

    Raises
    ------
    DataError
        If the file cannot be read, or does not fit the architecture.
    NotSupportedError
        If it is code and not trusted, or of a kind that is not read.
    UnknownNameError
        If there is no such architecture.
    """
    path = Path(path)
    check_file(path)
    try:
        with path.open("rb") as stream:
            return load_network(
                stream, name=path.stem, architecture=architecture, trust_model=trust_model
            )
    except OSError as error:
        raise DataError(f"{path}: cannot be read, {os_reason(error)}.") from error
