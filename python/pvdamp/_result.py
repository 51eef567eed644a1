"""What a reconstruction gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _pvdamp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ._scan import Scan


class Reconstruction:
    """Images, and what was done to make them.

    Arrays of several slices have an axis of slices before all others. Images are in the units of the k-space, and not
    cropped.

    Attributes
    ----------
    image : ndarray
        ``(rows, cols)``, complex64.
    unbiased : ndarray or None
        Truth plus noise of known variance, ``(rows, cols)``, complex64, of the method ``pvdamp`` with one set of maps.
    std : ndarray or None
        Error bars of `image`, where they were asked for: predicted standard deviation of the real part of its error,
        and of the imaginary part, ``(rows, cols)``, float32; NaN where they cannot be computed.
    unbiased_std : ndarray or None
        Error bars of `unbiased`, likewise.
    maps : ndarray or None
        Coil sensitivity maps that were used, ``(sets, coils, rows, cols)``, complex64, where they were kept.
    records : list of dict
        What was done to each slice: method, sampling, maps, noise, iterations with their state evolution, times, notes
        and warnings. They are those of result files (``docs/formats.md``).
    warnings : tuple of str
        What a user should know before he believes the images, a sentence each.
    of : tuple or None
        The scan that the images are of, and which of its slices.
    """

    def __init__(
        self,
        image: NDArray[np.complex64],
        unbiased: NDArray[np.complex64] | None,
        std: NDArray[np.float32] | None,
        unbiased_std: NDArray[np.float32] | None,
        maps: NDArray[np.complex64] | None,
        records: list[dict[str, Any]],
        warnings: tuple[str, ...],
        of: tuple[Scan, list[int]] | None = None,
    ) -> None:
        self.image = image
        self.unbiased = unbiased
        self.std = std
        self.unbiased_std = unbiased_std
        self.maps = maps
        self.records = records
        self.warnings = warnings
        self.of = of

    @property
    def magnitude(self) -> NDArray[np.float32]:
        """Magnitude of `image`, float32."""
        return _pvdamp.magnitude(self.image)

    @property
    def record(self) -> dict[str, Any]:
        """What was done to the only slice.

        Raises
        ------
        ValueError
            There are several slices, which have a record each: `records`.
        """
        if len(self.records) != 1:
            raise ValueError(f"there are {len(self.records)} slices, which have a record each; take records")
        return self.records[0]

    @property
    def method(self) -> str:
        """The method that made the images."""
        return str(self.records[0]["method"]) if self.records else ""

    def __repr__(self) -> str:
        names = ("unbiased", "std", "unbiased_std", "maps")
        there = [name for name in names if getattr(self, name) is not None]
        beside = f", with {', '.join(there)}" if there else ""
        return f"<Reconstruction {self.image.shape} by {self.method}{beside}; {len(self.warnings)} warning(s)>"
