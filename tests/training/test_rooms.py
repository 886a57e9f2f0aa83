"""Drawn rooms: what is seen lies where geometry says, and the truth about walls is the truth."""

from pathlib import Path

import numpy as np
import pytest

from training.examples.rooms import collection, draw_room
from training.examples.rooms.collection import HELD_OUT_FROM, draw_rooms, kept_rooms
from training.examples.rooms.furniture import ALONG_WALLS, IN_THE_MIDDLE
from training.examples.rooms.light import contact, corners, lit_from, shadow
from training.examples.rooms.raster import Camera, Frame, View
from training.examples.rooms.scene import Footprint, choose_camera
from training.examples.rooms.textures import bricks, motifs, plain, planks, stripes, tiles

ROOM = (4.0, 2.6, 5.0)
CAMERA = Camera(at=(1.5, 1.4, 0.6), yaw=0.3, pitch=-0.1, roll=0.03, reach=0.8)
RED = plain((0.8, 0.1, 0.1))


def empty_view(size_px: int = 48) -> View:
    view = View(CAMERA, size_px)
    view.room(ROOM)
    return view


def ray(camera: Camera, size_px: int, row: int, column: int) -> np.ndarray:
    """The direction of a pixel, by turning one vector three times, in float64."""
    x = ((column + 0.5) / size_px * 2 - 1) * camera.reach
    y = (1 - (row + 0.5) / size_px * 2) * camera.reach
    z = 1.0
    c, s = np.cos(camera.roll), np.sin(camera.roll)
    x, y = c * x - s * y, s * x + c * y
    c, s = np.cos(camera.pitch), np.sin(camera.pitch)
    y, z = c * y + s * z, -s * y + c * z
    c, s = np.cos(camera.yaw), np.sin(camera.yaw)
    return np.array([c * x + s * z, y, -s * x + c * z])


@pytest.mark.parametrize("place", [(0, 0), (5, 40), (24, 24), (47, 3), (30, 47)])
def test_a_pixel_sees_the_first_surface_that_its_ray_meets(place: tuple[int, int]) -> None:
    view = empty_view()
    way, at = ray(CAMERA, 48, *place), np.array(CAMERA.at)
    steps = at + np.arange(0, 20, 1e-3)[:, None] * way
    outside = ((steps < 0) | (steps > np.array(ROOM))).any(axis=1)
    first = steps[outside.argmax()]
    np.testing.assert_allclose(view.points()[:, *place], first, atol=0.01)
    on_wall = 1e-2 < first[1] < ROOM[1] - 1e-2
    assert view.wall[place] == on_wall


def test_a_ray_along_a_wall_meets_the_one_ahead() -> None:
    """Straight ahead, the middle pixel of an odd number has a ray of exactly (0, 0, 1)."""
    view = View(Camera(at=(1.5, 1.4, 0.6), yaw=0.0, pitch=0.0, roll=0.0, reach=0.8), 5)
    view.room(ROOM)
    assert view.rays[:, 2, 2].tolist() == [0, 0, 1]
    np.testing.assert_allclose(view.points()[:, 2, 2], (1.5, 1.4, ROOM[2]), atol=1e-5)
    assert view.wall[2, 2]
    assert np.isfinite(view.points()).all()


def test_what_is_seen_is_projected_back_to_its_pixel() -> None:
    view = empty_view()
    places = view.project([tuple(point) for point in view.points().reshape(3, -1).T])
    row, column = np.mgrid[:48, :48]
    np.testing.assert_allclose(places[:, 0], column.ravel() + 0.5, atol=1e-2)
    np.testing.assert_allclose(places[:, 1], row.ravel() + 0.5, atol=1e-2)


