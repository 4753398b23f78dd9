"""Months of a project that counts people: what happens to the model, and what its manager is told of it.

New cameras lower the quality, a team of three corrects, the model learns and recovers; in fog people put on
masks, it misses them, and learns again; one month nobody reviews; at last labels are spoiled, and the model
stays as it is.
Label Studio, server, workers, weights and training are the real ones. Their clocks are moved: see
`story_clock.py`.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser

from backend.store.database import open_database
from backend.training.entities import RunState, Verdict
from demo.__main__ import WEIGHTS

from .servers import Stack, client_of, run_label_studio, run_stack
from .story_clock import StoryClock
from .story_months import MONTH, MONTHS, Told, tell
from .story_page import ProjectPage
from .story_project import StoryProject
from .story_table import f1, missed, per_100_shown, print_months, true_f1
from .story_team import Person, accepting, careful, careless, sign_up

pytestmark = pytest.mark.slow

# More than usual: on these tasks two people each are compared, and they are what the gate judges by.
BLIND = 0.15
LEAST_F1 = 0.45
TITLE = "People at night"
SETTINGS = (
    "RETRAIN_MIN_CORRECTIONS=1000000",  # all pictures of a month are to be reviewed before its run begins
    "TRAIN_EPOCHS=24",
    "TRAIN_BATCH=8",
    # As the demo's weights were made, which so little data changes fast enough.
    "TRAIN_OPTIONS=optimizer=AdamW,lr0=0.002,nbs=8,mosaic=0,warmup_epochs=1",
    f"ALERT_MIN_F1={LEAST_F1}",
    "ALERT_IDLE_DAYS=21",
)
# The page's names of what people change, and our server's.
ERRORS = {
    "Extra object": "deleted",
    "Missed object": "added",
    "Wrong class": "relabelled",
    "Loose box": "adjusted",
}
WEDNESDAY, MORNING = 2, 9


@dataclass(frozen=True)
class Story:
    """All months by name, told to the end; the servers still run, and it is still July."""

    stack: Stack
    project: StoryProject
    team: Mapping[str, Person]
    months: Mapping[str, Told]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = {name: tmp_path_factory.mktemp(name) for name in ("clock", "label-studio", "stack")}
    clock = StoryClock(folder["clock"], start=_first_day())
    with ExitStack() as opened:
        with clock.running():
            server = opened.enter_context(run_label_studio(folder["label-studio"]))
            stack = opened.enter_context(run_stack(folder["stack"], label_studio=server, weights=WEIGHTS))
        stack.job_worker.end()
        stack.job_worker.start(BLIND_FRACTION=str(BLIND))
        address = f"sqlite:///{stack.settings['DATA_DIR']}/backend.sqlite3"
        database = opened.enter_context(closing(open_database(address, timeout=30)))
        sdk = opened.enter_context(client_of(server))
        # The most careful first: where two label a task, the labels of the first one count.
        habits = {"Ada": careful, "Cora": accepting, "Ben": careless}
        team = {name: opened.enter_context(sign_up(server, name, habit)) for name, habit in habits.items()}
        project = StoryProject(sdk, stack, database, clock, blind=BLIND, title=TITLE, settings=SETTINGS)
        told: list[Told] = []
        try:
            for month in tell(project, database, clock, list(team.values())):
                told.append(month)
                print(f"{month.month.name}: {month.seconds:.0f} s", flush=True)
        finally:
            print_months(told)
        yield Story(stack, project, team, {each.month.name: each for each in told})


def test_new_cameras_lower_the_quality(story: Story) -> None:
    before, after = story.months["January"], story.months["February"]
    assert f1(after) < f1(before) - 0.2
    assert true_f1(after) < true_f1(before) - 0.2


def test_alert_says_that_quality_is_low(story: Story) -> None:
    assert "low_quality" not in story.months["January"].alerts[-1]
    assert "low_quality" in story.months["February"].alerts[0]


def test_retraining_on_corrections_brings_quality_back(story: Story) -> None:
    fallen, recovered = story.months["February"], story.months["March"]
    run = fallen.run
    assert run is not None and (run.state, run.verdict) == (RunState.DONE, Verdict.PROMOTE), run
    assert recovered.quality is not None
    assert fallen.champion == run.version == recovered.quality["version"]
    assert f1(recovered) > f1(fallen) + 0.15
    assert true_f1(recovered) > true_f1(story.months["January"]) - 0.1
    assert "low_quality" not in recovered.alerts[-1]


def test_people_in_masks_are_missed(story: Story) -> None:
    plain, masked = story.months["March"], story.months["April"]
    assert missed(masked) > missed(plain) + 0.2
    assert per_100_shown(masked, "added") > 2 * per_100_shown(plain, "added")
    assert "low_quality" not in plain.alerts[-1]
    assert "low_quality" in masked.alerts[0]


def test_retraining_on_masks_repairs_it(story: Story) -> None:
    fallen, recovered = story.months["April"], story.months["May"]
    run = fallen.run
    assert run is not None and (run.state, run.verdict) == (RunState.DONE, Verdict.PROMOTE), run
    assert f1(recovered) > f1(fallen) + 0.15
    assert missed(recovered) < missed(fallen) - 0.15
    assert "low_quality" not in recovered.alerts[-1]


def test_month_without_reviews_is_noticed(story: Story) -> None:
    before, idle, after = (story.months[name] for name in ("May", "June", "July"))
    assert idle.reviewed == 0
    assert "no_reviews" not in before.alerts[-1]
    assert "no_reviews" in idle.alerts[0]
    assert "no_reviews" not in after.alerts[0]


def test_gate_keeps_the_old_model_where_labels_are_spoiled(story: Story) -> None:
    before, spoiled = story.months["June"], story.months["July"]
    run = spoiled.run
    assert run is not None and run.state == RunState.DONE
    assert run.verdict in (Verdict.REJECT, Verdict.HOLD), run.verdict_reasons
    assert spoiled.champion == before.champion is not None


def test_careless_annotator_is_unlike_the_others(story: Story) -> None:
    raters = {each.rater.id: each.is_unlike for each in story.months["May"].agreement.raters}
    assert raters == {person.id: name == "Ben" for name, person in story.team.items()}


def test_one_who_accepts_everything_is_named(story: Story) -> None:
    warned = {each["annotator"] for each in story.project.report("annotators") if each["warning"]}
    assert warned == {story.team["Cora"].id}


def test_page_shows_the_same_numbers(story: Story, browser: Browser) -> None:
    user, password = story.stack.credentials
    with closing(browser.new_context(http_credentials={"username": user, "password": password})) as context:
        page = ProjectPage(context.new_page(), f"{story.stack.url}/dashboard/projects/{story.project.id}")
        page.open_anew()
        rates, errors = page.table("quality-weeks-corrected"), page.table("corrections-by-week")
        for month in story.months.values():
            if not month.reviewed:
                assert f"{month.week}" not in rates
                continue
            figures, shown, counted = month.corrected, rates[f"{month.week}"], errors[f"{month.week}"]
            assert shown["Tasks"] == f"{figures['tasks']}"
            for name in ("precision", "recall", "f1"):
                assert shown[name.capitalize()] == f"{figures[name]['value']:.2f}"
            for column, name in ERRORS.items():
                assert counted[column] == f"{figures[name]}"
                assert counted[f"{column} per 100"] == f"{per_100_shown(month, name):.1f}"
        champion = story.months["July"].champion
        assert champion is not None and champion in page.first_figures()
        assert "Cora" in page.section("annotators")


def _first_day() -> datetime:
    """Return the Wednesday on which the story begins, so that it ends in these days."""
    day = datetime.now(UTC) - (len(MONTHS) - 1) * MONTH
    return day.replace(hour=MORNING, minute=0) - timedelta(days=(day.weekday() - WEDNESDAY) % 7)
