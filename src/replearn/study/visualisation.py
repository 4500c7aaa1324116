"""Pictures of similarities: which networks a picture is of, which are compared, how it is drawn."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from replearn.errors import InputError, nearest
from replearn.runs.query import find_runs
from replearn.runs.run import Run
from replearn.runs.where import paths
from replearn.study.compared import SHOWN, Compared
from replearn.study.comparison import Source, choose_steps, common_layers, listed, named_steps
from replearn.study.results import Results
from replearn.study.run_pairs import PAIRS, pair_kind
from replearn.study.selection import find_trained, without_repetitions
from replearn.study.summary import short_names
from replearn.study.visualisation_lines import draw_layer_list, draw_layer_pair
from replearn.study.visualisation_maps import draw_heatmaps
from replearn.study.visualisation_points import draw_dendrogram, draw_mds, draw_tsne

if TYPE_CHECKING:
    import pandas

TOOLS = {
    "heatmap": "Layers by layers",
    "layer_pair": "Two layers over training",
    "layer_list": "One layer against others over training",
    "tsne": "Networks in the plane",
    "mds": "Representations in the plane",
    "dendrogram": "Tree of representations",
}
OVER_TRAINING = ("layer_pair", "layer_list")
WITHIN_NETWORKS = (*OVER_TRAINING, "tsne")


@dataclass(frozen=True)
class Picture:
    """What a picture is of.

    Attributes:
        config: of the analysis.
        runs: whose networks are drawn.
        layers: of each network.
        parts: networks that are compared with each other; none with those of another part.
        rows, columns: networks of the two sides of a heat map.
        pairs: what heat maps are the mean over, a name in PAIRS.
    """

    config: Mapping[str, Any]
    runs: Sequence[Run]
    layers: Sequence[str]
    parts: Sequence[Sequence[Source]]
    rows: Sequence[Source] = ()
    columns: Sequence[Source] = ()
    pairs: str = "different"

    @property
    def title(self) -> str:
        """The heading of the report."""
        return TOOLS[self.config["tool"]]

    @property
    def size(self) -> str:
        """How much is compared, in words."""
        counts = [len(part) * len(self.layers) for part in self.parts]
        pairs = sum(count * (count + 1) // 2 for count in counts)
        return f"{len(self.runs)} runs, {sum(counts):,} representations, {pairs:,} pairs"

    def draw(self, results: Results, compared: Compared) -> dict[str, float]:
        """Write the table, draw the picture of each measure, and return some numbers of it."""
        config, tool = self.config, self.config["tool"]
        for warning in compared.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        results.csv("similarity", self._tables(compared))
        if tool == "heatmap":
            if config["pairs"] is None and self.pairs != "different":
                print(
                    f"there is no pair {PAIRS['different']}: the maps are of pairs={self.pairs}, "
                    f"{PAIRS[self.pairs]}"
                )
            sides = side_words(config["rows"], config["columns"])
            return draw_heatmaps(results, compared, self.rows, self.columns, self.pairs,
                                 config["each"], config["show"], sides)  # fmt: skip
        if tool == "layer_pair":
            one, other = self.layers
            return draw_layer_pair(results, compared, one, other, config["show"])
        if tool == "layer_list":
            return draw_layer_list(
                results, compared, self.layers[0], self.layers[1:], config["show"]
            )
        if tool == "tsne":
            return draw_tsne(results, compared, config["colour"], config["marker"], config["seed"],
                             config["perplexity"])  # fmt: skip
        if tool == "mds":
            return draw_mds(results, compared, config["colour"], config["marker"])
        return draw_dendrogram(results, compared, config["colour"])

    def _tables(self, compared: Compared) -> "Iterator[pandas.DataFrame]":
        """Yield the pairs that are drawn: of a heat map those between its rows and columns."""
        if self.config["tool"] != "heatmap" or self.config["show"] == "excess":
            yield from compared.tables()
            return
        drawn = {
            frozenset(((one.run.id, one.step), (other.run.id, other.step)))
            for one in self.rows
            for other in self.columns
            if pair_kind(one, other) == self.pairs
        }
        for table in compared.tables():
            sides = table[["run_x", "step_x", "run_y", "step_y"]].itertuples(index=False, name=None)
            yield table.loc[[frozenset(((a, s), (b, t))) in drawn for a, s, b, t in sides]]


def comparison_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config, with what it does not set of a comparison as the picture needs it."""
    latent = latent_of(config)
    return {**config, "latent": latent, "standard_errors": config["show"] == "error"}


def latent_of(config: Mapping[str, Any]) -> str:
    """Return what decoders get: the mean, but samples where these are compared with the mean."""
    pair = config["tool"] == "layer_pair" and {"mean", "z"} == set(
        listed(config["layer_pair"], "layer_pair")
    )
    return config["latent"] or ("sample" if pair else "mean")