def test_a_turned_box_hides_what_rays_say_it_hides() -> None:
    view, frame = empty_view(), Frame(2.2, 3.0, 0.7)
    before = view.wall.copy()
    low, high = (-0.5, 0.2, -0.3), (0.5, 1.9, 0.4)
    view.box(frame, low, high, RED)
    c, s = np.cos(frame.yaw), np.sin(frame.yaw)
    for row in range(0, 48, 5):
        for column in range(0, 48, 5):
            way = ray(CAMERA, 48, row, column)
            steps = np.array(CAMERA.at) + np.arange(0, 6, 2e-3)[:, None] * way
            x, z = steps[:, 0] - frame.x, steps[:, 2] - frame.z
            local = np.stack([c * x - s * z, steps[:, 1], s * x + c * z], axis=1)
            depths = [
                ((local > np.add(low, edge)) & (local < np.subtract(high, edge))).all(axis=1).any()
                for edge in (-0.01, 0.01)
            ]
            if depths[0] == depths[1]:  # the rays that only graze it may go either way
                painted = bool((view.colour[row, column] == np.float32((0.8, 0.1, 0.1))).all())
                assert painted == depths[0]
                assert view.wall[row, column] == (before[row, column] and not painted)


def test_what_is_behind_a_wall_or_the_camera_is_not_seen() -> None:
    view = empty_view()
    depth = view.depth.copy()
    view.box(Frame(2, 6.0), (-1, 0, -0.4), (1, 2, 0.4), RED)
    view.box(Frame(1.5, -2.0), (-1, 0, -0.4), (1, 2, 0.4), RED)
    view.ellipsoid(Frame(2, 7.0), (0, 1, 0), (0.5, 0.5, 0.5), RED)
    np.testing.assert_array_equal(view.depth, depth)


def test_a_ball_is_seen_as_far_away_as_it_is() -> None:
    view = View(Camera((0, 1, 0), 0, 0, 0, 0.5), 65)
    view.ellipsoid(Frame(0, 4.0), (0, 1, 0), (0.5, 0.5, 0.5), RED)
    assert view.depth[32, 32] == pytest.approx(3.5)
    np.testing.assert_allclose(view.normal[:, 32, 32], (0, 0, -1), atol=1e-3)
    # The edge lies at the angle whose sine is radius / distance.
    edge = 65 / 2 * np.tan(np.arcsin(0.5 / 4)) / 0.5
    assert np.isfinite(view.depth[32]).sum() == pytest.approx(2 * edge, abs=1)


@pytest.mark.parametrize("piece", [*ALONG_WALLS, *IN_THE_MIDDLE])
def test_furniture_hides_walls_and_never_makes_them(piece: object) -> None:
    rng = np.random.default_rng(0)
    view = empty_view()
    before, depth = view.wall.copy(), view.depth.copy()
    size = piece.size(rng)  # type: ignore[attr-defined]
    piece.draw(view, Frame(2.0, 3.2, 3.0), rng, size, (0.5, 0.5, 0.5))  # type: ignore[attr-defined]
    nearer = view.depth < depth
    assert nearer.any()
    assert not view.wall[nearer].any()
    np.testing.assert_array_equal(view.wall[~nearer], before[~nearer])


@pytest.mark.parametrize(
    "texture",
    [
        stripes((0, 0, 0), (1, 1, 1), 0.2, 0.4),
        bricks((0.5, 0.2, 0.1), (0.6, 0.6, 0.6), 0.25, 0.08, 0.5),
        tiles((0.2, 0.2, 0.2), (0.8, 0.8, 0.8), (0.4, 0.4, 0.4), 0.3),
        planks((0.5, 0.3, 0.2), (0.2, 0.1, 0.1), 0.1, 1.0),
        motifs((0.1, 0.1, 0.1), (0.9, 0.9, 0.9), 0.3, 1),
    ],
)
def test_textures_vary_near_by_and_fade_far_away(texture: object) -> None:
    u, v = np.random.default_rng(1).random((2, 4000)).astype(np.float32) * 2
    near, far = (texture(u, v, np.full_like(u, pixel)) for pixel in (0.001, 0.4))  # type: ignore[operator]
    assert near.shape == (4000, 3)
    assert (near >= 0).all()
    assert near.std() > 0.02
    assert far.std() < near.std()


