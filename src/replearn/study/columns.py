"""How the scores that experiments and analyses return are shown, and what never stands alone."""

from collections.abc import Mapping, Sequence

from replearn.analysis.tables import Column, Group
from replearn.errors import InputError, nearest

_DCI = (
    Column("dci_disentanglement", "D", "", "higher", 2),
    Column("dci_completeness", "C", "", "higher", 2),
    Column("dci_informativeness", "I", "", "higher", 2),
    Column("dci_informativeness_chance", "chance of I", "", None, 2),
)
_SUMMARY = (
    Column("loss", "loss", "nats", "lower", 1),
    Column("reconstruction", "reconstruction", "nats", "lower", 1),
    Column("reconstruction_ratio", "of mean image's", "", "lower", 2),
    Column("kl", "KL", "nats", None, 1),
    Column("total_correlation", "TC", "nats", "lower", 2),
    Column("latent_total_correlation", "TC of z", "nats", "lower", 2),
    Column("latent_covariance", "squared covariances", "", "lower", 2),
    Column("latent_mmd", "MMD² to the prior", "", "lower", 4),
    Column("active_latents", "active latents", "", None, 1),
    *_DCI,
    Column("accuracy", "accuracy", "", "higher", 3),
    Column("mse", "MSE", "", "lower", 4),
)
_DISENTANGLEMENT = (
    Column("dead_latents", "dead latents", "", None, 1),
    *_DCI,
    Column("mig", "MIG", "", "higher", 2),
    Column("mig_ceiling", "most of MIG", "", None, 2),
    Column("sap", "SAP", "", "higher", 2),
    Column("modularity", "modularity", "", "higher", 2),
    Column("telling_latents", "latents that tell", "", None, 1),
    Column("explicitness", "explicitness", "", "higher", 2),
    Column("explicitness_chance", "chance", "", None, 2),
    Column("irs", "IRS", "", "higher", 2),
    Column("irs_chance", "chance", "", None, 2),
    Column("beta_vae_score", "β-VAE score", "", "higher", 2),
    Column("beta_vae_score_chance", "chance", "", None, 2),
    Column("factor_vae_score", "FactorVAE score", "", "higher", 2),
    Column("factor_vae_score_chance", "chance", "", None, 2),
)
# As Montero et al. (2021), tables 1 and 2: D beside the likelihoods that it might predict.
_GENERALISATION = (
    *_DCI,
    Column("train_nll", "NLL, training", "nats", "lower", 1),
    Column("nll", "NLL, held out", "nats", "lower", 1),
    Column("matched_nll", "NLL, matched", "nats", None, 1),
    Column("test_nll", "NLL, excluded", "nats", "lower", 1),
)
# Of runs that excluded combinations: docs/generalisation.md.
CONDITION = (
    *(
        Column(f"{prefix}{key}", f"{name}, {images}", unit, "lower", 1)
        for key, name, unit in (
            ("nll_above_entropy", "NLL above entropy", "nats"),
            ("squared_error", "squared error", ""),
        )
        for prefix, images in (
            ("train_", "training"),
            ("", "held out"),
            ("matched_", "matched"),
            ("test_", "excluded"),
            ("transformed_", "transformed, held out"),
            ("matched_transformed_", "transformed, matched"),
            ("test_transformed_", "transformed, excluded"),
        )
    ),
    Column("test_ssim", "SSIM, excluded", "", "higher", 3),
    Column("prediction_r2", "R², held out", "", "higher", 3),
    Column("test_prediction_r2", "R², excluded", "", "higher", 3),
    Column("accuracy", "accuracy", "", "higher", 3),
    Column("test_accuracy", "accuracy, excluded", "", "higher", 3),
    Column("probe_r2", "probe R²", "", "higher", 2),
    Column("matched_probe_r2", "probe R², matched", "", "higher", 2),
    Column("test_probe_r2", "probe R², excluded", "", "higher", 2),
    # The two parts of the squared error.
    Column("matched_encoder_gap", "encoder's part, matched", "", "lower", 1),
    Column("test_encoder_gap", "encoder's part, excluded", "", "lower", 1),
    Column("matched_least_error", "decoder's part, matched", "", "lower", 1),
    Column("test_least_error", "decoder's part, excluded", "", "lower", 1),
    *_DCI,
)
TABLES: Mapping[str, Sequence[Column]] = {
    "summary": _SUMMARY,
    "disentanglement": _DISENTANGLEMENT,
    "generalisation": _GENERALISATION,
}
TITLES = {
    "summary": "Scores",
    "disentanglement": "Disentanglement",
    "generalisation": "Generalisation",
}
NOTES = {
    "disentanglement": "Dead latents are left out.",
    "generalisation": "NLL: negative log-likelihood per image; excluded: combinations of factors "
    "that were not trained on; matched: what these would cost if combinations were as hard as "
    "their parts.",
}
# A table stands where a group has the score that it is about.
_ABOUT = {"disentanglement": "mig", "generalisation": "test_nll"}
SCORES = {column.key: column for table in (CONDITION, *TABLES.values()) for column in table}

_ALL_DCI = tuple(column.key for column in _DCI)
# What never stands without what says how to read it: D = 1 of one latent that tells nothing, MIG
# that 20 bins do not let reach 1, scores that noise has.
COMPANIONS = {
    **dict.fromkeys(_ALL_DCI, _ALL_DCI),
    "mig": ("mig", "mig_ceiling"),
    **{name: (name, "telling_latents") for name in ("modularity", "modularity_active")},
    "modularity_all": ("modularity_all", "modularity", "telling_latents"),
    "explicitness": ("explicitness", "explicitness_chance"),
    "explicitness_train": ("explicitness_train", "explicitness_chance"),
    "irs": ("irs", "irs_chance"),
    "mean_latent_mutual_information": (
        "mean_latent_mutual_information",
        "mean_latent_mutual_information_chance",
    ),
    **{
        f"{name}{end}": (f"{name}{end}", f"{name}_chance")
        for name in ("beta_vae_score", "factor_vae_score")
        for end in ("", "_train")
    },
}


def choose_columns(groups: Sequence[Group], names: Sequence[str] | None) -> list[Column]:
    """Return the columns to show: those named, else the known scores of a summary.

    A disentanglement score is followed by what it is read with: D by C, I and its chance.

    Raises:
        InputError: if a name is the score of no group.
    """
    there = _there(groups)
    if names is None:
        return [column for column in _SUMMARY if column.key in there]
    for name in names:
        if name not in there:
            raise InputError(f"no run has a score {name!r}; {nearest(name, there)}")
    shown = dict.fromkeys(key for name in names for key in COMPANIONS.get(name, (name,)))
    return [SCORES.get(key, Column(key)) for key in shown if key in there]


def choose_tables(
    groups: Sequence[Group], names: Sequence[str] | None
) -> dict[str, Sequence[Column]]:
    """Return name -> columns of each table: one of those named, else all that there are scores for.

    Raises:
        InputError: as `choose_columns`.
    """
    tables = {"summary": choose_columns(groups, names)}
    if names is None:
        there = _there(groups)
        for name, about in _ABOUT.items():
            if about in there:
                tables[name] = [column for column in TABLES[name] if column.key in there]
    return {name: columns for name, columns in tables.items() if columns}


def _there(groups: Sequence[Group]) -> set[str]:
    return {key for group in groups for key in group.cells}
