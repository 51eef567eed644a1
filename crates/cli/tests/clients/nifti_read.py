"""Reads NIfTI files by nibabel and holds them to a result in HDF5.

nifti_read.py RESULT.h5 FILE... : every voxel has the value of the pixel that the geometry of the result puts there.
Without places in the result: values, voxel sizes, and no claim of a place.
"""

import sys

import h5py
import nibabel
import numpy as np

result, *files = sys.argv[1:]
with h5py.File(result) as h:
    images = h["reconstruction"][:]
    placements = h["geometry"][:]
    voxel = h["geometry"].attrs["voxel_mm"]
rows, cols = images.shape[1:]

for name in files:
    nifti = nibabel.load(name)
    header = nifti.header
    data = nifti.get_fdata(dtype=np.float32)
    assert header.get_data_dtype() == np.float32
    assert header.get_xyzt_units()[0] == "mm"
    assert data.shape == (rows, cols, len(images)), data.shape
    assert np.allclose(header.get_zooms()[:2], voxel[:2])
    assert header["descrip"].item().decode().startswith(("reconstructed by pvdamp", "images")), header["descrip"]
    codes = int(header["sform_code"]), int(header["qform_code"])
    if len(placements) == 0:
        assert codes == (0, 0)
        assert np.allclose(header.get_zooms()[2], voxel[2])
        assert np.array_equal(data, images.transpose(1, 2, 0))
        continue
    assert codes == (1, 1)
    assert np.allclose(nifti.get_qform(), nifti.get_sform(), atol=1e-4)
    back = np.linalg.inv(nifti.affine)
    r, c = np.meshgrid(np.arange(rows), np.arange(cols), indexing="ij")
    for image, (centre, along_rows, along_cols, _) in zip(images, placements):
        r_mm = (r - rows // 2)[..., None] * voxel[0] * along_rows
        c_mm = (c - cols // 2)[..., None] * voxel[1] * along_cols
        place = (centre + r_mm + c_mm) * [-1, -1, 1]
        index = place @ back[:3, :3].T + back[:3, 3]
        whole = np.rint(index).astype(int)
        assert np.abs(index - whole).max() < 1e-3, np.abs(index - whole).max()
        assert np.array_equal(data[tuple(np.moveaxis(whole, -1, 0))], image)
print(len(files), "files,", "orientation", "".join(nibabel.aff2axcodes(nifti.affine)))
