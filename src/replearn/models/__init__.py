"""Models by name."""

from replearn.models.architectures import DECODERS, ENCODERS
from replearn.models.autoencoder import AutoEncoder
from replearn.models.decoder import Decoder
from replearn.models.initialisation import initialise
from replearn.models.network import Network
from replearn.models.output import DecoderOutput, PredictorOutput, VAEOutput
from replearn.models.predictor import Predictor
from replearn.models.table import layer_table
from replearn.models.vae import VAE

MODELS = {"vae": VAE, "predictor": Predictor, "decoder": Decoder}

__all__ = [
    "AutoEncoder",
    "DECODERS",
    "Decoder",
    "DecoderOutput",
    "ENCODERS",
    "MODELS",
    "Network",
    "Predictor",
    "PredictorOutput",
    "VAE",
    "VAEOutput",
    "initialise",
    "layer_table",
]
