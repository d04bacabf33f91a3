from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from tests.synthetic import synthetic_faces

from fer_sdk import ExpressionClassifier, ModelBundle
from fer_sdk.bundles.prior import Prior
from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.labels import FER2013_LABELS
from fer_train.cli.main import main
from fer_train.cli.soft_labels import shipped_teachers
from fer_train.configs import RECIPES
from fer_train.configs.augmentations import TEACHER_AUGMENTATION
from fer_train.data import imported_faces
from fer_train.data.dataset import training_set
from fer_train.data.deterministic_augmentations import augment_at_test_time, numbered_augmentation
from fer_train.data.imported_faces import ImportedFaces
from fer_train.data.importer import save
from fer_train.data.recipe import Augmentation, Stage
from fer_train.data.soft_labels import SoftLabels, load
from fer_train.data.soft_labels import save as save_soft_labels
from fer_train.data.targets import FERPLUS_CLASSES
from fer_train.training.distillation import (
    UNDECIDED_SMILE,
    mix_smiles,
    predict_with_teachers,
    teacher_agreement,
)

FACES = synthetic_faces(30)[0]


def test_numbered_augmentations_are_reproducible() -> None:
    np.testing.assert_array_equal(numbered_augmentation(FACES, TEACHER_AUGMENTATION, 0), FACES)
    first = numbered_augmentation(FACES, TEACHER_AUGMENTATION, 1)
    np.testing.assert_array_equal(first, numbered_augmentation(FACES, TEACHER_AUGMENTATION, 1))
    assert (first != FACES).any(axis=(1, 2)).all()
    assert (first != numbered_augmentation(FACES, TEACHER_AUGMENTATION, 2)).any(axis=(1, 2)).all()


def test_an_empty_augmentation_keeps_the_face_and_a_flip_mirrors_it() -> None:
    np.testing.assert_array_equal(numbered_augmentation(FACES, Augmentation(), 5), FACES)
    flipped = numbered_augmentation(FACES, Augmentation(flip=True), 5)
    mirrored = (flipped == FACES[:, :, ::-1]).all(axis=(1, 2))
    assert (mirrored | (flipped == FACES).all(axis=(1, 2))).all()
    assert 5 < mirrored.sum() < 25


def test_test_time_augmentations_include_mirror_images_and_start_with_the_face() -> None:
    augmented = list(augment_at_test_time(FACES))
    assert len(augmented) == 12
    np.testing.assert_array_equal(augmented[0], FACES)
    for plain, mirrored in zip(augmented[::2], augmented[1::2], strict=True):
        np.testing.assert_array_equal(mirrored, plain[:, :, ::-1])
    assert len({each.tobytes() for each in augmented}) == 12


def soft_labels(data: Fer2013, augmentations: int = 3) -> SoftLabels:
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 256, (augmentations, 139, 7), np.uint8)
    return SoftLabels(
        labels, FER2013_LABELS, TEACHER_AUGMENTATION, data.fingerprint, {"teacher.keras": "0" * 64}
    )


def test_stored_probabilities_are_accurate_to_a_hundredth() -> None:
    rng = np.random.default_rng(0)
    true = rng.dirichlet(np.full(7, 0.3), 500)
    stored = np.round(255 * np.sqrt(true)).astype(np.uint8)[None]
    soft = SoftLabels(stored, FER2013_LABELS, TEACHER_AUGMENTATION, "", {})
    np.testing.assert_allclose(soft.probabilities(0), true, atol=0.01)


def test_soft_labels_load_for_the_same_data_only(small_fer2013: Fer2013, tmp_path: Path) -> None:
    path = tmp_path / "soft.npz"
    soft = soft_labels(small_fer2013)
    save_soft_labels(soft, path)
    loaded = load(path, small_fer2013.fingerprint)
    assert (loaded.digest, loaded.members) == (soft.digest, soft.members)
    assert loaded.augmentation == TEACHER_AUGMENTATION
    other = replace(small_fer2013, emotion=small_fer2013.emotion[::-1].copy())
    with pytest.raises(InputError, match="belongs to the data"):
        load(path, other.fingerprint)
    with pytest.raises(InputError, match="no soft labels at"):
        load(tmp_path / "nothing.npz", small_fer2013.fingerprint)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="not a readable soft-labels file"):
        load(path, small_fer2013.fingerprint)


