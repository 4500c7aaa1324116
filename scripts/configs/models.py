"""Model presets: architectures and models by name; `model.liegroup model.sbd4` compose."""

# Sources and layer sizes: replearn.models.architectures.catalogue.
AUTOENCODERS = (
    "higgins", "fully_connected", "burgess", "burgess_v2", "kim", "kim_bn", "abdi", "mathieu",
    "montero", "mpcnn", "tolstikhin", "watters", "locatello", "deepconv",
    "murphy", "chadebec", "chadebec_conv",  # for 28 x 28 pixels
)  # fmt: skip
ENCODERS_ALONE = ("abdi_supervised",)
DECODERS_ALONE = ("sbd3", "sbd4", "deep", "deep_bn")

# Models of other latents, over any architecture; that of their papers, kim, is the default.
MODELS = {
    # Jeong & Song (2019) and Montero et al. (2022), `model.cascade`: categories from the release of
    # the fourth latent on, after 80,000 steps.
    "cascade": {
        "name": "cascade_vae",
        "latent_size": 6,
        "n_categories": 3,
        "crowding": 0.001,
        "category_warm_up": 80_000,
    },
    # Zhu et al. (2021) for dSprites and Montero et al. (2022), `model.liegroup`.
    "liegroup": {
        "name": "lie_group_vae",
        "latent_size": 10,
        "matrix_size": 10,
        "feature_probability": 0.2,
    },
}

MODEL_PRESETS = {
    **{name: {"encoder": name, "decoder": name} for name in AUTOENCODERS},
    **{name: {"encoder": name} for name in ENCODERS_ALONE},
    **{name: {"decoder": name} for name in DECODERS_ALONE},
    **MODELS,
}
