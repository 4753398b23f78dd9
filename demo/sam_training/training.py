"""Train a SAM from scratch for a given time: prompts, then corrections, as its authors trained theirs."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from backend.sam.architectures import SamArchitecture, build_sam
from demo.sam_training.decoding import Answers, Asked, decode, embed_prompts
from demo.sam_training.losses import DenseTask, answer_loss, overlaps
from demo.sam_training.prompts import choose_clicks, choose_corrections, loosen_boxes
from demo.sam_training.views import Store, Views, take_views

MOST_CORRECTIONS = 3
WITHOUT_LOGITS = 0.2  # share of corrections that see the clicks alone
DENSE_WEIGHT, DENSE_UNTIL = 0.5, 0.7  # of the time
CLEAR_CARE = 1e9  # validation clicks the middle


@dataclass(frozen=True)
class TrainingPlan:
    """How long and how: `batch` pictures a step with `objects` prompts each, half clicks and half boxes."""

    seconds: float
    batch: int = 64
    objects: int = 4
    learning_rate: float = 8e-4
    warm_up: float = 0.06  # share of the time
    weight_decay: float = 0.05
    most_gradient: float = 1.0
    average: float = 0.995  # how much of the averaged weights a step leaves
    report_seconds: float = 15.0
    save_seconds: float = 60.0


@dataclass(frozen=True)
class Progress:
    """One line of the log; IoU in [0, 1] of a click and of a box on validation pictures, if measured."""

    step: int
    seconds: float
    loss: float
    click: float | None = None
    box: float | None = None


class Trainer:
    """Weights in training, their running average, and what changes them.

    They begin as those of `earlier`, a SAM of the same sizes, or else at random.
    """

    def __init__(
        self, architecture: SamArchitecture, plan: TrainingPlan, device: str, earlier: Any = None
    ) -> None:
        self.architecture, self.plan, self.device = architecture, plan, device
        self.sam = build_sam(architecture).to(device).train()
        if earlier is not None:
            self.sam.load_state_dict(earlier.state_dict())
        self.averaged = build_sam(architecture).to(device)
        self.averaged.load_state_dict(self.sam.state_dict())
        self.dense_task = DenseTask(architecture.prompt_width).to(device)
        self._trained = [*self.sam.parameters(), *self.dense_task.parameters()]
        self._optimizer = torch.optim.AdamW(_decaying(self.sam, self.dense_task, plan.weight_decay))

    def run(
        self,
        training: Store,
        validation: Store,
        *,
        report: Callable[[Progress], None],
        save: Callable[[Any], None],
    ) -> int:
        """Train until the time is up, a step at least; `save` gets the averaged weights, at the end too.

        Returns the number of steps.
        """
        begun = time.monotonic()
        next_report, next_save, step = self.plan.report_seconds, self.plan.save_seconds, 0
        while (passed := time.monotonic() - begun) < self.plan.seconds or not step:
            picks = torch.randint(len(training.pixels), (self.plan.batch,), device=self.device)
            loss = self.step(self._views(training, picks, is_varied=True), passed / self.plan.seconds, step)
            step += 1
            if passed >= next_report:
                next_report += self.plan.report_seconds
                report(Progress(step, passed, loss.item()))
            if passed >= next_save:
                next_save += self.plan.save_seconds
                report(Progress(step, passed, loss.item(), *self.validate(validation)))
                save(self.averaged)
        save(self.averaged)
        last = time.monotonic() - begun
        report(Progress(step, last, loss.item(), *self.validate(validation)))
        return step

    def step(self, views: Views, share: float, number: int) -> Tensor:
        """Learn from one batch; `share` of the time has passed. Returns the loss."""
        rate = self.plan.learning_rate * _schedule(share, self.plan.warm_up)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        with self._half_floats():
            features = self.sam.image_encoder(self._normalise(views))
            dense_weight = DENSE_WEIGHT * max(0.0, 1 - share / DENSE_UNTIL)
            boxes = views.boxes / self.architecture.image_size
            dense_loss = self.dense_task(features, views.things, views.shares, boxes)
            loss = self._prompted_loss(features, views) + dense_weight * dense_loss
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self._trained, self.plan.most_gradient)
        if torch.isfinite(norm):
            self._optimizer.step()
            self._average(number)
        return loss.detach()

    @torch.no_grad()
    def validate(self, store: Store) -> tuple[float, float]:
        """Return the averaged weights' mean IoU of one click in the middle, and of one exact box."""
        clicks, boxes, things = [], [], []
        for picks in torch.arange(len(store.pixels), device=self.device).split(self.plan.batch):
            views = self._views(store, picks, is_varied=False)
            with self._half_floats():
                features = self.averaged.image_encoder(self._normalise(views))
                targets = [t.flatten(0, 1) for t in (views.shares, views.boxes, views.is_thing)]
                own = features.repeat_interleave(self.plan.objects, 0)
                points, _ = choose_clicks(targets[0], self._cell, CLEAR_CARE)
                none = points[:, None][:, :0]
                is_clicked = torch.ones(len(points), 1, dtype=torch.bool, device=self.device)
                click = self._answer(self.averaged, own, Asked(points[:, None], is_clicked, None))
                box = self._answer(self.averaged, own, Asked(none, is_clicked[:, :0], targets[1]))
            best = click.quality[:, 1:].argmax(1, keepdim=True) + 1
            clicks.append(overlaps(click.logits, targets[0]).gather(1, best)[:, 0])
            boxes.append(overlaps(box.logits, targets[0])[:, 0])
            things.append(targets[2])
        is_thing = torch.cat(things)
        of_clicks, of_boxes = (torch.cat(found)[is_thing].mean().item() for found in (clicks, boxes))
        return of_clicks, of_boxes

    def _prompted_loss(self, features: Tensor, views: Views) -> Tensor:
        """Return the mean loss of first prompts and of a random number of corrections."""
        half = self.plan.objects // 2
        # First the objects that are clicked, then those that get a box.
        shares, boxes, is_thing = (_halves(t, half) for t in (views.shares, views.boxes, views.is_thing))
        own = torch.cat([features.repeat_interleave(half, 0)] * 2)
        count = len(own) // 2
        points, _ = choose_clicks(shares[:count], self._cell)
        is_clicked = torch.ones(count, 1, dtype=torch.bool, device=self.device)
        clicked = Asked(points[:, None], is_clicked, None)
        boxed = Asked(clicked.points[:, :0], is_clicked[:, :0], loosen_boxes(boxes[count:]))
        answers = self._answer(self.sam, own, clicked, boxed)
        losses = [answer_loss(answers, shares, is_thing)]
        shown = _pick_shown(answers)
        for _ in range(int(torch.randint(1, MOST_CORRECTIONS + 1, ()))):
            points, is_positive = choose_corrections(shares, shown > 0, self._cell)
            clicked = clicked.and_points(points[:count], is_positive[:count])
            boxed = boxed.and_points(points[count:], is_positive[count:])
            answers = self._answer(self.sam, own, clicked, boxed, logits=shown)
            losses.append(answer_loss(answers, shares, is_thing))
            shown = answers.logits[:, 0].detach()
        return torch.stack(losses).mean()

    def _answer(self, sam: Any, own: Tensor, *asked: Asked, logits: Tensor | None = None) -> Answers:
        """Answer groups of prompts together; `own` (M, C, h, w) are the features of each one's image."""
        sizes = [len(group.points) for group in asked]
        shown = [None] * len(asked) if logits is None else logits.split(sizes)
        parts = [
            embed_prompts(sam.prompt_encoder, group, part) for group, part in zip(asked, shown, strict=True)
        ]
        sparse, dense = (torch.cat(part) for part in zip(*parts, strict=True))
        if logits is not None:
            is_bare = torch.rand(len(own), 1, 1, 1, device=own.device) < WITHOUT_LOGITS
            dense = torch.where(is_bare, sam.prompt_encoder.no_mask_embed.weight[:, :, None, None], dense)
        return decode(sam, own, sparse, dense)

    def _views(self, store: Store, picks: Tensor, *, is_varied: bool) -> Views:
        side, cells = self.architecture.image_size, self.architecture.grid * 4
        objects = self.plan.objects
        return take_views(store, picks, objects=objects, side=side, cells=cells, is_varied=is_varied)

    def _normalise(self, views: Views) -> Tensor:
        # Beside the picture SAM's input is 0.
        return (views.pixels - self.sam.pixel_mean) / self.sam.pixel_std * views.is_picture

    def _average(self, number: int) -> None:
        # Early steps are forgotten sooner.
        kept = min(self.plan.average, (1 + number) / (10 + number))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.averaged.parameters()), [p.detach() for p in self.sam.parameters()], 1 - kept
            )

    def _half_floats(self) -> Any:
        kind = torch.device(self.device).type
        return torch.autocast(kind, torch.bfloat16, enabled=kind != "cpu")

    @property
    def _cell(self) -> float:
        return self.architecture.image_size / (self.architecture.grid * 4)


