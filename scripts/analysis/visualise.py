"""Draw how layers compare: heat maps, lines over training, points, trees.

cd scripts
python -m analysis.visualise with tool=heatmap steps=0,100,last where.experiment=unsupervised
python -m analysis.visualise with tool=layer_pair 'layer_pair=[mean,z]' where.tags=study
"""

import sys

from sacred import Experiment

from configs.experiments import ANALYSIS, CLUSTER
from replearn.paths import root
from replearn.runs.commandline import run_commandline
from replearn.sweep.blocks import check_config

ex = Experiment("analysis.visualise", base_dir=root(), save_git_info=False)
ex.add_config(
    **ANALYSIS,
    **CLUSTER,
    tool="heatmap",  # or layer_pair, layer_list, tsne, mds, dendrogram
    where={},  # which runs
    measures=["cka_debiased"],
    layers=["all"],  # or names: a,b
    steps=None,  # last, all, or steps: 0,100; None: the last, or all of a picture over training
    precision="float64",  # of large products; or float32
    device="cpu",  # of large products; or cuda
    n_probe=1000,  # held-out images
    pooling="flatten",  # of feature maps; or mean, or positions: each an input, (N H W, C)
    latent=None,  # what decoders get, mean or sample; None: sample if layer_pair has mean and z
    show="value",  # or null, corrected, z, error, excess over step 0
    rows={},  # of a heat map, a further query: rows.step=0, rows.training.loss.name=beta_vae
    columns={},  # by itself the last step, if the rows have several
    pairs=None,  # different, start (the same first weights), same (one run); None: what there is
    each="step",  # a map for each step, group, or part of the config
    layer_pair=["mean", "z"],
    layer="input",  # of tool=layer_list
    against="encoder",  # its layers, or names: a,b
    colour="group",  # of points and leaves: seed, step, layer, run, or a part of the config
    marker=None,  # of points, likewise; None: step or layer, if they are few
    perplexity=None,  # of t-SNE; None: 30, or less of few points
)
ex.add_named_config("fast", n_probe=64)


@ex.config_hook
def check(config, command_name, logger):
    """Refuse a picture that cannot be drawn before there is a run."""
    from replearn.study.visualisation import check_picture, comparison_of
    from replearn.sweep.similarity import check_comparison

    check_config(config["cluster"], config["cluster_options"])
    check_picture(config)
    check_comparison({**comparison_of(config), "baseline": None})
    return {}


@ex.main
def visualise(n_probe, _config, _run):
    """Return some numbers of the picture."""
    from replearn.study.compared import Compared
    from replearn.study.comparison import common_probe
    from replearn.study.results import results_of
    from replearn.study.visualisation import comparison_of, find_picture
    from replearn.sweep.similarity_parts import compare_separately

    picture = find_picture(_config)
    print(picture.size)
    probe = common_probe(picture.runs, n_probe)
    facts = {"probe": probe.said(n_probe)}
    with results_of(_run, picture.title, picture.runs, **facts) as results:
        parts = compare_separately(comparison_of(_config), picture.parts, picture.layers, probe)
        return picture.draw(results, Compared(parts, picture.layers))


if __name__ == "__main__":
    sys.exit(run_commandline(ex))
