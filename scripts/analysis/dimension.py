"""How many dimensions layers have, and how many latents a VAE uses: intrinsic dimension, collapse.

cd scripts
python -m analysis.dimension with where.experiment=unsupervised steps=all
python -m analysis.dimension with where.model.name=vae layers=mean,z n_probe=2000 neighbours=10
"""

import sys

from sacred import Experiment

from configs.experiments import ANALYSIS
from replearn.paths import root
from replearn.runs.commandline import run_commandline

ex = Experiment("analysis.dimension", base_dir=root(), save_git_info=False)
ex.add_config(
    **ANALYSIS,
    where={},  # which runs
    layers=["all"],  # or names: a,b
    steps=["last"],  # or all, or steps: 0,100
    n_probe=1000,  # held-out images
    neighbours=20,  # of the maximum-likelihood estimate
    discard=0.1,  # share of the images that TwoNN leaves out
    pooling="flatten",  # of feature maps; or mean
    latent="mean",  # what decoders get; or sample, with noise that all networks share
)
ex.add_named_config("fast", n_probe=64, neighbours=10)


@ex.main
def describe(where, layers, steps, n_probe, neighbours, discard, pooling, latent, _config, _run):
    """Return how the latents of VAEs are used, the mean over runs; tables are artifacts."""
    from replearn.analysis.similarity import progress_bars
    from replearn.study.comparison import choose_steps, common_layers, common_probe
    from replearn.study.dimensions import draw_dimensions, measure, nothing_known, tabulate
    from replearn.study.results import results_of
    from replearn.study.selection import find_trained, without_repetitions

    runs = without_repetitions(find_trained(where))
    names, probe = common_layers(runs, layers, latent), common_probe(runs, n_probe)
    sources = choose_steps(runs, steps)
    print(f"{len(runs)} runs, {len(names) * len(sources)} representations")
    progress = progress_bars() if _config["progress"] else None
    with results_of(_run, "Dimensions of layers", runs, probe=probe.said(n_probe)) as results:
        found = measure(
            sources, names, probe, neighbours, discard, progress, pooling=pooling, latent=latent
        )
        if unknown := nothing_known(found[0]):
            print(f"warning: constant, or too few distinct points: {', '.join(unknown)}",
                  file=sys.stderr)  # fmt: skip
        tabulate(results, sources, *found)
        return draw_dimensions(results, *found)


if __name__ == "__main__":
    sys.exit(run_commandline(ex))
