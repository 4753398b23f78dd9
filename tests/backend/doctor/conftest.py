"""A healthy world for the doctor: a Label Studio, our own server, and a connected project."""

from collections.abc import Iterator

import pytest

from backend.app import create_app
from backend.cli.connect import connector_of
from backend.doctor.case import Case
from backend.doctor.project import ProjectCase
from backend.settings import Settings
from tests.backend.doctor.fake_label_studio import PROJECT, FakeLabelStudio, serve
from tests.backend.doctor.looks import MakeCase
from tests.backend.makers import MakeServices, MakeSettings
from tests.backend.servers import free_port

SECRET = "hush"


@pytest.fixture
def label_studio() -> Iterator[FakeLabelStudio]:
    fake = FakeLabelStudio()
    with serve(fake.app()) as url:
        fake.url = url
        yield fake


@pytest.fixture
def given(make_settings: MakeSettings, label_studio: FakeLabelStudio) -> Settings:
    """Settings of a server with a password and a secret."""
    port = free_port()
    return make_settings(
        label_studio_url=label_studio.url,
        label_studio_api_key="legacy",
        backend_url=f"http://127.0.0.1:{port}",
        port=port,
        basic_auth_user="label-studio",
        basic_auth_pass="password",
        webhook_secret=SECRET,
        device="cpu",
    )


@pytest.fixture
def make_case(given: Settings, make_services: MakeServices) -> MakeCase:
    """Make a case of these settings, some of them changed."""

    def make(**changes: object) -> Case:
        settings = Settings(_env_file=None, **given.model_dump() | changes)
        return Case(settings, make_services(settings), connector_of(settings))

    return make


@pytest.fixture
def case(make_case: MakeCase) -> Case:
    return make_case()


@pytest.fixture
def our_server(case: Case) -> Iterator[str]:
    """Our own server, running with the case's settings."""
    case.services.pipeline.warm_up()
    with serve(create_app(case.services), port=case.settings.port) as url:
        yield url


@pytest.fixture
def project(case: Case, label_studio: FakeLabelStudio) -> ProjectCase:
    """The project, connected as `connect` leaves it."""
    version = case.services.pipeline.default_checkpoint().version
    credentials = {"auth_method": "BASIC_AUTH", "basic_auth_user": case.settings.basic_auth_user}
    label_studio.add_backend(case.connector.url, model_version=version, **credentials)
    label_studio.add_webhook(case.connector.webhook_url, headers=case.connector.webhook_headers)
    label_studio.versions = {version: 3}
    label_studio.project["model_version"] = version
    return ProjectCase(case, PROJECT, is_asked=True)
