"""A run from phase to phase: snapshot, training, evaluation, promotion.

Each phase ends with one transaction that names the next, and finds what an earlier attempt at it left.
"""

from backend.inference.checkpoint import Checkpoint, read_checkpoint
from backend.registry.move import move_champion
from backend.store.database import chunks
from backend.store.ledger import hold_project
from backend.store.review_rows import mark_taken
from backend.store.runs import end_run, hold_run, list_epochs
from backend.store.versions import add_version, champion_of, next_number
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
from retrain.gate import decide
from retrain.snapshot.build import build_snapshot
from retrain.snapshot.manifest import load_snapshot
from retrain.training.device import device_lock, training_device
from retrain.training.train import train

_MARKS_AT_ONCE = 500


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
            warnings=list(snapshot.warnings),
        )

    def _train(self) -> None:
        context, snapshot, run = self._context, self._snapshot(), self._context.run
        assert run.base_weights is not None  # set together with the phase
        champion = champion_of(self._database, run.project_id)
        device = training_device(run.settings.retrain_device)
        with device_lock(context.services.settings.data_dir, device):
            context.update(device=device)
            train(
                context,
                data=write_dataset(snapshot, self._artifacts, context.folder / "data"),
                base=self._artifacts.fetch(run.base_weights),
                base_is_champion=champion is not None and champion.version == run.base,
                target=snapshot.target,
            )
        context.update(phase=Phase.EVALUATE)

    def _evaluate(self) -> None:
        context, snapshot = self._context, self._snapshot()
        number, challenger = self._keep_challenger()
        champion = model_in_service(context.services, context.run.project_id, snapshot.target)
        device = training_device(context.settings.retrain_device)
        # Beside another run's training neither memory nor times could be relied on.
        with device_lock(context.services.settings.data_dir, device):
            comparison = compare(
                context,
                snapshot,
                challenger=challenger,
                champion=champion.checkpoint if champion else None,
                epochs=list_epochs(self._database, context.run.id),
            )
        self._store_version(number, challenger, snapshot, comparison)

    def _keep_challenger(self) -> tuple[int, Checkpoint]:
        """Keep the best weights as the new version's; return its number and what the file says of itself."""
        run = self._context.run
        assert run.checkpoint is not None  # training has ended with one
        best, digest = run.checkpoint.best, run.checkpoint.best_digest
        with self._database.read() as session:
            number = next_number(session, run.project_id)
        name = version_artifact(run.project_id, number)
        # An attempt that was killed may have done so before: the same file, or one that nobody knows of.
        self._artifacts.put_file(self._artifacts.fetch(best, digest=digest), name)
        return number, read_checkpoint(self._artifacts.fetch(name, digest=digest))

    def _store_version(
        self, number: int, challenger: Checkpoint, snapshot: Snapshot, comparison: Comparison
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
            artifact=version_artifact(run.project_id, number),
            state=VersionState.REJECTED if decision.verdict == Verdict.REJECT else VersionState.CANDIDATE,
            comparison=comparison,
            created_at=now(),
        )
        with self._database.write() as session:
            row = hold_run(session, run.id, owner=self._context.owner, now=now())
            add_version(session, version, challenger, now=now())
            row.version, row.verdict = challenger.version, decision.verdict
            row.verdict_reasons = list(decision.reasons)
            row.phase, row.attempts = Phase.PROMOTE, 1
        self._context.reload()

    def _promote(self) -> None:
        run, settings = self._context.run, self._context.settings
        assert run.version is not None  # set together with the phase
        self._mark_taken(self._snapshot())
        with self._database.write() as session:
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
        self._context.reload()

    def _mark_taken(self, snapshot: Snapshot) -> None:
        """Note which content of which tasks was trained on; in parts, so that nobody waits for long."""
        marks = {task: mark for example in snapshot.examples for task, mark in example.marks.items()}
        for some in chunks(sorted(marks.items()), _MARKS_AT_ONCE):
            with self._database.write() as session:
                if hold_project(session, snapshot.project_id):
                    mark_taken(session, dict(some))

    def _snapshot(self) -> Snapshot:
        assert self._context.run.snapshot is not None  # set together with the phase that follows the first
        return load_snapshot(self._artifacts, self._context.run.snapshot)
