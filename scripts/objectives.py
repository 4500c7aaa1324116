"""Train every objective at its published strengths, and state what each holds down.

    python -m objectives              all runs, then the tables of docs/objectives.md
    python -m objectives --fast       a few steps each, tables printed only: does everything work?
    python -m objectives --tables     the tables alone, of the runs there are
    python -m objectives --dry-run    print the commands only

Runs that are finished are not trained again.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.__main__ import write
from experiments.unsupervised import ex
from replearn.analysis.figures import caption_line
from replearn.errors import InputError
from replearn.runs.commandline import make_run, parse, run_commandline
from replearn.runs.config import config_hash
from replearn.runs.query import find_runs
from replearn.runs.run import Run
from replearn.study.results import twin_note
from tables import markdown

PAGE = Path(__file__).resolve().parents[1] / "docs" / "objectives.md"
COMMON = ("dataset.dsprites", "model.kim", "training.optimizer.params.lr=0.001", "seed=0")
FEW = ("training.n_validation=128", "progress=False")
# A capacity is followed if the KL term is this close to it, of its value.
CLOSE = 0.1


@dataclass(frozen=True)
class Lengths:
    """Optimiser steps of the two studies, and the tag of their runs."""

    sweep: int
    long: int
    tag: str


FULL, FAST = Lengths(200, 800, "objectives"), Lengths(2, 4, "objectives-fast")


@dataclass(frozen=True)
class Objective:
    """An objective with the strengths at which it was published.

    Attributes:
        title: how the tables call it.
        loss: name in LOSSES.
        strength: the parameter that is varied.
        published: its values, the strongest last.
        own: the number of a run's result that it holds down: measured in the same way for all
            objectives. None where it has none that a short training shows.
        others: further parameters; `{half}` stands for half of the steps.
        follows: `own` is to come to the strength, not below that of β = 1.
    """

    title: str
    loss: str
    strength: str
    published: tuple[float, ...]
    own: str | None = None
    others: tuple[str, ...] = ()
    follows: bool = False


# Strengths: Locatello et al. (2019), sweep.py; github.com/tolstikhin/wae, configs.py (10 also on
# dSprites); Bonheme & Grzes (2022).
# Lengths of schedules are those of this study: 100,000 steps would leave them at their start.
OBJECTIVES = (
    Objective("β-VAE", "beta_vae", "beta", (1, 2, 4, 6, 8, 16), "kl"),
    Objective(
        "annealed VAE", "annealed_vae", "capacity", (5, 10, 25, 50, 75, 100), "kl",
        ("capacity_steps={half}",), follows=True,
    ),
    # Published with one learning rate for model and discriminator: a discriminator ten times slower
    # is outwitted, and the total correlation grows.
    Objective(
        "FactorVAE", "factor_vae", "gamma", (10, 20, 30, 40, 50, 100), "latent_total_correlation",
        ("discriminator_lr=0.001",),
    ),
    Objective("β-TC-VAE", "beta_tc_vae", "beta", (1, 2, 4, 6, 8, 10), "latent_total_correlation"),
    Objective("DIP-VAE-I", "dip_vae_i", "lambda_od", (1, 2, 5, 10, 20, 50), "latent_covariance"),
    Objective("DIP-VAE-II", "dip_vae_ii", "lambda_od", (1, 2, 5, 10, 20, 50), "latent_covariance"),
    Objective("WAE-MMD", "wae_mmd", "lambda_mmd", (10,), "latent_mmd"),
    # With squared errors, a fourth of the nats, its latents are still unused after 800 steps.
    Objective(
        "WAE-GAN", "wae_gan", "lambda_gan", (10,), "latent_mmd", ("likelihood=bernoulli",)
    ),
    Objective("Hellinger VAE", "hellinger_vae", "beta", (100,)),
    Objective("KL warm-up", "beta_vae", "beta", (1,), None, ("beta_steps={half}",)),
    Objective(
        "β from 10 to 1", "beta_vae", "beta", (1,), None, ("beta_start=10", "beta_steps={half}")
    ),
)  # fmt: skip
OWN = {
    "kl": "KL, nats",
    "latent_total_correlation": "total correlation, nats",
    "latent_covariance": "squared covariances",
    "latent_mmd": "MMD²",
}


@dataclass(frozen=True)
class Planned:
    """A run of the study."""

    objective: Objective
    strength: float
    arguments: tuple[str, ...]


def plan(objective: Objective, strength: float, steps: int, lengths: Lengths) -> Planned:
    """Return the run of one strength."""
    others = (each.format(half=max(steps // 2, 1)) for each in objective.others)
    params = (f"{objective.strength}={strength}", *others)
    arguments = (
        *COMMON, *(FEW if lengths is FAST else ()), f"training.loss.name={objective.loss}",
        *(f"training.loss.params.{each}" for each in params), f"training.steps={steps}",
    )  # fmt: skip
    return Planned(objective, strength, arguments)


def sweep(lengths: Lengths) -> list[Planned]:
    """Return a run of each published strength; with FAST, of the strongest alone."""
    return [
        plan(each, strength, lengths.sweep, lengths)
        for each in OBJECTIVES
        for strength in (each.published[-1:] if lengths is FAST else each.published)
    ]


def strongest(lengths: Lengths) -> list[Planned]:
    """Return the β-VAE of β = 1, then the strongest of every objective with a term of its own."""
    chosen = [(OBJECTIVES[0], 1), *((each, each.published[-1]) for each in OBJECTIVES if each.own)]
    return [plan(each, strength, lengths.long, lengths) for each, strength in chosen]


def main(argv: Sequence[str]) -> int:
    """Train what is not there yet and write the tables; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="bin/run-objectives", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--fast", action="store_true", help="a few steps each, nothing is written")
    parser.add_argument("--tables", action="store_true", help="train nothing")
    parser.add_argument("--dry-run", action="store_true", help="print the commands only")
    args = parser.parse_args(argv)
    lengths = FAST if args.fast else FULL
    planned = [*sweep(lengths), *strongest(lengths)]
    if not args.tables:
        for run in planned:
            code = train(run, lengths.tag, args.dry_run)
            if code:
                print(f"The study has failed at: {command(run)}", file=sys.stderr)
                return code
    if args.dry_run:
        return 0
    try:
        return state(lengths, printed_only=args.fast)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def command(run: Planned) -> str:
    """Return the command line of a run."""
    return f"python -m experiments.unsupervised with {' '.join(run.arguments)}"


