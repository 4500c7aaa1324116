"""Ignite engines that train and evaluate any model with any loss."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch import Tensor, nn

from replearn.errors import InputError
from replearn.models.precision import PRECISIONS
from replearn.training.batches import Batch
from replearn.training.metrics import TermAverage
from replearn.training.seeds import make_generator


class DivergedError(FloatingPointError):
    """The loss is not finite any more; the message is a sentence for the user."""


def autocast(device: torch.device, precision: str):
    """Return the context in which a forward pass runs: float32, or bfloat16 where it is safe."""
    if precision not in PRECISIONS:
        raise InputError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def make_trainer(
    model: nn.Module,
    loss: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    precision: str = "fp32",
    rate: Callable[[int], float] | None = None,
) -> Engine:
    """Return an engine that takes one optimiser step per batch of (input, target).

    `engine.state.output` is the dict of the loss's terms, 0-d tensors that stay on the device:
    nothing waits for them until someone reads them (see `WindowAverage`).

    Args:
        model: input batch -> output dataclass.
        loss: (output, target, step, generator) -> named terms, "loss" among them.
        optimizer: of the model's parameters.
        generator: of the sampling noise, on the model's device.
        precision: "fp32", or "bf16" for automatic mixed precision.
        rate: steps done -> learning rate of the next step; None leaves the optimiser's as it is.
    """
    device = next(model.parameters()).device
    autocast(device, precision)

    def step(engine: Engine, batch: Batch) -> dict[str, Tensor]:
        x, target = batch
        done = engine.state.iteration - 1
        if rate is not None:
            for group in optimizer.param_groups:
                group["lr"] = rate(done)
        with autocast(device, precision):
            output = model(x, generator=generator)
            terms = loss(output, target, done, generator)
        optimizer.zero_grad(set_to_none=True)
        terms["loss"].backward()
        optimizer.step()
        loss.after_step(generator)  # type: ignore[operator]
        return {name: value.detach() for name, value in terms.items()}

    trainer = Engine(step)
    trainer.add_event_handler(Events.STARTED, lambda: model.train())
    return trainer


def train(
    trainer: Engine, batches: Iterator[Batch], start: int, stop: int, epoch_length: int
) -> None:
    """Run `trainer` from step `start` to step `stop` on an endless iterator of batches."""
    trainer.load_state_dict({"iteration": start, "epoch_length": epoch_length, "max_iters": stop})
    trainer.run(batches)


class WindowAverage:
    """Log the average of every term over the last `every` steps as `train.<term>`, and `lr`.

    Args:
        log: called with (metric, value, step).
        every: steps of a window; the last window may be shorter.
        optimizer: whose learning rate, in use in the last step of a window, is logged as `lr`.
        window: the terms of the steps since the last point, of a resumed run.
    """

    def __init__(
        self,
        log: Callable[[str, float, int], None],
        every: int,
        optimizer: torch.optim.Optimizer,
        window: Sequence[dict[str, float]] = (),
    ):
        self._log, self._every, self._optimizer = log, every, optimizer
        self._window = [{name: torch.tensor(v) for name, v in terms.items()} for terms in window]

    def attach(self, trainer: Engine) -> None:
        """Collect the terms of every step of `trainer`.

        Raises:
            DivergedError: from the engine's run, if a term is not finite.
        """
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        trainer.add_event_handler(Events.TERMINATE | Events.COMPLETED, self._flush)

    def state(self) -> list[dict[str, float]]:
        """Return the terms of the steps since the last point, for the resume state."""
        return [{name: v.item() for name, v in terms.items()} for terms in self._window]

    def _collect(self, engine: Engine) -> None:
        self._window.append(engine.state.output)  # type: ignore[arg-type]
        if engine.state.iteration % self._every == 0:
            self._flush(engine)

    def _flush(self, engine: Engine) -> None:
        if not self._window:
            return
        step, names = engine.state.iteration, list(self._window[0])
        device = self._window[-1][names[0]].device
        rows = [torch.stack([t[n].float().to(device) for n in names]) for t in self._window]
        values = dict(zip(names, torch.stack(rows).double().mean(0).tolist(), strict=True))
        steps = len(self._window)
        self._window.clear()
        for name, value in values.items():
            if math.isfinite(value):
                self._log(f"train.{name}", value, step)
        self._log("lr", self._optimizer.param_groups[0]["lr"], step)
        check_finite(values, f"in the {steps} steps before step {step}")


def check_finite(terms: dict[str, float], when: str) -> None:
    """Raise a DivergedError if a term is not finite.

    Raised, not a quiet stop of the engine: such a run would be recorded as COMPLETED.
    """
    for name, value in terms.items():
        if not math.isfinite(value):
            raise DivergedError(
                f"the {name} was not finite {when}: training has diverged; lower the learning "
                f"rate or the regularisation strength"
            )


def make_evaluator(
    model: nn.Module, loss: nn.Module, seed: int, precision: str = "fp32"
) -> Callable[[Iterator[Batch], int], dict[str, float]]:
    """Return a function (batches, step) -> average of every term of the loss over the batches.

    The model is in evaluation mode and its sampling noise is the same at every call.
    """
    device = next(model.parameters()).device
    now: dict[str, Any] = {}

    @torch.no_grad()
    def evaluate_batch(engine: Engine, batch: Batch) -> tuple[int, dict[str, Tensor]]:
        x, target = batch
        with autocast(device, precision):
            output = model(x, generator=now["generator"])
            terms = loss(output, target, now["step"], now["generator"])
        return len(x), terms

    engine = Engine(evaluate_batch)
    TermAverage().attach(engine, "terms")

    def evaluate(batches: Iterator[Batch], step: int) -> dict[str, float]:
        now.update(generator=make_generator(seed, device), step=step)
        was_training = model.training
        model.eval()
        try:
            return engine.run(batches).metrics["terms"]
        finally:
            model.train(was_training)

    return evaluate