def test_light_falls_off_and_faces() -> None:
    points = np.array([[[0.0, 0.0]], [[0.0, 0.0]], [[1.0, 3.0]]], dtype=np.float32)
    towards = np.zeros((3, 1, 2), dtype=np.float32)
    towards[2] = -1
    given = lit_from(points, towards, (0, 0, 0), reach=2.0)
    np.testing.assert_allclose(given[0], [1 / (1 + 1 / 4), 1 / (1 + 9 / 4)], rtol=1e-3)
    assert (lit_from(points, -towards, (0, 0, 0), reach=2.0) == 0).all()


def test_a_piece_shades_the_floor_behind_it_and_darkens_its_foot() -> None:
    piece = (Footprint(Frame(2, 2), (-0.5, 0, -0.5), (0.5, 1, 0.5)),)
    floor = np.array([[[2.0, 2.0]], [[0.0, 0.0]], [[3.2, 0.8]]], dtype=np.float32)
    dark = shadow(floor, piece, (2.0, 2.0, -1.0))
    assert dark.tolist() == [[1.0, 0.0]]
    up = np.zeros((3, 1, 2), dtype=np.float32)
    up[1] = 1
    beside = np.array([[[2.0, 2.0]], [[0.0, 0.0]], [[2.52, 4.0]]], dtype=np.float32)
    near, far = contact(beside, up, piece)[0]
    assert near < 0.6 < 0.99 < far
    in_corner, in_middle = corners(beside, up, (4.0, 2.6, 2.6), 0.4)[0]
    assert in_corner < in_middle or in_middle < 1


def test_a_room_is_drawn_again_by_its_seed() -> None:
    picture, walls = draw_room(3)
    again, walls_again = draw_room(3)
    np.testing.assert_array_equal(picture, again)
    np.testing.assert_array_equal(walls, walls_again)
    assert (picture.shape, picture.dtype) == ((128, 128, 3), np.uint8)
    assert (walls.shape, walls.dtype, set(np.unique(walls))) == ((128, 128), np.uint8, {0, 1})
    other, _ = draw_room(4)
    assert np.abs(picture.astype(int) - other).mean() > 10


def test_a_larger_drawing_is_of_the_same_room() -> None:
    _, small = draw_room(5, 64)
    _, large = draw_room(5, 128)
    shrunk = large.reshape(64, 2, 64, 2).mean(axis=(1, 3)) >= 0.5
    assert (shrunk == small).mean() > 0.97


def test_rooms_are_of_many_kinds() -> None:
    rooms = draw_rooms(0, 24, size_px=64)
    shares = rooms.walls.mean(axis=(1, 2))
    assert 0.2 < shares.mean() < 0.6
    assert shares.std() > 0.08
    assert rooms.pictures.mean(axis=(1, 2, 3)).std() > 15
    assert 60 < rooms.pictures.mean() < 190


def test_cameras_stand_inside_the_room() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        at = choose_camera(rng, ROOM).at
        assert all(0 < place < length for place, length in zip(at, ROOM, strict=True))


def test_more_processes_draw_the_same_rooms() -> None:
    alone, together = (draw_rooms(7, 3, 32, processes=count) for count in (1, 2))
    np.testing.assert_array_equal(alone.pictures, together.pictures)
    np.testing.assert_array_equal(alone.walls, together.walls)


def test_drawn_rooms_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = kept_rooms(tmp_path, HELD_OUT_FROM, 2)
    (file,) = tmp_path.iterdir()
    monkeypatch.setattr(collection, "draw_rooms", None)
    again = kept_rooms(tmp_path, HELD_OUT_FROM, 2)
    np.testing.assert_array_equal(rooms.pictures, again.pictures)
    np.testing.assert_array_equal(rooms.walls, again.walls)
    assert file.name.startswith(f"{HELD_OUT_FROM}-2-")
