"""What people do through the page: each action asks first, with a form that no other site can send."""

from flask import Blueprint, Response, redirect, request

from backend.dashboard.actions import Action, Answer, Question, Target
from backend.dashboard.details import project_title
from backend.dashboard.list_actions import ACKNOWLEDGE, RENEW, TAB_OF_ERRORS, TAB_OF_NEXT
from backend.dashboard.model_actions import CANCEL_RUN, PRELABEL, PROMOTE, ROLL_BACK, TRAIN_NOW
from backend.endpoints.audited import audited
from backend.endpoints.auth import caller_name, require_caller
from backend.endpoints.context import get_services
from backend.endpoints.csrf import FIELD, check_form, csrf_token, keep_token
from backend.endpoints.dashboard_page import show
from backend.endpoints.notices import forget_notice, leave_notice
from backend.errors import AppError, BadRequest, NotFound
from backend.store.reviews import check_project
from backend.store.runs import get_run

blueprint = Blueprint("dashboard_actions", __name__)
blueprint.before_request(require_caller)
blueprint.after_request(keep_token)
blueprint.after_app_request(forget_notice)

_OF_PROJECT = {action.name: action for action in (TRAIN_NOW, PRELABEL, PROMOTE, ROLL_BACK, RENEW)}
_TABS = {"next-tasks": TAB_OF_NEXT, "label-errors": TAB_OF_ERRORS}
_REASON_CHARS = 500


@blueprint.route("/dashboard/projects/<int:project_id>/<action>", methods=["GET", "POST"])
def act(project_id: int, action: str) -> Response:
    """Train now, pre-label, promote `?version=`, roll back, or work out anew."""
    if action not in _OF_PROJECT:
        raise NotFound(f"There is no page {action[:80]!r} of a project.")
    chosen = _OF_PROJECT[action]
    name = _parameter("version") if chosen is PROMOTE else ""
    if chosen is PROMOTE and not name:
        raise BadRequest('The address names no version; expected, for instance, "?version=settings".')
    return _handle(chosen, Target(project_id, name))


@blueprint.route(
    "/dashboard/projects/<int:project_id>/alerts/<int:alert_id>/acknowledge", methods=["GET", "POST"]
)
def acknowledge(project_id: int, alert_id: int) -> Response:
    """Say that somebody takes care of an alert."""
    return _handle(ACKNOWLEDGE, Target(project_id, str(alert_id)))


@blueprint.route("/dashboard/projects/<int:project_id>/tabs/<name>", methods=["GET", "POST"])
def make_tab(project_id: int, name: str) -> Response:
    """Make a tab in Label Studio: of the next tasks, or of suspected label errors, `?kind=` of one kind."""
    if name not in _TABS:
        raise NotFound(f"There is no list {name[:80]!r}; expected {' or '.join(_TABS)}.")
    return _handle(_TABS[name], Target(project_id, _parameter("kind")))


@blueprint.route("/dashboard/runs/<run_id>/cancel", methods=["GET", "POST"])
def cancel_run(run_id: str) -> Response:
    """Cancel a run."""
    run = get_run(get_services().database, run_id)
    return _handle(CANCEL_RUN, Target(run.project_id, run.id))


def _handle(action: Action, target: Target) -> Response:
    """Ask, or do what was asked and lead to where it shows; what is refused is said above the same question.

    Raises:
        AppError: the question makes no sense, as of a version that is not there.
    """
    services = get_services()
    check_project(services.database, target.project_id)
    if request.method == "GET":
        return _show(target, action.ask(services, target))
    answer = Answer(
        caller_name(),
        _text("reason"),
        is_ticked="choice" in request.form,
        state=request.form.get("state", ""),
    )
    try:
        check_form()
        said, back = _do(action, target, answer)
    except AppError as error:
        question = action.ask(services, target)
        return _show(target, question, message=error.message, status=error.status, answer=answer)
    page, _, section = back.partition("#")
    # Not to the section, since what came of it stands above all.
    return leave_notice(_lead_to(f"{page}#message"), said, section=section)


def _do(action: Action, target: Target, answer: Answer) -> tuple[str, str]:
    """Do it; return what came of it and the address of the page that shows it."""
    services = get_services()
    with audited(target.project_id, action.name, target.name) as deed:
        question = action.ask(services, target)
        said = action.act(services, target, answer)
        deed.detail = f"{said} Reason: {answer.reason}" if answer.reason else said
    return said, question.back


def _show(
    target: Target, question: Question, *, message: str = "", status: int = 200, answer: Answer | None = None
) -> Response:
    return show(
        "confirm.html",
        status=status,
        project=project_title(get_services().database, target.project_id),
        question=question,
        answer=answer,
        address=request.full_path.rstrip("?"),
        field=FIELD,
        token=csrf_token(),
        message=message,
        message_tone="bad",
    )


def _lead_to(address: str) -> Response:
    response = redirect(address, 303)
    assert isinstance(response, Response)
    return response


def _parameter(name: str) -> str:
    return _clean(request.args.get(name, ""))


def _text(name: str) -> str:
    return _clean(request.form.get(name, "").strip()[:_REASON_CHARS])


def _clean(text: str) -> str:
    if "\x00" in text:
        raise BadRequest("A text holds the character NUL, which cannot be kept.")
    return text
