"""Test measures of similarity on groups of runs that differ by design, as the ReSi benchmark does.

cd scripts
python -m analysis.groups with by=dataset.label_noise measures=resi where.tags=resi-desk
"""

import sys

from sacred import Experiment

from configs.experiments import ANALYSIS
from replearn.paths import root
from replearn.runs.commandline import run_commandline

ex = Experiment("analysis.groups", base_dir=root(), save_git_info=False)
ex.add_config(
    **ANALYSIS,
    where={},  # which runs
    by=None,  # the config path that parts them into groups, or several
    measures=["resi"],
    layers=["last"],  # below the outputs; or all, or names: a,b
    order=True,  # look at the order of all layers of each network, too
    outputs=None,  # correlate with jsd, disagreement, accuracy_difference; None: of classifiers
    correlation="spearman",  # or pearson, kendall
    permutations=4999,  # of the networks, for its p
    n_probe=1000,  # held-out images
    pooling="flatten",  # of feature maps; or mean
)
ex.add_named_config("fast", n_probe=64, measures=["cka_debiased", "jaccard"], permutations=99)


@ex.config_hook
def check(config, command_name, logger):
    """Refuse tests that cannot be made before there is a run."""
    from replearn.study.group_plan import check_plan

    check_plan(config)
    return {}


@ex.main
def compare(where, order, progress, _config, _run):
    """Return how many runs and groups there are, and the AUPRC of each measure."""
    from replearn.analysis.similarity import progress_bars
    from replearn.study.group_plan import plan_tests
    from replearn.study.group_results import show
    from replearn.study.results import results_of
    from replearn.study.selection import find_trained, without_repetitions
    from replearn.sweep.similarity import Clock

    runs = without_repetitions(find_trained(where))
    tests, layers, measures = plan_tests(runs, _config)
    facts = {"probe": tests.probe.said(_config["n_probe"])}
    with results_of(_run, "Tests on groups", runs, **facts) as results:
        told, of_order = Clock(), Clock(parts=len(tests.runs))
        bars = progress_bars() if progress else None
        scores = tests.run(layers, measures, order, bars, told.announce, of_order.announce)
        told.end()
        return show(results, tests, scores, layers)


if __name__ == "__main__":
    sys.exit(run_commandline(ex))
