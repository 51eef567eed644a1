"""Scans and images on disk."""

import os

import numpy as np
import pytest
from conftest import quick, same

import pvdamp

h5py = pytest.importorskip("h5py")

HEADER = """<?xml version="1.0"?>
<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><encoding><trajectory>cartesian</trajectory>
<encodedSpace><matrixSize><x>64</x><y>56</y><z>1</z></matrixSize>
<fieldOfView_mm><x>256</x><y>224</y><z>5</z></fieldOfView_mm></encodedSpace>
<reconSpace><matrixSize><x>32</x><y>40</y><z>1</z></matrixSize>
<fieldOfView_mm><x>128</x><y>160</y><z>5</z></fieldOfView_mm></reconSpace></encoding></ismrmrdHeader>"""


def write_bart(path, kspace):
    """(coils, rows, cols) as BART's two files."""
    coils, rows, cols = kspace.shape
    path.with_suffix(".hdr").write_text(f"# Dimensions\n{rows} {cols} 1 {coils}\n")
    kspace.transpose(1, 2, 0).ravel("F").tofile(path)


@pytest.fixture
def scan(volume, tmp_path):
    """A file as fastMRI has them, with a header that crops, a reference and attributes."""
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["kspace"] = volume
        file["ismrmrd_header"] = HEADER
        file["reconstruction_rss"] = np.abs(volume).sum(1)
        file.attrs["acquisition"], file.attrs["max"], file.attrs["numbers"] = "AXT2", 2.5, [1, 2]
    return pvdamp.open(tmp_path / "scan.h5")


def test_a_scan_is_read_slice_by_slice(scan, volume):
    assert scan.shape == (4, 4, 64, 56) and len(scan) == 4 and scan.dtype == np.complex64
    assert scan.format == "fastmri" and scan.stored_dtype == "complex64" and scan.crop == (32, 40)
    for index in (0, 3, -1, np.int64(2)):
        assert same(scan[index], volume[index])
    assert same(scan[1:3], volume[1:3]) and same(scan[::-2], volume[::-2]) and scan[4:].shape == (0, 4, 64, 56)
    assert all(same(mine, theirs) for mine, theirs in zip(scan, volume, strict=True))
    for index in (4, -5):
        with pytest.raises(IndexError, match=rf"^slice {index}; expected one of 0 to 3$"):
            scan[index]
    assert scan.attributes["acquisition"] == "AXT2" and scan.attributes["max"] == 2.5
    assert scan.attributes["numbers"].tolist() == [1, 2]
    assert same(scan.reference(2), np.abs(volume[2]).sum(0)) and scan.header == HEADER
    assert scan.mask is None and scan.prob is None and scan.noise_covariance is None
    assert scan.places == [0, 1, 2, 3] and scan.voxel_mm == [4.0, 4.0, 5.0]
    assert repr(scan).endswith("scan.h5': 4 slice(s), 4 coil(s), 64x56, fastmri>")


