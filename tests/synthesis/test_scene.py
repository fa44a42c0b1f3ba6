import dataclasses
import itertools
import types

import cv2
import numpy as np
import pytest

from keras_pose.skeleton import H36M_17
from keras_pose.synthesis import motion
from keras_pose.synthesis import motion_files
from keras_pose.synthesis import props
from keras_pose.synthesis import render
from keras_pose.synthesis import scene

OPTIONS = scene.Options(image_size=64)


@pytest.fixture(scope="module")
def studio():
    return scene.Studio(OPTIONS)


@pytest.fixture(scope="module")
def shots(studio):
    return [studio.shot(index) for index in range(30)]


@pytest.fixture(scope="module")
def samples(studio):
    return [studio.sample(index) for index in range(30)]


def as_bytes(sample):
    """All that a sample holds, to be compared."""
    return [
        value.tobytes() if isinstance(value, np.ndarray) else value
        for value in (
            getattr(sample, field.name) for field in dataclasses.fields(sample)
        )
    ]


def silhouette(shot, size, things=False):
    """Where the person, or the things, are in the image: white on black."""
    light = render.Light(np.array([0, 1.0, 0]), *np.ones((3, 3)))
    # It covers all of what it is painted on.
    white = [
        dataclasses.replace(
            surface, paint=lambda a: np.ones((len(a), 3), np.float32)
        )
        for surface in (shot.things if things else shot.person)
    ]
    nothing = np.zeros((size, size, 3), np.float32)
    return render.render(white, shot.camera, size, light, nothing)[..., 0] > 0


def test_a_sample_follows_from_its_index_alone(samples):
    again = scene.Studio(OPTIONS)
    for index in (7, 3, 3, 0):
        assert as_bytes(again.sample(index)) == as_bytes(samples[index])


def test_another_seed_gives_other_people(samples):
    other = scene.Studio(dataclasses.replace(OPTIONS, seed=1))
    for index in range(4):
        sample = other.sample(index)
        assert sample.image != samples[index].image
        assert np.abs(sample.joints_mm - samples[index].joints_mm).max() > 1


def test_no_two_samples_are_alike(samples, shots):
    for a, b in itertools.combinations(samples, 2):
        assert a.image != b.image
        for field in ("joints_mm", "joints_px", "box", "intrinsics"):
            assert (getattr(a, field) != getattr(b, field)).any()
    for a, b in itertools.combinations(shots, 2):
        assert (a.light.direction != b.light.direction).any()
        looks = [shot.person[0].paint.__self__ for shot in (a, b)]
        assert (looks[0].skin != looks[1].skin).any()
        assert (a.camera.centre != b.camera.centre).any()


def test_no_two_people_have_the_same_shape(studio):
    shapes = [studio.shape(index) for index in range(30)]
    for a, b in itertools.combinations(shapes, 2):
        assert np.abs(a.vertices - b.vertices).max() > 1
    heights = [np.ptp(shape.vertices[:, 1]) for shape in shapes]
    assert 1250 < min(heights) < max(heights) < 2200
    assert np.std(heights) > 30


def test_people_are_seen_and_lit_from_all_around(shots):
    for directions in (
        [shot.camera.rotation[2] for shot in shots],
        [shot.light.direction for shot in shots],
    ):
        azimuths = [np.arctan2(x, z) for x, _, z in directions]
        assert np.histogram(azimuths, 4, (-np.pi, np.pi))[0].min() >= 2


def test_coefficients_of_shapes_are_cut_off(monkeypatch):
    monkeypatch.setattr(scene, "SHAPE_LIMIT", 0.1)
    studio = scene.Studio(OPTIONS)
    given = []
    studio._body = types.SimpleNamespace(num_shapes=40, shape=given.append)
    studio.shape(0)
    assert len(given[0]) == 40
    assert np.abs(given[0]).max() == 0.1
    assert np.mean(np.abs(given[0]) == 0.1) > 0.8


def test_labels_are_those_of_one_camera(samples):
    for sample in samples:
        x, y, z = sample.joints_mm.T.astype(float)
        (fx, _, cx), (_, fy, cy), _ = sample.intrinsics.astype(float)
        assert z.min() > 300
        projected = np.stack([fx * x / z + cx, fy * y / z + cy], axis=-1)
        np.testing.assert_allclose(sample.joints_px, projected, atol=0.01)
        assert not sample.distortion.any()
        np.testing.assert_array_equal(sample.weight_2d, np.ones(17))
        np.testing.assert_array_equal(sample.weight_3d, np.ones(17))


