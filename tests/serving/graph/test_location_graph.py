"""Graph and NumPy place people alike; the rules' words are the same."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from keras_pose import location
from keras_pose.geometry import crop
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import View
from keras_pose.serving.graph import location_graph

COUNT = 2000
LENS = np.array([-0.2, 0.24, -0.0014, 0.002, -0.003])


def people(seed):
    """Poses, Views and boxes of people far, near and beyond the frame."""
    rng = np.random.default_rng(seed)
    pose = rng.normal(0.5, [0.1, 0.2, 0.12], (COUNT, 17, 3))
    longer = np.exp(rng.uniform(np.log(5), np.log(3000), COUNT))
    box = np.column_stack(
        [
            rng.uniform(-200, 900, (COUNT, 2)),
            longer * rng.uniform(0.2, 1, COUNT),
            longer,
        ]
    )
    focal = rng.uniform(400, 2000, (COUNT, 2))
    intrinsics = np.zeros((COUNT, 3, 3))
    intrinsics[:, [0, 1], [0, 1]] = focal
    intrinsics[:, :2, 2] = rng.uniform(300, 700, (COUNT, 2))
    intrinsics[:, 2, 2] = 1
    lens = LENS * rng.uniform(0, 1.2, (COUNT, 1))
    lens[::2] = 0
    depth = rng.uniform(600, 9000, COUNT)
    depth[rng.uniform(size=COUNT) < 0.7] = 0
    view = View(
        crop.crop_from_image(box, 64, 1.25),
        intrinsics,
        lens,
        depth[:, None, None],
    )
    return pose, view, box


@pytest.mark.parametrize("volume", ["metric", "crop"])
def test_thousands_are_placed_as_numpy_places_them(volume, spec):
    if volume == "crop":
        spec = dataclasses.replace(spec, volume=CropVolume(64, 900))
    pose, view, box = people(0)
    with np.errstate(all="ignore"):
        expected = location.locate(
            spec, np.float64(np.float32(pose)), view, box
        )
    graph = tf.function(
        lambda pose, box, *view: location_graph.locate(
            spec, pose, View(*view), box
        )[:3],
        autograph=False,
    )
    found = graph(np.float32(pose), box, *view)
    is_right = np.all([rule.holds for rule in expected.rules], axis=0)
    assert is_right.mean() > 0.6
    # mm, mm and px; where bones are as short as they get, depth says little.
    for array, wanted in zip(found, expected[:3], strict=True):
        np.testing.assert_allclose(
            array.numpy()[is_right], wanted[is_right], rtol=1e-6, atol=0.01
        )


def test_words_of_the_first_rule_that_is_broken():
    box = tf.constant(
        [
            [1, 2, 3, 4],
            [1, np.nan, 3, 4],
            [1, 2, -3, 4],
            [1, 2, 3, 1e5],
            [90, 2, 3, 4],
            [-4, 2, 3, 4.5],
        ],
        tf.float64,
    )
    width, height = tf.fill([6], np.float64(80)), tf.fill([6], np.float64(60))
    texts = location_graph.problem_of_box(box, width, height).numpy().tolist()
    assert texts == [
        b"",
        b"`boxes` must be finite numbers. Received: 1, nan, 3, 4",
        b"`boxes` must have a positive width and height. Received: 1, 2, -3, 4",
        b"`boxes` must have a longer side of 1 px to 100 times that of the "
        b"image of 80 x 60 px. Received: 1, 2, 3, 100000",
        b"`boxes` must overlap the image of 80 x 60 px. Received: 90, 2, 3, 4",
        b"`boxes` must overlap the image of 80 x 60 px. "
        b"Received: -4, 2, 3, 4.5",
    ]


def test_unknown_camera_and_depth_are_no_problem(spec):
    camera = np.zeros((3, 3, 3))
    camera[1] = np.eye(3)
    camera[2] = np.diag([1, -1, 1])
    lens = np.zeros((3, 5))
    texts = location_graph.problem_of_camera(camera, lens).numpy()
    assert [bool(text) for text in texts] == [False, False, True]
    assert texts[2].startswith(b"`intrinsics` must have positive focal len")
    lens[0, 3] = np.inf
    texts = location_graph.problem_of_camera(camera, lens).numpy()
    assert texts[0].startswith(b"`distortion` must be finite numbers")
    depths = tf.constant([0, 5000, -1, np.nan, 2e6], tf.float64)
    texts = location_graph.problem_of_root_depth(depths, spec).numpy()
    assert [bool(text) for text in texts] == [False, False, True, True, True]


def test_depth_is_asked_for_where_nothing_else_tells_it(spec):
    spec = dataclasses.replace(
        spec, volume=CropVolume(64, 900), bone_lengths_mm=(0.0,) * 17
    )
    depths = tf.constant([0, 5000], tf.float64)
    texts = location_graph.problem_of_root_depth(depths, spec).numpy()
    assert texts[0].startswith(b"`root_depth_mm` must be given")
    assert texts[1] == b""
    pose, view, box = people(1)
    place = location.locate(spec, pose, view, box)
    np.testing.assert_array_equal(place.view.root_depth, view.root_depth)
