"""The encoding operator of Cartesian multi-coil MRI."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import _arrays, _pvdamp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Encoding:
    """``A = M F S``: coil sensitivity maps, centred unitary Fourier transform, sampling mask.

    Parameters
    ----------
    maps
        Coil sensitivity maps ``(coils, rows, cols)``, or several sets ``(sets, coils, rows, cols)``, complex. They are
        taken as they are.
    mask
        ``(rows, cols)``, bool or 0 and 1, or ``(cols,)`` for phase-encode lines; all is sampled unless given.

    Raises
    ------
    ValueError
        Arrays whose shapes do not fit.

    Attributes
    ----------
    coils : int
    sets : int or None
        ``None`` of maps ``(coils, rows, cols)``, whose images have no axis of sets.
    shape : tuple of int
        Rows and columns of image and k-space.

    Examples
    --------
    >>> import numpy as np
    >>> scan = simulate((32, 32), coils=4)
    >>> encoding = Encoding(scan.maps, sampling.bernoulli((32, 32), 2, acs=8).mask)
    >>> kspace = encoding.forward(scan.image)
    >>> kspace.shape
    (4, 32, 32)
    >>> left = np.vdot(kspace, scan.kspace)
    >>> right = np.vdot(scan.image, encoding.adjoint(scan.kspace))
    >>> bool(np.isclose(left, right, rtol=1e-4))
    True
    """

    def __init__(self, maps: Any, mask: Any = None) -> None:
        import numpy as np

        given = _arrays.complex64(maps, "maps", "(coils, rows, cols) or (sets, coils, rows, cols)", 3, 4)
        sets = given if given.ndim == 4 else given[None]
        rows, cols = given.shape[-2:]
        self.sets: int | None = given.shape[0] if given.ndim == 4 else None
        self.coils: int = given.shape[-3]
        self.shape: tuple[int, int] = (rows, cols)
        sampled = np.ones(self.shape, bool) if mask is None else _arrays.mask_of(mask, self.shape)
        self._operator = _pvdamp.Encoding(sets, sampled)

    def forward(self, image: Any) -> NDArray[np.complex64]:
        """K-space of an image.

        Parameters
        ----------
        image
            ``(rows, cols)``, or ``(sets, rows, cols)`` where the maps have sets.

        Returns
        -------
        ndarray
            ``(coils, rows, cols)``, complex64, 0 where the mask samples nothing.
        """
        return self._operator.forward(self._images(image))

    def adjoint(self, kspace: Any) -> NDArray[np.complex64]:
        """The adjoint of `forward`: coil images put together by the maps.

        Parameters
        ----------
        kspace
            ``(coils, rows, cols)``; what the mask does not sample counts as 0.

        Returns
        -------
        ndarray
            ``(rows, cols)``, or ``(sets, rows, cols)`` where the maps have sets, complex64.
        """
        return self._of_sets(self._operator.adjoint(_arrays.complex64(kspace, "kspace", "(coils, rows, cols)", 3)))

    def normal(self, image: Any) -> NDArray[np.complex64]:
        """`adjoint` of `forward`, in one call.

        Parameters
        ----------
        image
            As of `forward`.

        Returns
        -------
        ndarray
            As of `adjoint`.
        """
        return self._of_sets(self._operator.normal(self._images(image)))

    def as_linear_operator(self) -> Any:
        """The operator for SciPy's solvers, on flattened arrays.

        Returns
        -------
        scipy.sparse.linalg.LinearOperator
            From images, flattened, to k-space ``(coils, rows, cols)``, flattened; complex64.

        Raises
        ------
        ImportError
            SciPy is not installed.
        """
        import numpy as np

        # SciPy comes without types
        operator: Any = import_module("scipy.sparse.linalg").LinearOperator
        images = self.shape if self.sets is None else (self.sets, *self.shape)
        kspace = (self.coils, *self.shape)
        return operator(
            dtype=np.dtype(np.complex64),
            shape=(int(np.prod(kspace)), int(np.prod(images))),
            matvec=lambda image: self.forward(np.asarray(image, np.complex64).reshape(images)).ravel(),
            rmatvec=lambda values: self.adjoint(np.asarray(values, np.complex64).reshape(kspace)).ravel(),
        )

    def _images(self, image: Any) -> NDArray[np.complex64]:
        axes, ndim = ("(rows, cols)", 2) if self.sets is None else ("(sets, rows, cols)", 3)
        array = _arrays.complex64(image, "image", axes, ndim)
        return array[None] if self.sets is None else array

    def _of_sets(self, images: NDArray[np.complex64]) -> NDArray[np.complex64]:
        return images[0] if self.sets is None else images
