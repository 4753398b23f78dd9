"""Advice on the model's quality: that it falls, that it flatters, and that images have changed. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from backend.alerts.rules import LEAST_REGIONS
from backend.report.advice import Advice, Topic, Urgency
from backend.report.advice_words import command, write_count, write_estimate
from backend.report.entities import ProjectReport
from backend.stats.change import Drift, Measure, Verdict
from backend.stats.intervals import Estimate, estimate_difference
from backend.stats.quality import Figures, VersionQuality

# With the default BLIND_FRACTION of 0.05 so many tasks have a blind one among them in 994 of 1000 cases.
_ENOUGH_FOR_A_BLIND_ONE = 100


def advise_on_quality(report: ProjectReport) -> Iterator[Advice]:
    """Yield what to do about the model's quality."""
    worse = _on_worse_version(report) or _on_worse_week(report)
    anchoring = _on_anchoring(report) or _on_missing_blind_tasks(report)
    yield from (each for each in (worse, anchoring) if each is not None)


def advise_on_drift(report: ProjectReport) -> Iterator[Advice]:
    """Yield what to do about the greatest change, unless it is a small one."""
    for verdict, urgency in ((Verdict.LARGE, Urgency.NOW), (Verdict.MODERATE, Urgency.SOON)):
        found = [each for each in (*report.drift.measures, report.drift.bias) if each.verdict is verdict]
        if found:
            yield _on_drift(report, max(found, key=lambda each: each.value or 0.0), urgency, len(found) - 1)
            return


def f1_of(figures: Figures) -> Estimate | None:
    """Return F1, None also where too few regions say anything of it."""
    tally = figures.tally
    return figures.f1 if tally.tp + tally.fp + tally.fn >= LEAST_REGIONS else None


def serving_version(report: ProjectReport) -> VersionQuality | None:
    """Return the figures of the version that serves; None where nobody has corrected it yet."""
    return next((each for each in report.quality.versions if _serves(report, each)), None)


def is_course_known(report: ProjectReport) -> bool:
    """Return whether enough is known to see that quality falls."""
    return bool(_last_versions(report) or _last_weeks(report))


def _serves(report: ProjectReport, quality: VersionQuality) -> bool:
    """Tell whether each model that the version stands for is among those that serve."""
    return report.serving is not None and set(quality.version.split("+")) <= set(report.serving.split("+"))


def _on_worse_version(report: ProjectReport) -> Advice | None:
    versions = _last_versions(report)
    if not versions or not _is_surely_less(versions[0][1], versions[1][1]):
        return None
    (newest, f1), (before, f1_before) = versions
    return Advice(
        Topic.QUALITY,
        Urgency.NOW,
        "Find out why the newest model is worse than the one before",
        f"F1 {write_estimate(f1)} after {write_estimate(f1_before)}",
        f"What annotators correct says that {newest.version} is surely worse than {before.version}. Either "
        "its training labels or the images have changed: see which labels are corrected, and go back to the "
        "version before if nothing else helps.",
        command(report, "quality"),
    )


def _last_versions(report: ProjectReport) -> Sequence[tuple[VersionQuality, Estimate]]:
    """Return the newest version and the one before with F1; none unless the newest serves and both are known.

    A version that serves no longer, or that hardly anybody has corrected, says nothing of the model in use.
    """
    versions = report.quality.versions[:2]
    if not versions or not _serves(report, versions[0]):
        return ()
    known = [(each, f1) for each in versions if (f1 := f1_of(each.corrected)) is not None]
    return known if len(known) == 2 else ()


def _on_worse_week(report: ProjectReport) -> Advice | None:
    weeks = _last_weeks(report)
    if not weeks or not _is_surely_less(weeks[1][1], weeks[0][1]):
        return None
    (week_before, f1_before), (week, f1) = weeks
    return Advice(
        Topic.QUALITY,
        Urgency.NOW,
        "Look at the newest images and corrections",
        f"F1 {write_estimate(f1)} after {write_estimate(f1_before)}",
        f"In the week of {week} the model was surely worse than in that of {week_before}. New cameras, other "
        "light or other objects do this; so do annotators who have begun to work by another rule.",
        command(report, "quality --weeks"),
    )


def _last_weeks(report: ProjectReport) -> Sequence[tuple[date, Estimate]]:
    """Return the last two weeks of the version that serves, with F1; none where they are long over.

    Of that version alone: what another one did is no news, and must not look like a change of the images.
    """
    serving = serving_version(report)
    weeks = serving.weeks if serving is not None else ()
    known = [(part.key, f1) for part in weeks if (f1 := f1_of(part.corrected)) is not None][-2:]
    today = report.made_at.date()
    last_week = today - timedelta(days=today.weekday() + 7)
    return known if len(known) == 2 and known[-1][0] >= last_week else ()


def _is_surely_less(f1: Estimate, before: Estimate) -> bool:
    return estimate_difference(f1, before).high < 0


def _on_anchoring(report: ProjectReport) -> Advice | None:
    newest = next((each for each in report.quality.versions if each.anchoring is not None), None)
    if newest is None or newest.anchoring is None or newest.anchoring.f1 is None:
        return None
    shown, blind = newest.corrected.f1, newest.blind.f1
    if newest.anchoring.f1.low <= 0 or shown is None or blind is None:
        return None
    return Advice(
        Topic.QUALITY,
        Urgency.SOON,
        "Ask annotators to look for what the model has missed, and judge the model by blind tasks",
        f"F1 {write_estimate(shown)} where predictions are shown, {write_estimate(blind)} where not",
        f"People leave what they see: {newest.version} looks surely better where its predictions were shown "
        "than on the blind tasks, where they were not. Its real quality is the lower figure, and the labels "
        "lean towards the model.",
        command(report, "quality"),
    )


def _on_missing_blind_tasks(report: ProjectReport) -> Advice | None:
    versions = report.quality.versions
    corrected = sum(each.corrected.annotations for each in versions)
    blind = sum(each.blind.annotations for each in versions)
    if blind or corrected < _ENOUGH_FOR_A_BLIND_ONE:
        return None
    return Advice(
        Topic.QUALITY,
        Urgency.SOON,
        "Let some tasks come without predictions",
        f"0 blind tasks, {corrected:,} with predictions",
        "People leave what they see, so tasks that show predictions flatter the model. With "
        "BLIND_FRACTION=0.05 one task in twenty shows none, and says how good the model really is.",
    )


def _on_drift(report: ProjectReport, drift: Drift, urgency: Urgency, others: int) -> Advice:
    if drift.measure is Measure.PREDICTION_BIAS:
        todo = "See which classes the model finds too often or too seldom, and label more of them"
    else:
        todo = "Look at the new images, and label some of them for the next training"
    more = f" {write_count(others, 'other figure')} changed as much." if others else ""
    return Advice(
        Topic.DRIFT,
        urgency,
        todo,
        f"{drift.measure}: PSI {drift.value or 0.0:.2f}, above {drift.limit or 0.0:.2f}",
        f"{drift.sentence}{more} A model is as good as it was only on images like those it was trained on.",
        command(report, "drift"),
    )
