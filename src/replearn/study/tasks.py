"""What auto-encoders and decoders are trained on, by name: how images become examples."""

from collections.abc import Callable

from replearn.study.composition import composition_task
from replearn.study.decoding import decoding_task
from replearn.study.task import Task, make_task

# Each of a configuration, its images and the device.
TASKS: dict[str, Callable[..., Task]] = {
    "reconstruction": make_task,  # an image to itself
    "composition": composition_task,  # reference, command and a factor to the transformed image
    "decoding": decoding_task,  # values of factors to the image
}
