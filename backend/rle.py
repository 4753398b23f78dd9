"""Label Studio's run-length code of brush masks, both ways, vectorised. Pure.

The code packs bits (the layout of thi.ng/umbrella's rle-pack): a header of 32 bits with the number of
values, 5 bits with the word size less one and four times 4 bits with run sizes less one; then blocks: one
bit (1: a run, 0: single values), two bits that choose a run size, the count less one in that many bits, and
one value for a run or `count` values. A mask's values are its pixels row by row, each four times (RGBA).
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from backend.errors import BadRequest

_WORD_BITS = 8
_RUN_BITS = np.array([3, 4, 8, 16])
_HEADER_BITS = 53
_CHANNELS = 4
_MAX_COUNT = 2**16
_WINDOW_BYTES = 5
# Bits read in one vectorised step: bounds memory for any mask.
_BITS_A_STEP = 2**17
_MAX_PIXELS = 500_000_000

Mask = NDArray[np.bool_]


def encode_mask(mask: Mask) -> list[int]:
    """Return the run-length code of a mask, bytes as integers.

    Args:
        mask: (H, W) bool; true pixels become 255, false ones 0.
    """
    height, width = mask.shape
    return encode_cut_out(mask, x=0, y=0, width=width, height=height)


def encode_cut_out(pixels: Mask, *, x: int, y: int, width: int, height: int) -> list[int]:
    """Return the code of an image's mask of which only a cut-out holds true pixels.

    Costs what the cut-out costs, not the image.

    Args:
        pixels: (h, w) bool; true pixels become 255, all others in the image 0.
        x: Column of the image at which the cut-out begins.
        y: Row at which it begins.
        width: The image's width; the cut-out lies within.
        height: The image's height.
    """
    flips = _flips(pixels, width) + (y * width + x)
    ends = np.concatenate(([0], flips, [width * height])) * _CHANNELS
    lengths = np.diff(ends)
    values = np.where(np.arange(lengths.size) % 2, 255, 0)
    # The first pixel may be true, the last run may be cut off by the image's end.
    is_run = lengths > 0
    lengths, values = lengths[is_run], values[is_run]
    # Runs over 65536 values are cut into blocks of that length and a rest.
    blocks = -(-lengths // _MAX_COUNT)
    counts = np.full(int(blocks.sum()), _MAX_COUNT)
    counts[np.cumsum(blocks) - 1] = lengths - (blocks - 1) * _MAX_COUNT
    code: list[int] = _pack(counts, np.repeat(values, blocks), total=width * height * _CHANNELS).tolist()
    return code


def decode_mask(code: Iterable[int], height: int, width: int) -> Mask:
    """Return the mask of a run-length code: (height, width) bool, true where the pixel is painted at all.

    Raises:
        BadRequest: not such a code, cut off, or of another size.
    """
    data = _as_bytes(code)
    if height <= 0 or width <= 0 or height * width > _MAX_PIXELS:
        raise BadRequest(f"A brush mask of {width} x {height} pixels cannot be decoded.")
    expected = height * width * _CHANNELS
    if data.size * 8 < _HEADER_BITS:
        raise BadRequest(f"A brush mask's code has {data.size} bytes; expected at least its header of 7.")
    header = int.from_bytes(data[:7].tobytes(), "big") >> 3
    count, word_bits = header >> 21, (header >> 16 & 31) + 1
    run_bits = np.array([(header >> shift & 15) + 1 for shift in (12, 8, 4, 0)])
    if count != expected or word_bits != _WORD_BITS:
        raise BadRequest(
            f"A brush mask's code holds {count} values of {word_bits} bits; expected {expected} of 8 for an "
            f"image of {width} x {height} pixels."
        )
    parts: list[NDArray[np.uint8]] = []
    done = 0
    for values, counts in _blocks(data, run_bits):
        parts.append(np.repeat(values, counts))
        done += int(counts.sum())
        if done >= expected:
            break
    if done < expected:
        raise BadRequest(f"A brush mask's code is cut off: {done} of {expected} values.")
    pixels = np.concatenate(parts)[:expected].reshape(height, width, _CHANNELS)
    return np.asarray(pixels[:, :, _CHANNELS - 1] > 0)


def _flips(pixels: Mask, width: int) -> NDArray[np.intp]:
    """Return the places, row by row in an image of that width, at which true and false change over."""
    if pixels.shape[1] == width:  # a run may go on in the next row, so that all are one long row
        pixels = pixels.reshape(1, -1)
    rows, columns = pixels.shape
    if not pixels.size:
        return np.array([], np.intp)
    is_flip = np.empty((rows, columns + 1), bool)
    is_flip[:, 0], is_flip[:, -1] = pixels[:, 0], pixels[:, -1]
    np.not_equal(pixels[:, 1:], pixels[:, :-1], out=is_flip[:, 1:-1])
    row, column = np.divmod(np.flatnonzero(is_flip), columns + 1)
    return np.asarray(row * width + column)


def _as_bytes(code: Iterable[int]) -> NDArray[np.uint8]:
    try:
        numbers = np.asarray(list(code), dtype=np.int64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.array([-1])
    if numbers.ndim != 1 or numbers.size and (numbers.min() < 0 or numbers.max() > 255):
        raise BadRequest("A brush mask's code is no list of numbers from 0 to 255.")
    return numbers.astype(np.uint8)


def _header(count: int) -> NDArray[np.uint8]:
    """Return the header, its 53 bits at the beginning of 7 bytes."""
    number = count
    for value, bits in ((_WORD_BITS - 1, 5), *((int(size) - 1, 4) for size in _RUN_BITS)):
        number = number << bits | value
    return np.frombuffer((number << 3).to_bytes(7, "big"), np.uint8)


def _pack(counts: NDArray[np.int64], values: NDArray[np.int64], *, total: int) -> NDArray[np.uint8]:
    """Return the code of runs of at most 65536 values, `total` together, as bytes."""
    choice = np.searchsorted(2**_RUN_BITS, counts)
    size = _RUN_BITS[choice]
    words = ((0b100 | choice) << size | counts - 1) << _WORD_BITS | values
    length = 3 + size + _WORD_BITS
    ends = _HEADER_BITS + np.cumsum(length)
    starts = ends - length
    byte_count = -(-int(ends[-1] if ends.size else _HEADER_BITS) // 8)
    code = np.zeros(byte_count + _WINDOW_BYTES, np.uint8)
    code[:7] = _header(total)
    # A block of at most 27 bits lies in a window of bytes that begins with its first one.
    words <<= 8 * _WINDOW_BYTES - length - (starts & 7)
    first = starts >> 3
    # Blocks have 14 bits at least, so every second one shares no byte with another, and none is lost.
    for turn in (slice(0, None, 2), slice(1, None, 2)):
        for place in range(_WINDOW_BYTES):
            shift = 8 * (_WINDOW_BYTES - 1 - place)
            code[first[turn] + place] |= (words[turn] >> shift & 0xFF).astype(np.uint8)
    return code[:byte_count]


def _blocks(
    data: NDArray[np.uint8], run_bits: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Yield (values, counts) of consecutive blocks, to the end of the data."""
    total = data.size * 8
    padded = np.concatenate((data, np.zeros(8, np.uint8))).astype(np.int64)
    position = _HEADER_BITS
    while position + 3 < total:
        begin = position
        places = np.arange(begin, min(begin + _BITS_A_STEP, total))
        head = _read(padded, places, 3 + 16)
        is_run = head >> 18 & 1
        size = run_bits[head >> 16 & 3]
        count = (head & 0xFFFF) >> (16 - size)
        payload = np.where(is_run == 1, 1, count + 1) * _WORD_BITS
        # A block starts where the one before it ends: followed by doubling, not one by one.
        chain = _follow(3 + size + payload, places.size)
        starts, runs = places[chain], is_run[chain]
        position = int(starts[-1] + 3 + size[chain][-1] + payload[chain][-1])
        whole = starts + 3 + size[chain] + payload[chain] <= total
        starts, runs, sizes, counts = starts[whole], runs[whole], size[chain][whole], count[chain][whole] + 1
        words = np.where(runs == 1, 1, counts)
        first = np.cumsum(words) - words
        place_in_block = np.arange(int(words.sum())) - np.repeat(first, words)
        values = _read(padded, np.repeat(starts + 3 + sizes, words) + place_in_block * _WORD_BITS, _WORD_BITS)
        yield values.astype(np.uint8), np.repeat(np.where(runs == 1, counts, 1), words)


def _read(data: NDArray[np.int64], places: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Return the numbers of `bits` (at most 24) bits that start at the given bit places."""
    byte = places >> 3
    window = data[byte] << 24 | data[byte + 1] << 16 | data[byte + 2] << 8 | data[byte + 3]
    return np.asarray(window >> (32 - bits - (places & 7)) & (1 << bits) - 1)


def _follow(length: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the chain 0, length[0], ... below `size`: each start names the length to the next."""
    jump = np.minimum(np.append(np.arange(size) + length, size), size)
    chain = np.array([0])
    while True:
        further = jump[chain]
        chain = np.concatenate((chain, further[further < size]))
        if further[-1] >= size:
            return chain
        jump = jump[jump]
