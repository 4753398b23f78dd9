"""The sections of a project's page, in their order."""

from collections.abc import Mapping, Sequence

from backend.dashboard.charts.agreement import agreement_section
from backend.dashboard.charts.annotators import annotators_section
from backend.dashboard.charts.drift import drift_section
from backend.dashboard.charts.errors import errors_section
from backend.dashboard.charts.label_errors import label_errors_section
from backend.dashboard.charts.names import distinct_names
from backend.dashboard.charts.next_tasks import next_tasks_section
from backend.dashboard.charts.outlook import classes_section, images_section
from backend.dashboard.charts.quality import quality_section
from backend.dashboard.charts.reviews import reviews_section
from backend.dashboard.charts.runs import runs_section
from backend.dashboard.charts.versions import versions_section
from backend.dashboard.entities import Links, Section
from backend.registry.entities import ListedVersion
from backend.report.advice import Topic
from backend.report.entities import ProjectReport
from backend.review.entities import ReviewState
from backend.training.entities import TrainingRun

_NOWHERE = Links()


def section_of(topic: Topic) -> str:
    """Return the key of the section that a piece of advice is about."""
    return "runs" if topic == Topic.TRAINING else topic.value


def project_charts(
    report: ProjectReport,
    versions: Sequence[ListedVersion],
    runs: Sequence[TrainingRun],
    states: Mapping[ReviewState, int],
    *,
    links: Links = _NOWHERE,
    decision: str = "",
) -> tuple[Section, ...]:
    """Return what is shown of a project.

    Args:
        report: Its figures.
        versions: Those trained for it, the newest first.
        runs: Its training runs, the newest first.
        states: How many of its tasks are in each review state.
        links: Where rows of tables lead to.
        decision: Why no run is due, in a sentence; "" where nobody has looked.
    """
    project, names = report.project_id, distinct_names(report.names)
    return (
        quality_section(report.quality, versions, links, decision),
        errors_section(report.quality),
        agreement_section(report.agreement, names, links),
        label_errors_section(report.label_errors, names, project, links),
        annotators_section(report.annotators, names, project, links),
        drift_section(report.drift, project),
        images_section(report.outlook, project),
        classes_section(report.outlook, project),
        next_tasks_section(report.next_tasks, project, links),
        versions_section(versions, project, links, decision),
        runs_section(runs, project, links, decision),
        reviews_section(states, project),
    )
