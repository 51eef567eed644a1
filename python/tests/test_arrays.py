"""Which arrays are taken, and what is said of those that are not."""

import numpy as np
import pytest
from conftest import quick, same

import pvdamp
from pvdamp import _arrays


@pytest.fixture(scope="module")
def usual(head):
    return quick(head.kspace, head.mask).image


def reversed_views(array):
    return np.ascontiguousarray(array[:, ::-1, ::-1])[:, ::-1, ::-1]


def with_gaps(array):
    wide = np.zeros((array.shape[0], 2 * array.shape[1], 3 * array.shape[2]), array.dtype)
    wide[:, ::2, ::3] = array
    return wide[:, ::2, ::3]


def unaligned(array):
    store = np.zeros(array.nbytes + 1, np.uint8)
    view = store[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned
    return view


def read_only(array):
    frozen = array.copy()
    frozen.flags.writeable = False
    return frozen


@pytest.mark.parametrize(
    "form",
    [
        lambda a: a.astype(np.complex128),
        lambda a: a.astype(">c8"),
        lambda a: a.astype(">c16"),
        np.asfortranarray,
        reversed_views,
        with_gaps,
        unaligned,
        read_only,
        lambda a: np.ascontiguousarray(a.transpose(2, 0, 1)).transpose(1, 2, 0),
        lambda a: a.tolist(),
        lambda a: list(a),
    ],
)
def test_every_form_of_k_space_gives_the_same_image(head, usual, form):
    kspace = form(head.kspace)
    assert same(quick(kspace, head.mask).image, usual)


def test_complex64_in_c_order_is_taken_without_a_copy(head):
    for array in (head.kspace, read_only(head.kspace)):
        assert _arrays.complex64(array, "kspace", "", 3) is array


def test_what_is_given_stays_as_it_is(head):
    kspace, mask, prob = head.kspace.copy(), head.mask.copy(), head.prob.copy()
    quick(kspace, mask, prob=prob, maps=head.maps)
    assert same(kspace, head.kspace) and same(mask, head.mask) and same(prob, head.prob)


def test_whatever_has_dlpack_or_array_is_taken(head, usual):
    class Dlpack:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **options):
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    class Interface:
        def __init__(self, array):
            self.array = array

        def __array__(self, dtype=None, copy=None):
            return self.array

    assert same(quick(Interface(head.kspace), head.mask).image, usual)
    assert same(quick(Dlpack(head.kspace), head.mask).image, usual)


def test_an_array_on_a_gpu_is_refused_with_what_to_do(head):
    class Elsewhere:
        def __array__(self, dtype=None, copy=None):
            raise TypeError("it is on device 0")

    with pytest.raises(ValueError, match=r"^kspace: .*Elsewhere is no array on the CPU \(it is on device 0\); copy it"):
        quick(Elsewhere())


def test_tensors_of_pytorch(head, usual):
    torch = pytest.importorskip("torch")
    kspace, mask = torch.from_numpy(head.kspace.copy()), torch.from_numpy(head.mask.copy())
    assert same(quick(kspace, mask).image, usual)
    assert same(quick(kspace.requires_grad_(True), mask).image, usual)
    assert same(quick(kspace.detach().conj().resolve_conj().conj(), mask).image, usual)
    pairs = torch.view_as_real(kspace.detach())
    with pytest.raises(ValueError, match="view_as_complex"):
        quick(pairs, mask)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a: np.abs(a), r"^kspace: dtype float32; expected complex numbers$"),
        (
            lambda a: np.stack([a.real, a.imag], -1),
            r"expected complex numbers; torch.view_as_complex makes them of pairs$",
        ),
        (
            lambda a: a[0],
            r"^kspace: shape \(64, 56\); expected \(coils, rows, cols\) or \(slices, coils, rows, cols\)$",
        ),
        (lambda a: a[None, None], r"^kspace: shape \(1, 1, 4, 64, 56\)"),
        (lambda a: a[:0], r"^k-space: 0 coils of 64x56; expected at least one coil and one location$"),
        (lambda a: a[:, :0], r"^k-space: 4 coils of 0x56"),
        (lambda a: a[None][:0], r"^k-space: 0 slices"),
        (lambda a: np.where(np.arange(56) == 3, np.nan, a), r"^k-space: .*not finite|NaN"),
        (lambda a: a.astype(np.complex128) * 1e39, r"^kspace: values beyond single precision"),
        (lambda a: np.ma.masked_equal(a, 0), r"^kspace: a masked array"),
        (lambda a: "scan.h5", r"^kspace: "),
        (lambda a: None, r"^kspace: "),
        (lambda a: {1: 2}, r"^kspace: dict is no array of numbers$"),
    ],
)
def test_what_is_no_k_space_is_refused(head, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        quick(change(head.kspace))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, np.complex64])
def test_masks_of_every_type(head, usual, dtype):
    assert same(quick(head.kspace, head.mask.astype(dtype)).image, usual)
    assert same(quick(head.full, np.asfortranarray(head.mask.astype(dtype))).image, usual)