def test_epochs_cycle_through_augmentations_and_weight_targets(small_fer2013: Fer2013) -> None:
    recipe = replace(RECIPES["small-fer2013"], soft_weight=0.75)
    soft = soft_labels(small_fer2013)
    sample = training_set(small_fer2013, recipe, 0, soft)
    for epoch, number in ((0, 0), (2, 2), (4, 1), (1, 1)):
        faces, targets = sample.of_epoch(epoch)
        np.testing.assert_array_equal(
            faces, numbered_augmentation(sample.faces, TEACHER_AUGMENTATION, number)
        )
        expected = 0.25 * np.eye(7)[sample.labels], 0.75 * soft.probabilities(number)
        np.testing.assert_allclose(targets, np.hstack(expected), atol=1e-6)


def test_missing_and_unexpected_soft_labels_are_refused(small_fer2013: Fer2013) -> None:
    with pytest.raises(InputError, match="but none were given"):
        training_set(small_fer2013, RECIPES["small-fer2013"], 0)
    with pytest.raises(InputError, match="but some were given"):
        training_set(small_fer2013, RECIPES["smoke"], 0, soft_labels(small_fer2013))


def test_eight_classes_are_trained_on_faces_with_an_expression(small_fer2013: Fer2013) -> None:
    votes = np.zeros((210, 10), np.uint8)
    votes[np.arange(210), small_fer2013.emotion] = 8
    votes[3] = (0,) * 9 + (8,)  # most saw no face
    data = replace(small_fer2013, ferplus_votes=votes)
    labels = np.random.default_rng(0).integers(1, 256, (2, 139, 8), np.uint8)
    soft = SoftLabels(labels, FERPLUS_CLASSES, TEACHER_AUGMENTATION, data.fingerprint, {})
    recipe = replace(RECIPES["small-fer2013"], classes="ferplus", soft_weight=1.0)
    faces, targets = training_set(data, recipe, 0, soft).of_epoch(1)
    seen = np.delete(numbered_augmentation(data.pixels[:139], TEACHER_AUGMENTATION, 1), 3, axis=0)
    np.testing.assert_array_equal(faces, seen)
    assert not targets[:, :8].any()
    expected = np.delete(soft.probabilities(1), 3, axis=0)
    np.testing.assert_allclose(targets[:, 8:], expected, atol=1e-6)
    seven = replace(soft, labels=labels[..., :7], classes=FER2013_LABELS)
    targets = training_set(data, recipe, 0, seven).of_epoch(1)[1][:, 8:]
    assert not targets[:, FERPLUS_CLASSES.index("contempt")].any()
    happy = np.delete(seven.probabilities(1)[:, FER2013_LABELS.index("happy")], 3)
    np.testing.assert_allclose(targets[:, FERPLUS_CLASSES.index("happy")], happy, atol=1e-6)
    recipe = replace(recipe, classes="ferplus7")
    _, targets = training_set(data, recipe, 0, soft).of_epoch(1)
    order = [FERPLUS_CLASSES.index(name) for name in FER2013_LABELS]
    expected = np.delete(soft.probabilities(1), 3, axis=0)[:, order]
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(targets[:, 7:], expected, atol=1e-6)
    others = replace(soft, classes=("happy", *map(str, range(7))))
    with pytest.raises(InputError, match=r"labels are of happy, 0.*but the recipe's"):
        training_set(data, recipe, 0, others)


def test_teachers_predict_every_augmentation(small_fer2013: Fer2013, golden: Path) -> None:
    reported: list[int] = []
    teachers = [golden / "tiny-int8.tflite", golden / "tiny-float32.tflite"]
    faces = small_fer2013.pixels[:139]
    soft = predict_with_teachers(
        teachers, faces, small_fer2013.fingerprint, TEACHER_AUGMENTATION, 2, report=reported.append
    )
    assert soft.labels.shape == (2, 139, 7)
    assert len(reported) == 4
    labels: NDArray[np.uint8] = small_fer2013.emotion[:139]
    assert (soft.probabilities(0).argmax(axis=1) == labels).all()
    assert set(soft.members) == {"golden/tiny-int8.tflite", "golden/tiny-float32.tflite"}
    assert soft.agreement is not None
    assert soft.agreement.min() > 240  # two precisions of one network