def test_joints_keep_the_distances_they_have_in_the_world(samples, shots):
    for sample, shot in zip(samples, shots, strict=True):
        for a, b in itertools.combinations(range(17), 2):
            here = np.linalg.norm(sample.joints_mm[a] - sample.joints_mm[b])
            there = np.linalg.norm(shot.joints[a] - shot.joints[b])
            assert here == pytest.approx(there, abs=0.05)


def test_joints_lie_inside_the_box(samples):
    for sample in samples:
        low = sample.box[:2] - 0.5
        assert (sample.joints_px >= low).all()
        assert (sample.joints_px <= low + sample.box[2:]).all()


def test_joints_lie_on_the_person_that_is_drawn(studio):
    size = 128
    larger = scene.Studio(dataclasses.replace(OPTIONS, image_size=size))
    for index in range(8):
        shot, sample = larger.shot(index), larger.sample(index)
        person = silhouette(shot, size)
        near = cv2.dilate(np.uint8(person), np.ones((3, 3)))
        inside = [
            near[y, x]
            for x, y in np.round(sample.joints_px).astype(int)
            if 0 <= x < size and 0 <= y < size
        ]
        assert len(inside) >= 15
        assert all(inside)
        # A mirrored or turned person would miss many of them.
        mirrored = near[:, ::-1]
        assert not np.array_equal(mirrored, near)


def test_the_box_is_that_of_the_person_that_is_drawn(samples, shots):
    for sample, shot in zip(samples[:12], shots[:12], strict=True):
        rows, columns = np.nonzero(silhouette(shot, 64))
        x, y, width, height = sample.box
        expected = [x, y, x + width, y + height]
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        # What the image cuts off is not seen; thin ends are less than a pixel.
        np.testing.assert_allclose(np.clip(expected, 0, 64), seen, atol=1.6)


def test_the_person_is_in_the_photo(samples, shots):
    larger = []
    for index in range(6):
        shot = shots[index]
        person = silhouette(shot, 64)
        # The same photo, but for the person, who is far below.
        gone = [
            dataclasses.replace(
                surface, vertices=surface.vertices - np.float32([0, 1e6, 0])
            )
            for surface in shot.person
        ]
        blank = scene.Studio(OPTIONS)
        empty = dataclasses.replace(shot, person=gone, things=[])
        blank.shot = {index: empty}.get
        without = decoded(blank.sample(index))
        change = np.abs(decoded(samples[index]) - without).mean(axis=2)
        larger.append(change[person].mean() > 2 * change[~person].mean())
    # The rest have the colour of the backdrop, or things in front.
    assert sum(larger) >= 4


def decoded(sample):
    pixels = np.frombuffer(sample.image, np.uint8)
    return cv2.imdecode(pixels, cv2.IMREAD_COLOR)[..., ::-1].astype(float)


def test_names_tell_the_split_and_the_person(samples):
    assert samples[0].name == "train/0000000.jpg"
    assert samples[8].name == "validation/0000008.jpg"
    assert samples[29].name == "test/0000029.jpg"
    for field in ("name", "subject", "camera"):
        assert len({getattr(sample, field) for sample in samples}) == 30
    assert {sample.source for sample in samples} == {"synthetic"}
    assert {sample.frame for sample in samples} == {0}


def test_actions_are_many(samples):
    assert len({sample.action for sample in samples}) >= 5


def test_images_have_the_size_that_is_asked_for():
    for size in (64, 100):
        sample = scene.Studio(scene.Options(image_size=size)).sample(2)
        assert decoded(sample).shape == (size, size, 3)


def test_sizes_show_the_same_person(samples):
    larger = scene.Studio(dataclasses.replace(OPTIONS, image_size=128))
    sample = larger.sample(4)
    np.testing.assert_allclose(
        sample.joints_mm, samples[4].joints_mm, atol=1e-3
    )
    np.testing.assert_allclose(
        (sample.joints_px + 0.5) / 2, samples[4].joints_px + 0.5, atol=0.01
    )


def test_feet_or_whatever_is_lowest_touch_the_ground(shots):
    for shot in shots:
        lowest = min(s.vertices[:, 1].min() for s in shot.person)
        # Clothes are a little thicker than the skin that touches.
        assert -40 < lowest < 5


