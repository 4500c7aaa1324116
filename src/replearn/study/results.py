"""What an analysis leaves behind: files in results/, artifacts of its run, and a report.

Files are written to a folder that is renamed when the analysis ends well, so that nothing
half-written looks like a result.
"""

import gzip
import io
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.files import write_whole
from replearn.paths import results_folder
from replearn.runs.database import database_key
from replearn.runs.run import Run

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure
    from sacred.run import Run as SacredRun

    from replearn.analysis.tables import Against, Column, Group

MOST_ROWS = 200_000  # of a table that is not compressed
# Parameters of a loss that say how strongly it regularises.
STRENGTHS = ("beta", "gamma", "capacity", "lambda_od", "lambda_d")


class Results:
    """Collect the figures, tables and arrays of one analysis.

    Args:
        folder: where files are written for now.
        caption: the line below every figure: source runs, and the note of a twin.
        origin: the analysis and its database, for those who trace a number of a table.
    """

    def __init__(self, folder: Path, caption: str, origin: Mapping[str, Any] | None = None):
        self.folder, self.caption, self.origin = folder, caption, origin
        self.sections: list[Any] = []
        self.files: list[Path] = []

    def figure(self, name: str, figure: "Figure", title: str, text: str = "") -> None:
        """Write a figure as `name`.pdf and `name`.png, and show it in the report."""
        from replearn.analysis.figures import save_figure
        from replearn.analysis.report import Picture, Section

        paths = save_figure(figure, self.folder, name, self.caption)
        self.files += paths
        self.sections.append(Section(title, [Picture(paths[1], text or title)]))

    def table(
        self,
        name: str,
        groups: "Sequence[Group]",
        columns: "Sequence[Column]",
        caption: str,
        note: str = "",
        against: "Against | None" = None,
        title: str = "Scores",
    ) -> None:
        """Write `name`.tex, a LaTeX file that compiles, and show the table in the report."""
        from replearn.analysis.latex import standalone_document
        from replearn.analysis.report import Scores, Section
        from replearn.analysis.table_text import summary_table

        latex = summary_table(groups, columns, caption, f"tab:{name}", note, against, self.origin)
        self.text(f"{name}.tex", standalone_document(latex))
        self.sections.append(Section(title, [Scores(groups, columns, caption, note, against)]))

    def arrays(self, name: str, **arrays: NDArray) -> None:
        """Write arrays to `name`.npz, without pickles."""
        content = io.BytesIO()
        np.savez_compressed(content, allow_pickle=False, **arrays)
        self.files.append(write_whole(self.folder / f"{name}.npz", content.getvalue()))

    def csv(self, name: str, tables: "Iterable[pandas.DataFrame]") -> None:
        """Write tables below each other to `name`.csv, or beyond MOST_ROWS rows to `name`.csv.gz.

        No more than MOST_ROWS rows and one table are held.
        """
        rest, held, n = iter(tables), [], 0
        for table in rest:
            held.append(table)
            n += len(table)
            if n > MOST_ROWS:
                break
        else:
            self.text(f"{name}.csv", "".join(_csv_lines(held)))
            return
        path = self.folder / f"{name}.csv.gz"
        # Without a name and a time: equal tables, equal bytes.
        with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
            for lines in _csv_lines(chain(_emptied(held), rest)):
                file.write(lines.encode())
        self.files.append(path)

    def text(self, name: str, content: str) -> None:
        """Write a text file."""
        self.files.append(write_whole(self.folder / name, content))


def _csv_lines(tables: "Iterable[pandas.DataFrame]") -> Iterator[str]:
    for i, table in enumerate(tables):
        yield table.to_csv(index=False, header=i == 0)


def _emptied(tables: "list[pandas.DataFrame]") -> "Iterator[pandas.DataFrame]":
    while tables:
        yield tables.pop(0)


@contextmanager
def results_of(
    run: "SacredRun", title: str, sources: Sequence[Run], **facts: Any
) -> Iterator[Results]:
    """Collect the results of the analysis `run`; on success publish them, else leave nothing.

    Args:
        run: the Sacred run of the analysis.
        title: heading of `report.html`.
        sources: the runs that are analysed; every caption names them, what they share, and a twin
            among their data.
        facts: what every caption also says, such as the number of probe images.
    """
    from replearn.analysis.figures import caption_line
    from replearn.analysis.report import Section, SourceRuns, Values, write_report

    facts = shared_facts(sources) | facts
    caption = caption_line([source.id for source in sources], twin_note(sources), **facts)
    folder = analysis_folder(run)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    results = Results(partial, caption, _origin(run, sources))
    run.info["source_runs"] = sorted(source.id for source in sources)
    run.info["dataset"] = sources[0].info.get("dataset")
    try:
        yield results
        about = [
            Section("Configuration", [Values(dict(run.config))]),
            Section("Source runs", [SourceRuns({s.id: describe(s) for s in sources})]),
        ]
        report = write_report(partial, title, [*results.sections, *about], subtitle=caption)
        for path in [*results.files, report]:
            run.add_artifact(path, path.name, content_type=content_type(path))
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    print(f"results: {folder}")


def _origin(run: "SacredRun", sources: Sequence[Run]) -> dict[str, Any]:
    database = sources[0].database
    key = database_key(database)
    return {"database": database.name, "key": key and str(key), "analysis": run._id}


def describe(run: Run) -> str:
    """Return what a run is in a few words: experiment, model, data, objective, seed."""
    facts = _facts(run)
    parts = [run.experiment, facts["encoder"], facts["data"], facts["loss"]]
    return ", ".join(str(part) for part in [*parts, f"seed {run.config.get('seed')}"] if part)


def shared_facts(sources: Sequence[Run]) -> dict[str, str]:
    """Return data set, encoder and loss (with its strengths), as far as all runs share them."""
    first, *others = map(_facts, sources)
    return {
        name: value
        for name, value in first.items()
        if value and all(other[name] == value for other in others)
    }


def _facts(run: Run) -> dict[str, str | None]:
    config = run.config
    loss = config.get("training", {}).get("loss", {})
    strength = [f"{k}={v}" for k, v in loss.get("params", {}).items() if k in STRENGTHS]
    return {
        "data": config.get("dataset", {}).get("name"),
        "encoder": config.get("model", {}).get("encoder"),
        "loss": ", ".join(filter(None, [loss.get("name"), *strength])),
    }


def twin_note(sources: Sequence[Run]) -> str:
    """Return what captions say of the data sets of some runs: that they are twins, or what else."""
    sets = [run.info.get("dataset") or {} for run in sources]
    notes = [
        each.get("note") or (f"twin of {each['name']}" if each.get("is_twin") else "")
        for each in sets
    ]
    return " ".join(filter(None, dict.fromkeys(notes)))


def analysis_folder(run: "SacredRun") -> Path:
    """Return results/<database>/<analysis>/<run id>; a run without a database has no id."""
    name = run.experiment_info["name"].removeprefix("analysis.")
    names = [observer.runs.database.name for observer in run.observers]
    return results_folder() / (names[0] if names else "unobserved") / name / str(run._id or "last")


def content_type(path: Path) -> str:
    """Return the media type of a result by its suffix."""
    return {
        ".png": "image/png",
        ".pdf": "application/pdf",
        ".html": "text/html",
        ".tex": "text/x-tex",
        ".json": "application/json",
        ".md": "text/markdown",
        ".csv": "text/csv",
        ".gz": "application/gzip",
    }.get(path.suffix, "application/octet-stream")
