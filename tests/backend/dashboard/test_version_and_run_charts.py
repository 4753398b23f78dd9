from dataclasses import replace

import pytest

from backend.dashboard.charts.runs import run_charts, runs_section
from backend.dashboard.charts.scores import scores_chart
from backend.dashboard.charts.versions import version_charts, versions_section
from backend.dashboard.entities import Chart, Links
from backend.dashboard.verdicts import verdict_badge
from backend.registry.entities import ListedVersion
from backend.stats.intervals import Estimate
from backend.training.entities import EpochMetrics, Phase, RunState, Verdict, VersionState
from tests.backend.dashboard.charted import column, estimates, named
from tests.backend.dashboard.reports import (
    epoch_metrics,
    listed_version,
    model_score,
    training_run,
    version_name,
)

SECOND = listed_version(2)
COMPARISON = SECOND.trained.comparison


def version_chart(key: str, listed: ListedVersion = SECOND) -> Chart:
    return next(chart for chart in version_charts(listed) if chart.key == key)


def without_champion() -> ListedVersion:
    compared = replace(COMPARISON, champion=None, difference=None, class_differences={})
    return replace(SECOND, trained=replace(SECOND.trained, comparison=compared))


def test_versions_are_listed_with_figures_state_and_verdict() -> None:
    champion = replace(SECOND, trained=replace(SECOND.trained, state=VersionState.CHAMPION, artifact="a.pt"))
    links = Links(version=lambda version: f"/{version}")
    table = versions_section([champion, listed_version(1)], 1, links).charts[0].table
    assert column(table, "Version") == ["v2", "v1"]
    assert column(table, "State") == ["in service", "was in service"]
    assert column(table, "Images") == [200, 100]
    assert column(table, "F1")[0] == COMPARISON.challenger.f1
    assert column(table, "From") == ["v1", None]
    assert column(table, "Verdict") == ["good enough for service"] * 2
    assert column(table, "Why") == ["Not worse. No class fell."] * 2
    assert column(table, "Weights") == ["kept", "deleted"]
    assert table.links == {0: f"/{version_name(2)}", 1: f"/{version_name(1)}"}


@pytest.mark.parametrize("verdict", list(Verdict))
def test_tables_say_a_verdict_in_the_words_of_its_badge(verdict: Verdict) -> None:
    words, _ = verdict_badge(verdict)
    judged = replace(SECOND, verdict=verdict)
    versions = versions_section([judged], 1, Links()).charts[0].table
    runs = runs_section([training_run(1, verdict=verdict)], 1, Links()).charts[0].table
    scores = scores_chart([judged], 1, Links()).table
    assert [column(table, "Verdict") for table in (versions, runs, scores)] == [[words]] * 3


@pytest.mark.parametrize("decision", ["", "Runs begin only when asked for (RETRAIN_AUTO is false)."])
def test_nothing_is_promised_where_nothing_was_trained(decision: str) -> None:
    empty = [
        versions_section([], 1, Links(), decision).charts[0].empty,
        runs_section([], 1, Links(), decision).charts[0].empty,
        scores_chart([], 1, Links(), decision).empty,
    ]
    assert all(decision in words and "by itself" not in words for words in empty)
    assert all(words.endswith("To ask for a run: python -m backend train --project 1") for words in empty)


def test_version_is_beside_the_champion_in_each_figure() -> None:
    chart = version_chart("version-whole")
    assert column(chart.table, "Figure") == ["mAP50-95", "mAP50", "Precision", "Recall", "F1"]
    assert named(chart, "v2")["x"][0] == COMPARISON.challenger.map50_95
    assert COMPARISON.champion is not None
    assert named(chart, "v1")["x"][4] == COMPARISON.champion.f1
    assert chart.note.endswith("mAP50-95 differs by +0.020 (-0.010 to +0.050).")


def test_version_without_a_champion_stands_alone() -> None:
    for key in ("version-whole", "version-classes"):
        assert [trace["name"] for trace in version_chart(key, without_champion()).traces] == ["v2"]
    assert version_chart("version-whole", without_champion()).note.endswith("no model to compare with.")
    assert not version_chart("version-gains", without_champion()).table.rows


