"""Models by name."""

from replearn.models.architectures import DECODERS, ENCODERS
from replearn.models.autoencoder import AutoEncoder
from replearn.models.cascade_vae import CascadeVAE, CascadeVAEOutput
from replearn.models.decoder import Decoder
from replearn.models.initialisation import initialise
from replearn.models.lie_group_vae import LieGroupVAE, LieGroupVAEOutput
from replearn.models.network import Network
from replearn.models.output import DecoderOutput, PredictorOutput, VAEOutput
from replearn.models.predictor import Predictor
from replearn.models.table import layer_table
from replearn.models.vae import VAE

MODELS = {
    "vae": VAE,
    "cascade_vae": CascadeVAE,
    "lie_group_vae": LieGroupVAE,
    "predictor": Predictor,
    "decoder": Decoder,
}

__all__ = [
    "AutoEncoder",
    "CascadeVAE",
    "CascadeVAEOutput",
    "DECODERS",
    "Decoder",
    "DecoderOutput",
    "ENCODERS",
    "LieGroupVAE",
    "LieGroupVAEOutput",
    "MODELS",
    "Network",
    "Predictor",
    "PredictorOutput",
    "VAE",
    "VAEOutput",
    "initialise",
    "layer_table",
]
