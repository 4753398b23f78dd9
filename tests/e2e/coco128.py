"""The photographs of coco128 and others, and the weights beside them, from the folder TEST_ASSETS."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from demo.label_studio import ROOT

IMAGES = "coco128/images/train2017"


class _Images(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing: pytest shows stderr of failed tests."""


def find_assets(weights: str, images: str = IMAGES) -> Path:
    """Return the folder that holds these weights and images; skip the test, visibly, without it."""
    folder = Path(os.environ.get("TEST_ASSETS", ROOT / "../shared/assets")).resolve()
    for needed in (folder / "weights" / weights, folder / images):
        if not needed.exists():
            pytest.skip(f"{needed} is missing; set TEST_ASSETS to the folder that holds it")
    return folder


def image_paths(assets: Path) -> list[Path]:
    """Return the 128 images in the order of their names."""
    return sorted((assets / IMAGES).glob("*.jpg"))


def class_names(assets: Path) -> list[str]:
    """Return the names of COCO's 80 classes, in the models' order."""
    lines = (assets / "coco128/data.yaml").read_text().split("names:")[1].strip().splitlines()
    return [line.split(":", 1)[1].strip() for line in lines]


@contextmanager
def serve_images(assets: Path, images: str = IMAGES) -> Iterator[str]:
    """Play a Label Studio that hands out the images of a folder; yield its address on loopback."""
    handler = partial(_Images, directory=str(assets / images))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
