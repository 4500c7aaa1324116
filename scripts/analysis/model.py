"""Look at one finished auto-encoder: what it reconstructs, and what its latents mean.

cd scripts
python -m analysis.model with run=1
"""

import sys

from sacred import Experiment

from configs.experiments import ANALYSIS
from replearn.errors import InputError
from replearn.paths import root
from replearn.runs.commandline import run_commandline

ex = Experiment("analysis.model", base_dir=root(), save_git_info=False)
ex.add_config(
    **ANALYSIS,
    run=None,  # id of a finished run
    step=None,  # of its weights; None: the last
    n_images=5000,  # held-out images for scores and distributions
    n_shown=10,  # images in a row of a figure
    traversal=[-2.0, 2.0],  # standard deviations of the prior
    metrics=None,  # such as [mig, beta_vae_score]; None: all that take codes of these images
    dci="fast",  # or "reference": scikit-learn's trees, as published; or lasso, forest
)
ex.add_named_config("fast", n_images=300, n_shown=4)


@ex.main
def analyse(run, step, n_images, n_shown, metrics, dci, _config, _run):
    """Return the scores of the model; the figures are artifacts."""
    from replearn.runs.query import find_runs
    from replearn.study import inspection
    from replearn.study.disentanglement import check_metrics
    from replearn.study.results import results_of

    if run is None:
        raise InputError("run=ID is needed; 'python -m runs list' shows the finished runs")
    source = find_runs({"id": run}).one()
    inspection.check_auto_encoder(source)
    check_metrics(metrics)
    model, data = source.model(step), source.dataset()
    step = source.checkpoints[-1] if step is None else step
    with results_of(_run, f"Run {source.id} after {step} steps", [source], step=step) as results:
        inspection.draw_reconstructions(results, source, model, data, n_shown)
        inspection.draw_recombination(results, source, model, data, n_shown)
        codes = inspection.encode_run(source, model, data, n_images)
        inspection.draw_latents(results, codes, model, _config)
        scores = inspection.score_run(results, codes, model, data, metrics, dci)
    for name, value in scores.items():
        if not isinstance(value, str):
            _run.log_scalar(name, value, step)
    return scores


if __name__ == "__main__":
    sys.exit(run_commandline(ex))
