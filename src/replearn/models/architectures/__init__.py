"""Encoders and decoders by name."""

from replearn.models.architectures.catalogue import DECODERS, ENCODERS
from replearn.models.architectures.convolutional import Convolutional
from replearn.models.architectures.fully_connected import FullyConnected
from replearn.models.architectures.spatial_broadcast import SpatialBroadcast
from replearn.models.architectures.stack import ImageShape

__all__ = [
    "DECODERS",
    "ENCODERS",
    "Convolutional",
    "FullyConnected",
    "ImageShape",
    "SpatialBroadcast",
]
