"""UDR of the groups of a study: do runs of other seeds find the same latents?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.disentanglement import udr
from replearn.analysis.tables import Column, Group
from replearn.errors import InputError
from replearn.study.summary import Study

N_INPUTS = 1000  # as in disentanglement_lib
UDR = Column("udr", "UDR", "", "higher", 2)


def ranked_groups(study: Study) -> list[Group]:
    """Return the rows of a study with two or more analysed runs, and UDR of each run as score.

    A run is compared with the others of its row, on 1,000 of the images that all their analyses
    encoded, the same for all; latents below 0.01 nats are left out.

    Raises:
        InputError: if no row has two such runs, or their analyses share too few images.
    """
    found = [_ranked(study, group) for group in study.groups()]
    there = [group for group in found if group is not None]
    if not there:
        raise InputError(
            "UDR compares runs of one configuration and other seeds: no two of these runs that "
            "have a finished analysis.model are such"
        )
    return there


def _ranked(study: Study, group: Group) -> Group | None:
    runs: Sequence[int] = [i for i in group.runs if study.analyses[i] is not None]
    if len(runs) < 2:
        return None
    loaded = [study.analyses[i].load("codes.npz") for i in runs]  # type: ignore[union-attr]
    means = _of_shared_images(loaded, [study.analyses[i].id for i in runs])  # type: ignore[union-attr]
    found = udr(means, [codes["kl"] for codes in loaded])
    score = dict(zip(runs, found.udr.tolist(), strict=True))
    return replace(group, cells={UDR.key: [score.get(i, float("nan")) for i in group.runs]})


def _of_shared_images(
    loaded: Sequence[Mapping[str, NDArray]], ids: Sequence[int]
) -> list[NDArray[np.float64]]:
    """Return the codes (n, D) of each analysis of the same images, spread over those there are.

    They lie in the order of the images: the first of them would be of one shape.
    """
    shared = loaded[0].get("positions", np.array([], np.int64))
    for codes in loaded[1:]:
        shared = np.intersect1d(shared, codes.get("positions", []))
    if len(shared) <= max(codes["mean"].shape[1] for codes in loaded):
        raise InputError(
            f"UDR compares codes of the same images: analyses {', '.join(map(str, ids))} share "
            f"{len(shared)}; run analysis.model on these runs again, with one n_images"
        )
    chosen = shared[np.linspace(0, len(shared) - 1, min(N_INPUTS, len(shared))).astype(int)]
    return [codes["mean"][np.searchsorted(codes["positions"], chosen)] for codes in loaded]
