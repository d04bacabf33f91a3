import pytest

from fer_sdk.errors import InputError
from fer_train.configs import RECIPES
from fer_train.data.recipe import with_epochs


def test_fewer_epochs_keep_each_stage_s_share() -> None:
    small = RECIPES["small-fer2013"]
    shorter = with_epochs(small, 45)
    assert [stage.epochs for stage in small.stages] == [78, 52]
    assert [stage.epochs for stage in shorter.stages] == [27, 18]
    assert with_epochs(small, small.epochs) == small
    assert shorter.identity != small.identity


@pytest.mark.parametrize("name", ["small", "resnet50v2", "mobilenet-faces", "first-student"])
def test_the_stages_sum_to_any_number_of_epochs(name: str) -> None:
    assert [with_epochs(RECIPES[name], n).epochs for n in range(20, 60)] == list(range(20, 60))


def test_too_few_epochs_for_the_stages_are_refused() -> None:
    with pytest.raises(InputError, match="4 epochs are too few for the 2 stages"):
        with_epochs(RECIPES["small-fer2013"], 4)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("nano-fer2013", "nano-fer2013-start"),
        ("base-ferplus", "base-fer2013"),
        ("nano-continued", "nano"),
        ("small-continued", "small"),
        ("base-continued", "base"),
    ],
)
def test_continued_recipes_start_with_the_network_of_the_first_recipe(
    name: str, first: str
) -> None:
    weights = f"runs/{first}-seed0/{first}.keras"
    assert RECIPES[name].sizes == {**RECIPES[first].sizes, "weights": weights}