def test_agreement_is_1_for_equal_and_0_for_disjoint_predictions() -> None:
    sure, other = np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 1.0, 0.0]])
    half = np.array([[0.5, 0.5, 0.0]])
    assert teacher_agreement([sure, sure]) == pytest.approx([1])
    assert teacher_agreement([sure, other]) == pytest.approx([0])
    # Jensen-Shannon divergence of (1, 0) and (.5, .5) in bits: .311278.
    assert teacher_agreement([sure, half]) == pytest.approx([1 - 0.311278], abs=1e-5)
    assert teacher_agreement([sure]) == pytest.approx([1])


def test_the_shipped_teachers_are_all_files_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teachers = shipped_teachers()
    assert [path.name for path in teachers] == [
        "base-ferplus-float32.tflite",
        "mobilenet-faces-everyday-float16.tflite",
    ]
    for path in teachers:
        assert {*ModelBundle.load(path).labels, "contempt"} == set(FERPLUS_CLASSES)
    monkeypatch.setattr("fer_train.cli.soft_labels.TEACHERS", tmp_path)
    with pytest.raises(InputError, match="only the repository has"):
        shipped_teachers()


def test_teachers_of_other_labels_predict_the_common_ones(golden: Path, tmp_path: Path) -> None:
    faces = synthetic_faces(20, seed=4)[0]
    teacher = golden / "tiny-int8.tflite"
    other = tmp_path / "other.tflite"
    other.write_bytes(teacher.read_bytes())
    labels = ("contempt", *FER2013_LABELS[1:])
    replace(ModelBundle.load(teacher), path=other, labels=labels).write_sidecar()
    soft = predict_with_teachers([teacher, other], faces, "", TEACHER_AUGMENTATION, 1)
    assert soft.classes == FER2013_LABELS[1:]
    with ExpressionClassifier.load(teacher, prior="training") as classifier:
        expected = classifier.probabilities(faces)[:, 1:]
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(soft.probabilities(0), expected, atol=0.01)
    none = tuple(f"label {number}" for number in range(7))
    replace(ModelBundle.load(teacher), path=other, labels=none).write_sidecar()
    with pytest.raises(InputError, match="fewer than two"):
        predict_with_teachers([teacher, other], faces, "", TEACHER_AUGMENTATION, 1)


def test_teachers_predict_under_a_prior(golden: Path, tmp_path: Path) -> None:
    faces, labels = synthetic_faces(20, seed=4)
    path = tmp_path / "model.tflite"
    path.write_bytes((golden / "tiny-int8.tflite").read_bytes())
    happy = Prior(tuple(50.0 * (name == "happy") for name in FER2013_LABELS), 1.0)
    bundle = replace(ModelBundle.load(golden / "tiny-int8.tflite"), path=path)
    replace(bundle, priors={"party": happy}).write_sidecar()
    cache = tmp_path / "cache"
    of = {
        prior: predict_with_teachers(
            [path], faces, "", TEACHER_AUGMENTATION, 1, cache, prior
        ).probabilities(0).argmax(axis=1)
        for prior in ("training", "party")
    }  # fmt: skip
    np.testing.assert_array_equal(of["training"], labels)
    assert (of["party"] == FER2013_LABELS.index("happy")).all()


def test_smiles_divide_happy_and_neutral() -> None:
    even = np.full((4, 7), 1 / 7)
    smile = np.array([np.nan, 0, UNDECIDED_SMILE, 1], np.float32)
    mixed = mix_smiles(even, FER2013_LABELS, smile, 0.5)
    happy, neutral = mixed[:, FER2013_LABELS.index("happy")], mixed[:, -1]
    assert happy == pytest.approx([1 / 7, 0.5 / 7, 1 / 7, (0.5 + 1 / (1 + 0.15**2)) / 7])
    assert happy + neutral == pytest.approx([2 / 7] * 4)
    np.testing.assert_array_equal(np.delete(mixed, [3, 6], axis=1), 1 / 7)


