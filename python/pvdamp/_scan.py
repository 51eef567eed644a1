"""Scans and images on disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from . import _pvdamp, _reader
from ._warning import warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    Path = str | os.PathLike[str]


class Scan:
    """A scan on disk, read slice by slice; `open` opens it.

    ``scan[3]`` is k-space of a slice, ``(coils, rows, cols)``, ``scan[2:5]`` of several, complex64, with the origin of
    each axis of n samples at ``n // 2``; nothing is kept in memory. It can be handed to other processes.
    """

    def __init__(
        self,
        path: Path,
        dataset: str | None = None,
        axes: str | None = None,
        centre: str = "auto",
        directions: str | None = None,
    ) -> None:
        #: The file.
        self.path: str = os.fspath(path)
        self._options = (dataset, axes, centre, directions)
        self._scan = _pvdamp.Scan(self.path, dataset, axes, centre, directions, _reader.command())

    def __reduce__(self) -> tuple[type[Scan], tuple[Any, ...]]:
        # whoever gets it opens the file for himself
        return Scan, (os.path.abspath(self.path), *self._options)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """``(slices, coils, rows, cols)``."""
        return self._scan.shape

    @property
    def dtype(self) -> np.dtype[np.complex64]:
        """Of k-space as it is read: complex64."""
        import numpy as np

        return np.dtype(np.complex64)

    @property
    def stored_dtype(self) -> str:
        """Of k-space as the file has it."""
        return self._scan.stored_dtype

    @property
    def format(self) -> str:
        """The kind of file, such as ``fastmri`` or ``ismrmrd``."""
        return self._scan.format

    @property
    def crop(self) -> tuple[int, int]:
        """Rows and columns of the image that the header asks for, centred in the grid; the grid without a header."""
        return self._scan.crop

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """The mask that the file has, ``(rows, cols)``."""
        return self._scan.mask

    @property
    def prob(self) -> NDArray[np.float64] | None:
        """The sampling probability that the file has, ``(rows, cols)``."""
        return self._scan.prob

    @property
    def noise_covariance(self) -> NDArray[np.complex128] | None:
        """``(coils, coils)``, where the file has a noise scan or a covariance."""
        return self._scan.noise_covariance

    @property
    def places(self) -> list[int]:
        """Which place each slice shows: frames and echoes of a place share coil sensitivity maps."""
        return self._scan.places

    @property
    def voxel_mm(self) -> list[float] | None:
        """Size of a pixel along rows, columns and slices, in mm, where the file tells."""
        return self._scan.voxel_mm

    @property
    def header(self) -> str | None:
        """The ISMRMRD header, XML, where the file has one."""
        return self._scan.header

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the file."""
        return self._scan.attributes

    @property
    def warnings(self) -> list[str]:
        """What was left out or looks odd, a sentence each."""
        return self._scan.warnings

    def reference(self, index: int) -> NDArray[np.float32] | None:
        """The reference image of a slice in the file, ``(rows, cols)``, such as fastMRI's ``reconstruction_rss``."""
        return self._scan.reference(_index(index, len(self)))

    def __len__(self) -> int:
        """Number of slices."""
        return self.shape[0]

    def __iter__(self) -> Iterator[NDArray[np.complex64]]:
        """K-space of each slice, ``(coils, rows, cols)``."""
        return (self._scan.read(index) for index in range(len(self)))

    def __getitem__(self, index: int | slice) -> NDArray[np.complex64]:
        """K-space of a slice, ``(coils, rows, cols)``, or of several, ``(slices, coils, rows, cols)``."""
        return _read(self._scan.read, index, self.shape)

    def __repr__(self) -> str:
        slices, coils, rows, cols = self.shape
        return f"<Scan {self.path!r}: {slices} slice(s), {coils} coil(s), {rows}x{cols}, {self.format}>"


