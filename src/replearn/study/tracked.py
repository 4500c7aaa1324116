"""Train a model as a tracked run: metrics, weights on a grid of steps, and a resume state."""

import logging
import platform
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import ignite
import numpy as np
import safetensors
import torch
from ignite.engine import Engine, Events
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn
from tqdm import tqdm

from replearn.dataset.images import ImageDataset
from replearn.dataset.split import split_indices
from replearn.models.initialisation import initialise
from replearn.paths import sims_folder
from replearn.runs.history import History
from replearn.runs.rebuild import choose_device, make_dataset
from replearn.runs.resumption import check_finished_length, load_ancestor
from replearn.runs.signals import Interrupted, signals_held
from replearn.training import resume
from replearn.training.batches import Batch, Batches
from replearn.training.checkpoints import is_grid_step, weights_name
from replearn.training.engine import log_averages, make_evaluator, make_trainer, train
from replearn.training.loss import Loss
from replearn.training.optimizers import make_optimizer
from replearn.training.seeds import derive_seed, make_generator, stream_seeds

if TYPE_CHECKING:
    from sacred.run import Run

# Ignite reports every exception on its logger before it raises it: once is enough.
logging.getLogger("ignite.engine.engine").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Task:
    """What a model is trained on: examples for training, and held-out examples."""

    training: Batches
    held_out: Batches


def prepare(run: "Run", config: Mapping[str, Any]) -> tuple[ImageDataset, torch.device]:
    """Load the data set and choose the device; write both, and the versions, to the run's info."""
    torch.set_num_threads(config["threads"])
    device = choose_device(config["device"])
    data = make_dataset(config["dataset"])
    run.info["dataset"] = describe(data)
    run.info["image_shape"] = list(data.image_shape)
    run.info["device"] = str(device)
    run.info["versions"] = versions()
    for observer in run.observers:
        observer.identity["data"] = data.digest
    return data, device


def describe(data: ImageDataset) -> dict[str, Any]:
    """Return what a run says of its data set: a twin says that it is one."""
    return {"name": data.name, "is_twin": data.is_twin, "digest": data.digest, "note": data.note}


def make_task(
    config: Mapping[str, Any],
    data: ImageDataset,
    device: torch.device,
    target: Callable[[Tensor], Tensor] | None = None,
) -> Task:
    """Return the training and held-out batches of `data`, which moves to `device`.

    Args:
        target: positions (B,) -> targets (B, ...) on the device; None for the images themselves.
    """
    section, training = config["dataset"], config["training"]
    kept, held_out = split_indices(len(data), section["validation"], section["split_seed"])
    layout = torch.channels_last if training["channels_last"] else torch.contiguous_format
    on_device = replace(data, images=data.images.to(device))

    def fetch(index: Tensor) -> Batch:
        index = index.to(device)
        x = on_device.batch(index).contiguous(memory_format=layout)
        return x, x if target is None else target(index)

    size = training["batch_size"]
    held_out = some_of(held_out, training["n_validation"], section["split_seed"])
    return Task(
        Batches(fetch, kept, size), Batches(fetch, held_out, min(size, max(len(held_out), 1)))
    )


