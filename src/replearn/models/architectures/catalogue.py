"""All published architectures: a declaration each, with its source.

The networks of Montero et al. (2022), arXiv:2204.02283, are those of
github.com/mmrl/lost-in-latent-space, whose automatic decoders mirror the encoder and whose weights
are all drawn as He et al. do ("kaiming"); their names are those of the sources' first authors.
Networks from TensorFlow start as Keras does ("glorot"); its "same" padding of a stride of 2 is 1
for kernel 4 and 0 for kernel 2.
"""

from replearn.models.architectures.convolutional import Conv, Convolutional
from replearn.models.architectures.fully_connected import FullyConnected
from replearn.models.architectures.spatial_broadcast import SpatialBroadcast


def halving(*channels: int) -> tuple[Conv, ...]:
    """Return convolutions of kernel 4 that halve the image each."""
    return tuple((n, 4, 2, 1) for n in channels)


def keeping(n: int, channels: int) -> tuple[Conv, ...]:
    """Return `n` convolutions of kernel 4 that keep the image's size."""
    return ((channels, 4, 1, "same"),) * n


# Higgins et al. (2017), table 1; the same widths in Locatello et al. (2019), arXiv:1811.12359,
# table 1, and as "fully_connected" in Bonheme & Grzes (2022), arXiv:2205.08399.
HIGGINS_ENCODER = FullyConnected((1200, 1200))
HIGGINS_DECODER = FullyConnected((1200, 1200, 1200), "tanh")
FULLY_CONNECTED_ENCODER = FullyConnected((1200, 1200), init="glorot")
FULLY_CONNECTED_DECODER = FullyConnected((1200, 1200, 1200), "tanh", "glorot")

# Burgess et al. (2018), arXiv:1804.03599, appendix A.1; v2 in Montero et al. has more channels.
BURGESS = Convolutional("burgess", halving(32, 32, 32, 32), (256, 256))
BURGESS_V2 = Convolutional("burgess_v2", halving(32, 32, 64, 64), (256, 256))

# Kim & Mnih (2018), arXiv:1802.05983, appendix A, with padding 1 as in Montero et al.
KIM = Convolutional("kim", halving(32, 32, 64, 64), (256,))
# With normalisation after each ReLU, in Montero et al.: the published decoder could not be built
# (an unflatten without an axis) and had one channel whatever the images.
KIM_BN = Convolutional(
    "kim_bn", KIM.convs, KIM.widths,
    order=("conv", "relu", "norm"), mirrored=("conv", "relu", "norm"), momentum=0.001,
)  # fmt: skip

# Abdi et al. (2019), arXiv:1911.11791, in Montero et al., whose predictor has one layer less.
ABDI = Convolutional("abdi", halving(32, 32, 64, 128, 256), (256,))
ABDI_SUPERVISED = Convolutional("abdi_supervised", halving(32, 64, 128, 256), (256,))

# Mathieu et al. (2019), arXiv:1812.02833, in Montero et al.; repaired like kim_bn.
MATHIEU = Convolutional("mathieu", halving(32, 32, 64, 64), (128,))

# Montero et al. themselves; "deep" decodes true factors in their earlier work (ICLR 2021).
MONTERO = Convolutional("montero", halving(64, 64, 128, 128, 256), (256,))
DEEP = Convolutional("deep", halving(32, 64, 64, 64), (1024, 512, 512))
# Normalised after each ReLU: the published one could not be built (an unflatten without an axis).
# It leaves out biases that the shift of the normalisation before them makes superfluous.
DEEP_BN = Convolutional(
    "deep_bn", DEEP.convs, DEEP.widths, mirrored=("conv", "relu", "norm"), affine_norm=True
)

# Max-pooling, in Montero et al.: the published decoder could not be built, its pooling could not be
# called, and it ended with 32 channels.
MPCNN = Convolutional(
    "mpcnn", ((32, 3, 1, 1),) * 3, (256, 256),
    order=("conv", "pool", "relu"), mirrored=("upsample", "conv", "relu"),
)  # fmt: skip

# Tolstikhin et al. (2018), arXiv:1711.01558, appendix F, in Montero et al.: read backwards, the
# decoder normalises before each transposed convolution.
TOLSTIKHIN = Convolutional(
    "tolstikhin", halving(128, 256, 512, 1024), (256,),
    order=("conv", "norm", "relu"), mirrored=("norm", "conv", "relu"),
)  # fmt: skip

