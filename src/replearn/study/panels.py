"""Figures of a whole study, from the arrays that the analyses of its runs have stored."""

from replearn.analysis.figures import hinton_panel
from replearn.study.results import Results
from replearn.study.summary import Study


def draw_hinton_panel(results: Results, study: Study) -> None:
    """Draw the importance matrices of all analysed runs side by side, if there are any."""
    matrices, titles, dead, names = [], [], [], []
    for run in study.runs:
        analysis = study.analyses[run.id]
        if analysis is None:
            continue
        codes = analysis.load("codes.npz")
        if "importance" not in codes:
            continue
        labels = [f"{name} {value}" for name, value in study.labels(run).items()]
        titles.append(", ".join([*labels, f"seed {run.config['seed']}"]))
        matrices.append(codes["importance"])
        dead.append(~codes["active"])
        names = [str(name) for name in codes["factor_names"]]
    if matrices:
        figure = hinton_panel(matrices, titles, names, dead=dead)
        results.figure("hinton_panel", figure, "Importance of latents for factors")
