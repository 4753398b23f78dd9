"""Decide what a task's image address means. Pure: no file, no network.

Images come from Label Studio's own addresses, http(s) and, through Label Studio, from the buckets of cloud
storages; everything else is refused by name. `data:` URIs, which name no place, are data_uri.py's.
"""

import base64
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, parse_qsl, unquote, urljoin, urlsplit

from backend.errors import MediaError

# Paths that Label Studio serves files from (uploads, local files storage, storages' proxies).
_OWN_PATHS = ("/data/", "/storage-data/", "/tasks/", "/projects/", "/api/")
# Label Studio's names for objects in S3, Google Cloud Storage and Azure.
_BUCKET_URI = re.compile(r"(s3|gs|azure-blob)://[^/]+/.+", re.DOTALL)
# What Label Studio makes of such a name for the page (io_storages/urls.py; `presign` is the older word).
_RESOLVING_PATH = re.compile(r"/(tasks|projects)/\d+/(presign|resolve)/")
_SHOWN_CHARS = 120
_READ_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Source:
    """An absolute http(s) address. `is_own` is true where Label Studio serves it and wants our token.

    `bucket_uri` names the object of a cloud storage that Label Studio fetches or signs an address for.
    """

    url: str
    is_own: bool
    bucket_uri: str | None = None


def resolve_source(value: object, *, label_studio_url: str, task_id: int | None = None) -> Source:
    """Return where the image is.

    Args:
        value: The field of the task's data that the labeling config names.
        label_studio_url: Address of Label Studio without a closing slash; may hold a path.
        task_id: The task, whose project's storages resolve `s3://`, `gs://` and `azure-blob://`.

    Raises:
        MediaError: nothing, another scheme, a path that climbs out of its folder, or a bucket without a task.
    """
    if not isinstance(value, str) or not value.strip():
        raise MediaError("no_image", f"The task's image field holds {shown(value)}; expected an address.")
    text = value.strip()
    if _BUCKET_URI.fullmatch(text):
        return _through_label_studio(text, label_studio_url, task_id)
    parts = _split(text)
    _refuse_climbing(parts.path, parts.query, text)
    base = urlsplit(label_studio_url)
    if not parts.scheme and not parts.netloc and parts.path.startswith("/"):
        own_path = parts.path.removeprefix(base.path) if base.path else parts.path
        if not own_path.startswith(_OWN_PATHS):
            raise MediaError(
                "bad_address",
                f"{shown(text)} is a path that Label Studio serves no images from; expected one of "
                f"{', '.join(_OWN_PATHS)} or an http(s) address.",
            )
        rest = own_path + (f"?{parts.query}" if parts.query else "")
        url = urljoin(label_studio_url + "/", rest.lstrip("/"))
        return Source(url, is_own=True, bucket_uri=_resolved_bucket_uri(own_path, parts.query))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise MediaError(
            "bad_scheme",
            f"{shown(text)} is no address that images are read from; expected http://, https://, a bucket's "
            "s3://, gs:// or azure-blob:// with a key, or data:.",
        )
    same_host = (parts.scheme, parts.hostname, parts.port) == (base.scheme, base.hostname, base.port)
    if not same_host or not parts.path.startswith(base.path + "/"):
        return Source(text, is_own=False)
    bucket_uri = _resolved_bucket_uri(parts.path.removeprefix(base.path), parts.query)
    return Source(text, is_own=True, bucket_uri=bucket_uri)


def _through_label_studio(uri: str, label_studio_url: str, task_id: int | None) -> Source:
    if task_id is None:
        raise MediaError(
            "no_task_id",
            f"{shown(uri)} lies in a bucket, which Label Studio opens for tasks that it knows; expected a "
            "task with an id. Store the task in Label Studio first.",
        )
    try:
        encoded = base64.urlsafe_b64encode(uri.encode()).decode()
    except UnicodeEncodeError:
        raise MediaError("bad_address", f"{shown(uri)} is not an address.") from None
    url = f"{label_studio_url}/tasks/{task_id}/presign/?fileuri={encoded}"
    return Source(url, is_own=True, bucket_uri=uri)


def _resolved_bucket_uri(path: str, query: str) -> str | None:
    """Return the bucket's URI inside an address that Label Studio made of it, encoded or, of old, quoted."""
    given = parse_qs(query).get("fileuri")
    if not given or not _RESOLVING_PATH.fullmatch(path):
        return None
    try:
        uri = base64.urlsafe_b64decode(given[-1].encode()).decode()
    except ValueError:
        uri = unquote(given[-1])
    return uri if _BUCKET_URI.fullmatch(uri) else None


def _split(text: str):  # type: ignore[no-untyped-def]
    try:
        parts = urlsplit(text)
        _ = parts.port  # parsed on access, and refused there
    except ValueError:
        raise MediaError("bad_address", f"{shown(text)} is not an address.") from None
    return parts


def _refuse_climbing(path: str, query: str, text: str) -> None:
    places = [path, *(value for _, value in parse_qsl(query))]
    for place in places:
        once = unquote(place)
        for form in (place, once, unquote(once)):
            if ".." in form.replace("\\", "/").split("/") or "\x00" in form:
                raise MediaError(
                    "bad_path", f"{shown(text)} climbs out of its folder; name the file without '..'."
                )


def shown(value: object) -> str:
    """Return `value` short enough for a message, without the query, which may hold a signature."""
    start = str(value)[:_READ_CHARS]
    text = re.sub(r"//.*@", "//***@", start.split("?", 1)[0])
    return repr(text[:_SHOWN_CHARS] + ("..." if len(text) > _SHOWN_CHARS else ""))