class ImageFile:
    """Images on disk, read slice by slice; `open_images` opens them.

    ``images[3]`` is an image, ``(rows, cols)``, ``images[:]`` all of them, ``(slices, rows, cols)``; complex64 or
    float32.
    """

    def __init__(self, path: Path) -> None:
        #: The file, with its dataset behind a colon where that was named.
        self.path: str = os.fspath(path)
        self._images = _pvdamp.ImageFile(self.path, _reader.command())

    def __reduce__(self) -> tuple[type[ImageFile], tuple[Any, ...]]:
        return ImageFile, (os.path.abspath(self.path),)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(slices, rows, cols)``."""
        return self._images.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of images as they are read: complex64, or float32."""
        import numpy as np

        return np.dtype(np.complex64 if self._images.is_complex else np.float32)

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the file."""
        return self._images.attributes

    @property
    def warnings(self) -> list[str]:
        """What was left out or looks odd, a sentence each."""
        return self._images.warnings

    def __len__(self) -> int:
        """Number of slices."""
        return self.shape[0]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Each image, ``(rows, cols)``."""
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int | slice) -> NDArray[Any]:
        """An image, ``(rows, cols)``, or several, ``(slices, rows, cols)``."""
        images = _read(self._images.read, index, self.shape)
        return images if self._images.is_complex else images.real.copy()

    def __repr__(self) -> str:
        slices, rows, cols = self.shape
        return f"<ImageFile {self.path!r}: {slices} slice(s), {rows}x{cols}, {self.dtype}>"


def open(
    path: Path,
    *,
    dataset: str | None = None,
    axes: str | None = None,
    centre: str = "auto",
    directions: str | None = None,
) -> Scan:
    """Open a scan in any format that the program reads; what it is follows from what is in it.

    fastMRI and Calgary-Campinas HDF5, ISMRMRD raw data, NumPy ``.npy`` and ``.npz``, BART ``.cfl``, and arrays of other
    axes in HDF5. HDF5 is read by a process of its own, so that a damaged file cannot do harm; links to other files are
    not followed.

    Parameters
    ----------
    path
        The file.
    dataset
        Dataset of the k-space.
    axes
        What the axes of k-space mean, slowest first, such as ``"slice,coil,kx,ky"``.
    centre
        Where zero frequency lies: ``"auto"``, ``"as-is"``, or indices such as ``"ky=32"``.
    directions
        Whether images run ``"along"`` or ``"against"`` the directions of raw data.

    Returns
    -------
    Scan
        Its slices are read as they are asked for.

    Raises
    ------
    OSError
        A file that is not there or cannot be read; the sentence says what to do.
    ValueError
        Words that mean nothing.

    Warns
    -----
    PvdampWarning
        What was left out of the file, or looks odd.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> folder = tempfile.mkdtemp()
    >>> np.save(f"{folder}/scan.npy", simulate((32, 48), coils=4, slices=2).kspace)
    >>> scan = open(f"{folder}/scan.npy")
    >>> scan.shape, scan[0].shape
    ((2, 4, 32, 48), (4, 32, 48))
    >>> result = reconstruct(scan, slices=[1])
    >>> write(f"{folder}/image.nii.gz", result)[0].endswith("image.nii.gz")
    True
    """
    scan = Scan(path, dataset, axes, centre, directions)
    warn(scan.warnings)
    return scan


def open_images(path: Path) -> ImageFile:
    """Open images in HDF5, NumPy or BART: results of the program, references, or an array.

    Parameters
    ----------
    path
        ``FILE`` or ``FILE:DATASET``; of a result its ``reconstruction`` unless named, as ``out.h5:image``.

    Returns
    -------
    ImageFile
        Its images are read as they are asked for.

    Raises
    ------
    OSError
        A file that is not there, cannot be read, or holds no images.

    Warns
    -----
    PvdampWarning
        What was left out of the file.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> np.save(path := f"{tempfile.mkdtemp()}/images.npy", np.ones((3, 32, 48), np.float32))
    >>> images = open_images(path)
    >>> images.shape, images[-1].dtype
    ((3, 32, 48), dtype('float32'))
    """
    images = ImageFile(path)
    warn(images.warnings)
    return images


def _index(index: int, count: int) -> int:
    at = index + count if index < 0 else index
    if not 0 <= at < count:
        raise IndexError(f"slice {index}; expected one of 0 to {count - 1}")
    return at


def _read(read: Any, index: int | slice, shape: tuple[int, ...]) -> NDArray[np.complex64]:
    """One slice, or several in one array, which has room for all before the first is read."""
    import numpy as np

    if not isinstance(index, slice):
        one: NDArray[np.complex64] = read(_index(index, shape[0]))
        return one
    chosen = range(*index.indices(shape[0]))
    all_ = np.empty((len(chosen), *shape[1:]), np.complex64)
    for at, number in enumerate(chosen):
        all_[at] = read(number)
    return all_
