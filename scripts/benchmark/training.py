"""What tracking costs: a tracked run and a bare PyTorch loop, in turns, on the same tensors."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from sacred import Experiment

from configs.experiments import TRAINING_RUN
from ingredients.dataset import dataset
from ingredients.model import model_ingredient
from ingredients.training import training_ingredient
from replearn.models.initialisation import initialise
from replearn.paths import root
from replearn.runs.commandline import run_commandline
from replearn.runs.rebuild import make_loss, make_model
from replearn.study.task import Task, make_task, prepare
from replearn.study.tracked import train_tracked
from replearn.training.batches import Batch, Batches
from replearn.training.engine import autocast
from replearn.training.optimizers import make_optimizer
from replearn.training.seeds import make_generator

CHUNK = 10  # steps of one turn
PARTS = ("data", "forward", "backward", "optimiser")


@dataclass
class BareLoop:
    """A plain training loop of the same model, loss and optimiser: no engine, no logging."""

    model: torch.nn.Module
    loss: torch.nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    precision: str
    seconds: dict[str, list[float]] = field(default_factory=lambda: {p: [] for p in PARTS})

    def run(self, batches: Iterator[Batch], steps: int) -> None:
        """Take `steps` steps."""
        for _ in range(steps):
            marks = [time.perf_counter()]
            x, target = next(batches)
            marks.append(time.perf_counter())
            with autocast(target.device, self.precision):
                output = self.model(x, generator=self.generator)
                terms = self.loss(output, target, 0, self.generator)
            marks.append(time.perf_counter())
            self.optimizer.zero_grad(set_to_none=True)
            terms["loss"].backward()
            marks.append(time.perf_counter())
            self.optimizer.step()
            marks.append(time.perf_counter())
            for part, start, end in zip(PARTS, marks[:-1], marks[1:], strict=True):
                self.seconds[part].append(end - start)


class TakingTurns(Batches):
    """Batches that stop the clock: a turn of the tracked run, then one of the bare loop."""

    def attach(self, bare: BareLoop) -> "TakingTurns":
        """Say which loop takes the other turns."""
        object.__setattr__(self, "bare", bare)
        object.__setattr__(self, "turns", [])
        return self

    def shuffled(self, seed: int, start: int = 0) -> Iterator[Batch]:
        own, other = super().shuffled(seed, start), super().shuffled(seed, start)
        self.bare.run(other, CHUNK)  # both are warm after the first turns, which do not count
        while True:
            begin = time.perf_counter()
            for _ in range(CHUNK):
                yield next(own)
            middle = time.perf_counter()
            self.bare.run(other, CHUNK)
            self.turns.append((middle - begin, time.perf_counter() - middle))


ex = Experiment(
    "benchmark",
    ingredients=[dataset, model_ingredient("vae"), training_ingredient("vae")],
    base_dir=root(),
    save_git_info=False,
)
ex.add_config({**TRAINING_RUN, "progress": False})
measured: dict[str, TakingTurns] = {}


@ex.main
def train(_run, _config):
    """Train with the bare loop in between."""
    data, device = prepare(_run, _config)
    net, twin = (make_model(_config["model"], data.image_shape).to(device) for _ in range(2))
    initialise(twin, make_generator(0))
    twin.to(memory_format=torch.channels_last).train()
    settings = _config["training"]
    task = make_task(_config, data, device)
    bare = BareLoop(
        twin,
        make_loss(settings),
        make_optimizer(twin.parameters(), **settings["optimizer"]["params"]),
        make_generator(0, device),
        settings["precision"],
    )
    both = TakingTurns(task.training.fetch, task.training.indices, task.training.batch_size)
    measured["turns"] = both.attach(bare)
    return train_tracked(_run, _config, net, make_loss(settings), Task(both, task.held_out))


def tracked_against_bare(encoder: str, steps: int) -> dict[str, float]:
    """Return the ratio of speeds (1 is free tracking) and the milliseconds of each part."""
    code = run_commandline(
        ex,
        ["benchmark", "with", "dataset.dsprites", f"model.{encoder}", "training.beta",
         f"training.steps={steps}", f"training.validate_every={steps}",
         "training.n_validation=64"],
    )  # fmt: skip
    if code:
        raise SystemExit(code)
    turns = measured["turns"].turns[2:]
    split = {
        part: 1e3 * statistics.median(values[3 * CHUNK :])
        for part, values in measured["turns"].bare.seconds.items()
    }
    tracked, bare = (1e3 * statistics.median(t) / CHUNK for t in zip(*turns, strict=True))
    return {
        "ratio": statistics.median(b / t for t, b in turns),
        "ratio_of_totals": sum(b for _, b in turns) / sum(t for t, _ in turns),
        "tracked": tracked,
        "bare": bare,
        **split,
    }


def bf16_speed(encoder: str, steps: int) -> dict[str, float]:
    """Return milliseconds of a step in fp32 and bf16, in turns, and their ratio."""
    from replearn.dataset import load

    data = load("dsprites")
    loops = {}
    for precision in ("fp32", "bf16"):
        net = make_model({"name": "vae", "encoder": encoder, "decoder": encoder}, data.image_shape)
        initialise(net, make_generator(0))
        net.to(memory_format=torch.channels_last)
        section = {"loss": {"name": "beta_vae", "params": {}}}
        optimizer = make_optimizer(net.parameters())
        loops[precision] = BareLoop(
            net, make_loss(section), optimizer, make_generator(0), precision
        )

    def fetch(index, generator):
        x = data.batch(index).contiguous(memory_format=torch.channels_last)
        return x, x

    batches = Batches(fetch, torch.arange(len(data)).numpy(), 64).shuffled(0)
    times: dict[str, list[float]] = {precision: [] for precision in loops}
    for _ in range(steps // CHUNK):
        for precision, loop in loops.items():
            begin = time.perf_counter()
            loop.run(batches, CHUNK)
            times[precision].append(1e3 * (time.perf_counter() - begin) / CHUNK)
    pairs = list(zip(times["fp32"], times["bf16"], strict=True))[1:]
    return {
        "fp32": statistics.median(a for a, _ in pairs),
        "bf16": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(a / b for a, b in pairs),
    }


def final_losses(encoder: str, steps: int, seeds: range) -> dict[str, list[float]]:
    """Return the held-out loss after training in each precision, one a seed."""
    from experiments.unsupervised import ex as unsupervised
    from replearn.runs.query import find_runs

    losses: dict[str, list[float]] = {}
    for precision in ("fp32", "bf16"):
        for seed in seeds:
            tag = f"precision-{precision}"
            run_commandline(
                unsupervised,
                ["X", "with", "dataset.dsprites", f"model.{encoder}", "training.beta",
                 "training.optimizer.params.lr=0.001", f"training.steps={steps}",
                 f"training.precision={precision}", f"seed={seed}", f"tags={tag}",
                 "skip_finished=True"],
            )  # fmt: skip
        found = find_runs({"tags": tag, "training.steps": steps, "seed": list(seeds)})
        losses[precision] = [run.result["loss"] for run in found]
    return losses
