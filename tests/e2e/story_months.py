"""The months of a story: what comes, who reviews it, what is learnt of it; and what was seen in each."""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from backend.review.entities import Tally
from backend.stats.agreement import AgreementReport
from backend.stats.agreement_queries import read_agreement
from backend.store.database import Database
from backend.training.entities import TrainingRun
from demo.scenes import SceneStyle

from .story_clock import StoryClock
from .story_project import Reviews, StoryProject
from .story_scenes import scenes_of_people, true_tallies
from .story_team import Habit, Person, spoiling

# Whole weeks, so that each month is one week of the figures by week; and all of its work is in that week.
MONTH = timedelta(weeks=4)
_FIRST_SEED = 4_000_000
_SEEDS_A_MONTH = 10_000


@dataclass(frozen=True)
class Month:
    """So many pictures come. `reviewers` are places in the team, in turns; nobody where there are none.

    `habit` is everybody's in that month, None where each has the own one. A run begins by itself with
    `learns_from` newly reviewed pictures; `is_learnt` says that this month they are together at its end.
    """

    name: str
    event: str
    style: SceneStyle
    pictures: int
    reviewers: tuple[int, ...] = (0, 1, 0, 1, 2)
    habit: Habit | None = None
    learns_from: int = 100
    is_learnt: bool = False


_NIGHT, _WINTER = SceneStyle("night"), SceneStyle("fog", "masked")
# Where much is new the careful one does most of it.
_MOSTLY_CAREFUL = (0, 0, 0, 1, 0, 0, 2, 0, 0, 0)
MONTHS = (
    Month("January", "day cameras, as trained for", SceneStyle(), 20),
    Month("February", "new cameras, for the night", _NIGHT, 80, _MOSTLY_CAREFUL, is_learnt=True),
    Month("March", "the new model at night", _NIGHT, 30),
    Month("April", "masks and coveralls, in fog", _WINTER, 70, _MOSTLY_CAREFUL, is_learnt=True),
    Month("May", "the new model, masks", _WINTER, 30),
    Month("June", "nobody reviews", _WINTER, 20, reviewers=()),
    # More than a third of all that is learnt from, since a model puts up with a good deal.
    Month("July", "labels are spoiled", _WINTER, 100, (2,), spoiling, learns_from=150, is_learnt=True),
)


@dataclass(frozen=True)
class Told:
    """One month as it was.

    `quality` is what our server said of the version whose predictions were shown, of this month alone, None
    where nobody reviewed; `truth` is by label the same by the truth. `agreement` is of all so far. The alerts
    are the kinds that were open after the reviews, or at the end of a month without any, and in the end.
    `champion` serves in the end; None are the weights of the settings.
    """

    month: Month
    week: date
    seconds: float
    reviewed: int
    quality: Mapping[str, Any] | None
    truth: Mapping[str, Tally]
    agreement: AgreementReport
    alerts: tuple[frozenset[str], frozenset[str]]
    run: TrainingRun | None
    champion: str | None

    @property
    def corrected(self) -> Mapping[str, Any]:
        """What our server said of the month's tasks that were not blind; empty where nobody reviewed."""
        return dict(self.quality["corrected"]) if self.quality else {}


def tell(
    project: StoryProject, database: Database, clock: StoryClock, team: Sequence[Person]
) -> Iterator[Told]:
    """Let the months pass, the first one now; yield each when it is over."""
    first, dice, runs = clock.now, random.Random(7), 0
    for number, month in enumerate(MONTHS):
        began = time.monotonic()
        if number:
            clock.move_to(first + number * MONTH)
        project.run("configure", f"RETRAIN_MIN_REVIEWED={month.learns_from}")
        week = clock.now.date() - timedelta(days=clock.now.weekday())
        project.bring(scenes_of_people(_FIRST_SEED + number * _SEEDS_A_MONTH, month.pictures, month.style))
        people = [team[place] for place in month.reviewers]
        done = project.review(people, team, habit=month.habit, dice=dice) if people else Reviews(0, ())
        if not people:
            clock.move_to(first + (number + 1) * MONTH - timedelta(hours=1))
        reviewed = project.look_for_alerts()
        runs += month.is_learnt
        run = project.await_run(runs) if month.is_learnt else None
        yield Told(
            month=month,
            week=week,
            seconds=time.monotonic() - began,
            reviewed=done.tasks,
            quality=project.quality(week) if people else None,
            truth=true_tallies(done.seen),
            agreement=read_agreement(database, project.id),
            alerts=(reviewed, project.open_alerts()),
            run=run,
            champion=project.champion,
        )
