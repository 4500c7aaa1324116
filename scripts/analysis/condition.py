"""Show whole grids of conditions, models and seeds: errors on what was excluded, and what explains.

cd scripts
python -m analysis.condition with where.experiment=composition where.dataset.name=dsprites
python -m analysis.condition with where.tags=composition-desk columns=[test_ssim] n_shown=0
"""

import sys

from sacred import Experiment

from configs.experiments import ANALYSIS
from replearn.paths import root
from replearn.runs.commandline import run_commandline

ex = Experiment("analysis.condition", base_dir=root(), save_git_info=False)
ex.add_config(
    **ANALYSIS,
    where={},  # which training runs; those without a condition are left out
    analyses=None,  # of analysis.model, for D, C and I; True: all runs have one; False: without
    columns=None,  # scores of the tables; None: errors, encoder and decoder, D, C and I
    n_shown=8,  # images of a panel of one seed each; 0: none
    caption="",  # of the tables, behind the name of the condition
)
ex.add_named_config("fast", n_shown=3)


@ex.main
def show(where, analyses, columns, n_shown, caption, _run):
    """Return how many runs, conditions and models there are; figures and tables are artifacts."""
    from replearn.study.condition import (
        check_columns,
        draw_disentanglement,
        draw_encoder_decoder,
        draw_errors,
        write_tables,
    )
    from replearn.study.condition_examples import draw_examples, draw_maps
    from replearn.study.condition_grid import find_grid
    from replearn.study.results import results_of, twin_note

    grid = find_grid(where, analyses)
    check_columns(grid, columns)
    study = grid.study
    with results_of(_run, "Conditions", study.runs) as results:
        draw_errors(results, grid)
        draw_encoder_decoder(results, grid)
        draw_disentanglement(results, grid)
        draw_maps(results, grid)
        draw_examples(results, grid, n_shown)
        note = f"{study.analysis_note()} {twin_note(study.runs)}".strip()
        write_tables(results, grid, columns, caption, note)
    sizes = {"conditions": len(grid.conditions), "models": len(grid.models)}
    return {"runs": len(study.runs), **sizes}


if __name__ == "__main__":
    sys.exit(run_commandline(ex))
