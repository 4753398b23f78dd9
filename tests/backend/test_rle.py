"""Brush masks: the same pixels as label-studio-sdk reads, for any mask."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from label_studio_sdk.converter.brush import decode_rle, encode_rle, mask2rle

from backend.errors import BadRequest
from backend.rle import Mask, decode_mask, encode_cut_out, encode_mask

shapes = hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)
special = shapes.flatmap(
    lambda shape: st.sampled_from(
        [np.zeros(shape, bool), np.ones(shape, bool), np.indices(shape).sum(0) % 2 == 0]
    )
)
masks = hnp.arrays(bool, shapes) | special


def _sdk_pixels(code: list[int], mask: Mask) -> Mask:
    return np.asarray(decode_rle(code).reshape(*mask.shape, 4)[:, :, 3] > 0)


@given(masks)
def test_sdk_decodes_our_code_to_the_mask(mask: Mask) -> None:
    assert np.array_equal(_sdk_pixels(encode_mask(mask), mask), mask)


@given(masks)
def test_we_decode_our_own_and_the_sdks_code_to_the_mask(mask: Mask) -> None:
    assert np.array_equal(decode_mask(encode_mask(mask), *mask.shape), mask)
    assert np.array_equal(decode_mask(mask2rle(mask.astype(np.uint8) * 255), *mask.shape), mask)


@given(masks, st.tuples(*[st.integers(0, 3)] * 4))
def test_cut_out_is_encoded_as_the_whole_mask_would_be(pixels: Mask, margins: tuple[int, ...]) -> None:
    top, bottom, left, right = margins
    whole = np.pad(pixels, ((top, bottom), (left, right)))
    height, width = whole.shape
    assert encode_cut_out(pixels, x=left, y=top, width=width, height=height) == encode_mask(whole)


def test_cut_out_without_pixels_is_an_empty_mask() -> None:
    code = encode_cut_out(np.zeros((0, 0), bool), x=0, y=0, width=7, height=5)
    assert not decode_mask(code, 5, 7).any()


@settings(deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(4))))
def test_single_value_blocks_and_soft_edges_are_read_as_the_sdk_reads_them(pixels: np.ndarray) -> None:
    code = encode_rle(pixels.ravel())
    assert np.array_equal(decode_mask(code, *pixels.shape[:2]), pixels[:, :, 3] > 0)


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param(np.zeros((480, 640), bool), id="empty"),
        pytest.param(np.ones((480, 640), bool), id="full, runs over 65536 values"),
        pytest.param(np.indices((120, 161)).sum(0) % 2 == 0, id="checkerboard"),
        pytest.param(np.eye(1, dtype=bool), id="one pixel"),
        pytest.param(np.arange(2**14 * 3).reshape(1, -1) >= 2**14, id="run of exactly 65536 values"),
    ],
)
def test_extreme_masks_survive_the_round_trip(mask: Mask) -> None:
    code = encode_mask(mask)
    assert np.array_equal(_sdk_pixels(code, mask), mask)
    assert np.array_equal(decode_mask(code, *mask.shape), mask)
    assert np.array_equal(decode_mask(mask2rle(mask.astype(np.uint8) * 255), *mask.shape), mask)


@pytest.mark.parametrize(
    ("code", "height", "width"),
    [
        pytest.param([], 2, 2, id="empty"),
        pytest.param([0, 0, 0], 2, 2, id="no whole header"),
        pytest.param(encode_mask(np.ones((2, 2), bool)), 3, 2, id="another size"),
        pytest.param(encode_mask(np.indices((30, 30)).sum(0) % 2 == 0)[:40], 30, 30, id="cut off"),
        pytest.param([300] * 20, 2, 2, id="not bytes"),
        pytest.param(["x"] * 20, 2, 2, id="not numbers"),
        pytest.param(encode_mask(np.ones((2, 2), bool)), 10**6, 10**6, id="absurd size"),
        pytest.param(encode_mask(np.ones((2, 2), bool)), 0, 2, id="no height"),
    ],
)
def test_what_is_no_code_of_the_image_is_refused(code: list[int], height: int, width: int) -> None:
    with pytest.raises(BadRequest):
        decode_mask(code, height, width)


@given(st.lists(st.integers(0, 255), max_size=80))
def test_any_bytes_are_decoded_or_refused(code: list[int]) -> None:
    try:
        assert decode_mask(code, 3, 5).shape == (3, 5)
    except BadRequest:
        pass
