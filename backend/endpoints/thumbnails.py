"""Small pictures of tasks' images, made here: a page with many need not load what was photographed.

Where an image cannot be had, the picture says why, since a page can only show pictures.
"""

import textwrap
from dataclasses import dataclass
from hashlib import sha256
from threading import BoundedSemaphore

import cv2
from flask import Blueprint, Flask, Response, current_app, request
from flask.sansio.blueprints import BlueprintSetupState
from markupsafe import escape
from sqlalchemy import select

from backend.endpoints.auth import require_caller
from backend.endpoints.context import get_services
from backend.entities import Image
from backend.errors import MediaError, NotFound
from backend.labelstudio.task_image import MAX_CHARS
from backend.labelstudio.tasks import MAX_ID
from backend.media.cache import MediaCache
from backend.store.ledger_tables import SqlReview
from backend.store.reviews import check_project

blueprint = Blueprint("thumbnails", __name__)
blueprint.before_request(require_caller)

# Pixels of the longer side.
LONGEST = 480
_QUALITY = 80  # of JPEG; more cannot be seen at this size
_CACHE_BYTES = 128 * 2**20  # about 4000 pictures
# What cannot be had is not asked for again at once: pages show many pictures, and each try may take seconds.
_FAILURE_SECONDS = 60.0
_FAILURE_BYTES = 8 * 2**20
_EXTENSION = "thumbnails"
_LINE_CHARS, _MOST_LINES = 52, 7
_NOT_KEPT = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class _Thumbnails:
    """Pictures that are kept, reasons why there is none, and `turns` for those that are made right now."""

    kept: MediaCache
    failures: MediaCache
    turns: BoundedSemaphore

    def find(self, key: str) -> bytes | None:
        """Return the picture if it is kept.

        Raises:
            MediaError: it could not be had a moment ago.
        """
        small = self.kept.get(key)
        failure = self.failures.get(key) if small is None else None
        if failure is not None:
            raise MediaError("failed_before", failure.decode())
        return small


@blueprint.record_once
def _attach(state: BlueprintSetupState) -> None:
    app = state.app
    assert isinstance(app, Flask)
    with app.app_context():
        settings = get_services().settings
    # Who keeps no images wants nothing of them on the disk.
    most = settings.media_cache_mb * 2**20
    app.extensions[_EXTENSION] = _Thumbnails(
        kept=MediaCache(
            settings.data_dir / "thumbnails",
            max_bytes=min(_CACHE_BYTES, most),
            max_age=settings.media_cache_hours * 3600,
        ),
        failures=MediaCache(
            settings.data_dir / "thumbnail-failures",
            max_bytes=min(_FAILURE_BYTES, most),
            max_age=_FAILURE_SECONDS,
        ),
        turns=BoundedSemaphore(settings.media_threads),
    )


@blueprint.get("/dashboard/projects/<int:project_id>/tasks/<int:task_id>/thumbnail.jpg")
def thumbnail(project_id: int, task_id: int) -> Response:
    """Return the task's image, 480 pixels at most, or a picture that says why it cannot be had."""
    try:
        small = _small_picture(project_id, task_id)
    except MediaError as error:
        # Not an error of this request: a browser would show nothing, and note it as a failure.
        return Response(placeholder(error.message), mimetype="image/svg+xml", headers=_NOT_KEPT)
    response = Response(small, mimetype="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})
    response.set_etag(sha256(small).hexdigest()[:16])
    response.make_conditional(request)
    return response


def shrink(image: Image, *, longest: int = LONGEST) -> bytes:
    """Return an image, (H, W, 3) uint8 BGR, as JPEG with at most so many pixels on its longer side."""
    height, width = image.shape[:2]
    scale = min(1.0, longest / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()


def placeholder(reason: str) -> str:
    """Return a picture, as SVG, that says why there is no other."""
    # XML has no place for most of what cannot be printed.
    printable = "".join(letter if letter.isprintable() else " " for letter in reason)
    lines = textwrap.wrap(printable, _LINE_CHARS, max_lines=_MOST_LINES, placeholder=" ...")
    text = "".join(f'<tspan x="24" dy="22">{escape(line)}</tspan>' for line in lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LONGEST}" height="300" viewBox="0 0 {LONGEST} 300">'
        '<rect width="100%" height="100%" fill="#4a5058"/>'
        '<text x="24" y="44" fill="#fff" font-family="sans-serif" font-size="15">'
        f'<tspan font-weight="bold">The image cannot be shown</tspan>{text}</text></svg>'
    )


def _small_picture(project_id: int, task_id: int) -> bytes:
    """Return the task's image as a small JPEG: the one that is kept, or made now.

    Raises:
        NotFound: as `_address_of`.
        MediaError: it cannot be had, or could not a moment ago.
    """
    address = _address_of(project_id, task_id)
    thumbnails = current_app.extensions[_EXTENSION]
    assert isinstance(thumbnails, _Thumbnails)
    key = f"{project_id}/{task_id}/{address}"
    small = thumbnails.find(key)
    if small is not None:
        return small
    with thumbnails.turns:
        small = thumbnails.find(key)  # somebody may have made it while this waited
        if small is not None:
            return small
        try:
            small = shrink(get_services().media.load(address, task_id=task_id))
        except MediaError as error:
            thumbnails.failures.put(key, error.message.encode("utf-8", "replace"))
            raise
        thumbnails.kept.put(key, small)
        return small


def _address_of(project_id: int, task_id: int) -> str | None:
    """Return the address of the task's image, None where its data names none.

    Raises:
        NotFound: the project is not known, or has no such task.
        MediaError: the task was deleted, or its image's address is not known to its end.
    """
    database = get_services().database
    check_project(database, project_id)
    query = select(SqlReview.image, SqlReview.deleted_at).where(
        SqlReview.task_id == min(task_id, MAX_ID), SqlReview.project_id == project_id
    )
    with database.read() as session:
        row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"Project {project_id} has no task {task_id} that is known here.")
    address, deleted_at = row
    if deleted_at is not None:
        raise MediaError("deleted", "The task was deleted.")
    if address is not None and len(address) >= MAX_CHARS:
        raise MediaError("address_cut", "The address is too long to be kept here; open the task.")
    return address