def check_picture(config: Mapping[str, Any]) -> None:
    """Raise an InputError if no such picture can be drawn, whatever the runs are."""
    for key, known in (("tool", TOOLS), ("show", SHOWN), ("pairs", PAIRS)):
        value = config[key]
        if value not in known and not (key == "pairs" and value is None):
            raise InputError(f"there is no {key}={value!r}; {nearest(str(value), known)}")
    if config["show"] != "value" and config["tool"] not in ("heatmap", *OVER_TRAINING):
        raise InputError(f"show={config['show']} is for heat maps and lines, and tool="
                         f"{config['tool']} draws values")  # fmt: skip
    if config["show"] == "z" and config["pooling"] == "positions":
        raise InputError("show=z takes the rows for independent inputs, but with pooling=positions "
                         "many are of one image; give another pooling, or show=value")  # fmt: skip
    pair = listed(config["layer_pair"], "layer_pair")
    if len(pair) != 2 or pair[0] == pair[1]:
        raise InputError(f"layer_pair names two different layers, such as [mean,z], got {pair}")
    for key in ("rows", "columns"):
        if not isinstance(config[key], Mapping):
            raise InputError(
                f"{key} is a part of a query, such as {key}.step=0, got {config[key]!r}"
            )
        if "step" in config[key]:
            named_steps(config[key]["step"])


def find_picture(config: Mapping[str, Any]) -> Picture:
    """Return which networks and layers the picture is of.

    Raises:
        InputError: if no run matches, a layer or step does not exist, or there is no such picture.
    """
    check_picture(config)
    tool, steps = config["tool"], config["steps"]
    runs = without_repetitions(find_trained(config["where"]))
    layers = picture_layers(config, runs)
    if steps is None:
        steps = "all" if tool in OVER_TRAINING else "last"
    if tool == "heatmap":
        return _heatmap(config, runs, layers, steps)
    sources = choose_steps(runs, steps)
    if config["show"] == "excess":
        sources = _with_untrained(sources)
    parts = [[source] for source in sources] if tool in WITHIN_NETWORKS else [sources]
    return Picture(config, runs, layers, parts)


def picture_layers(config: Mapping[str, Any], runs: Sequence[Run]) -> list[str]:
    """Return the layers of a picture: those of the query, or what a tool over training names.

    In `against`, the first part of names stands for all of them, such as `encoder`, and `all` for
    all layers.
    """
    if config["tool"] == "layer_pair":
        return common_layers(runs, listed(config["layer_pair"], "layer_pair"))
    if config["tool"] != "layer_list":
        return common_layers(runs, config["layers"], latent_of(config))
    names = []
    for name in listed(config["against"], "against"):
        known = (
            common_layers(runs, "all", latent_of(config))
            if name in ("all", "encoder", "decoder")
            else []
        )
        inside = [each for each in known if name == "all" or each.startswith(f"{name}.")]
        names += inside or [name]
    layer = str(config["layer"])
    others = [name for name in dict.fromkeys(names) if name != layer]
    return common_layers(runs, [layer, *others])


def side(runs: Sequence[Run], where: Mapping[str, Any], steps: Any) -> list[Source]:
    """Return the networks of one side of a heat map: those of the runs that `where` lets through.

    Args:
        where: a further query, in which `step` may stand as well.
        steps: unless `where` has a step.

    Raises:
        InputError: if no run is let through.
    """
    conditions = {key: value for key, value in where.items() if key != "step"}
    chosen = list(runs)
    if conditions:
        asked = conditions.pop("id", None)
        ids = {run.id for run in runs}
        if asked is not None:
            ids &= set(asked if isinstance(asked, list | tuple) else [asked])
        database = runs[0].database
        kept = set(find_runs({**conditions, "id": sorted(ids)}, database).require().ids)
        chosen = [run for run in runs if run.id in kept]
    return choose_steps(chosen, where.get("step", steps))


def side_words(rows: Mapping[str, Any], columns: Mapping[str, Any]) -> tuple[str, str]:
    """Return by what the runs of the rows and of the columns are chosen, such as `beta=4`."""
    sides = [{key: value for key, value in paths(one) if key != "step"} for one in (rows, columns)]
    names = short_names(list(dict.fromkeys([*sides[0], *sides[1]])))

    def said(value: Any) -> str:
        return " or ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    one, other = (
        ", ".join(f"{names[key]}={said(value)}" for key, value in each.items()) for each in sides
    )
    return one, other


def _heatmap(
    config: Mapping[str, Any], runs: Sequence[Run], layers: Sequence[str], steps: Any
) -> Picture:
    rows = side(runs, config["rows"], steps)
    # Of several steps, each is compared with the last: when is a layer what it will be?
    several = len({source.step for source in rows}) > 1
    columns = side(runs, config["columns"], "last" if several else steps)
    sources = list(dict.fromkeys([*rows, *columns]))
    there = {pair_kind(one, other) for one in rows for other in columns}
    pairs = config["pairs"] or next(kind for kind in PAIRS if kind in there)
    if config["show"] == "excess":
        sources = _with_untrained(sources)
    parts = [sources]
    if pairs == "same":
        of_runs: dict[int, list[Source]] = {}
        for source in sources:
            of_runs.setdefault(source.run.id, []).append(source)
        parts = list(of_runs.values())
    return Picture(config, runs, layers, parts, rows, columns, pairs)


def _with_untrained(sources: Sequence[Source]) -> list[Source]:
    before = [Source(source.run, 0) for source in sources]
    return list(dict.fromkeys([*before, *sources]))