@pytest.mark.parametrize("shape", [(56,), (1, 56)])
def test_masks_and_probabilities_of_lines(head, shape):
    mask, prob = pvdamp.sampling.lines_random((64, 56), 2, acs=20, seed=2)
    whole = quick(head.full, mask, prob=prob).image
    assert same(quick(head.full, mask[0].reshape(shape), prob=prob[0].reshape(shape)).image, whole)


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (np.full((64, 56), 0.5), r"^mask: dtype float64 with values other than 0 and 1"),
        (np.ones((56, 64), bool), r"^sampling mask: 56x64; expected 64x56 as k-space has$"),
        (np.ones(64, bool), r"^mask: shape \(64,\); expected \(64, 56\), or \(56,\) for all rows$"),
        (np.ones((2, 64, 56), bool), r"^mask: shape \(2, 64, 56\)"),
        (np.zeros((64, 56), bool), r"^sampling mask: it samples none"),
        (np.array(["x"]), r"^mask: dtype <U1"),
    ],
)
def test_what_is_no_mask_is_refused(head, mask, sentence):
    with pytest.raises(ValueError, match=sentence):
        quick(head.kspace, mask)


def test_probabilities_that_cannot_be_are_refused(head):
    with pytest.raises(ValueError, match=r"^sampling probability: it is 0 at \d+ locations that the mask samples"):
        quick(head.kspace, head.mask, prob=np.zeros_like(head.prob))
    with pytest.raises(ValueError, match="values that are not between 0 and 1"):
        quick(head.kspace, head.mask, prob=head.prob + 1)
    with pytest.raises(ValueError, match=r"^prob: dtype complex128"):
        quick(head.kspace, head.mask, prob=head.prob + 0j)


def test_maps_of_one_set_and_of_several(head):
    one = quick(head.kspace, maps=head.maps)
    assert same(quick(head.kspace, maps=head.maps[None].astype(np.complex128)).image, one.image)
    assert one.maps.shape == (1, 4, 64, 56)
    two = quick(head.kspace, maps=np.stack([head.maps, np.roll(head.maps, 1, 0)]) / np.sqrt(2))
    assert two.image.shape == (64, 56) and two.maps.shape == (2, 4, 64, 56)
    with pytest.raises(
        ValueError, match=r"^coil sensitivity maps: 1 set\(s\) of 3 coils, 64x56; expected sets of 4 coils"
    ):
        quick(head.kspace, maps=head.maps[:3])


def test_maps_of_each_slice_and_of_all(head):
    kspace = np.stack([head.kspace, head.kspace])
    of_all = quick(kspace, maps=head.maps).image
    each = np.stack([head.maps, head.maps])
    assert same(quick(kspace, maps=each).image, of_all)
    assert same(quick(kspace, maps=each[:, None]).image, of_all)
    assert same(of_all[0], quick(head.kspace, maps=head.maps).image)
    with pytest.raises(ValueError, match="those of 3 slices; expected those of 2, or one for all"):
        quick(kspace, maps=np.stack([head.maps] * 3))


def test_noise_as_a_variance_and_as_a_covariance(head):
    # P-VDAMP takes what it is told; white noise whitens nothing
    of = lambda noise: quick(head.kspace, head.mask, method="pvdamp", noise_covariance=noise)  # noqa: E731
    variance, matrix = of(2.5e-5), of(2.5e-5 * np.eye(4))
    assert same(variance.image, matrix.image) and same(
        of(np.float32(2.5e-5)).image, of(float(np.float32(2.5e-5))).image
    )
    assert of(np.diag([1e-5, 2e-5, 3e-5, 9e-5])).record["coils"]["whitened"]
    for wrong, sentence in [
        (-1.0, "a variance of -1"),
        (np.eye(3), "3x3 values; expected 4x4"),
        (np.arange(4.0), r"shape \(4,\)"),
        (np.full((4, 4), 1j), "no covariance"),
        (np.nan, "a variance of NaN"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            of(wrong)


def test_scale_passes_through(head, usual):
    kept = {"uncertainty": True, "method": "pvdamp"}
    one = quick(head.kspace, head.mask, **kept)
    for factor in (2.0**-23, 2.0**40):
        scaled = quick(head.kspace * np.float32(factor), head.mask, **kept)
        for name in ("image", "unbiased", "std", "unbiased_std"):
            assert np.array_equal(getattr(scaled, name) / np.float32(factor), getattr(one, name)), name
    for factor in (1e-7, 1e13):
        scaled = quick(head.kspace * np.float32(factor), head.mask)
        np.testing.assert_allclose(scaled.image / np.float32(factor), usual, atol=1e-4 * np.abs(usual).max())


def test_all_zero_k_space_gives_zeros_and_a_warning(head):
    with pytest.warns(pvdamp.PvdampWarning, match="k-space is all zero, and so is the image"):
        nothing = quick(np.zeros_like(head.kspace), uncertainty=True)
    assert not nothing.image.any() and not nothing.std.any()


def test_results_own_their_data(head):
    found = quick(head.kspace, head.mask, method="pvdamp", uncertainty=True)
    for name in ("image", "unbiased", "std", "unbiased_std", "maps", "magnitude"):
        array = getattr(found, name)
        assert array.flags.c_contiguous and array.flags.writeable, name
        array[...] = 0
