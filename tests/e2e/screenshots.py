"""Pictures of pages for the docs: taken by tests, kept where UPDATE_SCREENSHOTS=1 asks for it."""

import os
from pathlib import Path

from PIL import Image

from demo.label_studio import ROOT

from .labelling_page import SIZE, LabellingPage

FOLDER = ROOT / "docs/images"
MOST_BYTES = 600_000


def take_screenshot(page: LabellingPage, target: Path) -> None:
    """Save what is seen, and as docs/images/<name of the target> where the docs' pictures are renewed."""
    page.save_screenshot(target)
    with Image.open(target) as picture:
        assert picture.size == (SIZE["width"], SIZE["height"])
    keep_screenshot(target)


def keep_screenshot(taken: Path) -> None:
    """Copy a picture to docs/images, under its name, where the docs' pictures are renewed."""
    if os.environ.get("UPDATE_SCREENSHOTS") == "1":
        FOLDER.mkdir(parents=True, exist_ok=True)
        kept = FOLDER / taken.name
        with Image.open(taken) as picture:
            # Fewer shades, which nobody sees, halve the size of a picture full of noise.
            shades = picture.convert("RGB").point([round(v / 255 * 63) * 255 // 63 for v in range(256)] * 3)
        shades.save(kept, optimize=True)
        assert kept.stat().st_size < MOST_BYTES
