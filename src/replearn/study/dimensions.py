"""How many dimensions the layers of finished runs have, and how their VAEs use their latents."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.dimension import Dimensions, check_neighbours, dimensions
from replearn.analysis.figures.paired import paired_curves
from replearn.analysis.latent_kinds import ACTIVE, MIXED, PASSIVE, LatentReport, latent_report
from replearn.analysis.statistics import MIN_SEEDS
from replearn.analysis.tables import Column, Group
from replearn.study.comparison import Representations, Source
from replearn.study.probes import Probe
from replearn.study.representations import has_posterior
from replearn.study.results import Results
from replearn.study.seed_groups import seed_groups
from replearn.study.summary import seeds_of

if TYPE_CHECKING:
    import pandas

Progress = Callable[[str, int, int], None]

LAYER_COLUMNS = (
    "run", "group", "seed", "step", "layer", "mle", "mle_error", "two_nn", "two_nn_error",
    "effective_rank", "variance", "n",
)  # fmt: skip
LATENT_COLUMNS = (
    "run", "group", "seed", "step", ACTIVE, MIXED, PASSIVE, "cka", "cka_error", "mle_mean",
    "mle_mean_error", "mle_sampled", "mle_sampled_error", "difference",
)  # fmt: skip
# What is sampled: of a pass without noise it would be the means once more.
SAMPLED, SAMPLED_NAME = "z", "z (sampled)"
QUANTITIES = {
    "mle": "intrinsic dimension (MLE)",
    "two_nn": "intrinsic dimension (TwoNN)",
    "effective_rank": "effective rank",
}
SHORT = {"mle": "MLE", "two_nn": "TwoNN", "effective_rank": "effective rank"}
LATENT_SCORES = [
    Column("mle_sampled", "MLE of z", digits=1),
    Column("difference", "z − mean", digits=1),
    Column(ACTIVE, digits=1),
    Column(MIXED, digits=1),
    Column(PASSIVE, digits=1),
    Column("cka", "CKA(mean, z)", digits=2),
]


def measure(
    sources: Sequence[Source],
    layers: Sequence[str],
    probe: Probe,
    neighbours: int = 20,
    discard: float = 0.1,
    progress: Progress | None = None,
    **options: Any,
) -> "tuple[pandas.DataFrame, pandas.DataFrame]":
    """Return the dimensions of layers and the use of latents, as two tidy tables.

    Layers are read one at a time, as coordinates where they are wide: those keep all distances and
    variances, and are what comparisons of the same layers have cached. The layer z is a sample of
    the posteriors, with noise that all networks share.

    Args:
        sources, layers, probe: as in `compare_layers`.
        neighbours: k of the maximum likelihood.
        discard: share of the inputs that TwoNN leaves out.
        progress: called with (stage, done, total).
        options: `pooling` and `latent` of `stream_activations`.

    Returns:
        a row for each network and layer (LAYER_COLUMNS: `group` as `seed_groups` names it, `n` the
        distinct inputs), and one for each network with latents (LATENT_COLUMNS: `difference` is
        mle_sampled - mle_mean). NaN is what a layer does not have.

    Raises:
        InputError: as `check_neighbours` and `compare_layers`.
    """
    import pandas

    check_neighbours(neighbours, len(probe.indices))
    made = [layer for layer in layers if layer != SAMPLED]
    read = Representations(sources, made, probe, **options)
    groups = {s.run.id: name for name, own in seed_groups(sources).items() for s in own}
    of_layers, of_latents = [], []
    for i, source in enumerate(sources):
        about = [source.run.id, groups[source.run.id], source.run.config.get("seed"), source.step]
        found = {}
        for layer in made:
            label = source.label(layer)
            found[layer] = dimensions(read[label], neighbours, discard, label)
        if has_posterior(source.run):
            report = report_latents(source, probe, neighbours)
            of_latents.append([*about, *_latent_row(report)])
            if SAMPLED in layers:
                found[SAMPLED] = report.of_samples
        of_layers += [[*about, layer, *_layer_row(found[layer])] for layer in layers]
        if progress:
            progress("networks", i + 1, len(sources))
    return (
        pandas.DataFrame(of_layers, columns=list(LAYER_COLUMNS)),
        pandas.DataFrame(of_latents, columns=list(LATENT_COLUMNS)),
    )


def report_latents(source: Source, probe: Probe, neighbours: int) -> LatentReport:
    """Return how a VAE uses its latents on the probe's images."""
    fields = ["mean", "logvar", SAMPLED]
    # Variances are no coordinates.
    read = Representations([source], fields, probe, latent="sample", reduced=False)
    mean, logvar, z = (read[source.label(field)] for field in fields)
    return latent_report(mean, logvar, z, neighbours)


def nothing_known(layers: "pandas.DataFrame") -> list[str]:
    """Return the labels of the layers that have no intrinsic dimension."""
    missing = layers.loc[layers.mle.isna()]
    return (missing.run.astype(str) + "/" + missing.step.astype(str) + "/" + missing.layer).tolist()


def _layer_row(found: Dimensions) -> list[float]:
    mle, two_nn = found.mle, found.two_nn
    return [
        mle.value, mle.error, two_nn.value, two_nn.error, found.effective_rank, found.variance,
        mle.n,
    ]  # fmt: skip


