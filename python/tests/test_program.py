"""The program in the package, and that the package gives what the program gives."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import same

import pvdamp

h5py = pytest.importorskip("h5py")


def timeless(value):
    """Without what the clock said."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in ("seconds", "preparation_seconds")}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def stored(path):
    """A result file: arrays, and its records."""
    with h5py.File(path) as file:
        arrays = {name: file[name][()] for name in ("image", "unbiased", "std", "unbiased_std", "maps") if name in file}
        records = [json.loads(line) for line in file["records"][()].decode().split("\n")]
        return arrays, records, file["reconstruction"][()]


def check(result, path):
    """A result holds what the program wrote, bit for bit."""
    arrays, records, magnitude = stored(path)
    for name in ("image", "unbiased", "std", "unbiased_std", "maps"):
        mine = getattr(result, name)
        if mine is not None and result.image.ndim == 2:
            mine = mine[None]
        theirs = arrays.get(name)
        assert same(mine, None if theirs is None else np.ascontiguousarray(theirs)), name
    assert same(result.magnitude if result.image.ndim == 3 else result.magnitude[None], magnitude)
    for mine, theirs in zip(result.records, records, strict=True):
        mine = timeless(mine)
        # where things come from are other words for arrays and for files
        for record in (mine, theirs):
            record["sampling"].pop("origin"), record["sampling"].pop("density")
            record.pop("maps"), record.pop("noise")
        assert mine == theirs


@pytest.fixture
def files(head, volume, tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["kspace"] = head.kspace[None]
    with h5py.File(tmp_path / "full.h5", "w") as file:
        file["kspace"] = head.full[None]
        file["maps"] = head.maps
    with h5py.File(tmp_path / "mask.h5", "w") as file:
        file["mask"], file["prob_map"] = head.mask, head.prob
    with h5py.File(tmp_path / "volume.h5", "w") as file:
        file["kspace"] = volume
    return tmp_path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], {}),
        (["--method", "howl", "--iterations", "7"], {"method": "howl", "iterations": 7}),
        (["--method", "pvdamp", "--uncertainty=3"], {"method": "pvdamp", "uncertainty": 3}),
        (
            ["--method", "pvdamp", "--wavelet", "haar", "--damping", "0.6", "--scales", "2", "--shift", "random:4"],
            {"method": "pvdamp", "wavelet": "haar", "damping": 0.6, "scales": 2, "shift": 4},
        ),
        (
            ["--method", "fista", "--lambda", "0.01", "--iterations", "9"],
            {"method": "fista", "weight": 0.01, "iterations": 9},
        ),
        (["--virtual-coils", "3", "--map-sets", "2"], {"virtual_coils": 3, "map_sets": 2}),
        (
            ["--kernel", "4", "--calibration", "16", "--crop", "0.7", "--recalibrate", "1"],
            {"kernel": 4, "calibration": 16, "crop": 0.7, "recalibrate": 1},
        ),
        (["--method", "pvdamp", "--noise-covariance", "1e-4"], {"method": "pvdamp", "noise_covariance": 1e-4}),
        (["--method", "zero-filled"], {"method": "zero-filled"}),
    ],
)
def test_one_slice_is_what_the_program_makes(head, files, program, words, options):
    program("-q", "recon", "scan.h5", "--save-maps", "-o", "out.h5", *words)
    check(pvdamp.reconstruct(head.kspace, **options), files / "out.h5")
    check(pvdamp.reconstruct(pvdamp.open(files / "scan.h5"), keep_maps=True, **options), files / "out.h5")


def test_mask_probability_and_maps_are_those_of_files(head, files, program):
    program(
        "-q", "recon", "full.h5", "--mask", "mask.h5", "--prob-map", "mask.h5", "--maps", "full.h5:maps", "-o", "out.h5"
    )
    check(pvdamp.reconstruct(head.full, head.mask, prob=head.prob, maps=head.maps, keep_maps=False), files / "out.h5")
    beside = {"prob": files / "mask.h5", "maps": f"{files}/full.h5:maps"}
    scan = pvdamp.open(files / "full.h5")
    check(pvdamp.reconstruct(scan, files / "mask.h5", keep_maps=False, **beside), files / "out.h5")
    with pytest.raises(ValueError, match="mask: ndarray; expected a file"):
        pvdamp.reconstruct(scan, head.mask)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("words", [[], ["--method", "pvdamp", "--uncertainty"]])
