"""Train a model as a tracked run: metrics, weights on a grid of steps, and a resume state."""

import logging
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from ignite.engine import Engine, Events
from safetensors.torch import save
from torch import Tensor, nn
from tqdm import tqdm

from replearn.errors import InputError
from replearn.models.initialisation import initialise
from replearn.paths import sims_folder
from replearn.runs.history import History
from replearn.runs.resumption import UnusableState, differences, load_ancestor
from replearn.runs.signals import Interrupted, signals_held
from replearn.study.task import Task
from replearn.study.versions import versions
from replearn.training import resume
from replearn.training.batches import Batches
from replearn.training.checkpoints import is_grid_step, weights_name, weights_steps
from replearn.training.engine import (
    WindowAverage,
    check_finite,
    make_evaluator,
    make_trainer,
    train,
)
from replearn.training.loss import Loss
from replearn.training.optimizers import make_optimizer
from replearn.training.schedules import make_schedule
from replearn.training.seeds import derive_seed, make_generator, stream_seeds

if TYPE_CHECKING:
    from sacred.run import Run

# Ignite reports every exception on its logger before it raises it: once is enough.
logging.getLogger("ignite.engine.engine").setLevel(logging.CRITICAL)


def train_tracked(
    run: "Run",
    config: Mapping[str, Any],
    model: nn.Module,
    loss: Loss,
    task: Task,
    kept: Mapping[str, Tensor] | None = None,
) -> dict[str, float]:
    """Train `model` as `config` says and return the held-out average of every term of the loss.

    Logs `train.<term>`, `val.<term>` and `lr` against the optimiser step, stores the weights at
    steps 0, 1, 2, 5, 10 ... and the last, and keeps one resume state, the newest. On a signal it
    stores the resume state after the step under way and lets the interrupt pass. If combinations
    of factors are excluded, it logs `test.<term>` of them and returns `test_<term>`, too.

    Args:
        run: the Sacred run, whose artifacts and metrics these become.
        model: on its device; its weights are drawn here, from `init_seed`.
        loss: of the model's output and the task's targets.
        kept: weights that are not drawn, by name.

    Raises:
        DivergedError: if a term is not finite.
    """
    with TemporaryDirectory(dir=_work_folder()) as folder:
        store = _Store(run, Path(folder))
        training = _Training(run, config, model, loss, task, store, kept or {})
        training.start()
        if training.done < training.stop:
            training.run()
        return training.validate(training.stop)


def last_step(settings: Mapping[str, Any], task: Task) -> int:
    """Return the number of optimiser steps that a config's `training` section asks for."""
    steps = settings["steps"]
    return settings["epochs"] * task.training.steps_per_epoch if steps is None else steps


