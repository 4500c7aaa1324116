"""Model presets: the published architectures by name, so that `model.kim model.sbd4` compose."""

# Sources and layer sizes: replearn.models.architectures.catalogue.
AUTOENCODERS = (
    "higgins", "fully_connected", "burgess", "burgess_v2", "kim", "kim_bn", "abdi", "mathieu",
    "montero", "mpcnn", "tolstikhin", "watters", "locatello", "deepconv",
    "murphy", "chadebec", "chadebec_conv",  # for 28 x 28 pixels
)  # fmt: skip
ENCODERS_ALONE = ("abdi_supervised",)
DECODERS_ALONE = ("sbd3", "sbd4", "deep", "deep_bn")

MODEL_PRESETS = {
    **{name: {"encoder": name, "decoder": name} for name in AUTOENCODERS},
    **{name: {"encoder": name} for name in ENCODERS_ALONE},
    **{name: {"decoder": name} for name in DECODERS_ALONE},
}
