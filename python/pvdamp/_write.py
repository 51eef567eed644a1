"""Images on their way to disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from . import _arrays, _pvdamp
from ._result import Reconstruction
from ._warning import warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ._scan import Path, Scan


def write(
    path: Path, images: Reconstruction | Any, *, like: Scan | None = None, part: str | Sequence[str] = ()
) -> list[str]:
    """Write images in the format that the name of the file says.

    ``.nii``, ``.nii.gz``, ``.dcm`` and ``.png`` hold magnitudes, or the parts that are named; ``.npy`` and ``.cfl``
    complex images; any other name is HDF5, which holds everything that a reconstruction has, as the program's results
    do. What a scan knows goes with its images: place and size in the scanner, and the crop that its header asks for,
    which HDF5 applies to the magnitude alone. A file appears whole or not at all.

    Parameters
    ----------
    path
        The file.
    images
        A `Reconstruction`, or an array ``(rows, cols)`` or ``(slices, rows, cols)``, real or complex.
    like
        The scan that an array shows, of as many slices. A reconstruction of a scan knows it.
    part
        Of NIfTI and DICOM: ``"mag"``, ``"phase"``, ``"real"``, ``"imag"`` or several, each in a file of its own.

    Returns
    -------
    list of str
        The files that were written.

    Raises
    ------
    OSError
        A file that cannot be written, or that the scan is read from.
    ValueError
        Images that are not of the scan, or that the format cannot hold.

    Warns
    -----
    PvdampWarning
        Negative values in a format that holds magnitudes.
    """
    import numpy as np

    name = os.fspath(path)
    result = images if isinstance(images, Reconstruction) else None
    array = _stack(images if result is None else result.image)
    of = (like, list(range(len(like)))) if like is not None else result.of if result is not None else None
    if of is not None and os.path.exists(name) and os.path.samefile(name, of[0].path):
        raise OSError(f"{name}: the scan is read from it; choose another file")
    known = None if of is None else (of[0]._scan, of[1])
    parts = [part] if isinstance(part, str) else list(part)
    method = "" if result is None else result.method
    negative = array.dtype.kind != "c" and bool((array < 0).any())
    written = _pvdamp.write_images(name, np.asarray(array, np.complex64), known, method, parts)
    if written is not None:
        if negative and not name.lower().endswith((".npy", ".cfl")):
            warn([f"{int((array < 0).sum())} values are negative; their magnitude was written"])
        return [os.fspath(file) for file in written]
    if parts:
        raise ValueError("part= means nothing to HDF5, which holds complex images whole; leave it out")
    arrays: dict[str, Any] = dict.fromkeys(("magnitude", "image", "unbiased", "std", "unbiased_std", "maps"))
    if array.dtype.kind == "c":
        arrays["image"] = array
    else:
        arrays["magnitude"] = array
    records: list[dict[str, Any]] = []
    if result is not None:
        several = result.image.ndim == 3
        for field in ("unbiased", "std", "unbiased_std", "maps"):
            value = getattr(result, field)
            arrays[field] = value if value is None or several else value[None]
        records = result.records
    _pvdamp.write_result(name, arrays, known, method, [_line(record) for record in records])
    return [name]


def _line(record: dict[str, Any]) -> str:
    import json

    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def _stack(images: Any) -> NDArray[Any]:
    """Images as ``(slices, rows, cols)``, complex64 or float32."""
    import numpy as np

    array = _arrays.as_numpy(images, "images")
    axes = "(rows, cols) or (slices, rows, cols)"
    if array.dtype.kind == "c":
        stack: NDArray[Any] = _arrays.complex64(array, "images", axes, 2, 3)
    else:
        stack = _arrays.real(array, "images", axes, np.float32, 2, 3)
    return stack if stack.ndim == 3 else stack[None]
