"""Tuning-free compressed-sensing reconstruction of multi-coil MRI: NumPy in, NumPy out.

>>> import pvdamp
>>> scan = pvdamp.simulate((64, 64), coils=4, noise=0.005, seed=1)
>>> mask, prob = pvdamp.sampling.poisson_disc((64, 64), 3, seed=1)
>>> result = pvdamp.reconstruct(scan.kspace * mask, mask, prob=prob)
>>> result.image.shape, result.image.dtype
((64, 64), dtype('complex64'))
>>> bool(pvdamp.metrics.nmse(scan.image, result.image) < 0.002)
True

K-space is ``(coils, rows, cols)`` or ``(slices, coils, rows, cols)``, complex, with the origin of each axis of n
samples at index ``n // 2``, and zero where nothing was sampled. No regularisation weight has to be chosen.

The functions of this package and the program ``pvdamp``, which comes with it, run the same engine: on the same k-space
with the same options they give the same bits. The repository's ``docs/python.md`` is a guide.
"""

from . import metrics, sampling, wavelet
from ._coils import compress_coils, espirit, estimate_noise, noise_covariance, whiten
from ._encoding import Encoding
from ._pvdamp import __version__
from ._reconstruct import methods, reconstruct
from ._result import Reconstruction
from ._scan import ImageFile, Scan, open, open_images
from ._simulate import Simulation, simulate
from ._warning import PvdampWarning
from ._write import write
from .sampling import estimate_density

__all__ = [
    "Encoding",
    "ImageFile",
    "PvdampWarning",
    "Reconstruction",
    "Scan",
    "Simulation",
    "__version__",
    "compress_coils",
    "espirit",
    "estimate_density",
    "estimate_noise",
    "methods",
    "metrics",
    "noise_covariance",
    "open",
    "open_images",
    "reconstruct",
    "sampling",
    "simulate",
    "wavelet",
    "whiten",
    "write",
]