def test_several_slices_are_what_the_program_makes(volume, files, program, words):
    program("-q", "recon", "volume.h5", "-o", "out.h5", *words)
    options = {"method": "pvdamp", "uncertainty": True} if words else {}
    check(pvdamp.reconstruct(volume, **options), files / "out.h5")
    scan = pvdamp.open(files / "volume.h5")
    check(pvdamp.reconstruct(scan, **options), files / "out.h5")
    arrays, _, _ = stored(files / "out.h5")
    some = pvdamp.reconstruct(scan, slices=[3, -4], **options)
    assert same(some.image, arrays["image"][[3, 0]]) and [record["slice"] for record in some.records] == [3, 0]


def test_frames_of_a_place_share_maps(head, tmp_path, program):
    frames = np.stack(
        [head.full * pvdamp.sampling.lines_random((64, 56), 2, acs=12, seed=seed).mask for seed in range(4)]
    )
    np.save(tmp_path / "frames.npy", frames)
    program("-q", "recon", "frames.npy", "--axes", "frame,coil,kx,ky", "--save-maps", "-o", "out.h5")
    scan = pvdamp.open(tmp_path / "frames.npy", axes="frame,coil,kx,ky")
    assert scan.places == [0, 0, 0, 0]
    result = pvdamp.reconstruct(scan, keep_maps=True)
    check(result, tmp_path / "out.h5")
    assert same(result.maps[0], result.maps[3])


def test_the_program_says_its_version_and_its_help(program):
    assert program("--version").stdout == f"pvdamp {pvdamp.__version__}\n"
    assert "recon" in program("--help").stdout
    assert "--accel" in program("recon", "--help").stdout


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["recon"], 2, "required"),
        (["recon", "nothing.h5", "-o", "out.h5"], 1, "nothing.h5"),
        (["recon", "scan.h5", "--method", "fista", "-o", "out.h5"], 2, "--lambda"),
        (["recon", "scan.h5", "--damping", "3", "--method", "pvdamp", "-o", "out.h5"], 2, "--damping 3"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_exit_codes(files, program, words, code, sentence):
    assert sentence in program(*words, code=code).stderr
    assert not (files / "out.h5").exists()


def test_the_program_leaves_the_environment_of_hdf5_alone(files, program):
    hostile = os.environ | {"HDF5_DRIVER": "nonsense", "HDF5_PLUGIN_PATH": "/nowhere", "HDF5_USE_FILE_LOCKING": "FALSE"}
    program("-q", "recon", "scan.h5", "--method", "zero-filled", "-o", "out.h5", env=hostile)
    assert stored(files / "out.h5")[2].shape == (1, 64, 56)


def test_its_output_may_be_a_pipe_that_closes():
    command = [sys.executable, "-m", "pvdamp", "recon", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == "" and process.wait(60) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT")
def test_ctrl_c_ends_the_program_and_leaves_nothing(files):
    command = [sys.executable, "-m", "pvdamp", "recon", "volume.h5", "--method", "pvdamp", "-v"]
    command += ["--iterations", "10000000", "-o", "out.h5"]
    with subprocess.Popen(command, cwd=files, stderr=subprocess.PIPE, text=True) as process:
        while "after" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and time.monotonic() - begun < 30
    assert "interrupted" in said
    assert sorted(path.name for path in files.iterdir()) == ["full.h5", "mask.h5", "scan.h5", "volume.h5"]


def test_the_entry_point_is_the_module():
    from importlib.metadata import PackageNotFoundError, entry_points, version

    try:
        assert version("pvdamp") == pvdamp.__version__
    except PackageNotFoundError:
        pytest.skip("the package is not installed")
    [script] = [point for point in entry_points(group="console_scripts") if point.name == "pvdamp"]
    from pvdamp._program import main

    assert script.load() is main
