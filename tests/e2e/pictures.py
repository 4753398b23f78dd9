"""The twelve pictures of the end-to-end project: scenes, of which one is portrait, one PNG, one rotated.

And any number of small ones, for what is about their number.
"""

from pathlib import Path

from PIL import Image, ImageOps

from demo.make_scenes import write_scenes
from tests.backend.pictures import png

SHOWN_SEED = 2_000_102  # several objects, well found: the picture in the README
SEEDS = (*range(2_000_000, 2_000_011), SHOWN_SEED)
PNG_SEED = 2_000_003
ROTATED_SEED = 2_000_006
EXIF_ORIENTATION = 0x0112
ROTATED_RIGHT = 6  # a viewer must turn the stored pixels by 90 degrees clockwise


def write_pictures(folder: Path) -> dict[str, Path]:
    """Write the pictures; return their paths by file name."""
    paths = write_scenes(folder, SEEDS)
    made = [_special(path) for path in paths]
    return {path.name: path for path in made}


def write_small_pictures(folder: Path, count: int) -> dict[str, Path]:
    """Write `count` pictures of 64x48 pixels, no two alike; return their paths by file name."""
    paths = [folder / f"small-{number:04}.png" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(png(seed=number))
    return {path.name: path for path in paths}


def upright_size(path: Path) -> tuple[int, int]:
    """Return (width, height) in pixels as a viewer shows the picture."""
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).size


def _special(path: Path) -> Path:
    seed = int(path.stem.removeprefix("scene_"))
    if seed == PNG_SEED:
        target = path.with_suffix(".png")
        with Image.open(path) as image:
            image.save(target)
        path.unlink()
        return target
    if seed == ROTATED_SEED:
        with Image.open(path) as image:
            turned = image.transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = ROTATED_RIGHT
        turned.save(path, quality=95, exif=exif)
    return path
