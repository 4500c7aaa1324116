"""Summarise finished runs and their analyses: LaTeX tables over seeds, and a Hinton panel.

cd scripts
python -m analysis.summary with where.experiment=unsupervised where.tags=quickstart against.beta=1
"""

import sys

from sacred import Experiment

from configs.experiments import ANALYSIS
from replearn.paths import root
from replearn.runs.commandline import run_commandline

ex = Experiment("analysis.summary", base_dir=root(), save_git_info=False)
ex.add_config(
    **ANALYSIS,
    where={},  # which training runs
    analyses=None,  # of analysis.model; True: all runs have to have one; False: none is shown
    columns=None,  # scores of one table; None: tables of all that are known
    against={},  # the row that the others are compared with, by labels of the table: against.beta=1
    caption="Scores on held-out images.",
    udr=None,  # True: also UDR, which compares the latents of runs that differ in their seeds
    at_least={},  # fail unless every run's score is at least this, such as active_latents=3
    at_most={},
)
ex.add_named_config("fast", {})


@ex.main
def summarise(where, analyses, columns, against, caption, udr, at_least, at_most, _run):
    """Return how many runs and groups the table has."""
    from replearn.study.against import find_against
    from replearn.study.columns import NOTES, TITLES, choose_tables
    from replearn.study.panels import draw_hinton_panels
    from replearn.study.ranking import UDR, ranked_groups
    from replearn.study.results import results_of, twin_note
    from replearn.study.summary import check_limits, find_study

    study = find_study(where, analyses)
    check_limits(study, at_least, at_most)
    groups = study.groups()
    tables = choose_tables(groups, columns)
    compared = find_against(groups, against, study.data_labels)
    ranked = ranked_groups(study) if udr else []
    with results_of(_run, "Summary", study.runs) as results:
        note = f"{study.analysis_note()} {twin_note(study.runs)}".strip()
        for name, shown in tables.items():
            own = f"{NOTES.get(name, '')} {note}".strip()
            results.table(name, groups, shown, caption, own, compared, TITLES[name])
        if ranked:
            results.table("udr", ranked, [UDR], "Unsupervised disentanglement ranking.", note)
        draw_hinton_panels(results, study)
    return {"runs": len(study.runs), "groups": len(groups)}


if __name__ == "__main__":
    sys.exit(run_commandline(ex))
