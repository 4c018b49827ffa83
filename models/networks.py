"""The networks by name: every one takes image channels and conditions, and returns a `NetworkOutput`."""

from torch import nn

from models import autoencoder, cnn, layers, residual, unet_regressor

NETWORKS: dict[str, type[nn.Module]] = {
    "autoencoder": autoencoder.Autoencoder,
    "cnn": cnn.PlainCNN,
    "residual": residual.ResidualEncoder,
    "unet": unet_regressor.UNetRegressor,
}
"""Each is built with (channels, size, conditions, outputs, width)."""
NETWORK_MODULES = (autoencoder, cnn, layers, residual, unet_regressor)
"""Where they are defined: their code decides what a training comes to."""