def test_who_sits_above_the_ground_mostly_has_a_seat_below(studio):
    seated = []
    for index in range(400):
        shape = studio.shape(index)
        action, _, _ = studio.draw_pose(index, shape)
        if action == "sitting":
            shot = studio.shot(index)
            if shot.joints[0, 1] > 350:
                pelvis = shot.joints[0]
                seated.append(any(is_below(t, pelvis) for t in shot.things))
        if len(seated) == 12:
            break
    assert sum(seated) >= 6


def is_below(thing, point):
    low, high = thing.vertices.min(axis=0), thing.vertices.max(axis=0)
    return (
        (low[[0, 2]] < point[[0, 2]]).all()
        and (high[[0, 2]] > point[[0, 2]]).all()
        and high[1] < point[1]
        and low[1] > -0.1
    )


def test_things_are_in_the_photo_but_no_part_of_the_box(monkeypatch, shots):
    monkeypatch.setattr(props, "OCCLUDER", 1.0)
    studio, without = scene.Studio(OPTIONS), scene.Studio(OPTIONS)
    without.shot = lambda index: dataclasses.replace(
        studio.shot(index), things=[]
    )
    larger = []
    for index in range(6):
        shot = studio.shot(index)
        np.testing.assert_array_equal(shot.box, shots[index].box)
        on_things = silhouette(shot, 64, things=True)
        pictures = [decoded(s.sample(index)) for s in (studio, without)]
        change = np.abs(pictures[0] - pictures[1]).mean(axis=2)
        larger.append(change[on_things].mean() > 2 * change[~on_things].mean())
    # The rest have the colour of what they hide.
    assert sum(larger) >= 4


def test_the_light_comes_from_above(shots):
    for shot in shots:
        direction = shot.light.direction
        assert np.linalg.norm(direction) == pytest.approx(1)
        elevation = np.degrees(np.arcsin(direction[1]))
        assert 20 - 1e-6 <= elevation <= 80 + 1e-6
        for colour in (shot.light.colour, shot.light.sky, shot.light.ground):
            assert (colour > 0).all()
        assert (shot.light.ground < shot.light.sky).all()


def test_eight_of_ten_are_for_training():
    splits = [scene.split_of(index) for index in range(30)]
    once = ["train"] * 8 + ["validation", "test"]
    assert splits == 3 * once


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_clips_are_all_for_training(count):
    clips = [object() for _ in range(count)]
    shared = scene.clips_of_splits(clips)
    assert shared == {"train": clips, "validation": [], "test": []}


