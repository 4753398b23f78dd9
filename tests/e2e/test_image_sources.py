"""Images of a real Label Studio: uploads, local files, and buckets of a real object store."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jwt
import numpy as np
import pytest
from label_studio_sdk.client import LabelStudio

from backend.errors import MediaError
from backend.labelstudio.client import LabelStudioClient
from backend.media.cache import MediaCache
from backend.media.decode import decode_image
from backend.media.fetch import Fetcher, FetchLimits
from backend.media.loader import MediaLoader
from backend.store.database import Database
from backend.store.prediction_log import count_predictions
from demo.project import LABEL_CONFIG

from .conftest import ProjectFactory, RunCommand
from .object_store import ObjectStore, run_object_store
from .projects import Project, retrieve_predictions
from .servers import LabelStudioServer

BUCKET, FOLDER = "pictures", "streets and roads"
MAX_PIXELS = 10_000_000
TOKENS = ["legacy token", "personal access token"]
MakeLoader = Callable[..., MediaLoader]


@dataclass(frozen=True)
class Stored:
    """A task of Label Studio's with the address of its image."""

    task_id: int
    address: str


@pytest.fixture(scope="module")
def chosen(pictures: dict[str, Path]) -> dict[str, Path]:
    """Three of the pictures."""
    return dict(list(pictures.items())[:3])


@pytest.fixture(scope="module")
def object_store(tmp_path_factory: pytest.TempPathFactory, chosen: dict[str, Path]) -> Iterator[ObjectStore]:
    """An object store with the pictures in a folder of a bucket."""
    with run_object_store(tmp_path_factory.mktemp("object-store")) as store:
        store.create_bucket(BUCKET)
        for name, path in chosen.items():
            store.put(BUCKET, f"{FOLDER}/{name}", path.read_bytes())
        yield store


@pytest.fixture(scope="module")
def tokens(sdk: LabelStudio, label_studio: LabelStudioServer) -> dict[str, str]:
    """Both kinds of tokens of the one user."""
    return dict(zip(TOKENS, [label_studio.token, str(sdk.tokens.create().token)], strict=True))


@pytest.fixture(scope="module")
def new_bucket_project(sdk: LabelStudio, object_store: ObjectStore) -> Callable[[bool], list[Stored]]:
    """Make a project whose tasks are the bucket's objects, with signed addresses or without."""

    def make(presign: bool) -> list[Stored]:
        project = sdk.projects.create(title=f"Bucket, presign {presign}", label_config=LABEL_CONFIG)
        storage = sdk.import_storage.s3.create(
            project=project.id,
            bucket=BUCKET,
            prefix=FOLDER,
            aws_access_key_id=object_store.access_key,
            aws_secret_access_key=object_store.secret_key,
            s3endpoint=object_store.url,
            use_blob_urls=True,
            presign=presign,
        )
        sdk.import_storage.s3.sync(storage.id)
        return stored_tasks(sdk, project.id)

    return make


@pytest.fixture(scope="module")
def bucket_tasks(new_bucket_project: Callable[[bool], list[Stored]]) -> dict[bool, list[Stored]]:
    """Tasks of one project each, by whether its storage signs addresses."""
    return {presign: new_bucket_project(presign) for presign in (True, False)}


@pytest.fixture(scope="module")
def upload_project(new_project: ProjectFactory) -> Project:
    """A project whose pictures were uploaded."""
    return new_project("Uploads")


@pytest.fixture(scope="module")
def local_tasks(sdk: LabelStudio, label_studio: LabelStudioServer, chosen: dict[str, Path]) -> list[Stored]:
    """Tasks of a project whose pictures lie on Label Studio's own disk."""
    folder = label_studio.files / "streets and roads"
    folder.mkdir()
    for path in chosen.values():
        shutil.copy(path, folder)
    project = sdk.projects.create(title="Local files", label_config=LABEL_CONFIG)
    storage = sdk.import_storage.local.create(project=project.id, path=str(folder), use_blob_urls=True)
    sdk.import_storage.local.sync(storage.id)
    return stored_tasks(sdk, project.id)


@pytest.fixture
def make_loader(
    label_studio: LabelStudioServer, tokens: dict[str, str], tmp_path: Path
) -> Iterator[MakeLoader]:
    made: list[MediaLoader] = []
    clients: list[LabelStudioClient] = []

    def make(
        token: str = TOKENS[0],
        *,
        allowed: tuple[str, ...] = ("127.0.0.1",),
        url: str = label_studio.url,
        access_token: str = "",
    ) -> MediaLoader:
        clients.append(LabelStudioClient(url, tokens[token]))
        if access_token:
            clients[-1].sdk._client_wrapper._tokens_client._set_access_token(access_token)
        fetcher = Fetcher(
            FetchLimits(max_bytes=10 * 2**20, timeout=15.0, max_redirects=3),
            label_studio_url=url,
            allowed_hosts=allowed,
            auth_headers=clients[-1].auth_headers,
            renew_auth=clients[-1].renew_auth,
        )
        cache = MediaCache(tmp_path / "media", max_bytes=100 * 2**20, max_age=3600.0)
        made.append(MediaLoader(fetcher, cache, label_studio_url=url, max_pixels=MAX_PIXELS))
        return made[-1]

    yield make
    for loader in made:
        loader.close()
    for client in clients:
        client.sdk._client_wrapper.httpx_client.httpx_client.close()


