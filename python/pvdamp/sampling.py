"""Sampling masks, each with the probability that it samples each location.

All of them are ``(rows, cols)``, with the origin of each axis of n locations at index ``n // 2``. P-VDAMP divides by
the probability; where it is not known, `estimate_density` finds it from the mask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from . import _arrays, _pvdamp
from ._options import given, number, whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Drawn", "bernoulli", "estimate_density", "lines_equispaced", "lines_random", "poisson_disc"]


class Drawn(NamedTuple):
    """A mask, and the probability that it samples each location."""

    #: ``(rows, cols)``, bool.
    mask: NDArray[np.bool_]
    #: ``(rows, cols)``, float64, above 0 where the mask samples.
    prob: NDArray[np.float64]


def bernoulli(
    shape: tuple[int, int],
    acceleration: float,
    *,
    acs: int | tuple[int, int] | None = None,
    order: float | None = None,
    seed: int = 0,
) -> Drawn:
    """Draw a mask that samples every location by itself, with a density that falls from the centre.

    Parameters
    ----------
    shape
        Rows and columns of k-space.
    acceleration
        R: locations over samples.
    acs
        Fully sampled centre: a side, or rows and columns. 24 unless given, or the axis where that is shorter.
    order
        How steeply the density falls: 0 is uniform, 2 usual.
    seed
        Of the draw.

    Returns
    -------
    Drawn
        ``mask`` and ``prob``.

    Raises
    ------
    ValueError
        An acceleration that cannot be reached with this centre, or a setting that makes no sense.

    References
    ----------
    Lustig, Donoho and Pauly, Magn Reson Med 58:1182 (2007).

    Examples
    --------
    >>> mask, prob = bernoulli((64, 64), 4, seed=1)
    >>> mask.shape, mask.dtype, bool(3.5 < mask.size / mask.sum() < 4.5)
    ((64, 64), dtype('bool'), True)
    """
    return _draw("bernoulli", shape, acceleration, acs, None, order, seed)


def poisson_disc(
    shape: tuple[int, int],
    acceleration: float,
    *,
    acs: int | tuple[int, int] | None = None,
    order: float | None = None,
    seed: int = 0,
) -> Drawn:
    """Draw a mask whose samples keep a distance that grows from the centre outwards.

    Parameters
    ----------
    shape, acceleration, acs, order, seed
        As of `bernoulli`.

    Returns
    -------
    Drawn
        ``mask`` and ``prob``.

    Raises
    ------
    ValueError
        An acceleration that cannot be reached with this centre, or a setting that makes no sense.

    References
    ----------
    Cook, ACM Trans Graph 5:51 (1986); Vasanawala et al., ISBI 2011, p. 1039.

    Examples
    --------
    >>> mask, prob = poisson_disc((64, 64), 4, acs=(16, 12))
    >>> bool(mask[24:40, 26:38].all()), bool((prob[mask] > 0).all())
    (True, True)
    """
    return _draw("poisson-disc", shape, acceleration, acs, None, order, seed)


def lines_random(
    shape: tuple[int, int],
    acceleration: float,
    *,
    acs: int | None = None,
    acs_fraction: float | None = None,
    seed: int = 0,
) -> Drawn:
    """Draw phase-encode lines, each by itself: fastMRI's random mask of the same seed.

    Parameters
    ----------
    shape
        Rows, the readout, and columns, the phase encodes.
    acceleration
        R: lines over lines sampled.
    acs
        Lines of the fully sampled centre.
    acs_fraction
        The same as a share of all lines, in place of ``acs``; 0.32/R where neither is given.
    seed
        Of the draw.

    Returns
    -------
    Drawn
        ``mask`` and ``prob``, the same in all rows.

    Raises
    ------
    ValueError
        An acceleration that cannot be reached with this centre, or a setting that makes no sense.

    References
    ----------
    Zbontar et al., arXiv:1811.08839.

    Examples
    --------
    >>> mask, prob = lines_random((64, 64), 4, acs_fraction=0.08, seed=3)
    >>> bool((mask == mask[0]).all())
    True
    """
    return _draw("lines-random", shape, acceleration, acs, acs_fraction, None, seed)


def lines_equispaced(
    shape: tuple[int, int],
    acceleration: float,
    *,
    acs: int | None = None,
    acs_fraction: float | None = None,
    seed: int = 0,
) -> Drawn:
    """Draw phase-encode lines at one distance beyond the centre: fastMRI's equispaced mask of the same seed.

    Parameters
    ----------
    shape, acceleration, acs, acs_fraction, seed
        As of `lines_random`.

    Returns
    -------
    Drawn
        ``mask`` and ``prob``, the same in all rows.

    Raises
    ------
    ValueError
        An acceleration that cannot be reached with this centre, or a setting that makes no sense.

    References
    ----------
    Zbontar et al., arXiv:1811.08839.

    Examples
    --------
    >>> mask, prob = lines_equispaced((64, 64), 4, acs=8)
    >>> bool(mask[:, 28:36].all())
    True
    """
    return _draw("lines-equispaced", shape, acceleration, acs, acs_fraction, None, seed)


def _draw(
    family: str,
    shape: tuple[int, int],
    acceleration: float,
    acs: int | tuple[int, int] | None,
    acs_fraction: float | None,
    order: float | None,
    seed: int,
) -> Drawn:
    if acs is not None and acs_fraction is not None:
        raise ValueError("acs and acs_fraction both say how large the centre is; give one of them")
    centre: int | float | tuple[int, int] | None = given(number, acs_fraction, "acs_fraction")
    if acs is not None:
        centre = _arrays.shape_of(acs) if hasattr(acs, "__iter__") else whole(acs, "acs")
    factor, steepness = number(acceleration, "acceleration"), given(number, order, "order")
    drawn = _pvdamp.draw_mask(family, _arrays.shape_of(shape), factor, centre, steepness, whole(seed, "seed"))
    return Drawn(*drawn)


def estimate_density(mask: Any) -> NDArray[np.float64]:
    """Estimate the probability with which each location was sampled, from the mask alone.

    Parameters
    ----------
    mask
        ``(rows, cols)``, bool or 0 and 1.

    Returns
    -------
    ndarray
        ``(rows, cols)``, float64: 1 in the fully sampled centre, a smooth function of the radius beyond it.

    Raises
    ------
    ValueError
        A mask of another shape, or without samples.

    Examples
    --------
    >>> import numpy as np
    >>> mask, prob = bernoulli((128, 128), 4, seed=1)
    >>> bool(np.median(np.abs(estimate_density(mask) / prob - 1)) < 0.1)
    True
    """
    return _pvdamp.estimate_density(_arrays.mask_of(mask))