class _Training:
    """A training under way: what it changes, and how many steps are done."""

    def __init__(
        self, run: "Run", config: Mapping[str, Any], model: nn.Module, loss: Loss, task: Task,
        store: "_Store", kept: Mapping[str, Tensor],
    ):  # fmt: skip
        self.sacred_run, self.config, self.settings = run, config, config["training"]
        self.model, self.loss, self.task, self.store = model, loss, task, store
        self.seeds = _seeds(config)
        device = next(model.parameters()).device
        init = self.seeds["init"]
        initialise(model, make_generator(init))
        model.load_state_dict(dict(kept), strict=False)
        loss.bind(getattr(model, "latent_size", 0), make_generator(derive_seed(init, "loss")))
        loss.to(device)
        if self.settings["channels_last"]:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        chosen = self.settings["optimizer"]
        self.optimizer = make_optimizer(model.parameters(), chosen["name"], **chosen["params"])
        # Of the configuration: the resume state has the rate of its last step.
        self.base_rate = self.optimizer.param_groups[0]["lr"]
        chosen = self.settings["scheduler"]
        self.schedule = make_schedule(chosen["name"], **chosen["params"])
        self.noise = make_generator(self.seeds["noise"], device)
        self.evaluate = make_evaluator(model, loss, derive_seed(self.seeds["noise"], "evaluation"))
        self.epoch_length = task.training.steps_per_epoch
        self.stop = last_step(self.settings, task)
        self.done = 0
        self.last_saved = time.monotonic()

    def start(self) -> None:
        """Store the first weights, or take up the state of the interrupted run."""
        past: dict[str, Any] = {}
        if self.config["resume"] is None:
            self.store.file(weights_name(0), save(_weights(self.model)))
        else:
            past = self._take_up(self.config["resume"])
        self.history = History(self.sacred_run, past.get("history"))
        every = self.settings["log_every"]
        self.window = WindowAverage(self.history.log, every, self.optimizer, past.get("window", ()))

    def _take_up(self, run_id: int) -> dict[str, Any]:
        try:
            content, ancestor = load_ancestor(self.sacred_run, run_id)
            past = resume.load_state(content, self.model, self.loss, self.optimizer, self.noise)
            self.done = past["step"]
            for step in weights_steps(ancestor.artifacts):
                if step <= self.done:
                    self.store.file(weights_name(step), ancestor.read(weights_name(step)))
        except InputError as error:
            raise UnusableState(str(error)) from error
        for difference in differences(past["circumstances"], self._circumstances()):
            print(f"resumed, but not bit for bit: {difference}", file=sys.stderr)
        return past

    def run(self) -> None:
        """Train from the steps done to the last."""
        trainer = make_trainer(
            self.model, self.loss, self.optimizer, self.noise, self.settings["precision"], self.rate
        )
        self.window.attach(trainer)
        _attach_progress(trainer, self)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._keep)
        with ExitStack() as step_under_way:
            # A signal waits for the end of the step, so that the state is whole when it is saved.
            trainer.add_event_handler(
                Events.ITERATION_STARTED, lambda: step_under_way.enter_context(signals_held())
            )
            trainer.add_event_handler(Events.ITERATION_COMPLETED, step_under_way.close)
            batches = self.task.training.shuffled(self.seeds["order"], self.done)
            try:
                train(trainer, batches, self.done, self.stop, self.epoch_length)
            except Interrupted:
                self.save_resume()
                raise

    def rate(self, done: int) -> float:
        """Return the learning rate of the next step after `done` steps."""
        return self.base_rate * self.schedule(done, self.stop)

    def _keep(self, engine: Engine) -> None:
        self.done = step = engine.state.iteration
        if step % self.settings["validate_every"] == 0 and step < self.stop:
            self.validate(step)
        if is_grid_step(step) or step == self.stop:
            self.store.file(weights_name(step), save(_weights(self.model)))
        late = time.monotonic() - self.last_saved >= self.config["resume_every"]
        if late and step < self.stop:
            self.save_resume()

    def validate(self, step: int) -> dict[str, float]:
        """Log and return the average of every term over held-out and over test images."""
        terms = self._evaluated("val", "held-out images", self.task.held_out, step)
        if self.task.test is None:
            return terms
        test = self._evaluated("test", "excluded combinations", self.task.test, step)
        return terms | {f"test_{name}": value for name, value in test.items()}

    def _evaluated(self, part: str, images: str, batches: Batches, step: int) -> dict[str, float]:
        terms = self.evaluate(batches.in_order(), step)
        check_finite(terms, f"on {images} after step {step}")
        for name, value in terms.items():
            self.history.log(f"{part}.{name}", value, step)
        return terms

    def save_resume(self) -> None:
        """Store all that the next step depends on, in place of what was stored before."""
        files = resume.save_state(
            self.model, self.loss, self.optimizer, self.noise,
            step=self.done, epoch=self.done // self.epoch_length, history=self.history.metrics,
            window=self.window.state(), circumstances=self._circumstances(),
        )  # fmt: skip
        for name, content in files.items():
            self.store.file(name, content)
        self.last_saved = time.monotonic()

    def _circumstances(self) -> dict[str, Any]:
        """Return what has to be the same for a resumed run to be bit for bit the other."""
        device = next(self.model.parameters()).device.type
        return {"threads": torch.get_num_threads(), "device": device, **versions()}


class _Store:
    """Write bytes to a file and add it to the run as an artifact."""

    def __init__(self, run: "Run", folder: Path):
        self._run, self._folder = run, folder

    def file(self, name: str, content: bytes) -> None:
        path = self._folder / name
        path.write_bytes(content)
        self._run.add_artifact(path, name, content_type="application/octet-stream")


def _seeds(config: Mapping[str, Any]) -> dict[str, int]:
    given = {name: config[f"{name}_seed"] for name in ("init", "order", "noise")}
    return stream_seeds(config["seed"], **given)


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}


def _work_folder() -> Path:
    folder = sims_folder() / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _attach_progress(trainer: Engine, training: _Training) -> None:
    # A log file gets a line now and then, a terminal a moving bar.
    terminal = sys.__stderr__ is not None and sys.__stderr__.isatty()
    bar = tqdm(
        total=training.stop, initial=training.done, unit="step",
        desc=training.sacred_run.experiment_info["name"],
        disable=not training.config["progress"],
        mininterval=0.2 if terminal else 15, dynamic_ncols=terminal,
    )  # fmt: skip
    measured = training.history.metrics

    @trainer.on(Events.ITERATION_COMPLETED)
    def advance(engine: Engine) -> None:
        if "train.loss" in measured and engine.state.iteration % 10 == 0:
            bar.set_postfix(loss=f"{measured['train.loss']['values'][-1]:.1f}", refresh=False)
        bar.update()

    trainer.add_event_handler(Events.TERMINATE | Events.COMPLETED, lambda: bar.close())