def _latent_row(found: LatentReport) -> list[float]:
    means, samples = found.of_means.mle, found.of_samples.mle
    return [
        *(found.count(kind) for kind in (ACTIVE, MIXED, PASSIVE)), found.cka, found.cka_error,
        means.value, means.error, samples.value, samples.error, found.dimension_difference,
    ]  # fmt: skip


def draw_dimensions(
    results: Results, layers: "pandas.DataFrame", latents: "pandas.DataFrame"
) -> dict[str, float | int]:
    """Write the two tables and draw them; return the means over runs after their last step."""
    results.text("dimension.csv", layers.to_csv(index=False))
    _draw_layers(results, layers)
    if latents.empty:
        return {"runs": layers.run.nunique(), "representations": len(layers)}
    results.text("latents.csv", latents.to_csv(index=False))
    _draw_steps(results, latents)
    last = _last(latents)
    means = {
        "cka_mean_sampled": last.cka, "mle_mean": last.mle_mean, "mle_sampled": last.mle_sampled,
        **{f"{kind}_latents_by_variance": last[kind] for kind in (ACTIVE, MIXED, PASSIVE)},
    }  # fmt: skip
    return {"runs": layers.run.nunique(), "representations": len(layers)} | {
        name: float(values.mean()) for name, values in means.items() if values.notna().any()
    }


def _draw_layers(results: Results, layers: "pandas.DataFrame") -> None:
    names = list(dict.fromkeys(layers.layer))
    last = _last(layers)
    untrained = layers.loc[(layers.step == 0) & ~layers.index.isin(last.index)]
    shown = [SAMPLED_NAME if name == SAMPLED else name for name in names]
    for column, title in QUANTITIES.items():
        solid, dashed = (by_group(part, "layer", column, names) for part in (last, untrained))
        figure = paired_curves(
            solid, dashed, shown, ("after training", "untrained (step 0)"), "layer", title
        )
        text = (
            f"{title} of each layer; mean over n runs, 95 % interval where n ≥ {MIN_SEEDS}. "
            "The layer z is a sample; what decoders get, the configuration says (latent)."
        )
        results.figure(f"{column}_layers", figure, f"{title} over layers", text)


def _draw_steps(results: Results, latents: "pandas.DataFrame") -> None:
    steps = sorted(latents.step.unique())
    if len(steps) < 2:
        return
    samples, means, cka = (
        by_group(latents, "step", column, steps) for column in ("mle_sampled", "mle_mean", "cka")
    )
    title = QUANTITIES["mle"]
    figure = paired_curves(
        samples, means, steps, ("samples z", "means"), "optimiser step", f"{title} of latents"
    )
    text = (
        f"{title} of samples of the posteriors and of their means. They part where latents are "
        "noise: these fill the samples, and are constant in the means."
    )
    results.figure("mean_sampled_steps", figure, "Means and samples over training", text)
    figure = paired_curves(
        cka, {}, steps, ("", ""), "optimiser step", "debiased CKA(mean, z)", highest=1.0
    )
    text = "Near 1 where samples show what the means do, lower the more latents have collapsed."
    results.figure("cka_mean_sampled_steps", figure, "Do samples keep the means?", text)


def tabulate(
    results: Results, sources: Sequence[Source], layers: "pandas.DataFrame",
    latents: "pandas.DataFrame", note: str = "",
) -> None:  # fmt: skip
    """Write a LaTeX table with a row for each group of runs, after their last step."""
    from replearn.analysis.latex import standalone_document
    from replearn.analysis.report import Scores, Section
    from replearn.analysis.table_text import summary_table

    last = _last(layers)
    of = "mean" if "mean" in set(last.layer) else last.layer.iloc[-1]
    rows = last[last.layer == of].set_index("run")
    columns = [Column(name, f"{short} of {of}", digits=1) for name, short in SHORT.items()]
    if not latents.empty:
        rows = rows.join(_last(latents).set_index("run")[[column.key for column in LATENT_SCORES]])
        columns += LATENT_SCORES
    groups = []
    for name, members in seed_groups(sources).items():
        runs = list({source.run.id: source.run for source in members}.values())
        ids = [run.id for run in runs]
        cells = {column.key: rows.loc[ids, column.key].tolist() for column in columns}
        groups.append(Group({"runs": name}, cells, ids, [seeds_of(run) for run in runs]))
    caption = "Intrinsic dimensions (MLE, TwoNN) and effective rank after training"
    caption += "; use of latents, z is a sample." if not latents.empty else "."
    latex = summary_table(groups, columns, caption, "tab:dimension", note)
    results.text("dimension.tex", standalone_document(latex))
    results.sections.append(Section("Scores", [Scores(groups, columns, caption, note)]))


def _last(table: "pandas.DataFrame") -> "pandas.DataFrame":
    return table.loc[table.step == table.groupby("run").step.transform("max")]


def by_group(
    table: "pandas.DataFrame", by: str, column: str, places: Sequence[Any]
) -> dict[str, NDArray[np.float64]]:
    """Return group -> a column as (R, S): a row for each run, NaN at places it does not have."""
    found = {}
    for group in dict.fromkeys(table.group):
        own = table.loc[table.group == group]
        wide = own.pivot(index="run", columns=by, values=column).reindex(columns=list(places))
        found[group] = wide.to_numpy(dtype=np.float64)
    return found
