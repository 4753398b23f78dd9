"""A run from phase to phase: snapshot, training, evaluation, promotion.

Each phase ends with one transaction that names the next, and finds what an earlier attempt at it left.
"""

from collections.abc import Sequence

import structlog
from sqlalchemy.orm import Session

from backend.inference.checkpoint import Checkpoint, read_checkpoint
from backend.registry.move import hold_champion, move_champion
from backend.registry.weights import fetch_weights_of
from backend.stats.drift import ImageFacts
from backend.store.ledger import hold_project
from backend.store.review_rows import mark_taken
from backend.store.runs import end_run, list_epochs
from backend.store.versions import (
    add_version,
    champion_of,
    get_trained,
    judge_again,
    next_number,
)
from backend.training.entities import (
    Comparison,
    Phase,
    RunState,
    Snapshot,
    TrainedVersion,
    Verdict,
    VersionState,
)
from backend.training.names import version_artifact
from retrain.base import choose_base, keep_base, model_in_service
from retrain.context import RunContext, now
from retrain.dataset.write import write_dataset
from retrain.evaluation.compare import compare
from retrain.evaluation.held_out import HeldOut
from retrain.evaluation.predictor import project_controls
from retrain.gate import decide
from retrain.snapshot.build import build_snapshot
from retrain.snapshot.manifest import load_snapshot
from retrain.training.device import device_lock, training_device
from retrain.training.train import train

log = structlog.get_logger(__name__)


