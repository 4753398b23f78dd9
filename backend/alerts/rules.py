"""What is wrong with a project, and what is in order again. Facts in, findings out."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from backend.alerts.drift_rules import drift_keys, judge_drift
from backend.alerts.entities import AlertKind, Finding
from backend.report_settings import ProjectSettings
from backend.stats.drift_report import DriftReport
from backend.stats.intervals import Estimate
from backend.training.entities import RunState, TrainingRun, Verdict
from backend.training.names import MISSING_IMAGES

# Fewer say nothing of a version.
LEAST_REGIONS = 30
# What a version was like before does not help those who correct it now: new images make a good one bad. So
# many weeks count, and more where these hold too few regions.
RECENT_WEEKS = 4
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class VersionF1:
    """F1 of a version on corrected tasks, from so many regions, shown or missed.

    `is_trained` is false for weights that no run made.
    """

    version: str
    is_trained: bool
    regions: int
    f1: Estimate | None


@dataclass(frozen=True, slots=True)
class RecentF1:
    """The same of the version in service, in the weeks from `since` on, a Monday (UTC)."""

    version: str
    since: date
    regions: int
    f1: Estimate | None


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """What is known of a project.

    `waiting` counts tasks that nobody has viewed, `waiting_since` is when the first prediction of one of them
    was made, `reviewed_at` when a task was reviewed last. `is_gone` is true where Label Studio no longer has
    the project. `versions` are those of which there is an annotation, the weights that no run made first,
    then by number; `in_service` is the version that serves, and `recent` its F1 of late, None where nobody
    has corrected it. `runs` are the newest first. `drift` is what the report says of it, None where there is
    none yet.
    """

    project_id: int
    is_gone: bool
    waiting: int
    waiting_since: datetime | None
    reviewed_at: datetime | None
    in_service: str | None
    recent: RecentF1 | None
    versions: tuple[VersionF1, ...]
    runs: tuple[TrainingRun, ...]
    drift: DriftReport | None


def judge(facts: ProjectFacts, settings: ProjectSettings, *, now: datetime) -> tuple[Finding, ...]:
    """Return what is found, at most one finding of each kind and key.

    Where there is none, an alert stays as it is.

    Args:
        facts: Of the project.
        settings: The project's.
        now: The time of the look.
    """
    if facts.is_gone:
        text = f"Label Studio no longer has project {facts.project_id}."
        return tuple(Finding(kind, False, text, key) for kind in AlertKind for key in _keys(kind))
    found = (
        _judge_reviews(facts, settings.alert_idle_days, now),
        _judge_level(facts, settings.alert_min_f1),
        _judge_course(facts, settings.alert_falls),
        _judge_last_run(facts),
        _judge_verdicts(facts),
        _judge_images(facts),
        *judge_drift(facts.project_id, facts.drift, is_watched=settings.alert_drift),
    )
    return tuple(finding for finding in found if finding is not None)


def _keys(kind: AlertKind) -> tuple[str, ...]:
    """Return the keys that alerts of this kind may have."""
    return drift_keys() if kind == AlertKind.DRIFT else ("",)


def _judge_reviews(facts: ProjectFacts, days: float, now: datetime) -> Finding | None:
    kind, project = AlertKind.NO_REVIEWS, facts.project_id
    if not days:
        return _in_order(kind, project, "how long nobody reviews is no longer watched (ALERT_IDLE_DAYS).")
    if not facts.waiting:
        return _in_order(kind, project, "no task waits for a review.")
    # Whoever had reviewed everything is not idle for the time before there was something new.
    known = [moment for moment in (facts.reviewed_at, facts.waiting_since) if moment is not None]
    if not known:
        return None  # nobody has ever used it
    idle = now - max(known)
    if idle < timedelta(days=days):
        last = f"the last time on {facts.reviewed_at:%Y-%m-%d}" if facts.reviewed_at else "though not yet"
        return _in_order(kind, project, f"tasks are reviewed, {last}.")
    return _wrong(
        kind,
        project,
        f"nobody has reviewed a task for {_span(idle)}, and {_count(facts.waiting, 'task')} "
        "wait. Ask the annotators; if the project rests, set its ALERT_IDLE_DAYS to 0.",
    )


def _judge_level(facts: ProjectFacts, least: float) -> Finding | None:
    """Judge the version in service: surely below the limit, at or above it, or neither of the two.

    It is surely below where the whole 95 % interval is, so that few reviews alarm nobody.
    """
    kind, project = AlertKind.LOW_QUALITY, facts.project_id
    if not least:
        return _in_order(kind, project, "F1 is no longer watched (ALERT_MIN_F1).")
    recent = facts.recent
    if recent is None or recent.f1 is None or recent.regions < LEAST_REGIONS:
        return None
    f1 = recent.f1
    figures = (
        f"F1 of {recent.version} on tasks reviewed since {recent.since} is {f1.value:.2f} (95 % interval "
        f"{f1.low:.2f} to {f1.high:.2f}, from {recent.regions} regions)"
    )
    if f1.high < least:
        return _wrong(
            kind,
            project,
            f"{figures}, below ALERT_MIN_F1 = {least:g}. See which labels are weak: python -m backend "
            f"quality --project {project} --since {recent.since}",
        )
    return _in_order(kind, project, f"{figures}; ALERT_MIN_F1 is {least:g}.") if f1.value >= least else None


def _judge_course(facts: ProjectFacts, falls: int) -> Finding:
    kind, project = AlertKind.FALLING_QUALITY, facts.project_id
    if not falls:
        return _in_order(
            kind, project, "whether F1 falls from version to version is no longer watched (ALERT_FALLS)."
        )
    course = _course(facts)[-falls - 1 :]
    values = [f1 for _, f1 in course]
    named = ", ".join(f"{each.version} {f1:.2f}" for each, f1 in course) or "no figures"
    is_falling = (
        len(course) == falls + 1
        and all(later < former for former, later in zip(values, values[1:], strict=False))
        and all(each.is_trained for each, _ in course[1:])
    )
    if not is_falling:
        return _in_order(
            kind, project, f"F1 on reviewed tasks does not fall from version to version: {named}."
        )
    return _wrong(
        kind,
        project,
        f"F1 on reviewed tasks fell {_count(falls, 'time')} in a row in spite of retraining: {named}. Look "
        f"at what is corrected (python -m backend quality --project {project}), and whether new images "
        f"differ from those trained on. The version before: python -m backend rollback --project {project}",
    )


def _course(facts: ProjectFacts) -> list[tuple[VersionF1, float]]:
    """Return the versions that have figures, up to the one in service: a rollback ends a fall."""
    names = [each.version for each in facts.versions]
    end = names.index(facts.in_service) + 1 if facts.in_service in names else len(names)
    return [
        (each, each.f1.value)
        for each in facts.versions[:end]
        if each.f1 is not None and each.regions >= LEAST_REGIONS
    ]


def _judge_last_run(facts: ProjectFacts) -> Finding | None:
    kind, project = AlertKind.RUN_FAILED, facts.project_id
    last = next((run for run in facts.runs if run.state in (RunState.DONE, RunState.FAILED)), None)
    if last is None:
        return None
    if last.state == RunState.DONE:
        return _in_order(kind, project, f"training run {last.id} is done.")
    return _wrong(
        kind,
        project,
        f"training run {last.id} failed: {_short(last.error or 'for a reason unknown').rstrip('.')}. When "
        f"that is mended, begin another: python -m backend train --project {project}",
    )


def _judge_verdicts(facts: ProjectFacts) -> Finding | None:
    kind, project = AlertKind.REJECTED_TWICE, facts.project_id
    judged = [run for run in facts.runs if run.state == RunState.DONE and run.verdict is not None][:2]
    if not judged:
        return None
    if judged[0].verdict == Verdict.PROMOTE:
        return _in_order(kind, project, f"the new model of run {judged[0].id} is good enough.")
    by_hand = next((run for run in judged if _serves(facts, run)), None)
    if by_hand is not None:
        return _in_order(kind, project, f"the model of run {by_hand.id} was put in service all the same.")
    if len(judged) < 2 or any(run.verdict != Verdict.REJECT for run in judged):
        return None
    newest = judged[0]
    return _wrong(
        kind,
        project,
        f"the last two new models were rejected. Run {newest.id}: "
        f"{_short('; '.join(newest.verdict_reasons) or 'no reason given').rstrip('.')}. Look at the runs' "
        f"warnings and figures (python -m backend runs {newest.id}), and at the labels "
        f"(python -m backend quality --project {project}).",
    )


def _serves(facts: ProjectFacts, run: TrainingRun) -> bool:
    return run.version is not None and run.version in (facts.in_service or "").split("+")


def _judge_images(facts: ProjectFacts) -> Finding | None:
    kind, project = AlertKind.EXAMPLES_MISSING, facts.project_id
    run = next((run for run in facts.runs if run.snapshot is not None), None)
    if run is None:
        return None
    missing = next((text for text in run.warnings if text.startswith(MISSING_IMAGES)), None)
    if missing is None:
        return _in_order(kind, project, f"training run {run.id} had all images.")
    return _wrong(
        kind,
        project,
        f"training run {run.id} lacked examples. {_short(missing)} Find the cause: python -m backend doctor "
        f"--project {project}",
    )


def _wrong(kind: AlertKind, project_id: int, text: str) -> Finding:
    return Finding(kind, True, f"Project {project_id}: {text}")


def _in_order(kind: AlertKind, project_id: int, text: str) -> Finding:
    return Finding(kind, False, f"Project {project_id}: {text}")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 3]}..."


def _span(time: timedelta) -> str:
    return _count(time.days, "day") if time.days else _count(time.seconds // 3600, "hour")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