def train(run: Planned, tag: str, dry_run: bool) -> int:
    """Train one run, unless it is finished; return the exit code."""
    print(f"\n{command(run)}", flush=True)
    if dry_run:
        return 0
    return run_commandline(
        ex, ["unsupervised", "with", *run.arguments, f"tags={tag}", "skip_finished=True"]
    )


def trained(planned: Sequence[Planned], tag: str) -> list[Run]:
    """Return the finished run of each plan: the newest of exactly its configuration.

    Raises:
        InputError: if one is missing.
    """
    found = find_runs({"experiment": "unsupervised", "tags": tag})
    newest = {run.identity["config_hash"]: run for run in found}
    runs = []
    for each in planned:
        _, updates, presets, _ = parse(ex, ["unsupervised", "with", *each.arguments])
        wanted = config_hash(make_run(ex, None, updates, presets).config)
        if wanted not in newest:
            raise InputError(f"no finished run of '{command(each)}'; bin/run-objectives trains it")
        runs.append(newest[wanted])
    return runs


def strengths_table(planned: Sequence[Planned], runs: Sequence[Run]) -> str:
    """Return one row an objective: what its strengths led to."""
    rows = []
    for objective in OBJECTIVES:
        own = [run for plan, run in zip(planned, runs, strict=True) if plan.objective == objective]
        swept = [plan.strength for plan in planned if plan.objective == objective]

        def listed(key: str, form: str, own=own) -> str:
            return ", ".join(format(run.result[key], form) for run in own)

        rows.append(
            (objective.title, f"{objective.strength} = {', '.join(f'{v:g}' for v in swept)}",
             listed("loss", ".0f"), listed("kl", ".1f"), listed("reconstruction_ratio", ".2f"))
        )  # fmt: skip
    head = ("objective", "strengths", "held-out loss", "KL, nats", "of the mean image's")
    return markdown(head, rows)


def terms_table(planned: Sequence[Planned], runs: Sequence[Run]) -> tuple[str, list[str]]:
    """Return a row an objective, against the first run (β = 1), and those not as they should be."""
    base, rows, wrong = runs[0], [], []
    for plan, run in zip(planned[1:], runs[1:], strict=True):
        objective, strength = plan.objective, plan.strength
        before, after = (float(each.result[objective.own]) for each in (base, run))
        goal = f"{strength:g} ± {CLOSE:.0%}" if objective.follows else "lower"
        near = abs(after - strength) <= CLOSE * strength
        answer = "yes" if (near if objective.follows else after < before) else "**no**"
        if run.result["active_latents"] == 0:
            answer = "**no latent in use**"  # where nothing is encoded, every term is low
        if answer != "yes":
            wrong.append(objective.title)
        rows.append(
            (objective.title, f"{objective.strength} = {strength:g}", OWN[objective.own], goal,
             f"{before:.3g}", f"{after:.3g}", answer,
             f"{run.result['kl']:.1f}", f"{run.result['reconstruction_ratio']:.2f}", str(run.id))
        )  # fmt: skip
    head = ("objective", "strength", "its term", "should be", "of β = 1", "of it", "is it",
            "KL, nats", "of the mean image's", "run")  # fmt: skip
    return markdown(head, rows), wrong


def caption(runs: Sequence[Run], steps: int) -> str:
    """Return what the numbers are of: the runs by id, their database and length, and the twin."""
    database = runs[0].database.name
    ids = [run.id for run in runs]
    return caption_line(ids, twin_note(runs), database=database, steps=f"{steps:,}", seeds=1)


def state(lengths: Lengths, printed_only: bool) -> int:
    """Print the tables, write them into the page, and return 1 if a term is not as it should be."""
    swept, long = sweep(lengths), strongest(lengths)
    swept_runs, long_runs = trained(swept, lengths.tag), trained(long, lengths.tag)
    terms, wrong = terms_table(long, long_runs)
    strengths = strengths_table(swept, swept_runs)
    parts = {
        "terms": f"{terms}\n\n{caption(long_runs, lengths.long)}",
        "strengths": f"{strengths}\n\n{caption(swept_runs, lengths.sweep)}",
    }
    for name, part in parts.items():
        print(f"\n{part}\n")
        if not printed_only:
            write(PAGE, name, part)
    if wrong and not printed_only:
        print(f"not as it should be after {lengths.long:,} steps: {', '.join(wrong)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
