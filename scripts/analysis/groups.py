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


@ex.main
def compare(where, by, measures, layers, order, outputs, correlation, permutations, n_probe,
            pooling, seed, progress, _run):  # fmt: skip
    """Return what each measure scores in each test at the first layer."""
    from replearn.analysis.similarity import progress_bars
    from replearn.study.comparison import common_probe
    from replearn.study.config_groups import find_groups, other_differences
    from replearn.study.group_results import show
    from replearn.study.group_tests import GroupTests, choose_layers, choose_outputs
    from replearn.study.results import results_of
    from replearn.study.selection import find_trained, without_repetitions

    runs = without_repetitions(find_trained(where))
    groups = find_groups(runs, by)
    names, outputs = choose_layers(runs, layers), choose_outputs(runs, outputs)
    probe = common_probe(runs, n_probe)
    if other := other_differences(groups, by):
        print(f"warning: runs of one group also differ in {', '.join(other)}", file=sys.stderr)
    print(f"{len(runs)} runs in {len(groups)} groups: {', '.join(groups)}")
    tests = GroupTests(
        groups, probe, outputs, correlation, permutations, seed, {"pooling": pooling}
    )
    with results_of(_run, "Tests on groups", runs, probe=f"{len(probe.indices)} images") as results:
        bars = progress_bars() if progress else None
        found = [tests.of_layer(layer, measures, bars) for layer in names]
        found += [tests.of_order(measures, bars)] if order else []
        for warning in dict.fromkeys(sentence for _, warnings in found for sentence in warnings):
            print(f"warning: {warning}", file=sys.stderr)
        return show(results, tests, [score for scores, _ in found for score in scores], names)


if __name__ == "__main__":
    sys.exit(run_commandline(ex))
