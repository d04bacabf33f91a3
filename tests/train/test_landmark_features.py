from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import Fer2013
from research import face_mesh, landmark_features
from research.face_mesh import GROUPS, PLACES, Landmarks


def face_points(turn: float = 0.0, scale: float = 1.0) -> NDArray[np.float32]:
    """Return landmarks of a symmetric face, (72, 2), rotated clockwise about its centre."""
    points = np.zeros((72, 2))

    def arc(name: str, centre: tuple[float, float], radii: tuple[float, float], first: float,
            last: float) -> None:  # fmt: skip
        place = PLACES[name]
        count = place.stop - place.start
        angles = np.linspace(first, last, count, endpoint=abs(last - first) < 6)
        points[place, 0] = centre[0] + radii[0] * np.cos(angles)
        points[place, 1] = centre[1] + radii[1] * np.sin(angles)

    left, over = np.pi, 2 * np.pi  # clockwise from the left; y points down
    arc("chin", (0, 0), (16, 20), left, 0)
    arc("right_brow", (-8, -10), (4, 1), left, over)
    arc("left_brow", (8, -10), (4, 1), left, over)
    arc("nose_bridge", (0, 0), (0, 4), -np.pi / 2, np.pi / 2)
    arc("nose_tip", (0, 4), (3, 1), left, 0)
    arc("right_eye", (-8, -6), (3, 1), left, left + over)
    arc("left_eye", (8, -6), (3, 1), left, left + over)
    arc("outer_lip", (0, 11), (6, 3), left, left + over)
    arc("inner_lip", (0, 11), (5, 1), left, left + over)
    cosine, sine = np.cos(turn), np.sin(turn)
    turned = points @ np.array([[cosine, sine], [-sine, cosine]]) * scale
    return np.asarray(turned + 23.5, np.float32)


def test_the_groups_hold_the_72_classical_points() -> None:
    sizes = [len(group) for group in GROUPS.values()]
    assert sizes == [17, 5, 5, 4, 5, 6, 6, 12, 12]
    vertices = [vertex for group in GROUPS.values() for vertex in group]
    assert len(set(vertices)) == 72
    assert max(vertices) < face_mesh.MESH_POINTS


def test_distances_do_not_depend_on_size_and_rotation() -> None:
    level = landmark_features.measure(face_points()[None])[0]
    named = dict(zip(landmark_features.DISTANCES, level.tolist(), strict=True))
    assert named["mouth width"] == pytest.approx(12 / 16)
    assert named["lip gap"] == pytest.approx(2 / 16)
    assert named["right mouth angle"] == pytest.approx(np.arctan2(3, 6))
    assert named["right mouth angle"] == pytest.approx(named["left mouth angle"])
    assert named["right eye height"] == pytest.approx(2 * np.sin(np.pi / 3) / 16)
    for points in (face_points(turn=0.4), face_points(scale=1.5)):
        np.testing.assert_allclose(landmark_features.measure(points[None])[0], level, atol=1e-5)
    smile = face_points().copy()
    smile[PLACES["outer_lip"]][[0, 6], 1] -= 2
    assert landmark_features.measure(smile[None])[0, 3] > level[3]


@pytest.mark.parametrize("turn", [-0.5, 0.0, 0.3])
def test_eye_angles_are_clockwise(turn: float) -> None:
    assert landmark_features.eye_angles(face_points(turn)[None])[0] == pytest.approx(turn, abs=1e-5)


def test_features_become_channels_and_a_tilted_face_is_aligned(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    n = len(small_fer2013.pixels)
    dots = landmark_features.draw_landmarks(face_points(turn=0.5))
    pixels = small_fer2013.pixels.copy()
    pixels[1] = dots
    data = Fer2013(
        pixels, small_fer2013.emotion, small_fer2013.usage,
        small_fer2013.duplicate_of, small_fer2013.ferplus_votes,
    )  # fmt: skip
    points = np.repeat(face_points(turn=0.5)[None], n, axis=0)
    path = tmp_path / "mesh.npz"
    face_mesh.save(Landmarks(points, np.ones(n, np.float32), data.fingerprint, "0" * 64), path)
    both = landmark_features.with_landmark_features(data, path, landmark_map=True, distances=True)
    assert both.pixels.shape == (n, 48, 48, 10)
    np.testing.assert_array_equal(both.pixels[..., 0][~data.blank], data.pixels[~data.blank])
    np.testing.assert_array_equal(both.pixels[1, ..., 1], dots)
    assert (both.pixels[1, ..., 2:] == both.pixels[1, 0, 0, 2:]).all()
    np.testing.assert_array_equal(both.blank, data.blank)
    aligned = (
        landmark_features.with_landmark_features(data, path, aligned=True)
        .pixels[1, ..., 0]
        .astype(int)
    )
    straight = landmark_features.draw_landmarks(face_points()).astype(int)
    overlap = np.minimum(aligned, straight).sum() / straight.sum()
    assert overlap > 2 * np.minimum(dots, straight).sum() / straight.sum()
    with pytest.raises(InputError, match="belongs to the data"):
        face_mesh.load(path, small_fer2013)


def test_missing_and_damaged_files_are_named(small_fer2013: Fer2013, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"create them with `python -m research\.face_mesh`"):
        face_mesh.load(tmp_path / "none.npz", small_fer2013)
    (tmp_path / "bad.npz").write_bytes(b"damaged")
    with pytest.raises(InputError, match="is not a readable landmarks file"):
        face_mesh.load(tmp_path / "bad.npz", small_fer2013)
    pytest.importorskip("ai_edge_litert")
    with pytest.raises(InputError, match="no model at"):
        face_mesh.find_landmarks(tmp_path / "none.tflite", small_fer2013)


def test_a_model_of_another_kind_is_refused(small_fer2013: Fer2013, tiny_int8: Path) -> None:
    with pytest.raises(InputError, match="is not a face mesh: expected 468 points"):
        face_mesh.find_landmarks(tiny_int8, small_fer2013)