def _halves(values: Tensor, half: int) -> Tensor:
    """Reorder (B, P, ...) to (B * P, ...): the first half of every picture's objects, then the second."""
    return torch.cat([values[:, :half].flatten(0, 1), values[:, half : 2 * half].flatten(0, 1)])


def _pick_shown(answers: Answers) -> Tensor:
    """Return the logits (M, s, s) that an annotator may have seen: the first mask or the best of three."""
    best = answers.quality[:, 1:].argmax(1) + 1
    is_first = torch.rand(len(best), device=best.device) < 0.5
    chosen = torch.where(is_first, torch.zeros_like(best), best)
    return answers.logits[torch.arange(len(best), device=best.device), chosen].detach()


def _schedule(share: float, warm_up: float) -> float:
    """Return the learning rate's factor after a share of the time: up in a line, then down half a cosine."""
    if share < warm_up:
        return max(share / warm_up, 1e-3)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (share - warm_up) / (1 - warm_up))))


def _decaying(sam: Any, dense_task: Any, decay: float) -> Iterator[dict[str, Any]]:
    """Yield parameter groups: matrices decay; biases, norms and embeddings of tokens do not."""
    named = [*sam.named_parameters(), *dense_task.named_parameters()]
    is_matrix = {name: p.ndim > 1 and "embed" not in name and "token" not in name for name, p in named}
    yield {"params": [p for name, p in named if is_matrix[name]], "weight_decay": decay}
    yield {"params": [p for name, p in named if not is_matrix[name]], "weight_decay": 0.0}
