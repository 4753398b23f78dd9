"""What people do with what a project's page lists: acknowledge alerts, work out anew, make tabs of tasks."""

from dataclasses import replace
from datetime import UTC, datetime

from backend.alerts.entities import Alert
from backend.dashboard.actions import Action, Answer, Question, Target, home_of
from backend.errors import BadRequest, NotFound
from backend.labelstudio.task_lists import (
    NEXT_TITLE,
    annotator_titles,
    errors_title,
    keep_list_tab,
    keep_next_tabs,
)
from backend.report.build import current_report, make_report
from backend.report.entities import ProjectReport
from backend.services import Services
from backend.stats.label_errors import ErrorKind
from backend.store.alerts import acknowledge_alert, get_alert

# Longer lists are no help to a person, and Label Studio takes each task as a condition of its own.
_MOST_TASKS = 100
# More people's tabs are not named one by one before they are made.
_NAMED_TABS = 6
# An alert's message may be long; where it is named again, its beginning does.
_ALERT_CHARS = 160


def _ask_acknowledge(services: Services, target: Target) -> Question:
    alert = _alert(services, target)
    if not alert.is_open:
        raise BadRequest(f"Alert {alert.id} is resolved, so there is nothing left to acknowledge.")
    return Question(
        "Acknowledge the alert",
        (
            alert.message,
            "Others see that you take care of it. It stays open until what it tells of is over.",
        ),
        "I take care of it",
        f"{home_of(target)}#alerts",
    )


def _acknowledge(services: Services, target: Target, answer: Answer) -> str:
    alert = _alert(services, target)
    taken = acknowledge_alert(services.database, alert.id, answer.who, datetime.now(UTC))
    words = alert.message if len(alert.message) <= _ALERT_CHARS else f"{alert.message[:_ALERT_CHARS]}..."
    return f'Acknowledged by {taken.acknowledged_by}: "{words}"'


def _alert(services: Services, target: Target) -> Alert:
    alert = get_alert(services.database, int(target.name))
    if alert.project_id not in (None, target.project_id):
        raise NotFound(f"Alert {alert.id} is of another project.")
    return alert


def _ask_renew(services: Services, target: Target) -> Question:
    return Question(
        "Work out anew",
        (
            "The figures are worked out by themselves about a minute after something has changed. This works "
            "them out at once, which may take some seconds; the page waits for it.",
        ),
        "Work out anew",
        home_of(target),
    )


def _renew(services: Services, target: Target, _: Answer) -> str:
    make_report(services, target.project_id)
    return "All figures are worked out anew."


def _ask_next_tab(services: Services, target: Target) -> Question:
    report = current_report(services, target.project_id)
    question = _question_of_tab(services, target, NEXT_TITLE, _next_tasks(report), "next-tasks")
    return replace(question, facts=(question.facts[0], _annotators_fact(report), *question.facts[1:]))


def _next_tab(services: Services, target: Target, _: Answer) -> str:
    tasks = _next_tasks(current_report(services, target.project_id))
    titles = keep_next_tabs(services.label_studio, target.project_id, tasks)
    return f"Label Studio has {_named(titles)}, with {len(tasks)} tasks."


def _ask_errors_tab(services: Services, target: Target) -> Question:
    tasks = _suspects(services, target)
    return _question_of_tab(services, target, errors_title(target.name), tasks, "label-errors")


def _errors_tab(services: Services, target: Target, _: Answer) -> str:
    tasks, title = _suspects(services, target), errors_title(target.name)
    keep_list_tab(services.label_studio, target.project_id, title, tasks)
    return f"Label Studio has {_named([title])}, with {len(tasks)} tasks."


def _question_of_tab(
    services: Services, target: Target, title: str, tasks: list[int], section: str
) -> Question:
    address = f"{services.settings.label_studio_link}/projects/{target.project_id}/data"
    return Question(
        "Make a tab in Label Studio",
        (
            f'The project\'s Data Manager gets the tab "{title}" with {len(tasks)} tasks, in the order of '
            "this list. One of that name that is there already is replaced. Putting them in order takes some "
            "seconds; the page waits for it.",
            f'Open it at {address}, and press "Label Tasks As Displayed".',
        ),
        "Make the tab",
        f"{home_of(target)}#{section}",
    )


def _annotators_fact(report: ProjectReport) -> str:
    """Say what becomes of the annotators' own tabs; Label Studio may know more people by now."""
    titles = annotator_titles(report.names)
    if not titles:
        return (
            "Where several people have annotated by then, each gets a tab of an own part of them as well, "
            "and tabs of people who are gone are deleted."
        )
    rest = len(titles) - _NAMED_TABS
    more = f", and {rest} more" if rest > 0 else ""
    return (
        "Each annotator gets a tab of an own part of them as well, so that no two open the same task: "
        f"{', '.join(_quoted(titles[:_NAMED_TABS]))}{more}. Those that are there already are replaced, and "
        "those of people who no longer annotate here are deleted."
    )


def _next_tasks(report: ProjectReport) -> list[int]:
    return _some([each.task_id for each in report.next_tasks.tasks], "task worth labelling next is known")


def _suspects(services: Services, target: Target) -> list[int]:
    """Return the tasks with suspected errors, of one kind where the target names one; the worst first."""
    report = current_report(services, target.project_id)
    if target.name and target.name not in list(ErrorKind):
        raise BadRequest(f"{target.name[:80]!r} is no kind of label error; expected {', '.join(ErrorKind)}.")
    errors = [each for each in report.label_errors.errors if target.name in ("", each.kind)]
    return _some([each.task_id for each in errors], "label is suspected to be wrong")


def _some(task_ids: list[int], what: str) -> list[int]:
    if not task_ids:
        raise BadRequest(f"No {what}, so there is no task to make a tab of.")
    return list(dict.fromkeys(task_ids))[:_MOST_TASKS]


def _named(titles: list[str]) -> str:
    quoted = _quoted(titles)
    return f"the tab {quoted[0]}" if len(quoted) == 1 else f"the tabs {', '.join(quoted)}"


def _quoted(titles: list[str]) -> list[str]:
    return [f'"{title}"' for title in titles]


ACKNOWLEDGE = Action("acknowledge", _ask_acknowledge, _acknowledge)
RENEW = Action("renew", _ask_renew, _renew)
TAB_OF_NEXT = Action("tab-next-tasks", _ask_next_tab, _next_tab)
TAB_OF_ERRORS = Action("tab-label-errors", _ask_errors_tab, _errors_tab)