def stored_tasks(sdk: LabelStudio, project_id: int) -> list[Stored]:
    """Return a project's tasks with the addresses that `/predict` gets."""
    listed = sdk.tasks.list(project=project_id, resolve_uri=False)
    return [Stored(task.id, str(task.data["image"])) for task in listed]


def assert_pictures(loader: MediaLoader, tasks: list[Stored], pictures: dict[str, Path]) -> None:
    """Fail unless the tasks hold each of the pictures once, pixel by pixel."""
    expected = {
        name: decode_image(path.read_bytes(), max_pixels=MAX_PIXELS) for name, path in pictures.items()
    }
    assert len(tasks) == len(expected)
    for task in tasks:
        image = loader.load(task.address, task_id=task.task_id)
        (name,) = (name for name, picture in expected.items() if np.array_equal(image, picture))
        del expected[name]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("presign", [True, False], ids=["signed addresses", "through Label Studio"])
def test_images_of_a_bucket_are_loaded(
    bucket_tasks: dict[bool, list[Stored]],
    make_loader: MakeLoader,
    chosen: dict[str, Path],
    presign: bool,
    token: str,
) -> None:
    tasks = bucket_tasks[presign]
    assert {task.address for task in tasks} == {f"s3://{BUCKET}/{FOLDER}/{name}" for name in chosen}
    assert_pictures(make_loader(token), tasks, chosen)


def test_address_that_label_studio_makes_of_a_bucket_for_its_page_is_loaded_too(
    sdk: LabelStudio, bucket_tasks: dict[bool, list[Stored]], make_loader: MakeLoader, chosen: dict[str, Path]
) -> None:
    resolved = [
        Stored(task.task_id, str(sdk.tasks.get(str(task.task_id)).data["image"]))
        for task in bucket_tasks[True]
    ]
    assert all("/resolve/?fileuri=" in task.address for task in resolved)
    assert_pictures(make_loader(), resolved, chosen)


def test_object_store_on_this_machine_is_refused_where_nobody_allowed_it(
    bucket_tasks: dict[bool, list[Stored]], make_loader: MakeLoader
) -> None:
    task = bucket_tasks[True][0]
    with pytest.raises(MediaError, match="add 127.0.0.1 to MEDIA_ALLOWED_HOSTS"):
        make_loader(allowed=()).load(task.address, task_id=task.task_id)


def test_bucket_without_a_storage_is_named_with_what_to_look_at(
    bucket_tasks: dict[bool, list[Stored]], make_loader: MakeLoader
) -> None:
    with pytest.raises(MediaError, match="404 for 's3://elsewhere/a.png'.*Cloud Storage"):
        make_loader().load("s3://elsewhere/a.png", task_id=bucket_tasks[True][0].task_id)


@pytest.mark.parametrize("token", TOKENS)
def test_uploads_are_loaded(
    sdk: LabelStudio, upload_project: Project, make_loader: MakeLoader, token: str
) -> None:
    tasks = stored_tasks(sdk, upload_project.id)
    assert all(task.address.startswith("/data/upload/") for task in tasks)
    assert_pictures(make_loader(token), tasks, dict(upload_project.pictures))


@pytest.mark.parametrize("token", TOKENS)
def test_local_files_are_loaded(
    local_tasks: list[Stored], make_loader: MakeLoader, chosen: dict[str, Path], token: str
) -> None:
    assert all(task.address.startswith("/data/local-files/?d=") for task in local_tasks)
    assert_pictures(make_loader(token), local_tasks, chosen)


def test_access_token_that_label_studio_no_longer_takes_is_renewed(
    local_tasks: list[Stored], make_loader: MakeLoader, chosen: dict[str, Path]
) -> None:
    # Young by this machine's clock, so the SDK alone would go on sending it.
    claims = {"token_type": "access", "user_id": "1", "exp": time.time() + 3600}
    stale = jwt.encode(claims, "a key that is not Label Studio's own", algorithm="HS256")
    assert_pictures(make_loader(TOKENS[1], access_token=stale), local_tasks, chosen)


def test_token_that_is_none_of_label_studios_is_refused(
    local_tasks: list[Stored], make_loader: MakeLoader, tokens: dict[str, str]
) -> None:
    tokens["wrong token"] = "0" * 40
    with pytest.raises(MediaError, match="LABEL_STUDIO_API_KEY") as caught:
        make_loader("wrong token").load(local_tasks[0].address, task_id=local_tasks[0].task_id)
    assert caught.value.reason == "access_denied"


def test_whole_stack_predicts_the_images_of_a_bucket(
    sdk: LabelStudio,
    bucket_tasks: dict[bool, list[Stored]],
    run_backend_command: RunCommand,
    database: Database,
) -> None:
    project_id = int(sdk.tasks.get(str(bucket_tasks[False][0].task_id)).project)
    connected = run_backend_command("connect", "--project", str(project_id))
    assert connected.returncode == 0, connected.stderr
    retrieve_predictions(sdk, project_id)
    predicted = {prediction.task for prediction in sdk.predictions.list(project=project_id)}
    assert predicted == {task.task_id for task in bucket_tasks[False]}
    counts = [counts for (project, _), counts in count_predictions(database).items() if project == project_id]
    assert counts == [(3, 0)], "an image failed"
