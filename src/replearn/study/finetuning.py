"""Take up the auto-encoder of a finished run, to train one half of it anew."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from replearn.errors import InputError
from replearn.models import AutoEncoder
from replearn.runs.query import load_run
from replearn.runs.rebuild import model_of

if TYPE_CHECKING:
    from sacred.run import Run


def frozen_model(run: "Run", config: Mapping[str, Any]) -> tuple[AutoEncoder, dict[str, Tensor]]:
    """Return the model of the source with all but one half frozen, and the weights that stay.

    The run's info gets the source's id and what its model is built from.

    Args:
        run: the Sacred run, of which `prepare` has written the info.
        config: with `source` and `freeze`.

    Raises:
        InputError: if the source has no weights, or was trained on other images than are here.
    """
    source = load_run(config["source"])
    run.info["source_runs"] = [source.id]
    now, then = run.info["dataset"]["digest"], (source.info.get("dataset") or {}).get("digest")
    if now != then:
        raise InputError(
            f"run {source.id} was trained on data with the digest {then}, but now it is {now}; "
            f"bring back the files"
        )
    if source.info.get("n_factors") is not None:
        run.info["n_factors"] = source.info["n_factors"]
    model = model_of(source)
    return model, model.freeze(config["freeze"])  # type: ignore[return-value,operator]
