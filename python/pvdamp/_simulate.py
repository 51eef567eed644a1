"""Simulated scans."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import _arrays, _pvdamp
from ._options import number, whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Simulation(NamedTuple):
    """A simulated scan, and what it was made from."""

    #: Fully sampled k-space, ``(coils, rows, cols)``, with noise.
    kspace: NDArray[np.complex64]
    #: The true image, ``(rows, cols)``; 0 in air.
    image: NDArray[np.complex64]
    #: The true coil sensitivity maps, ``(coils, rows, cols)``, their sum of squares 1 at every pixel.
    maps: NDArray[np.complex64]


def simulate(
    shape: tuple[int, int] = (256, 256),
    *,
    coils: int = 8,
    slices: int | None = None,
    noise: float = 0.01,
    seed: int = 0,
) -> Simulation:
    """Simulate a head in a coil array.

    Parameters
    ----------
    shape
        Rows and columns of image and k-space.
    coils
        Number of coils.
    slices
        Number of slices, evenly spaced through one head. Arrays then have an axis of slices before all others.
    noise
        Standard deviation of the complex noise of a k-space sample in each coil, in units of the image, whose brightest
        tissue is about 1.
    seed
        Of anatomy, maps, phase and noise.

    Returns
    -------
    Simulation
        ``kspace``, ``image`` and ``maps``, complex64.

    Raises
    ------
    ValueError
        A setting that is zero, negative or too large.

    Examples
    --------
    >>> scan = simulate((32, 48), coils=4, seed=2)
    >>> scan.kspace.shape, scan.image.shape, scan.maps.shape
    ((4, 32, 48), (32, 48), (4, 32, 48))
    >>> simulate((32, 48), coils=4, slices=3).kspace.shape
    (3, 4, 32, 48)
    """
    count = 1 if slices is None else whole(slices, "slices")
    kspace, image, maps = _pvdamp.simulate(
        _arrays.shape_of(shape), whole(coils, "coils"), count, number(noise, "noise"), whole(seed, "seed")
    )
    if slices is None:
        return Simulation(kspace[0], image[0], maps[0])
    return Simulation(kspace, image, maps)
