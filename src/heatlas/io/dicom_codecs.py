"""Compressed frames of DICOM files become stored numbers: which decoder reads which encoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from heatlas.core.errors import DataError, MissingExtraError, NotSupportedError

EXTRA = "pip install 'heatlas[dicom]'"
NATIVE = frozenset({
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
})
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
# Retired progressive processes: libraries that read 12-bit JPEG read them, pydicom refuses them.
RETIRED = frozenset({"1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55"})


@dataclass(frozen=True, kw_only=True)
class Codec:
    """One encoding: its name, and who reads it, the first one that is installed."""

    name: str
    ours: str
    """Function of imagecodecs; empty where pydicom needs none."""
    built_in: tuple[str, ...] = ()
    """Plug-ins of pydicom that come with Heatlas."""
    others: tuple[str, ...] = ()
    """Plug-ins of pydicom that a reader may have installed instead."""
    lossless: bool = True


CODECS = MappingProxyType({
    "1.2.840.10008.1.2.5": Codec(name="RLE", ours="", built_in=("pydicom",)),
    "1.2.840.10008.1.2.4.50": Codec(
        name="JPEG baseline", ours="jpeg8_decode", built_in=("pillow",), lossless=False
    ),
    JPEG_EXTENDED: Codec(
        name="JPEG extended, 12 bit", ours="jpeg8_decode", others=("pylibjpeg",), lossless=False
    ),
    "1.2.840.10008.1.2.4.53": Codec(
        name="JPEG spectral selection (retired)",
        ours="jpeg8_decode",
        others=("pylibjpeg",),
        lossless=False,
    ),
    "1.2.840.10008.1.2.4.55": Codec(
        name="JPEG full progression (retired)",
        ours="jpeg8_decode",
        others=("pylibjpeg",),
        lossless=False,
    ),
    "1.2.840.10008.1.2.4.57": Codec(
        name="JPEG lossless", ours="jpeg8_decode", others=("gdcm", "pylibjpeg")
    ),
    "1.2.840.10008.1.2.4.70": Codec(
        name="JPEG lossless, first-order prediction",
        ours="jpeg8_decode",
        others=("gdcm", "pylibjpeg"),
    ),
    "1.2.840.10008.1.2.4.80": Codec(
        name="JPEG-LS lossless", ours="jpegls_decode", others=("pyjpegls", "gdcm", "pylibjpeg")
    ),
    "1.2.840.10008.1.2.4.81": Codec(
        name="JPEG-LS near-lossless",
        ours="jpegls_decode",
        others=("pyjpegls", "gdcm", "pylibjpeg"),
        lossless=False,
    ),
    "1.2.840.10008.1.2.4.90": Codec(
        name="JPEG 2000 lossless", ours="jpeg2k_decode", built_in=("pillow",)
    ),
    "1.2.840.10008.1.2.4.91": Codec(
        name="JPEG 2000", ours="jpeg2k_decode", built_in=("pillow",), lossless=False
    ),
})
Decoder = Callable[[bytes], NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What the decoder of a frame must know from the header."""

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    signed: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a stored number."""
        return np.dtype(f"<{'i' if self.signed else 'u'}{self.bits_allocated // 8}")


def decoder_for(transfer_syntax: str, layout: Layout) -> tuple[str, Decoder]:
    """Return who decodes an encoding here, and the function that decodes one frame.

    Parameters
    ----------
    transfer_syntax : str
        UID of the encoding.
    layout : Layout
        What the header says about a frame.

    Returns
    -------
    tuple of (str, callable)
        Name of the library, and a function from the bytes of a frame to stored numbers of shape
        (rows, columns).

    Raises
    ------
    NotSupportedError
        If the encoding is none that holds CT slices.
    MissingExtraError
        If no decoder for it is installed; the message says what to install.
    """
    codec = CODECS.get(transfer_syntax)
    if codec is None:
        raise NotSupportedError(
            f"The pixels are encoded as {transfer_syntax}, which is not read; known are "
            f"{', '.join(sorted({known.name for known in CODECS.values()}))} and uncompressed data."
        )
    if codec.ours and _installed("imagecodecs"):
        return "imagecodecs", _imagecodecs(codec.ours, layout)
    usable = _plugins(transfer_syntax)
    for plugin in (*codec.built_in, *codec.others):
        if plugin in usable:
            return plugin, _through_pydicom(transfer_syntax, plugin, layout=layout)
    raise MissingExtraError(
        f"The pixels are compressed as {codec.name} ({transfer_syntax}), for which no decoder is "
        f"installed; install one with: {EXTRA}"
    )


def encoding_name(transfer_syntax: str) -> str:
    """Return an encoding in words."""
    codec = CODECS.get(transfer_syntax)
    if codec is None:
        return "not compressed" if transfer_syntax in NATIVE else transfer_syntax
    return codec.name


def is_lossless(transfer_syntax: str) -> bool:
    """Say whether an encoding keeps every stored number."""
    codec = CODECS.get(transfer_syntax)
    return codec is None or codec.lossless


def _installed(library: str) -> bool:
    return find_spec(library) is not None


def _imagecodecs(function: str, layout: Layout) -> Decoder:
    decode: Any = getattr(import_module("imagecodecs"), function)

    def _decode(frame: bytes) -> NDArray[Any]:
        try:
            return _checked(np.asarray(decode(frame)), layout)
        except (RuntimeError, ValueError) as error:
            raise DataError("its compressed pixels are damaged or cut off") from error

    return _decode


def _plugins(transfer_syntax: str) -> tuple[str, ...]:
    """Return pydicom's usable plug-ins; a retired encoding borrows those of its living twin."""
    twin = JPEG_EXTENDED if transfer_syntax in RETIRED else transfer_syntax
    return tuple(get_decoder(UID(twin)).available_plugins)


def _through_pydicom(transfer_syntax: str, plugin: str, *, layout: Layout) -> Decoder:
    twin = JPEG_EXTENDED if transfer_syntax in RETIRED else transfer_syntax
    engine = get_decoder(UID(twin))
    described: Any = {  # pydicom types its options as a dictionary of their own
        "rows": layout.rows,
        "columns": layout.columns,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "pixel_representation": int(layout.signed),
        "bits_allocated": layout.bits_allocated,
        "bits_stored": layout.bits_stored,
        "number_of_frames": 1,
        "pixel_keyword": "PixelData",
    }

    def _decode(frame: bytes) -> NDArray[Any]:
        try:
            values, _ = engine.as_array(
                encapsulate([frame]), decoding_plugin=plugin, raw=True, **described
            )
        except (RuntimeError, ValueError, AttributeError, TypeError, IndexError) as error:
            raise DataError("its compressed pixels are damaged or cut off") from error
        return _checked(values, layout)

    return _decode


def _checked(values: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Return decoded numbers in the header's type; codecs know nothing of signs."""
    if values.shape != (layout.rows, layout.columns):
        raise DataError(
            f"its compressed pixels are of shape {values.shape}, its header claims "
            f"({layout.rows}, {layout.columns})"
        )
    if values.dtype.itemsize == layout.dtype.itemsize:
        return values.view(layout.dtype.newbyteorder("="))
    return values.astype(layout.dtype.newbyteorder("="))