def test_a_scan_knows_its_mask(head, tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["kspace"], file["mask"], file["prob_map"] = head.kspace[None], head.mask, head.prob
    scan = pvdamp.open(tmp_path / "scan.h5")
    assert same(scan.mask, head.mask) and same(scan.prob, head.prob)
    assert scan.reference(0) is None


def test_every_kind_of_file(head, tmp_path):
    np.save(tmp_path / "a.npy", head.kspace[None])
    np.savez(tmp_path / "b.npz", kspace=head.kspace[None])
    np.savez_compressed(tmp_path / "c.npz", kspace=head.kspace[None])
    write_bart(tmp_path / "d.cfl", head.kspace)
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file.create_dataset("other", data=head.kspace.transpose(1, 2, 0)[None], compression="gzip")
    np.save(tmp_path / "f.npy", head.kspace)
    for name, options in [
        ("a.npy", {}),
        ("b.npz", {}),
        ("c.npz", {}),
        ("d.cfl", {}),
        ("e.h5", {"dataset": "other", "axes": "slice,kx,ky,coil"}),
        ("f.npy", {"axes": "coil,kx,ky"}),
    ]:
        scan = pvdamp.open(tmp_path / name, **options)
        assert scan.shape == (1, 4, 64, 56) and same(scan[0], head.kspace), name


def test_an_origin_that_lies_elsewhere_is_told(head, tmp_path):
    np.save(tmp_path / "corner.npy", np.fft.ifftshift(head.full, (1, 2))[None])
    with pytest.warns(pvdamp.PvdampWarning, match="origin|zero frequency|corner") as issued:
        scan = pvdamp.open(tmp_path / "corner.npy")
    assert issued[0].filename == __file__ and scan.warnings
    assert same(scan[0], head.full)
    as_is = pvdamp.open(tmp_path / "corner.npy", centre="as-is")
    assert not same(as_is[0], head.full)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"axes": "coil,up,down"}, r'^axes "coil,up,down": '),
        ({"centre": "left"}, r'^centre "left": it is auto, as-is'),
        ({"directions": "up"}, r'^directions "up": it is along or against'),
        ({"directions": "along"}, "means nothing to"),
    ],
)
def test_words_that_mean_nothing(scan, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        pvdamp.open(scan.path, **options)


def test_files_that_cannot_be_read(scan, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.h5"):
        pvdamp.open(tmp_path / "nothing.h5")
    with pytest.raises(OSError, match="folder|directory"):
        pvdamp.open(tmp_path)
    (tmp_path / "text.h5").write_text("no scan\n")
    with pytest.raises(OSError, match="text.h5"):
        pvdamp.open(tmp_path / "text.h5")
    bytes_ = bytearray((tmp_path / "scan.h5").read_bytes())
    bytes_[600:9000:7] = b"\xff" * len(range(600, 9000, 7))
    (tmp_path / "damaged.h5").write_bytes(bytes_)
    with pytest.raises(OSError, match="damaged.h5"):
        pvdamp.open(tmp_path / "damaged.h5")
    (tmp_path / "short.h5").write_bytes((tmp_path / "scan.h5").read_bytes()[:-20_000])
    with pytest.raises(OSError, match="short.h5"):
        pvdamp.open(tmp_path / "short.h5")[3]
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        os.chmod(tmp_path / "text.h5", 0)
        with pytest.raises(PermissionError, match="text.h5"):
            pvdamp.open(tmp_path / "text.h5")
    assert scan[0].shape == (4, 64, 56)


def test_a_scan_that_changes_meanwhile_is_told(scan):
    os.utime(scan.path, (1, 1))
    with pytest.raises(OSError, match="changed"):
        scan[1]


@pytest.mark.filterwarnings("ignore")
def test_a_result_is_written_as_the_program_writes_it(scan, tmp_path, program):
    program("-q", "recon", "scan.h5", "--method", "pvdamp", "--uncertainty", "--save-maps", "-o", "program.h5")
    result = pvdamp.reconstruct(scan, method="pvdamp", uncertainty=True, keep_maps=True)
    assert pvdamp.write(tmp_path / "out.h5", result) == [str(tmp_path / "out.h5")]
    with h5py.File(tmp_path / "out.h5") as mine, h5py.File(tmp_path / "program.h5") as theirs:
        names = {"reconstruction", "image", "unbiased", "std", "unbiased_std", "maps", "geometry", "ismrmrd_header"}
        for name in names & set(theirs):
            assert mine[name].shape == theirs[name].shape and mine[name].dtype == theirs[name].dtype, name
            assert np.array_equal(mine[name][()], theirs[name][()]), name
        assert names - set(theirs) <= {"geometry"} and "records" in mine
        assert mine["reconstruction"].shape == (4, 32, 40)
        assert mine["settings"].attrs["method"] == "pvdamp" and mine.attrs["acquisition"] == "AXT2"
    images = pvdamp.open_images(tmp_path / "out.h5")
    assert images.shape == (4, 32, 40) and images.dtype == np.float32
    assert same(pvdamp.open_images(f"{tmp_path}/out.h5:image")[:], result.image)
    assert len(list(images)) == 4 and images.attributes["max"] == 2.5 and "float32" in repr(images)
    program("-q", "convert", "out.h5", "out.nii")
    with pytest.raises(ValueError, match="was opened as images"):
        pvdamp.reconstruct(images)


@pytest.mark.parametrize("name", ["out.nii", "out.nii.gz", "out.dcm", "out.png", "out.npy", "out.cfl", "out.h5", "out"])
def test_every_format_is_written(head, tmp_path, name):
    result = quick(head.kspace, head.mask)
    for images in (result, result.image, result.magnitude, result.image.astype(np.complex128)):
        written = pvdamp.write(tmp_path / name, images)
        assert written and all(os.path.getsize(file) > 0 for file in written)
    if name in ("out.npy", "out.cfl"):
        assert same(pvdamp.open_images(tmp_path / name)[0], result.image)
    if name in ("out.h5", "out"):
        assert same(pvdamp.open_images(f"{tmp_path / name}:image")[0], result.image)
        assert same(pvdamp.open_images(tmp_path / name)[0], result.magnitude)


@pytest.mark.filterwarnings("ignore")
def test_images_are_cropped_and_placed_as_those_of_the_program(scan, tmp_path, program):
    program("-q", "recon", "scan.h5", "--iterations", "3", "-o", "program.nii")
    result = pvdamp.reconstruct(scan, iterations=3)
    pvdamp.write(tmp_path / "result.nii", result)
    pvdamp.write(tmp_path / "array.nii", result.image, like=scan)
    pvdamp.write(tmp_path / "cropped.nii", result.image[:, 16:48, 8:48], like=scan)

    def pixels(name):
        # behind the header, whose description tells how the file was made
        return (tmp_path / name).read_bytes()[352:]

    assert pixels("result.nii") == pixels("array.nii") == pixels("cropped.nii") == pixels("program.nii")
    nibabel = pytest.importorskip("nibabel")
    mine, theirs = nibabel.load(tmp_path / "result.nii"), nibabel.load(tmp_path / "program.nii")
    assert np.array_equal(mine.affine, theirs.affine) and mine.shape == theirs.shape
    some = pvdamp.write(tmp_path / "some.nii", pvdamp.reconstruct(scan, slices=[2], iterations=3))
    assert nibabel.load(some[0]).shape[2] == 1


def test_parts_of_images(head, tmp_path):
    result = quick(head.kspace, head.mask)
    written = pvdamp.write(tmp_path / "out.nii.gz", result, part=["mag", "phase"])
    assert [os.path.basename(file) for file in written] == ["out_part-mag.nii.gz", "out_part-phase.nii.gz"]
    assert pvdamp.write(tmp_path / "real.nii", result, part="real") == [str(tmp_path / "real.nii")]
    for name, part, sentence in [
        ("out.npy", "real", "part= means nothing to NumPy"),
        ("out.h5", "real", "part= means nothing to HDF5"),
        ("out.nii", "left", r'^part "left": it is mag, phase, real or imag$'),
    ]:
        with pytest.raises(ValueError, match=sentence):
            pvdamp.write(tmp_path / name, result, part=part)


def test_what_cannot_be_written(scan, head, tmp_path):
    image = head.image
    before = (tmp_path / "scan.h5").read_bytes()
    with pytest.raises(OSError, match="the scan is read from it; choose another file"):
        pvdamp.write(scan.path, np.ones((4, 64, 56)), like=scan)
    assert (tmp_path / "scan.h5").read_bytes() == before
    with pytest.raises(OSError, match="no/out.nii"):
        pvdamp.write(tmp_path / "no" / "out.nii", image)
    with pytest.raises(ValueError, match="^image: 1 slices; expected those 4 of the scan"):
        pvdamp.write(tmp_path / "out.nii", image, like=scan)
    with pytest.raises(ValueError, match="image: 63x56; expected 64x56 as k-space of the scan has, or 32x40"):
        pvdamp.write(tmp_path / "out.nii", np.ones((4, 63, 56)), like=scan)
    with pytest.raises(ValueError, match=r"^images: shape"):
        pvdamp.write(tmp_path / "out.nii", image[0])
    with pytest.warns(pvdamp.PvdampWarning, match="1 values are negative; their magnitude was written"):
        pvdamp.write(tmp_path / "out.nii", np.where(np.arange(12).reshape(3, 4) == 5, -1.0, 1.0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.nii", "scan.h5"]
