"""pyproject.toml, requirements*.txt, environment.yml and package.json say the same."""

import json
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def read_pins(file: str) -> dict[str, Requirement]:
    """Package -> requirement of a requirements file."""
    lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    pins = [Requirement(line) for line in lines if line]
    assert len({canonicalize_name(pin.name) for pin in pins}) == len(pins)
    return {canonicalize_name(pin.name): pin for pin in pins}


def ranges(*groups: str) -> dict[str, Requirement]:
    """Package -> requirement of pyproject.toml: of the package itself, or of extras."""
    lists = [PROJECT["project"]["optional-dependencies"][group] for group in groups]
    texts = sum(lists, []) if groups else PROJECT["project"]["dependencies"]
    return {canonicalize_name(Requirement(text).name): Requirement(text) for text in texts}


RUN, DEV = read_pins("requirements.txt"), read_pins("requirements-dev.txt")


@pytest.mark.parametrize("pin", [*RUN.values(), *DEV.values()], ids=str)
def test_a_pin_is_one_version(pin):
    (specifier,) = pin.specifier
    assert specifier.operator == "==" and "*" not in specifier.version


@pytest.mark.parametrize(
    ("pins", "wanted"),
    [(RUN, ranges() | ranges("sweep")), (DEV, ranges("dev", "notebook", "topology"))],
)
def test_pins_are_the_packages_of_the_ranges_and_lie_in_them(pins, wanted):
    assert set(pins) == set(wanted)
    for name, pin in pins.items():
        (specifier,) = pin.specifier
        assert wanted[name].specifier.contains(specifier.version), name
        assert pin.marker == wanted[name].marker, name


@pytest.mark.parametrize("pin", [*RUN.values(), *DEV.values()], ids=str)
def test_these_versions_are_tested(pin):
    if pin.marker is None or pin.marker.evaluate():
        assert pin.specifier.contains(version(pin.name))  # 2.13.0+cpu is 2.13.0


def test_conda_reads_the_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *packages, pip = environment["dependencies"]
    wanted = PROJECT["project"]["requires-python"]
    (python,) = [package for package in packages if package.startswith("python=")]
    assert Requirement(f"python{wanted}").specifier.contains(python.removeprefix("python=") + ".0")
    assert "-r requirements.txt" in pip["pip"]
    assert any(re.fullmatch(r"-e \.\[notebook,sweep\]", line) for line in pip["pip"])


def test_every_module_of_scripts_is_installed():
    setuptools = PROJECT["tool"]["setuptools"]
    assert set(setuptools["py-modules"]) == {p.stem for p in (ROOT / "scripts").glob("*.py")}
    assert setuptools["packages"]["find"]["where"] == ["src", "scripts"]


def test_the_lock_of_node_packages_fits_and_names_the_public_registry_only():
    package = json.loads((ROOT / "package.json").read_text())
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for kind in ("dependencies", "devDependencies", "engines"):
        assert lock[""][kind] == package[kind]
    for name, wanted in (package["dependencies"] | package["devDependencies"]).items():
        assert lock[f"node_modules/{name}"]["version"] == wanted
    addresses = [entry["resolved"] for entry in lock.values() if "resolved" in entry]
    assert all(a.startswith("https://registry.npmjs.org/") for a in addresses)
    assert len(addresses) > 500 and all(
        entry["integrity"] for entry in lock.values() if "resolved" in entry
    )