# Watters et al. (2019), arXiv:1901.07017, in Montero et al.
WATTERS = Convolutional("watters", halving(64, 64, 64, 64), (256,))
SBD3 = SpatialBroadcast((64, 64))
SBD4 = SpatialBroadcast((64, 64, 64))

# Locatello et al. (2019), arXiv:1811.12359, table 1: the later kernels are smaller, and only in
# the encoder.
LOCATELLO_ENCODER = Convolutional(
    "locatello", (*halving(32, 32), (64, 2, 2, 0), (64, 2, 2, 0)), (256,), "glorot"
)
LOCATELLO_DECODER = Convolutional("locatello", KIM.convs, KIM.widths, "glorot")

# Bonheme & Grzes (2022), github.com/bonheml/VAE_learning_dynamics: the first layer of each block of
# the encoder halves the image, the last of the decoder doubles it, and a further layer gives the
# image its channels.
DEEPCONV_ENCODER = Convolutional(
    "deepconv",
    (*halving(32), *keeping(1, 32), *halving(64), *keeping(1, 64),
     *halving(128), *keeping(3, 128), *halving(256), *keeping(3, 256)),
    (4096, 2048, 1024, 512, 256), "glorot",
)  # fmt: skip
DEEPCONV_DECODER = Convolutional(
    "deepconv",
    (*keeping(1, 32), *halving(32), *keeping(1, 64), *halving(64),
     *keeping(1, 128), *halving(128), *keeping(2, 128),
     *keeping(1, 256), *halving(256), *keeping(3, 256)),
    (2048, 1024, 512, 256), "glorot",
)  # fmt: skip

# Murphy et al. (2024), arXiv:2405.21042, for Fashion-MNIST (28 x 28), from the published notebook.
MURPHY_ENCODER = Convolutional("murphy", halving(32, 64), (256,), "glorot")
MURPHY_DECODER = Convolutional("murphy", (*keeping(1, 32), *halving(64, 32)), (), "glorot")

# Chadebec et al. (2020), arXiv:2010.11518, for MNIST (28 x 28). The convolutions are those of
# Salimans et al. (2015) and of Caterini et al. (2018), arXiv:1805.11328, with ReLU for softplus.
CHADEBEC = FullyConnected((400,), init="pytorch")
CHADEBEC_CONV = Convolutional(
    "chadebec_conv", ((16, 5, 2, 2), (32, 5, 2, 2), (32, 5, 2, 2)), (450,), "pytorch"
)

ENCODERS = {
    "higgins": HIGGINS_ENCODER.encoder,
    "fully_connected": FULLY_CONNECTED_ENCODER.encoder,
    "burgess": BURGESS.encoder,
    "burgess_v2": BURGESS_V2.encoder,
    "kim": KIM.encoder,
    "kim_bn": KIM_BN.encoder,
    "abdi": ABDI.encoder,
    "abdi_supervised": ABDI_SUPERVISED.encoder,
    "mathieu": MATHIEU.encoder,
    "montero": MONTERO.encoder,
    "mpcnn": MPCNN.encoder,
    "tolstikhin": TOLSTIKHIN.encoder,
    "watters": WATTERS.encoder,
    "locatello": LOCATELLO_ENCODER.encoder,
    "deepconv": DEEPCONV_ENCODER.encoder,
    "murphy": MURPHY_ENCODER.encoder,
    "chadebec": CHADEBEC.encoder,
    "chadebec_conv": CHADEBEC_CONV.encoder,
}
DECODERS = {
    "higgins": HIGGINS_DECODER.decoder,
    "fully_connected": FULLY_CONNECTED_DECODER.decoder,
    "burgess": BURGESS.decoder,
    "burgess_v2": BURGESS_V2.decoder,
    "kim": KIM.decoder,
    "kim_bn": KIM_BN.decoder,
    "abdi": ABDI.decoder,
    "mathieu": MATHIEU.decoder,
    "montero": MONTERO.decoder,
    "deep": DEEP.decoder,
    "deep_bn": DEEP_BN.decoder,
    "mpcnn": MPCNN.decoder,
    "tolstikhin": TOLSTIKHIN.decoder,
    "watters": WATTERS.decoder,
    "sbd3": SBD3.decoder,
    "sbd4": SBD4.decoder,
    "locatello": LOCATELLO_DECODER.decoder,
    "deepconv": DEEPCONV_DECODER.decoder,
    "murphy": MURPHY_DECODER.decoder,
    "chadebec": CHADEBEC.decoder,
    "chadebec_conv": CHADEBEC_CONV.decoder,
}