def test_classes_have_their_own_figures_the_most_objects_first() -> None:
    chart = version_chart("version-classes")
    car, person = COMPARISON.challenger.classes
    assert column(chart.table, "Class") == ["car", "person"]
    assert column(chart.table, "Test objects") == [40, 39]
    assert column(chart.table, "mAP50-95") == [car.map50_95, person.map50_95]
    assert column(chart.table, "Recall") == [car.recall, person.recall]
    assert named(chart, "v2")["x"] == [car.map50_95, person.map50_95]


def test_class_that_the_champion_does_not_know_has_a_gap() -> None:
    compared = replace(COMPARISON, champion=model_score("yolo11n", f1=0.5, classes=("person",)))
    listed = replace(SECOND, trained=replace(SECOND.trained, comparison=compared))
    chart = version_chart("version-classes", listed)
    assert column(chart.table, "mAP50-95 of yolo11n")[0] is None
    assert named(chart, "yolo11n")["x"][0] is None


def test_gains_by_class_begin_with_the_greatest_loss() -> None:
    chart = version_chart("version-gains")
    assert column(chart.table, "Class") == ["person", "car"]
    assert estimates(chart.table, "Gain") == [Estimate(-0.04, -0.09, 0.01), Estimate(0.03, 0.01, 0.05)]


def test_both_models_have_names_that_differ() -> None:
    compared = replace(COMPARISON, champion=model_score(version_name(2), f1=0.5))
    listed = replace(SECOND, trained=replace(SECOND.trained, comparison=compared))
    assert [trace["name"] for trace in version_chart("version-whole", listed).traces] == [
        "v2",
        "v2, in service",
    ]


def test_runs_are_listed_with_what_came_of_them() -> None:
    failed = training_run(
        2,
        state=RunState.FAILED,
        error="No image could be read.",
        version=None,
        verdict=None,
        verdict_reasons=(),
    )
    table = runs_section([failed, training_run(1)], 1, Links(run=lambda run: f"/runs/{run}")).charts[0].table
    assert column(table, "Run") == ["run2", "run1"]
    assert column(table, "State") == ["failed", "done"]
    assert column(table, "Minutes") == [15.5, 15.5]
    assert column(table, "Epochs") == [12, 12]
    assert column(table, "of at most") == [50, 50]
    assert column(table, "Version") == [None, "v1"]
    assert column(table, "Verdict") == [None, "good enough for service"]
    assert column(table, "Why this verdict") == ["No image could be read.", "Not worse."]
    assert table.links == {0: "/runs/run2", 1: "/runs/run1"}


def test_curves_of_a_run_are_losses_and_quality_by_epoch() -> None:
    epochs = [epoch_metrics(epoch) for epoch in (1, 2, 4)]
    losses, quality = run_charts(training_run(), epochs)
    assert named(losses, "box loss, training")["x"] == [1, 2, 4]
    assert named(losses, "box loss, training")["y"] == [2.0, 1.0, 0.5]
    assert named(losses, "box loss, validation")["y"] == [2.2, 1.1, 0.55]
    assert [trace["name"] for trace in quality.traces] == ["mAP50", "mAP50-95"]
    assert column(quality.table, "mAP50") == [0.5, 1 - 1 / 3, 0.8]


def test_figure_that_an_epoch_lacks_is_a_gap() -> None:
    without = EpochMetrics(2, 1.0, {"train/box_loss": 0.7})
    losses, quality = run_charts(training_run(), [epoch_metrics(1), without])
    assert named(losses, "box loss, validation")["y"] == [2.2, None]
    assert column(quality.table, "mAP50") == [0.5, None]


def test_run_without_epochs_says_whether_any_will_come() -> None:
    running = training_run(state=RunState.RUNNING, phase=Phase.TRAIN, finished_at=None)
    assert run_charts(running, [])[0].empty == "No epoch has been finished yet."
    assert run_charts(training_run(), [])[0].empty == "This run ended before an epoch was finished."
    assert run_charts(running, [])[0].traces == ()