class TrainingRunner:
    """Works on a claimed run until it ends.

    Args:
        context: Of this attempt.
    """

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._database = context.services.database
        self._artifacts = context.services.artifacts

    def run(self) -> None:
        """Go through the phases that are left; the run has ended when this returns.

        Raises:
            RunCancelled, RunInterrupted, LeaseLost: it stops here.
            DeviceBusy: another run trains on the device.
            AppError: this attempt failed.
        """
        steps = {
            Phase.SNAPSHOT: self._take_snapshot,
            Phase.TRAIN: self._train,
            Phase.EVALUATE: self._evaluate,
            Phase.PROMOTE: self._promote,
        }
        while self._context.run.state == RunState.RUNNING:
            self._context.check()
            steps[self._context.run.phase]()

    def _take_snapshot(self) -> None:
        context = self._context
        snapshot = build_snapshot(context)
        base = choose_base(context.services, context.run.project_id, snapshot.target)
        context.update(
            phase=Phase.TRAIN,
            snapshot=snapshot.digest,
            base=base.checkpoint.version,
            base_weights=keep_base(self._artifacts, base, context.run.id),
            base_digest=base.checkpoint.digest,
            warnings=list(snapshot.warnings),
        )

    def _train(self) -> None:
        context, snapshot, run = self._context, self._snapshot(), self._context.run
        assert run.base_weights is not None  # set together with the phase
        base = self._artifacts.fetch(run.base_weights, digest=run.base_digest)
        champion = champion_of(self._database, run.project_id)
        device = training_device(run.settings.retrain_device)
        with device_lock(context.services.settings.data_dir, device):
            context.update(device=device)
            train(
                context,
                data=write_dataset(snapshot, self._artifacts, context.folder / "data"),
                base=base,
                base_is_champion=champion is not None and champion.version == run.base,
                target=snapshot.target,
                device=device,
            )
        context.update(phase=Phase.EVALUATE)

    def _evaluate(self) -> None:
        context, snapshot = self._context, self._snapshot()
        number, challenger = self._keep_challenger()
        # Before the model is looked up: one that takes its place meanwhile is noticed in the end.
        serving = champion_of(self._database, context.run.project_id)
        champion = model_in_service(context.services, context.run.project_id, snapshot.target)
        held_out = HeldOut(
            snapshot.target,
            challenger.class_names,
            project_controls(self._database, context.run.project_id),
            context.services.settings,
        )
        device = training_device(context.settings.retrain_device)
        # Beside another run's training neither memory nor times could be relied on.
        with device_lock(context.services.settings.data_dir, device):
            comparison = compare(
                context,
                snapshot,
                challenger=challenger,
                champion=champion.checkpoint if champion else None,
                epochs=list_epochs(self._database, context.run.id),
                device=device,
                held_out=held_out,
            )
        compared_with = serving.version if serving else None
        self._store_verdict(
            number, challenger, snapshot, comparison, held_out.facts, compared_with=compared_with
        )

    def _keep_challenger(self) -> tuple[int, Checkpoint]:
        """Keep the best weights as the new version's; return its number and what the file says of itself."""
        run = self._context.run
        if run.version is not None:  # compared once before
            trained = get_trained(self._database, run.version)
            return trained.number, fetch_weights_of(self._database, self._artifacts, trained)
        assert run.checkpoint is not None  # training has ended with one
        best, digest = run.checkpoint.best, run.checkpoint.best_digest
        with self._database.read() as session:
            number = next_number(session, run.project_id)
        name = version_artifact(run.project_id, number, run.id)
        # An attempt that was killed may have done so before: the same file, or one that nobody knows of.
        self._artifacts.put_file(self._artifacts.fetch(best, digest=digest), name)
        return number, read_checkpoint(self._artifacts.fetch(name, digest=digest))

    def _store_verdict(
        self,
        number: int,
        challenger: Checkpoint,
        snapshot: Snapshot,
        comparison: Comparison,
        held_out: Sequence[ImageFacts],
        *,
        compared_with: str | None,
    ) -> None:
        run, decision = self._context.run, decide(comparison, self._context.settings)
        version = TrainedVersion(
            version=challenger.version,
            project_id=run.project_id,
            number=number,
            parent=run.base,
            run_id=run.id,
            snapshot=snapshot.digest,
            controls=snapshot.target.controls,
            artifact=version_artifact(run.project_id, number, run.id),
            state=VersionState.REJECTED if decision.verdict == Verdict.REJECT else VersionState.CANDIDATE,
            comparison=comparison,
            created_at=now(),
        )
        with self._database.write() as session:
            row = self._context.hold(session)
            if row.version is None:
                add_version(session, version, challenger, now=now(), held_out=held_out)
            else:
                judge_again(session, version, held_out=held_out)
            row.version, row.compared_with = challenger.version, compared_with
            row.verdict, row.verdict_reasons = decision.verdict, list(decision.reasons)
            row.phase, row.attempts = Phase.PROMOTE, 1
        self._context.reload()

    def _promote(self) -> None:
        run = self._context.run
        snapshot = self._snapshot()
        with self._database.write() as session:
            row = self._context.hold(session)
            serving = hold_champion(session, run.project_id).version
            if serving in (run.compared_with, run.version):
                self._end(session, snapshot)
            else:
                log.info("champion_changed", run=run.id, project=run.project_id, version=serving)
                row.phase, row.attempts = Phase.EVALUATE, 1
        self._context.reload()

    def _end(self, session: Session, snapshot: Snapshot) -> None:
        """Mark the tasks, act upon the verdict and end the run: all of it, or nothing."""
        run, settings = self._context.run, self._context.settings
        marks = {task: mark for example in snapshot.examples for task, mark in example.marks.items()}
        if hold_project(session, run.project_id):
            mark_taken(session, marks)  # 0.2 s for 3000 tasks
        if run.verdict == Verdict.PROMOTE and settings.promote_auto:
            move_champion(
                session,
                run.project_id,
                run.version,
                reason="; ".join(run.verdict_reasons),
                run_id=run.id,
                prelabel=settings.promote_prelabel,
                now=now(),
            )
        end_run(session, run.id, RunState.DONE, owner=self._context.owner, now=now())

    def _snapshot(self) -> Snapshot:
        assert self._context.run.snapshot is not None  # set together with the phase that follows the first
        return load_snapshot(self._artifacts, self._context.run.snapshot)
