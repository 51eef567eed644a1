"""Holds arrays in .npy to datasets in HDF5: numpy_read.py FILE.npy=FILE.h5:DATASET ..."""

import sys

import h5py
import numpy as np

for pair in sys.argv[1:]:
    name, place = pair.split("=")
    file, dataset = place.split(":")
    array = np.load(name)
    with h5py.File(file) as h:
        stored = h[dataset][:]
    assert array.dtype == np.complex64 and array.flags.c_contiguous
    assert array.shape == stored.shape, (array.shape, stored.shape)
    assert np.array_equal(array, stored), name
print("equal")
