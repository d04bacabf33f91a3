"""Named training recipes.

The comment above each recipe gives its command, hardware and training time, the score to expect and
the paper. Scores are accuracies of the float32 network on deduplicated PublicTest (n = 3,309) and
PrivateTest (n = 3,301), which leave out the faces that have an exact copy in Training. Commands are
shown without `--data` and `--seed`; "2 cores" are two cores of an AMD EPYC.
"""

from typing import Final

from fer_train.configs import baselines, students, teachers
from fer_train.data.recipe import Recipe

RECIPES: Final[dict[str, Recipe]] = {
    **students.RECIPES,
    **teachers.RECIPES,
    **baselines.RECIPES,
}
"""All recipes by name, as `fer-train fit`, `distill` and `show` accept them."""
