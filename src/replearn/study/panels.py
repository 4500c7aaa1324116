"""Figures of a whole study, from the arrays that the analyses of its runs have stored."""

from collections.abc import Mapping, Sequence
from typing import Any

from replearn.analysis.figures import caption_line, hinton_panel
from replearn.analysis.figures.images import latent_names
from replearn.runs.run import Run
from replearn.study.results import Results
from replearn.study.summary import ABSENT, Study, short_names

MOST = 36  # diagrams of a panel: what a page of paper shows


def draw_hinton_panels(results: Results, study: Study) -> None:
    """Draw the importance matrices of the analysed runs side by side, if there are any.

    Runs whose images have other factors stand in a panel of their own. Where several models were
    trained on each of several conditions, the lowest seed of each is drawn, a model a line and a
    condition a column. Of more than 36 runs, one of each group of seeds is drawn, and of those at
    most 36, which the text says.
    """
    chosen, note = _chosen(study)
    implied = _implied_by_loss(study)
    panels: dict[tuple[str, ...], list[tuple[Run, Any]]] = {}
    for run in chosen:
        analysis = study.analyses[run.id]
        if analysis is None:
            continue
        codes = analysis.load("codes.npz")
        if "importance" in codes:
            factors = tuple(str(name) for name in codes["factor_names"])
            panels.setdefault(factors, []).append((run, codes))
    for i, (factors, entries) in enumerate(panels.items()):
        entries, across = _as_grid(study, entries)
        labels = [study.labels(run).items() for run, _ in entries]
        titles, shared = _titles([{k: v for k, v in x if k not in implied} for x in labels])
        figure = hinton_panel(
            [codes["importance"] for _, codes in entries],
            [
                "\n".join([*title, f"seed {run.config['seed']}"])
                for title, (run, _) in zip(titles, entries, strict=True)
            ],
            factors,
            [_latents(codes) for _, codes in entries],
            dead=[~codes["active"] for _, codes in entries],
            columns=across,
        )
        name = "hinton_panel" if i == 0 else f"hinton_panel_{i + 1}"
        said = " The lowest seed of each model and condition" if across else note
        said += said and f": {caption_line(run.id for run, _ in entries)}"
        text = f"Importance: {', '.join([*shared, *factors])}.{said}{'.' * bool(said)}"
        results.figure(name, figure, "Importance of latents for factors", text)


def _as_grid(
    study: Study, entries: list[tuple[Run, Any]]
) -> tuple[list[tuple[Run, Any]], int | None]:
    """Return a run for each model and condition, line by line, and the number of columns.

    Where not every model has every condition, or there is one of either, all entries and None.
    """
    cells: dict[tuple, dict[tuple, tuple[Run, Any]]] = {}
    for run, codes in entries:
        labels = study.labels(run)
        condition = tuple(labels[name] for name in labels if name in study.data_labels)
        model = tuple(labels[name] for name in labels if name not in study.data_labels)
        cells.setdefault(model, {}).setdefault(condition, (run, codes))
    conditions = list(dict.fromkeys(c for line in cells.values() for c in line))
    if min(len(cells), len(conditions)) < 2 or any(
        len(x) < len(conditions) for x in cells.values()
    ):
        return entries, None
    return [line[c] for line in cells.values() for c in conditions], len(conditions)


def _latents(codes: Any) -> list[str]:
    """Return the names of the latents; analyses of before they were stored have z₀, z₁ …"""
    if "latent_names" in codes:
        return [str(name) for name in codes["latent_names"]]
    return latent_names(len(codes["active"]))


def _chosen(study: Study) -> tuple[list[Run], str]:
    """Return the runs to draw, in the order of the table's rows and of their seeds, and a note."""
    runs = {run.id: run for run in study.runs}
    rows = [
        sorted((runs[i] for i in group.runs), key=lambda run: (run.config["seed"], run.id))
        for group in study.groups()
    ]
    every = [run for row in rows for run in row]
    if len(every) <= MOST:
        return every, ""
    firsts = [row[0] for row in rows][:MOST]
    return firsts, f" Of {len(every)} runs, {len(firsts)} are drawn, the first of each group"


def _implied_by_loss(study: Study) -> set[str]:
    """Return the labels of settings of the training that each loss has one value of."""
    loss = "training.loss.name"
    names = short_names(study.varied)
    every = [study.labels(run) for run in study.runs] if loss in names else []

    def follows(name: str) -> bool:
        pairs = {(repr(labels[names[loss]]), repr(labels[name])) for labels in every}
        return len(pairs) == len({value for value, _ in pairs})

    settings = [name for path, name in names.items() if path.startswith("training.")]
    # Some labels are of no one path: `parameter` and `value` are of each loss's own.
    known = [name for name in settings if every and name in every[0] and name != names[loss]]
    return {name for name in known if follows(name)}


def _titles(labels: Sequence[Mapping[str, Any]]) -> tuple[list[list[str]], list[str]]:
    """Return the lines above each diagram, which are narrow, and what they would all say."""
    # A model of the name of its loss is one line.
    lines = [
        dict.fromkeys(
            _line(one.get("parameter", name) if name == "value" else name, value)
            for name, value in one.items()
            if value != ABSENT and name != "parameter"
        )
        for one in labels
    ]
    shared = [line for line in lines[0] if all(line in other for other in lines)]
    return [[line for line in own if line not in shared] for own in lines], shared


def _line(name: str, value: Any) -> str:
    return value if isinstance(value, str) else f"{name} {value}"
