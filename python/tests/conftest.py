"""Data that the tests share: small simulated scans, and the program as a user starts it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types
from types import SimpleNamespace

import numpy as np
import pytest

import pvdamp

SHAPE = (64, 56)


@pytest.fixture(scope="session")
def head():
    """A scan of four coils, undersampled, with all that is known of it."""
    scan = pvdamp.simulate(SHAPE, coils=4, noise=0.005, seed=1)
    mask, prob = pvdamp.sampling.bernoulli(SHAPE, 2.5, acs=20, seed=1)
    return SimpleNamespace(
        full=scan.kspace, kspace=scan.kspace * mask, mask=mask, prob=prob, maps=scan.maps, image=scan.image
    )


@pytest.fixture(scope="session")
def volume():
    """Four slices: one is empty, one was sampled elsewhere."""
    kspace = pvdamp.simulate(SHAPE, coils=4, slices=4, noise=0.005, seed=2).kspace
    for index in range(4):
        kspace[index] *= pvdamp.sampling.bernoulli(SHAPE, 2.5, acs=20, seed=9 if index == 3 else 1).mask
    kspace[1] = 0
    return kspace


@pytest.fixture
def program(tmp_path):
    """Runs the program in a folder of its own."""

    def run(*arguments, code=0, **options):
        command = [sys.executable, "-m", "pvdamp", *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, **options)
        assert done.returncode == code, done.stderr
        return done

    return run


@pytest.fixture
def python(tmp_path):
    """Runs a script in an interpreter of its own."""

    def run(script, *arguments, code=0):
        command = [sys.executable, "-c", script, *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stderr
        return done

    return run


class Empty(types.ModuleType):
    """A module in which every name is a module like it, if there is one, or an empty class."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return sys.modules.get(f"{self.__name__}.{name}") or type(name, (), {})


@pytest.fixture
def fastmri():
    """Imports modules of fastMRI, whose metrics and masks need none of the packages that its networks do."""
    torch = ["torch", *(f"torch.{part}" for part in "fft nn nn.functional distributed utils utils.data".split())]
    others = ["yaml", "pandas", "requests", "tqdm", "torchvision", "torchmetrics", "pytorch_lightning"]
    names = [name for name in ["torch", *others] if importlib.util.find_spec(name) is None]
    names += torch[1:] if "torch" in names else []
    before = set(sys.modules)

    def load(name):
        # before there is anything that it would take for a torch
        pytest.importorskip("skimage.metrics")
        sys.modules.update((missing, Empty(missing)) for missing in names)
        return pytest.importorskip(name)

    yield load
    for name in set(sys.modules) - before:
        if name in names or name.split(".")[0] == "fastmri":
            del sys.modules[name]


def quick(kspace, mask=None, **options):
    """A reconstruction of a few iterations."""
    return pvdamp.reconstruct(kspace, mask, **{"iterations": 5, **options})


def same(one, other):
    """Whether two arrays are the same bits, or both are missing."""
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()


def spectrum(image):
    """The centred unitary Fourier transform of the last two axes, by NumPy."""
    axes = (-2, -1)
    shifted = np.fft.ifftshift(image, axes)
    return np.fft.fftshift(np.fft.fft2(shifted, axes=axes, norm="ortho"), axes)
