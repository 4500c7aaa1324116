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
    baseline=["untrained"],  # beside: untrained (step 0), shuffled (images); or False
    standard_errors=False,  # over the choice of images, of CKA and the Procrustes angle
    precision="float64",  # of large products; or float32
    device="cpu",  # of large products; or cuda
    n_probe=1000,  # held-out images
    pooling="flatten",  # of feature maps; or mean, or positions: each an input, (N H W, C)
    latent="mean",  # what decoders get; or sample, with noise that all networks share
)
ex.add_named_config("fast", n_probe=64)


@ex.config_hook
def check_computers(config, command_name, logger):
    """Refuse a cluster that cannot be used before there is a run."""
    from replearn.sweep.similarity import check_comparison

    check_config(config["cluster"], config["cluster_options"])
    check_comparison(config)
    return {}


@ex.main
def compare(where, measures, layers, steps, latent, n_probe, _config, _run):
    """Return the mean similarity of the same layer in different runs, trained and untrained."""
    from replearn.study.comparison import choose_steps, common_layers, common_probe
    from replearn.study.layer_maps import draw_layer_maps, last_of
    from replearn.study.results import results_of
    from replearn.study.same_layer import same_layer_tables
    from replearn.study.selection import find_trained, without_repetitions
    from replearn.study.similarity_table import tidy_blocks
    from replearn.sweep.similarity import baselines_of, compare_as_told, compare_shuffled

    runs = without_repetitions(find_trained(where))
    names, probe = common_layers(runs, layers, latent), common_probe(runs, n_probe)
    kinds = baselines_of(_config, runs)
    trained = choose_steps(runs, steps)
    untrained = choose_steps(runs, [0]) if "untrained" in kinds else []
    sources = list(dict.fromkeys(trained + untrained))
    print(f"{len(runs)} runs, {len(names) * len(sources):,} representations")
    facts = {"probe": probe.said(n_probe)}
    with results_of(_run, "Similarity of layers", runs, **facts) as results:
        found = compare_as_told(_config, sources, names, probe)
        shuffled = None
        if "shuffled" in kinds:
            shuffled = compare_shuffled(_config, last_of(trained), names, probe)
            results.arrays("shuffled", **shuffled.arrays())
        for warning in found.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        results.arrays("similarity", **found.arrays())
        results.csv("similarity", tidy_blocks(found, sources, names))
        numbers = draw_layer_maps(results, found, trained, untrained, names, shuffled)
        same_layer_tables(results, found, trained, untrained, names, shuffled)
        return numbers


if __name__ == "__main__":
    sys.exit(run_commandline(ex))
