"""Threads, forks, signals and memory."""

import gc
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import quick, same

import pvdamp

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
linux = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc")

ENDLESS = """
import numpy as np, pvdamp, sys
scan = pvdamp.simulate((64, 64), coils=4)
mask, _ = pvdamp.sampling.bernoulli((64, 64), 2, acs=20)
started = lambda slice, stage, iteration: iteration == 1 and print("started", flush=True)
try:
    pvdamp.reconstruct(scan.kspace, mask, method="pvdamp", iterations=10_000_000, progress=started)
except KeyboardInterrupt:
    print("stopped", pvdamp.simulate((32, 32)).image.shape)
"""


def test_threads_change_nothing(head):
    one = quick(head.kspace, head.mask, threads=1, uncertainty=True)
    for threads in (2, 3, None):
        other = quick(head.kspace, head.mask, threads=threads, uncertainty=True)
        assert same(one.image, other.image) and same(one.std, other.std)


def test_several_python_threads_at_once(head):
    usual = quick(head.kspace, head.mask).image
    found = []
    work = [threading.Thread(target=lambda: found.append(quick(head.kspace, head.mask).image)) for _ in range(6)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert len(found) == 6 and all(same(image, usual) for image in found)


def test_pythons_lock_is_free_meanwhile(head):
    counted = [0]
    done = threading.Event()

    def count():
        while not done.is_set():
            counted[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    before = counted[0]
    quick(head.kspace, head.mask, method="pvdamp", iterations=300)
    after = counted[0]
    done.set()
    thread.join()
    assert after - before > 10


@posix
def test_ctrl_c_ends_a_reconstruction_and_python_goes_on():
    with subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert out == "stopped (32, 32)\n" and process.returncode == 0


def in_child(work):
    """What `work` gives in a forked child, which must not hang."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = pickle.dumps(work())
        except BaseException as error:
            answer = pickle.dumps(repr(error))
        with os.fdopen(writer, "wb") as out:
            out.write(answer)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        found = pickle.loads(answer.read())
    os.waitpid(child, 0)
    return found


@pytest.fixture
def scan(program, tmp_path):
    program("-q", "simulate", "--size", "48x40", "--coils", "3", "--slices", "3", "-o", "scan.h5")
    return pvdamp.open(tmp_path / "scan.h5")


@posix
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_reconstructs_and_so_does_its_parent_after(head, scan):
    usual, slices = quick(head.kspace, head.mask).image, [scan[index] for index in range(3)]
    assert same(in_child(lambda: quick(head.kspace, head.mask).image), usual)
    # one that lets go of the scan leaves it to its parent

    def let_go():
        nonlocal scan
        read = scan[2]
        scan = None
        gc.collect()
        return read

    assert same(in_child(lambda: scan[1]), slices[1])
    assert same(in_child(let_go), slices[2])
    assert same(scan[0], slices[0]) and same(quick(head.kspace, head.mask).image, usual)


def of_slice(work):
    scan, index = work
    return pvdamp.reconstruct(scan, slices=[index], iterations=3).image[0]


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_workers_of_every_kind_reconstruct_slices(scan, start):
    if start not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {start}")
    usual = pvdamp.reconstruct(scan, iterations=3).image
    with multiprocessing.get_context(start).Pool(2) as pool:
        found = pool.map_async(of_slice, [(scan, index) for index in range(3)]).get(60)
    assert all(same(image, usual[index]) for index, image in enumerate(found))


class Slices:
    """A data set as PyTorch has them."""

    def __init__(self, scan):
        self.scan = scan

    def __len__(self):
        return len(self.scan)

    def __getitem__(self, index):
        return pvdamp.reconstruct(self.scan, slices=[index], iterations=3).magnitude[0]


@pytest.mark.filterwarnings("ignore")
def test_workers_of_a_data_loader(scan):
    torch = pytest.importorskip("torch")
    usual = pvdamp.reconstruct(scan, iterations=3).magnitude
    for workers in (0, 2):
        loader = torch.utils.data.DataLoader(Slices(scan), num_workers=workers, timeout=60 if workers else 0)
        found = [batch[0].numpy() for batch in loader]
        assert all(same(np.ascontiguousarray(image), usual[index]) for index, image in enumerate(found))


def test_a_scan_can_be_pickled(scan):
    again = pickle.loads(pickle.dumps(scan))
    assert again.shape == scan.shape and same(again[1], scan[1])


@linux
def test_scans_leave_no_process_and_no_file_open(scan):
    def children():
        with open(f"/proc/self/task/{os.getpid()}/children") as listed:
            return len(listed.read().split())

    def held():
        gc.collect()
        return len(os.listdir("/proc/self/fd")), children()

    before = held()
    for _ in range(30):
        pvdamp.open(scan.path)[0]
        with pytest.raises(OSError):
            pvdamp.open(__file__)
    assert held() == before


@linux
def test_a_thousand_reconstructions_take_no_more_memory(python):
    python(
        """
import gc, pvdamp
scan = pvdamp.simulate((32, 32), coils=2)
mask, _ = pvdamp.sampling.bernoulli((32, 32), 2, acs=16)
def resident():
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096
def some(count):
    for _ in range(count):
        pvdamp.reconstruct(scan.kspace, mask, method="pvdamp", iterations=2, uncertainty=True)
some(200)
before = resident()
some(1000)
assert resident() - before < 8e6, (before, resident())
"""
    )


def test_the_package_alone_imports_little(python):
    python(
        "import sys, pvdamp; assert not {'numpy', 'scipy', 'json', 'multiprocessing'} & set(sys.modules), sys.modules"
    )