@pytest.mark.parametrize("count", [3, 4, 9, 10, 11, 12, 13, 57, 100])
def test_every_clip_is_in_one_split(count):
    clips = [object() for _ in range(count)]
    shared = scene.clips_of_splits(clips)
    assert list(shared) == ["train", "validation", "test"]
    assert sorted(map(id, itertools.chain(*shared.values()))) == sorted(
        map(id, clips)
    )
    for split in ("validation", "test"):
        assert 1 <= len(shared[split]) <= -(-count // 10)
        assert len(shared[split]) >= count // 10


def fake_clip(name, frames):
    return types.SimpleNamespace(name=name, num_frames=frames)


@pytest.fixture
def studio_of_clips(monkeypatch):
    """Gives `lengths -> Studio` of clips that all show the rest pose."""

    def make(lengths):
        clips = [fake_clip(str(i), n) for i, n in enumerate(lengths)]
        monkeypatch.setattr(motion_files, "read_clips", lambda path: clips)
        monkeypatch.setattr(
            motion,
            "bone_rotations",
            lambda clip, frame, shape: np.broadcast_to(np.eye(3), (31, 3, 3)),
        )
        return scene.Studio(dataclasses.replace(OPTIONS, motion="there"))

    return make


def test_poses_of_a_split_come_from_its_clips(studio_of_clips):
    studio = studio_of_clips([5] * 30)
    names = {
        split: {clip.name for clip in clips}
        for split, clips in studio.clips.items()
    }
    for index in range(60):
        action, frame, _ = studio.draw_pose(index, None)
        assert action in names[scene.split_of(index)]
        assert 0 <= frame < 5


def test_every_frame_of_all_clips_is_as_likely(studio_of_clips):
    studio = studio_of_clips([30, 10])
    seen = [studio.draw_pose(10 * index, None)[:2] for index in range(400)]
    names = [name for name, _ in seen]
    assert names.count("0") / 400 == pytest.approx(0.75, abs=0.08)
    assert {frame for name, frame in seen if name == "1"} == set(range(10))
    assert {frame for name, frame in seen if name == "0"} == set(range(30))


def test_a_split_without_a_clip_draws_its_poses(studio_of_clips, studio):
    of_one = studio_of_clips([5])
    shape = studio.shape(8)
    drawn, _, turned = of_one.draw_pose(8, shape)
    expected, _, rotations = studio.draw_pose(8, shape)
    assert drawn == expected
    np.testing.assert_array_equal(turned, rotations)


# A T-pose of no more joints than a motion must have.
BVH = """HIERARCHY
ROOT Hips
{{
OFFSET 0 0 0
CHANNELS 3 Zrotation Xrotation Yrotation
{legs}
JOINT Spine
{{
OFFSET 0 3 0
CHANNELS 3 Zrotation Xrotation Yrotation
{arms}
}}
}}
MOTION
Frames: 2
Frame Time: 0.1
{frames}
"""
LIMB = """JOINT {side}{upper}
{{
OFFSET {upper_offset}
CHANNELS 3 Zrotation Xrotation Yrotation
JOINT {side}{lower}
{{
OFFSET {lower_offset}
CHANNELS 3 Zrotation Xrotation Yrotation
End Site
{{
OFFSET {lower_offset}
}}
}}
}}"""


def limbs(upper, lower, upper_offset, lower_offset):
    """A limb of the left, and of the right with the other sign of x."""
    return "\n".join(
        LIMB.format(
            side=side,
            upper=upper,
            lower=lower,
            upper_offset=upper_offset.format(sign),
            lower_offset=lower_offset.format(sign),
        )
        for side, sign in (("Left", ""), ("Right", "-"))
    )


def write_bvh(path):
    frame = " ".join(["0"] * 30)
    path.write_text(
        BVH.format(
            legs=limbs("UpLeg", "Leg", "{}1 0 0", "0 -4 0"),
            arms=limbs("Arm", "ForeArm", "{}2 2 0", "{}3 0 0"),
            frames=f"{frame}\n{frame}",
        )
    )


def test_a_motion_file_gives_the_poses(tmp_path):
    write_bvh(tmp_path / "tpose.bvh")
    options = dataclasses.replace(OPTIONS, motion=str(tmp_path))
    studio = scene.Studio(options)
    shot = studio.shot(0)
    assert shot.action == "tpose.bvh"
    joints = dict(zip(H36M_17.joints, shot.joints, strict=True))
    # Arms to the sides, the left towards +x, and legs straight down.
    span = joints["left_wrist"] - joints["right_wrist"]
    assert span[0] > 1000
    assert abs(span[1]) < 40
    assert joints["pelvis"][1] > joints["left_knee"][1] + 300
    sample = studio.sample(0)
    assert (sample.action, sample.frame) == ("tpose.bvh", shot.frame)
    assert shot.frame in (0, 1)


def test_photos_are_the_backdrop(tmp_path):
    cv2.imwrite(
        str(tmp_path / "green.png"), np.full((50, 50, 3), (0, 255, 0), np.uint8)
    )
    options = dataclasses.replace(OPTIONS, backgrounds=str(tmp_path))
    studio = scene.Studio(options)
    for index in range(3):
        picture = decoded(studio.sample(index))
        border = np.concatenate([picture[0], picture[-1]])
        red, green, blue = np.median(border, axis=0)
        assert green > 150
        assert max(red, blue) < 60


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 63}, r"`image_size` must be in \[64, 2048\].* 63"),
        ({"image_size": 2049}, "`image_size` .* 2049"),
        ({"image_size": 0}, "`image_size` .* 0"),
        ({"seed": -1}, "`seed` must be at least 0. Received: -1"),
        ({"motion": "/nowhere"}, "motion .*/nowhere"),
        ({"assets": "/nowhere"}, "/nowhere"),
        ({"backgrounds": "/nowhere"}, "`backgrounds` .*/nowhere"),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, dict) else "",
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        scene.Studio(scene.Options(**options))


def test_the_largest_size_is_allowed():
    studio = scene.Studio(scene.Options(image_size=2048))
    assert studio.options.image_size == 2048


def test_check_reads_the_assets(studio, monkeypatch):
    studio = scene.Studio(OPTIONS)
    studio.check()
    read = []
    studio._wardrobe = types.SimpleNamespace(check=lambda: read.append(1))
    studio.check()
    assert read == [1]


def test_samples_pass_the_checks_of_every_data_set(samples):
    from keras_pose.data import proof

    for sample in samples:
        proof.check_sample(sample, H36M_17)
