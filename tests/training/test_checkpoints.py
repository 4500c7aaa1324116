"""Weights are kept at steps 0, then 1, 2 and 5 times the powers of ten."""

from replearn.training.checkpoints import is_grid_step, weights_name, weights_steps


def test_grid_up_to_a_thousand():
    grid = [step for step in range(1001) if is_grid_step(step)]
    assert grid == [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]


def test_names_sort_by_step_and_are_read_back():
    names = [weights_name(step) for step in (5, 1000, 20)]
    assert sorted(names)[0] == "step-00000005.safetensors"
    assert weights_steps([*names, "report.html", "step-x.safetensors"]) == [5, 20, 1000]
