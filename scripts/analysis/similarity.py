"""Compare the layers of finished runs, all pairs, beside the untrained networks.

cd scripts
python -m analysis.similarity with measures=cka_debiased where.experiment=unsupervised
python -m analysis.similarity with cluster=local cluster_options.workers=4 where.tags=study
"""

import sys

from sacred import Experiment

from configs.experiments import ANALYSIS, CLUSTER
from replearn.paths import root
from replearn.runs.commandline import run_commandline
from replearn.sweep.blocks import check_config

ex = Experiment("analysis.similarity", base_dir=root(), save_git_info=False)
ex.add_config(
    **ANALYSIS,
    **CLUSTER,
    where={},  # which runs
    measures=["cka_debiased", "cka_linear", "procrustes_angular"],
    layers=["all"],  # or names: a,b
    steps=["last"],  # or all, or steps: 0,100
    baseline=True,  # compare the networks of step 0 as well
    n_probe=1000,  # held-out images
    pooling="flatten",  # of feature maps; or mean
    latent="mean",  # what decoders get; or sample, with noise that all networks share
)
ex.add_named_config("fast", n_probe=64)


@ex.config_hook
def check_computers(config, command_name, logger):
    """Refuse a cluster that cannot be used before there is a run."""
    check_config(config["cluster"], config["cluster_options"])
    return {}


@ex.main
def compare(where, measures, layers, steps, baseline, n_probe, pooling, latent, _config, _run):
    """Return the mean similarity of the same layer in different runs, trained and untrained."""
    from replearn.analysis.similarity import progress_bars
    from replearn.study.comparison import choose_steps, common_layers, common_probe
    from replearn.study.layer_maps import draw_layer_maps
    from replearn.study.results import results_of
    from replearn.study.selection import find_trained
    from replearn.study.similarity_table import tidy
    from replearn.sweep.similarity import compare_layers_by

    runs = find_trained(where)
    names, probe = common_layers(runs, layers), common_probe(runs, n_probe)
    trained = choose_steps(runs, steps)
    untrained = choose_steps(runs, [0]) if baseline else []
    sources = list(dict.fromkeys(trained + untrained))
    count = len(names) * len(sources)
    print(f"{len(runs)} runs, {count} representations, {count * (count + 1) // 2} pairs")
    with results_of(_run, "Similarity of layers", runs, probe=f"{n_probe} images") as results:
        progress = progress_bars() if _config["progress"] else None
        found = compare_layers_by(
            _config["cluster"], _config["cluster_options"], sources, names, probe, measures,
            progress, pooling=pooling, latent=latent,
        )  # fmt: skip
        for warning in found.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        results.arrays("similarity", **found.arrays())
        results.text("similarity.csv", tidy(found, sources, names).to_csv(index=False))
        return draw_layer_maps(results, found, trained, untrained, names)


if __name__ == "__main__":
    sys.exit(run_commandline(ex))
