"""Checks of images: for each kind of storage that tasks name, one image is really fetched and decoded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from backend.doctor.check import Entry, Outcome, counted, failed, ok
from backend.doctor.project import ProjectCase
from backend.entities import ControlTag, Task
from backend.errors import MediaError
from backend.labelstudio.label_config import image_address
from backend.media.data_uri import is_data_uri
from backend.media.source import resolve_source

_MOST_KINDS = 8  # of storage that are looked at in one project
_OWN_PATHS = {
    "/data/upload/": "uploads",
    "/storage-data/uploaded/": "uploads",
    "/data/local-files/": "local files",
}
_UNUSABLE = "unusable addresses"
# What fails for a reason of the storage's own, not of the file or the network.
_STORAGE_REASONS = ("http_status", "access_denied", "no_image", "bad_address", "bad_scheme", "bad_path")
_FIXES = {
    "access_denied": "See that LABEL_STUDIO_API_KEY is of a user who sees the project, or that a signed "
    "address has not run out",
    "timeout": "MEDIA_TIMEOUT=60",
    "too_large": "MEDIA_MAX_MB=256 or MEDIA_MAX_MEGAPIXELS=400, whichever the message names",
    "too_many_redirects": "MEDIA_MAX_REDIRECTS=10",
    "unreadable": "Replace the file by one that an image viewer opens",
    "unreachable": "See that this machine reaches that host: curl -I <address>",
}
_FIXES_OF_KIND = {
    "uploads": "The file is gone from Label Studio's data folder (media/upload): put it back from a backup, "
    "or import the image again",
    "local files": "Start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and "
    "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=/the/folder, and give the project a source storage of the kind "
    "Local files whose path holds the image",
    _UNUSABLE: "Change the task's data: an address as http(s)://, s3://, gs://, azure-blob://, or an upload",
}
_BUCKET_FIX = (
    "Add or mend the source storage of that bucket, with its credentials, in the project under Settings, "
    "Cloud Storage"
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One task's image that stands for all of its kind."""

    kind: str
    task_id: int | None
    value: object


def check_images(project: ProjectCase) -> Outcome:
    """Tell which kinds of storage the first tasks name; `image_entries` looks at each."""
    if not project.tasks:
        return ok("the project has no tasks yet")
    samples = _samples(project)
    if not samples:
        return ok("no control tag is on an image")
    left = f" and {len(samples) - _MOST_KINDS} more kinds" if len(samples) > _MOST_KINDS else ""
    kinds = ", ".join(sample.kind for sample in samples[:_MOST_KINDS])
    return ok(f"{counted(len(project.tasks), 'task')} looked at: {kinds}{left}")


def image_entries(project: ProjectCase) -> list[Entry[ProjectCase]]:
    """Return one check for each kind of storage."""
    if not project.tasks:
        return []
    # Longer than the fetcher's own limit, so that it may say what it waited for.
    seconds = project.case.settings.media_timeout + 5
    return [
        Entry(f"images from {sample.kind}", partial(check_image, sample=sample), seconds=seconds)
        for sample in _samples(project)[:_MOST_KINDS]
    ]


def check_image(project: ProjectCase, *, sample: Sample) -> Outcome:
    """Fetch and decode it as a prediction would, but never from the cache."""
    try:
        image = project.case.services.media.load(sample.value, task_id=sample.task_id)
    except MediaError as error:
        fix = _fix(error, sample, project.case.settings.allowed_hosts)
        return failed(f"Task {sample.task_id}: {error.message}", fix)
    height, width = image.shape[:2]
    return ok(f"task {sample.task_id}, {width} x {height} pixels")


def find_samples(
    tasks: Iterable[Task], controls: Sequence[ControlTag], *, label_studio_url: str
) -> list[Sample]:
    """Return the first image of each kind of storage, in order of the tasks."""
    by_value = {control.image_value: control for control in controls}
    found: dict[str, Sample] = {}
    for task in tasks:
        for control in by_value.values():
            value = image_address(control, task.data)
            kind = storage_kind(value, task_id=task.id, label_studio_url=label_studio_url)
            found.setdefault(kind, Sample(kind, task.id, value))
    return list(found.values())


def storage_kind(value: object, *, task_id: int | None, label_studio_url: str) -> str:
    """Return in words where an image's address leads: each kind is reached in a way of its own."""
    if is_data_uri(value):
        return "data URIs"
    try:
        source = resolve_source(value, label_studio_url=label_studio_url, task_id=task_id)
    except MediaError:
        return _UNUSABLE
    parts = urlsplit(source.bucket_uri or source.url)
    if source.bucket_uri or not source.is_own:
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    path = parts.path.removeprefix(urlsplit(label_studio_url).path)
    return next((kind for start, kind in _OWN_PATHS.items() if path.startswith(start)), "label studio")


def _samples(project: ProjectCase) -> list[Sample]:
    return find_samples(
        project.tasks, project.controls, label_studio_url=project.case.settings.label_studio_url
    )


def _fix(error: MediaError, sample: Sample, allowed_hosts: Iterable[str]) -> str:
    if error.reason == "private_address":
        # A redirect leads from a bucket's name to a host that only the message knows.
        host = urlsplit(str(sample.value)).hostname or ""
        named = host if host and f"'{host}'" in error.message else "<the host named above>"
        return f"MEDIA_ALLOWED_HOSTS={','.join([*sorted(allowed_hosts), named])}, then restart the server"
    fix = _FIXES.get(error.reason, "")
    if error.reason in _STORAGE_REASONS:
        is_bucket = sample.kind.split("://")[0] in ("s3", "gs", "azure-blob")
        fix = _BUCKET_FIX if is_bucket else _FIXES_OF_KIND.get(sample.kind, fix)
    return fix or f"Open the image of task {sample.task_id} in a browser, and mend its address"
