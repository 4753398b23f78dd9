"""What the checks of one project look at, and the first of them: is it there, and is it connected."""

from collections.abc import Sequence
from functools import cached_property
from http import HTTPStatus
from typing import Any

from label_studio_sdk.core.api_error import ApiError

from backend.doctor.case import Case
from backend.doctor.check import Outcome, counted, failed, ok, unknown
from backend.entities import ControlTag, Task
from backend.errors import LabelStudioError
from backend.inference.plan import Plan
from backend.labelstudio.client import translate_errors
from backend.labelstudio.connect import (
    PRIVATE_ADDRESS_HELP,
    explain_refusal,
    is_our_webhook,
    prediction_versions,
)
from backend.labelstudio.label_config import parse_label_config
from backend.prelabel.project import LabelStudioProject

_TASKS_READ = 50
# Label Studio's word for a backend that did not answer when it was listed.
_DISCONNECTED = "DI"
_ERROR = "ER"


class ProjectCase:
    """One project as Label Studio tells of it; each thing is asked for once, when a check first needs it.

    Reading any of its properties raises LabelStudioError where Label Studio refuses or is away.

    Args:
        case: The run that it belongs to.
        project_id: Label Studio's id.
        is_asked: True where somebody named this project; False where we merely know it of old.
    """

    def __init__(self, case: Case, project_id: int, *, is_asked: bool) -> None:
        self.case = case
        self.project_id = project_id
        self.is_asked = is_asked

    @property
    def sdk(self) -> Any:
        """Label Studio's client."""
        return self.case.services.label_studio.sdk

    @property
    def settings_page(self) -> str:
        """Address of the project's settings in Label Studio."""
        return f"{self.case.settings.label_studio_url}/projects/{self.project_id}/settings"

    @property
    def connect_command(self) -> str:
        """The command that makes or mends the connection."""
        return f"python -m backend connect --project {self.project_id}"

    @cached_property
    @translate_errors
    def project(self) -> Any:
        """The project itself."""
        return self.sdk.projects.get(self.project_id)

    @cached_property
    @translate_errors
    def backends(self) -> Sequence[Any]:
        """Its backend entries, oldest first. Label Studio calls each of them when it lists them."""
        return sorted(self.sdk.ml.list(project=self.project_id), key=lambda backend: backend.id)

    @cached_property
    def entry(self) -> Any | None:
        """The backend entry that leads to us; None where there is none."""
        url = self.case.connector.url
        return next((b for b in self.backends if (b.url or "").rstrip("/") == url), None)

    @cached_property
    @translate_errors
    def webhooks(self) -> Sequence[Any]:
        """The project's own webhooks, without those of the whole organisation."""
        found = self.sdk.webhooks.list(project=self.project_id)
        return [webhook for webhook in found if webhook.project == self.project_id]

    @property
    def our_webhooks(self) -> Sequence[Any]:
        """Those that lead to us."""
        return [w for w in self.webhooks if is_our_webhook(w, self.project_id, self.case.connector)]

    @cached_property
    def versions(self) -> dict[str, int]:
        """Predictions by version, the version of the newest first."""
        return prediction_versions(self.sdk, self.project_id)

    @cached_property
    def plan(self) -> Plan:
        """What these settings make of the labeling config.

        Raises:
            LabelConfigError, ModelError: nothing.
        """
        return self.case.services.pipeline.planner.plan(self._label_config, self.project_id)

    @cached_property
    def controls(self) -> tuple[ControlTag, ...]:
        """Every control tag on an image."""
        return parse_label_config(self._label_config)

    @cached_property
    def tasks(self) -> Sequence[Task]:
        """A few of its tasks, by ascending id."""
        client = self.case.services.label_studio
        read = LabelStudioProject(client, self.project_id).read_after
        return [found.task for found in read(0, filters=(), only_unlabelled=False, limit=_TASKS_READ)]

    @property
    def _label_config(self) -> str:
        return str(self.project.label_config or "")

    def may_be_called(self, kind: str) -> bool:
        """Tell whether Label Studio would call our address at all, as a "backend" or for a "webhook".

        It is asked by a call that it never carries out, since what is sent lacks something; but it looks at
        the address before it sees that.
        """
        url = self.case.connector.url
        try:
            if kind == "backend":  # which wants a user and a password
                self.sdk.ml.create(project=self.project_id, url=url, auth_method="BASIC_AUTH")
            else:  # an action that no project has
                hook = self.case.connector.webhook_url
                self.sdk.webhooks.create(project=self.project_id, url=hook, actions=["PROJECT_CREATED"])
        except ApiError as error:
            return PRIVATE_ADDRESS_HELP not in explain_refusal(error, url)
        return True


def check_project(project: ProjectCase) -> Outcome:
    """See that it exists, and that the token's user sees it."""
    try:
        found = project.project
    except LabelStudioError as error:
        if error.refused_with == HTTPStatus.NOT_FOUND and not project.is_asked:
            return unknown(
                "Label Studio has no such project any more, or the token's user may not see it "
                f"(python -m backend doctor --project {project.project_id} takes that for an error)"
            )
        raise
    return ok(f'"{found.title}", {counted(found.task_number or 0, "task")}')


def check_connection(project: ProjectCase) -> Outcome:
    """See that it has a backend entry for us, and no older one: Label Studio uses the first alone."""
    url, entry = project.case.connector.url, project.entry
    if entry is None:
        if not project.may_be_called("backend"):
            return failed(f"It is not connected, and Label Studio may not call {url}.", PRIVATE_ADDRESS_HELP)
        others = ", ".join(str(backend.url) for backend in project.backends) or "none"
        return failed(f"It is not connected to {url}. Backends that it has: {others}.")
    older = [str(backend.url) for backend in project.backends if backend.id < entry.id]
    if older:
        return failed(
            f"Label Studio uses only the first backend, which is not this one but {older[0]}.",
            f"Remove the other backends on {project.settings_page}/ml",
        )
    user = project.case.connector.basic_auth_user
    if user and (entry.auth_method, entry.basic_auth_user) != ("BASIC_AUTH", user):
        return failed("The backend entry in Label Studio names another user than BASIC_AUTH_USER.")
    return ok(f'"{entry.title}" leads to {url}')


def check_reach(project: ProjectCase) -> Outcome:
    """See what Label Studio said when it called us."""
    url, entry = project.case.connector.url, project.entry
    assert entry is not None  # a check before this one saw to that
    if entry.state == _DISCONNECTED:
        if not project.may_be_called("backend"):
            return failed(f"Label Studio may not call {url}.", PRIVATE_ADDRESS_HELP)
        return failed(
            f"Label Studio cannot reach {url}.",
            "make run, and BACKEND_URL=<this server's address as seen from Label Studio> (in a container, "
            f"localhost is the container itself); then {project.connect_command}",
        )
    if entry.state == _ERROR:
        text = str(entry.error_message)
        if text.startswith("422"):
            return failed(
                f'Label Studio reaches {url}, but its labeling config is refused; "labels" says why.',
                f"Change the labeling config on {project.settings_page}/labeling",
            )
        return failed(f"Label Studio reached {url}, but got an error: {text}")
    return ok(f"Label Studio reaches {url}")
