"""Model presets: the published architectures by name, so that `model.kim` and its like compose."""

# Sources and layer sizes: replearn.models.architectures.
MODEL_PRESETS = {
    name: {"encoder": name, "decoder": name} for name in ("higgins", "burgess", "kim", "locatello")
}
