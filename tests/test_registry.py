"""Objects are built from names and parameters, and errors name what was probably meant."""

import pytest

from replearn.errors import InputError, nearest
from replearn.registry import build


class Disc:
    def __init__(self, radius, colour="red"):
        self.radius, self.colour = radius, colour


SHAPES = {"disc": Disc}


def test_parameters_reach_the_object():
    disc = build(SHAPES, "disc", radius=2, colour="blue")
    assert (disc.radius, disc.colour) == (2, "blue")


def test_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"^unknown shape 'disk'; did you mean 'disc'\?$"):
        build(SHAPES, "disk", kind="shape")


def test_unknown_parameter_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"takes no parameter 'raduis'; did you mean 'radius'\?"):
        build(SHAPES, "disc", raduis=2)


def test_missing_parameter_is_named():
    with pytest.raises(InputError, match="shape 'disc' needs 'radius'"):
        build(SHAPES, "disc", kind="shape")


def test_without_a_near_choice_all_are_listed():
    assert nearest("xyz", ["beta", "alpha"]) == "choose from alpha, beta"


def test_where_there_is_nothing_to_choose_it_says_so():
    assert nearest("size", []) == "there is none to choose from"


def test_a_part_of_a_name_is_near():
    assert nearest("cka", ["cka_debiased", "rsa"]) == "did you mean 'cka_debiased'?"
    assert nearest("cka", ["cknna", "cka_linear"]) == "did you mean 'cka_linear' or 'cknna'?"
