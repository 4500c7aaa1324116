"""What the composition task costs: drawing triples, gathering their images, a training step."""

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.training import BareLoop
from replearn.dataset import DECLARATIONS, load
from replearn.dataset.declaration import readable
from replearn.dataset.triples import Triples
from replearn.models.initialisation import initialise
from replearn.runs.rebuild import make_loss, make_model
from replearn.study.composition import composition_task
from replearn.training.optimizers import make_optimizer
from replearn.training.seeds import make_generator
from tables import markdown

BATCH, LARGE = 64, 16_384
SECTION = {"name": "dsprites", "validation": 0.1, "split_seed": 0}
HELD_OUT = SECTION | {"condition": "r2r", "variant": "sqr2tx"}


def composition_text(quick: bool) -> str:
    """Return the tables of the part."""
    seconds, steps = (0.1, 5) if quick else (1.0, 30)
    rows = []
    for what, (name, members) in masks().items():
        factors, sizes = grid_of(name)
        training, begin = np.flatnonzero(members), time.perf_counter()
        triples = Triples(factors, sizes, training)
        built = time.perf_counter() - begin
        references = training[triples.changeable(training)]
        rates = [rate(triples, references, batch, seconds) for batch in (BATCH, LARGE)]
        rows.append(
            (what, f"{len(training):,}", readable(triples.nbytes), f"{1000 * built:.0f}",
             *(f"{each:,.0f}" for each in rates))
        )  # fmt: skip
    head = ("combinations to train on", "images", "tables", "made in, ms",
            f"triples a second, {BATCH} at once", f"{LARGE:,} at once")  # fmt: skip
    share = step_shares(steps)
    milliseconds = [f"{name} {1000 * value:.2f} ms" for name, value in share.items()]
    return (
        f"{markdown(head, rows)}\n\nWith {torch.get_num_threads()} threads; images not counted. "
        f"Gathering the three images of {BATCH} triples of dSprites: "
        f"{1000 * gathering(seconds):.2f} ms. A step of `abdi` (1 channel, `interp`) at batch "
        f"{BATCH}: {', '.join(milliseconds)}; data are "
        f"**{100 * share['data'] / sum(share.values()):.2f} %** of it."
    )


def grid_of(name: str) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """Return the factors of all combinations (G, K) of a data set, and their sizes."""
    space = DECLARATIONS[name].factor_space
    if space is None:
        raise RuntimeError(f"{name} has no factors")
    return space.factors(np.arange(len(space))), space.sizes


def masks() -> dict[str, tuple[str, NDArray[np.bool_]]]:
    """Return what is trained on: of which data set, and which of its combinations."""
    draws = np.random.default_rng(0)
    factors, sizes = grid_of("dsprites")
    n = len(factors)
    excluded = (factors[:, 0] == 0) & (factors[:, 3] >= sizes[3] // 2)
    mpi3d = len(grid_of("mpi3d_toy")[0])
    return {
        "dSprites, all": ("dsprites", np.ones(n, bool)),
        "dSprites, no squares on the right": ("dsprites", ~excluded),
        "dSprites, a random nine tenths": ("dsprites", draws.random(n) < 0.9),
        "dSprites, a random tenth": ("dsprites", draws.random(n) < 0.1),
        "MPI3D, a random nine tenths": ("mpi3d_toy", draws.random(mpi3d) < 0.9),
    }


def rate(triples: Triples, references: NDArray[np.int64], batch: int, seconds: float) -> float:
    """Return index triples a second, in batches of `batch` for about `seconds`."""
    draws, order = make_generator(0), torch.from_numpy(references)
    chosen = order[torch.randint(len(order), (16, batch), generator=draws)]
    return batch / median_time(lambda k: triples.from_references(chosen[k % 16], draws), seconds)


def gathering(seconds: float) -> float:
    """Return the seconds that the images of a batch of triples take, of the packed data set."""
    data = load("dsprites")
    positions = torch.randint(len(data), (16, 3 * BATCH), generator=make_generator(0))
    return median_time(lambda k: data.batch(positions[k % 16]), seconds)


def median_time(call: Callable[[int], object], seconds: float) -> float:
    """Return the median duration of `call(k)`, k = 0, 1, ..., for about `seconds`."""
    call(0)
    times: list[float] = []
    while sum(times) < seconds:
        begin = time.perf_counter()
        call(len(times))
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def step_shares(steps: int) -> dict[str, float]:
    """Return the seconds of each part of a training step of abdi under a hold-out."""
    data = load("dsprites")
    training = {"channels_last": True, "batch_size": BATCH, "n_validation": BATCH}
    config = {"dataset": HELD_OUT, "training": training, "command": "resampled"}
    task = composition_task(config, data, torch.device("cpu"))
    section = {"name": "vae", "encoder": "abdi", "decoder": "abdi", "composition_op": "interp"}
    net = make_model(section, data.image_shape, n_factors=5)
    initialise(net, make_generator(0))
    net.to(memory_format=torch.channels_last).train()
    loss = make_loss({"loss": {"name": "vae", "params": {}}})
    loop = BareLoop(net, loss, make_optimizer(net.parameters()), make_generator(0), "fp32")
    loop.run(task.training.shuffled(0), steps)
    return {part: _later(times) for part, times in loop.seconds.items()}


def _later(times: Sequence[float]) -> float:
    return statistics.median(times[len(times) // 3 :])
