"""UDR of the groups of a study: do runs of other seeds find the same latents?"""

from collections.abc import Sequence
from dataclasses import replace

from replearn.analysis.disentanglement import udr
from replearn.analysis.tables import Column, Group
from replearn.errors import InputError
from replearn.study.summary import Study

N_INPUTS = 1000  # as in disentanglement_lib
UDR = Column("udr", "UDR", "", "higher", 2)


def ranked_groups(study: Study) -> list[Group]:
    """Return the rows of a study with two or more analysed runs, and UDR of each run as score.

    A run is compared with the others of its row, on the first 1,000 images that their analyses
    encoded; latents below 0.01 nats are left out.

    Raises:
        InputError: if no row has two such runs.
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
    found = udr([codes["mean"][:N_INPUTS] for codes in loaded], [codes["kl"] for codes in loaded])
    score = dict(zip(runs, found.udr.tolist(), strict=True))
    return replace(group, cells={UDR.key: [score.get(i, float("nan")) for i in group.runs]})
