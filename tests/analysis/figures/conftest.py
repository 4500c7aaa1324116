"""Fixtures of the figure tests: what a figure shows, read through its artists."""

from types import SimpleNamespace

import pytest
from matplotlib.text import Text


@pytest.fixture
def artists():
    """A function: the artists of a figure that carry an id."""
    return lambda figure, gid: figure.findobj(lambda artist: artist.get_gid() == gid)


@pytest.fixture
def texts():
    """A function: the texts of a figure that are visible."""
    return lambda figure: [
        text for text in figure.findobj(Text) if text.get_text() and text.get_visible()
    ]


@pytest.fixture
def labels():
    """A function: what the tick labels of an axis say."""
    return lambda axis: [label.get_text() for label in axis.get_ticklabels()]


@pytest.fixture
def study():
    """The names that a study has: the factors of dSprites, and thirty layers, half of them long."""
    long = [f"encoder.convolutions.{i}.activation" for i in range(15)]
    return SimpleNamespace(
        factors=["shape", "scale", "orientation", "posX", "posY"],
        layers=long + [f"decoder.{i}" for i in range(15)],
    )