def some_of(indices: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
    """Return at most `n` of the indices, always the same ones, in order."""
    if len(indices) <= n:
        return indices
    rng = np.random.default_rng(derive_seed(seed, "subset"))
    return np.sort(rng.choice(indices, n, replace=False))


def train_tracked(
    run: "Run", config: Mapping[str, Any], model: nn.Module, loss: Loss, task: Task
) -> dict[str, float]:
    """Train `model` as `config` says and return the held-out average of every term of the loss.

    Logs `train.<term>`, `val.<term>` and `lr` against the optimiser step, stores the weights at
    steps 0, 1, 2, 5, 10 ... and the last, and keeps one resume state, the newest. On a signal it
    stores the resume state after the step under way and lets the interrupt pass.

    Args:
        run: the Sacred run, whose artifacts and metrics these become.
        model: on its device; its weights are drawn here, from `init_seed`.
        loss: of the model's output and the task's targets.
    """
    settings, seeds = config["training"], _seeds(config)
    device = next(model.parameters()).device
    initialise(model, make_generator(seeds["init"]))
    loss.bind(getattr(model, "latent_size", 0), make_generator(derive_seed(seeds["init"], "loss")))
    loss.to(device)
    if settings["channels_last"]:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    chosen = settings["optimizer"]
    optimizer = make_optimizer(model.parameters(), chosen["name"], **chosen["params"])
    noise = make_generator(seeds["noise"], device)
    trainer = make_trainer(model, loss, optimizer, noise, settings["precision"])
    evaluate = make_evaluator(model, loss, derive_seed(seeds["noise"], "evaluation"))
    length = task.training.steps_per_epoch
    stop = settings["steps"] or settings["epochs"] * length

    with TemporaryDirectory(dir=_work_folder()) as folder:
        store = _Store(run, Path(folder))
        start, history = 0, History(run)
        if config["resume"] is not None:
            files = load_ancestor(run, config["resume"], store.file)
            past = resume.load_state(files, model, loss, optimizer, noise)
            start, history = past["step"], History(run, past["history"])
            check_finished_length(start, stop, config["resume"])
        else:
            store.file(weights_name(0), save(_weights(model)))

        def save_resume(step: int) -> None:
            state = {"step": step, "history": history.metrics, "threads": torch.get_num_threads()}
            files = resume.save_state(
                model, loss, optimizer, noise, **state, versions=versions(), epoch=step // length
            )
            for name, content in files.items():
                store.file(name, content)

        def validate(step: int) -> dict[str, float]:
            terms = evaluate(task.held_out.in_order(), step)
            for name, value in terms.items():
                history.log(f"val.{name}", value, step)
            history.log("lr", optimizer.param_groups[0]["lr"], step)
            return terms

        log_averages(trainer, history.log, settings["log_every"])
        _attach_progress(trainer, history, start, stop, run.experiment_info["name"], config)
        last_saved = time.monotonic()

        @trainer.on(Events.ITERATION_COMPLETED)
        def keep(engine: Engine) -> None:
            nonlocal last_saved
            step = engine.state.iteration
            if step % settings["validate_every"] == 0 and step < stop:
                validate(step)
            if is_grid_step(step) or step == stop:
                store.file(weights_name(step), save(_weights(model)))
            if step < stop and time.monotonic() - last_saved >= config["resume_every"]:
                save_resume(step)
                last_saved = time.monotonic()

        with ExitStack() as step_under_way:
            # A signal waits for the end of the step, so that the state is whole when it is saved.
            trainer.add_event_handler(
                Events.ITERATION_STARTED, lambda: step_under_way.enter_context(signals_held())
            )
            trainer.add_event_handler(Events.ITERATION_COMPLETED, step_under_way.close)
            try:
                batches = task.training.shuffled(seeds["order"], start)
                train(trainer, batches, start, stop, length)
            except Interrupted:
                save_resume(trainer.state.iteration)
                raise
        return validate(stop)


def versions() -> dict[str, str]:
    """Return the versions that a run's numbers depend on."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "ignite": ignite.__version__,
        "numpy": np.__version__,
        "safetensors": safetensors.__version__,
    }


class _Store:
    """Write bytes to a file and add it to the run as an artifact."""

    def __init__(self, run: "Run", folder: Path):
        self.run, self.folder = run, folder

    def file(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.write_bytes(content)
        self.run.add_artifact(path, name, content_type="application/octet-stream")


def _seeds(config: Mapping[str, Any]) -> dict[str, int]:
    given = {name: config[f"{name}_seed"] for name in ("init", "order", "noise")}
    return stream_seeds(config["seed"], **given)


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}


def _work_folder() -> Path:
    folder = sims_folder() / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _attach_progress(
    trainer: Engine, history: History, start: int, stop: int, name: str, config: Mapping[str, Any]
) -> None:
    # A log file gets a line now and then, a terminal a moving bar.
    terminal = sys.__stderr__ is not None and sys.__stderr__.isatty()
    bar = tqdm(
        total=stop, initial=start, desc=name, unit="step", disable=not config["progress"],
        mininterval=0.2 if terminal else 15, dynamic_ncols=terminal,
    )  # fmt: skip

    @trainer.on(Events.ITERATION_COMPLETED)
    def advance(engine: Engine) -> None:
        if "train.loss" in history.metrics and engine.state.iteration % 10 == 0:
            bar.set_postfix(loss=f"{history.last('train.loss'):.1f}", refresh=False)
        bar.update()

    trainer.add_event_handler(Events.TERMINATE | Events.COMPLETED, lambda: bar.close())
