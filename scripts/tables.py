"""Write the tables of the docs anew from the registries: python -m tables [--check]."""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from inspect import getdoc
from pathlib import Path

import torch

from configs.models import MODEL_PRESETS
from configs.training import TRAINING_PRESETS
from replearn.analysis.similarity import MEASURES
from replearn.dataset import DECLARATIONS, pages
from replearn.models import MODELS, layer_table
from replearn.paths import root
from replearn.runs.config import canonical, defaults
from replearn.training.losses import LOSSES
from replearn.training.optimizers import OPTIMIZERS
from replearn.training.schedules import SCHEDULES

IMAGE = (1, 64, 64)
LATENTS = 10


def main(argv: Sequence[str]) -> int:
    """Write the tables, or with --check say which are out of date; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tables", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if one is old")
    parser.add_argument("--pictures", action="store_true", help="draw the data sets that are here")
    args = parser.parse_args(argv)
    check = args.check
    if args.pictures:
        from dataset import draw_for_docs

        for declaration in DECLARATIONS.values():
            print(draw_for_docs(declaration, pictures()))
    old = []
    readmes = [root() / "README.md", root() / "data" / "README.md"]
    for path in [*readmes, *sorted((root() / "docs").glob("*.md"))]:
        text = path.read_text()
        current = with_tables(text)
        if current != text:
            old.append(path.name)
            if not check:
                path.write_text(current)
    if old:
        print(f"{'out of date' if check else 'written'}: {', '.join(old)}")
    return 1 if old and check else 0


def pictures() -> Path:
    """Return the folder of the docs with one picture of each data set."""
    return root() / "docs" / "datasets"


def with_tables(text: str) -> str:
    """Return a page with the table behind each `<!-- table: NAME -->` made anew."""

    def table(match: re.Match[str]) -> str:
        return f"<!-- table: {match[1]} -->\n{TABLES[match[1]]().strip()}\n<!-- end -->"

    return re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end -->", table, text, flags=re.DOTALL)


def model_table() -> str:
    """Return the architectures with parameters and millions of MACs for 64 × 64 grey images."""
    rows = []
    for name, preset in MODEL_PRESETS.items():
        params = {"latent_size": LATENTS, **preset}
        make = MODELS[params.pop("name", "vae")]
        # Only counted: on the meta device nothing is drawn or computed; some models branch.
        with torch.device("cpu" if "name" in preset else "meta"):
            table = layer_table(make(IMAGE, **params))
        split = [row.name for row in table].index("z")
        parts = {"encoder": table[:split], "decoder": table[split:]}
        halves = [
            half if part in preset or "name" in preset else [] for part, half in parts.items()
        ]
        sizes = [f"{sum(row.n_parameters for row in half):,}" if half else "" for half in halves]
        macs = [f"{sum(row.n_macs for row in half) / 1e6:.1f}" if half else "" for half in halves]
        rows.append((f"`model.{name}`", ", ".join(preset), *sizes, *macs))
    head = ("preset", "sets", "encoder", "decoder", "encoder, MMAC", "decoder, MMAC")
    return markdown(head, rows)


def network_table() -> str:
    """Return the models with their parameters."""
    return registry_table(MODELS, "model.name")


def loss_table() -> str:
    """Return the losses with their parameters."""
    return registry_table(LOSSES, "training.loss.name")


def optimizer_table() -> str:
    """Return the optimisers with their parameters."""
    return registry_table(OPTIMIZERS, "training.optimizer.name")


def schedule_table() -> str:
    """Return the learning-rate schedules with their parameters."""
    return registry_table(SCHEDULES, "training.scheduler.name")


def training_table() -> str:
    """Return the training presets and what they set."""
    rows = [(f"`training.{n}`", f"`{canonical(p)}`") for n, p in TRAINING_PRESETS.items()]
    return markdown(("preset", "sets"), rows)


def measure_table() -> str:
    """Return the similarity measures and what each promises."""
    rows = []
    for name, m in MEASURES.items():
        low, high = (f"{end:.4g}" for end in m.range)
        rows.append(
            (
                f"`{name}`", m.input_kind, f"{low} … {high}",
                "" if m.identical is None else f"{m.identical:g}",
                "higher" if m.higher_is_closer else "lower", "yes" if m.symmetric else "no",
                "yes" if m.is_metric else "no", _invariances(m),
                "yes" if m.null else "no", "yes" if m.error else "no", m.source,
            )
        )  # fmt: skip
    head = ("measure", "compares", "range", "of itself", "closer is", "symmetric", "metric",
            "invariant to", "null", "error", "source")  # fmt: skip
    return markdown(head, rows)


def _invariances(measure) -> str:
    text = ", ".join(sorted(measure.invariant_to))
    if measure.invariant_to_second is None:
        return text
    return f"{text}; of the second: {', '.join(sorted(measure.invariant_to_second))}"


def registry_table(registry, key: str) -> str:
    """Return the entries of a registry: name, first line of the docstring, parameters."""
    rows = []
    for name, make in registry.items():
        about = (getdoc(make) or "").partition("\n")[0]
        given = ", ".join(f"{k}={v}" for k, v in defaults(make).items())
        rows.append((f"`{name}`", about, f"`{given}`" if given else ""))
    return markdown((key, "what it is", "parameters"), rows)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )


TABLES = {
    "datasets": lambda: pages.dataset_table(DECLARATIONS.values()),
    "values": lambda: pages.value_table(DECLARATIONS.values()),
    "files": lambda: pages.file_table(DECLARATIONS.values()),
    "conditions": pages.condition_table,
    "splits": pages.split_section,
    "combined": pages.combined_table,
    "digests": lambda: pages.digest_table(DECLARATIONS.values()),
    "pictures": lambda: pages.picture_section(
        DECLARATIONS.values(), {path.stem for path in pictures().glob("*.png")}
    ),
    "models": model_table,
    "networks": network_table,
    "losses": loss_table,
    "optimizers": optimizer_table,
    "schedules": schedule_table,
    "training": training_table,
    "measures": measure_table,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
