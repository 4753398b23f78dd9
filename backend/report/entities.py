"""The report of a project as one value: all figures that take time to work out."""

from dataclasses import dataclass
from datetime import datetime

from backend.report.advice import Advice
from backend.stats.agreement import AgreementReport
from backend.stats.annotator_figures import AnnotatorFigures
from backend.stats.drift_report import DriftReport
from backend.stats.label_errors import LabelErrorReport
from backend.stats.next_tasks import NextTasksReport
from backend.stats.outlook import OutlookReport
from backend.stats.quality import QualityReport


@dataclass(frozen=True, slots=True)
class ProjectReport:
    """What was worked out of a project at `made_at`.

    `title` is the project's in Label Studio, `names` those of its annotators by id; empty where Label Studio
    was out of reach. `serving` is the version that serves, None where none does. `agreement.tasks` holds the
    least agreed on alone.
    """

    project_id: int
    title: str
    names: dict[int, str]
    made_at: datetime
    serving: str | None
    quality: QualityReport
    annotators: tuple[AnnotatorFigures, ...]
    agreement: AgreementReport
    label_errors: LabelErrorReport
    drift: DriftReport
    outlook: OutlookReport
    next_tasks: NextTasksReport
    advice: tuple[Advice, ...]