def imported(count: int = 5) -> tuple[ImportedFaces, SoftLabels]:
    pixels = synthetic_faces(count, seed=9)[0]
    faces = ImportedFaces(pixels, {}, "pack.npz", "own")
    labels = np.random.default_rng(1).integers(1, 256, (2, count, 7), np.uint8)
    agreement = np.linspace(0, 255, count).round().astype(np.uint8)
    soft = SoftLabels(
        labels, FER2013_LABELS, TEACHER_AUGMENTATION, faces.fingerprint, {}, agreement
    )
    return faces, soft


def test_imported_faces_follow_fer2013s_with_the_teachers_targets_and_weights(
    small_fer2013: Fer2013,
) -> None:
    others = imported()
    sample = training_set(
        small_fer2013, RECIPES["small-fer2013"], 0, soft_labels(small_fer2013), others
    )
    assert len(sample.faces) == 139 + 5
    assert sample.weights is not None
    np.testing.assert_allclose(sample.weights[:139], 1)
    np.testing.assert_allclose(sample.weights[139:], [0, 0.25, 0.5, 0.75, 1], atol=0.005)
    faces, targets = sample.of_epoch(1)
    assert faces.shape == (144, 48, 48)
    seen = numbered_augmentation(others[0].pixels, TEACHER_AUGMENTATION, 1)
    np.testing.assert_array_equal(faces[139:], seen)
    assert not targets[139:, :7].any()
    np.testing.assert_allclose(targets[139:, 7:], others[1].probabilities(1), atol=1e-6)
    assert (sample.labels[139:] == others[1].probabilities(0).argmax(axis=1)).all()
    with pytest.raises(InputError, match="imported faces need a recipe with soft labels"):
        training_set(small_fer2013, RECIPES["smoke"], 0, None, others)


def test_agreement_survives_saving_and_one_of_another_length_is_refused(tmp_path: Path) -> None:
    faces, soft = imported()
    path = tmp_path / "soft.npz"
    save_soft_labels(soft, path)
    loaded = load(path, faces.fingerprint)
    np.testing.assert_array_equal(loaded.agreement, soft.agreement)
    save_soft_labels(replace(soft, agreement=np.zeros(4, np.uint8)), path)
    with pytest.raises(InputError, match=r"agreement \(4,\)"):
        load(path, faces.fingerprint)


@pytest.mark.tensorflow
def test_commands_write_soft_labels_and_distil_from_them(
    small_fer2013: Fer2013, golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("keras", reason="training needs the extra `train`")
    tiny = replace(RECIPES["smoke"], stages=(Stage(2, 0.01),), soft_weight=0.9)
    monkeypatch.setitem(RECIPES, "small-fer2013", tiny)
    monkeypatch.chdir(tmp_path)
    save(small_fer2013, Path("data.npz"))
    imported_faces.save(imported(20)[0], Path("faces.npz"))
    for words, message in (
        (
            ["soft-labels", str(golden / "tiny-int8.tflite"), "--augmentations", "2"],
            "2 augmentations of 139 faces",
        ),
        (["distill", "small-fer2013", "soft_labels.npz"], "deduplicated PublicTest"),
        (
            ["soft-labels", str(golden / "tiny-int8.tflite"), "--augmentations", "2",
             "--faces", "faces.npz", "--out", "more.npz"],
            "2 augmentations of 20 faces",
        ),
        (
            ["distill", "small-fer2013", "soft_labels.npz", "--faces", "faces.npz", "more.npz",
             "--out", "runs/more"],
            "deduplicated PublicTest",
        ),
    ):  # fmt: skip
        done = CliRunner().invoke(main, [*words, "--data", "data.npz"])
        assert done.exit_code == 0, done.output
        assert message in done.stdout
    assert Path("runs/small-fer2013-seed0/small-fer2013.keras").exists()
    source = ModelBundle.load(Path("runs/more/small-fer2013.keras")).source
    assert source["command"].endswith(
        "distill small-fer2013 soft_labels.npz --faces faces.npz more.npz"
    )
    assert ", faces " in source["data"]
