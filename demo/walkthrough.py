"""The whole loop on sample scenes, step by step: `make demo-retrain` while `make demo` runs.

Night cameras, which the model has never seen, bring pictures. It pre-labels them badly, a scripted annotator
corrects them, and what follows comes by itself: a training run, the comparison with the model in service,
the promotion, and pre-labels of the new version. Each part goes on where an earlier start of it stopped.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, fields

from label_studio_sdk.client import LabelStudio
from rich.console import Console

from backend.settings import Settings, read_settings
from backend.store.database import Database, open_database
from backend.store.runs import get_run, list_runs
from backend.training.entities import RunState, TrainingRun, Verdict
from demo.annotator import Effort, annotate
from demo.project import LABEL_CONFIG, find_project, import_scenes, run_command
from demo.scenes import SceneStyle

STYLE = SceneStyle(camera="night")
FIRST_SEED = 3_000_000
# Few pictures and few epochs: more steps than ultralytics takes by itself, and none of its mosaics.
TRAIN_BATCH = 8
TRAIN_OPTIONS = f"optimizer=AdamW,lr0=0.001,nbs={TRAIN_BATCH},mosaic=0,warmup_epochs=1"
RUN_BEGINS_SECONDS = 120.0

out = Console(width=110, highlight=False)


@dataclass(frozen=True)
class Plan:
    """How much is done, and in which project: pictures to learn from, new ones after that, epochs of the run.

    A tenth of the pictures is for the test; the gate wants `test_pictures` of them at least.
    """

    pictures: int = 120
    new_pictures: int = 24
    epochs: int = 12
    test_pictures: int = 10
    title: str = "Night cameras"


class Walkthrough:
    """The steps, each as a method; they print what they do."""

    def __init__(self, settings: Settings, sdk: LabelStudio, database: Database, plan: Plan) -> None:
        self._settings = settings
        self._sdk = sdk
        self._database = database
        self._plan = plan
        self.project_id = self._find_project()

    def bring_pictures(self, first: int, count: int) -> None:
        """Import so many scenes from the number `first` on, and pre-label them."""
        out.print(f"\n[bold]{count} pictures of night cameras arrive[/bold], and are pre-labelled.")
        seeds = range(FIRST_SEED + first, FIRST_SEED + first + count)
        import_scenes(self._sdk, self.project_id, self._settings.data_dir / "night", seeds, STYLE)
        run_command("prelabel", "--project", str(self.project_id), "--only-unlabelled")

    def correct_pictures(self) -> Effort:
        """Correct what nobody has annotated yet; return what that took."""
        tasks = [
            int(task.id)
            for task in self._sdk.tasks.list(project=self.project_id, fields="all")
            if not task.is_labeled
        ]
        out.print(f"\n[bold]An annotator corrects {len(tasks)} pictures.[/bold]")
        effort = annotate(self._sdk, tasks, STYLE, tell=lambda count: _tell(count, len(tasks)))
        out.print(f"That took {effort.changes} changes to {effort.objects} objects.")
        return effort

    def await_run(self) -> TrainingRun:
        """Wait for the run that begins by itself, and show it to its end.

        After one of an earlier start that failed or was cancelled another one is asked for.

        Raises:
            TimeoutError: none begins.
        """
        newest = self._newest_run()
        lost = newest.id if newest and newest.state in (RunState.FAILED, RunState.CANCELLED) else None
        if lost:
            out.print(f"\n[bold]Run {lost} came to nothing: another one is asked for.[/bold]")
            run_command("train", "--project", str(self.project_id), "--no-wait")
        elif newest is None:
            out.print("\n[bold]Enough is reviewed: a training run begins by itself.[/bold]")
        deadline = time.monotonic() + RUN_BEGINS_SECONDS
        while (run := self._newest_run()) is None or run.id == lost:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no run began within {RUN_BEGINS_SECONDS:g} s")
            time.sleep(1)
        run_command("runs", run.id, "--watch")
        return get_run(self._database, run.id)

    def _newest_run(self) -> TrainingRun | None:
        return next(iter(list_runs(self._database, project_id=self.project_id, limit=1)), None)

    def _find_project(self) -> int:
        found = find_project(self._sdk, self._plan.title)
        project = found or self._sdk.projects.create(title=self._plan.title, label_config=LABEL_CONFIG)
        run_command("connect", "--project", str(project.id))
        run_command(
            "configure",
            "--project",
            str(project.id),
            f"RETRAIN_MIN_REVIEWED={self._plan.pictures}",
            "RETRAIN_MIN_CORRECTIONS=1000000",  # all pictures are to be corrected before the run begins
            f"TRAIN_EPOCHS={self._plan.epochs}",
            f"GATE_MIN_IMAGES={self._plan.test_pictures}",
            f"TRAIN_BATCH={TRAIN_BATCH}",
            f"TRAIN_OPTIONS={TRAIN_OPTIONS}",
        )
        return int(project.id)


def walk(settings: Settings, plan: Plan) -> bool:
    """Go through all steps; return True where the new model came into service."""
    sdk = LabelStudio(
        base_url=settings.label_studio_url, api_key=settings.label_studio_api_key.get_secret_value()
    )
    with closing(open_database(settings.database_address, timeout=30)) as database:
        steps = Walkthrough(settings, sdk, database, plan)
        steps.bring_pictures(0, plan.pictures)
        before = steps.correct_pictures()
        run = steps.await_run()
        if run.state != RunState.DONE or run.verdict != Verdict.PROMOTE:
            out.print(f"The run ended as {run.state}: {run.error or '; '.join(run.verdict_reasons)}")
            return False
        run_command("versions", "--project", str(steps.project_id))
        steps.bring_pictures(plan.pictures, plan.new_pictures)
        after = steps.correct_pictures()
        if before.pictures and after.pictures:  # both in this start: nobody knows what an earlier one took
            shares = f"{10 * before.share:.1f} were changed with the old model, {10 * after.share:.1f} with"
            out.print(f"\nOf 10 objects {shares} {run.version}.")
        undo = f"-m demo.inside backend rollback --project {steps.project_id}"
        out.print(f"Undo it all with: .venv/bin/python {undo}")
    return True


def _tell(count: int, total: int) -> None:
    if count % 20 == 0 or count == total:
        out.print(f"  {count} of {total}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and walk."""
    parser = argparse.ArgumentParser(prog="python -m demo.walkthrough", description="Close the loop once.")
    for field in fields(Plan):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default
        )
    plan = Plan(**vars(parser.parse_args(arguments)))
    sys.exit(0 if walk(read_settings(), plan) else 1)


if __name__ == "__main__":
    main()
