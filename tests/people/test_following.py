import types

import numpy as np
import pytest

from keras_pose.people.doubts import Doubt
from keras_pose.people.following import Follower
from tests.people.made_people import FRAME
from tests.people.made_people import Scene
from tests.people.made_people import joints_in
from tests.people.made_people import pose_of
from tests.people.made_people import poses_of
from tests.people.made_people import standing
from tests.people.made_people import walking

BOX = np.array([100.0, 100, 80, 200])


def numbers(found):
    """The numbers that somebody had, in order, without repeats."""
    return list(dict.fromkeys(found.values()))


def seconds(end, rate):
    return np.arange(0, end * rate + 1) / rate


@pytest.mark.parametrize("rate", [1, 5, 60])
def test_a_person_keeps_one_number_at_any_frame_rate(rate):
    scene = Scene({"ann": walking(50, 40)})
    who, shown = scene.run(Follower(scene), seconds(5, rate))
    assert numbers(who["ann"]) == [1]
    assert len(who["ann"]) == 5 * rate + 1
    assert all(look.persons == (1,) for look in shown)
    assert shown[0].box_from == ("made",)


@pytest.mark.parametrize(("rate", "most"), [(60, 16), (10, 16), (1, 11)])
def test_a_detector_looks_each_second_and_no_more(rate, most):
    scene = Scene({"ann": standing(100)})
    scene.run(Follower(scene), seconds(10, rate))
    assert 11 <= len(scene.detected) <= most
    assert np.diff(scene.detected).min() > 0.2 - 1e-9
    assert np.diff(scene.detected).max() <= 1 + 1e-9 + 1 / rate


def test_without_anybody_the_detector_looks_five_times_a_second():
    scene = Scene({})
    _, shown = scene.run(Follower(scene), seconds(2, 60))
    assert len(scene.detected) == pytest.approx(10, abs=1)
    assert all(look.boxes.shape == (0, 4) for look in shown)


def test_boxes_between_detections_are_those_of_the_joints():
    scene = Scene({"ann": walking(50, 60)})
    follower = Follower(scene)
    _, shown = scene.run(follower, seconds(0.9, 30))
    for look, time in zip(shown[5:], seconds(0.9, 30)[5:], strict=True):
        assert look.box_from in (("followed",), ("made",))
        # At the velocity, but for what it has yet to learn of it.
        np.testing.assert_allclose(
            look.boxes[0], [50 + 60 * time, 100, 80, 200], atol=2.5
        )
    assert shown[-1].box_from == ("followed",)


def test_boxes_are_moved_on_at_the_persons_velocity():
    scene = Scene({"ann": walking(50, 200)})
    follower = Follower(scene)
    _, shown = scene.run(follower, seconds(0.9, 30))
    late = shown[-1].boxes[0][0] - (50 + 200 * 0.9)
    assert abs(late) < 1  # a frame's way is 6.7 px


@pytest.mark.parametrize("rate", [15, 60])
def test_two_people_who_cross_keep_their_numbers(rate):
    scene = Scene({"ann": walking(50, 100), "bob": walking(450, -100)})
    # Neither is hidden: the network sees who fills the box the most.
    who, shown = scene.run(Follower(scene), seconds(4, rate))
    assert who["ann"][0.0] != who["bob"][0.0]
    assert who["ann"][4.0] == who["ann"][0.0]
    assert who["bob"][4.0] == who["bob"][0.0]
    assert {n for look in shown for n in look.persons} == {1, 2}


def test_who_is_hidden_behind_another_is_found_again():
    def bob(time):
        return None if 1.5 < time < 2.6 else [450 - 100 * time, 100, 80, 200]

    scene = Scene({"ann": walking(50, 100), "bob": bob})
    who, shown = scene.run(Follower(scene), seconds(5, 30))
    assert who["ann"][5.0] == who["ann"][0.0]
    assert who["bob"][5.0] == who["bob"][0.0]
    assert who["ann"][0.0] != who["bob"][0.0]
    both = [look for look in shown if len(look.persons) > 1]
    for look in both:
        assert len(set(look.persons)) == len(look.persons)


def test_two_are_not_followed_on_one_person():
    scene = Scene({"ann": standing(100)})
    follower = Follower(None, [BOX, BOX + [6, 4, -5, 3]])
    scene.run(follower, seconds(1, 30))
    assert all(persons == (1, 2) for persons in scene.followed[:14])
    # Who was let go is looked for, and not found again on the other.
    assert scene.followed[-1] == (1,)


def test_who_leaves_is_let_go_and_the_other_is_not():
    def bob(time):
        return [300, 100, 80, 200] if time < 2 else None

    scene = Scene({"ann": standing(100), "bob": bob})
    follower = Follower(scene)
    who, shown = scene.run(follower, seconds(5, 30))
    assert shown[30].persons == (1, 2)
    assert shown[-1].persons == (who["ann"][0.0],)
    last = max(t for t, look in enumerate(shown) if len(look.persons) == 2)
    assert 2.9 < last / 30 < 3.2  # a second of patience


def test_who_walks_out_of_the_picture_is_let_go():
    scene = Scene({"ann": walking(450, 120)})
    _, shown = scene.run(Follower(None, [[450, 100, 80, 200]]), seconds(4, 30))
    assert scene.followed[-1] == ()
    assert shown[0].box_from == ("given",)


@pytest.mark.parametrize(("gone", "same"), [(1.5, True), (5.0, False)])
def test_who_comes_back_soon_and_there_has_their_number(gone, same):
    def bob(time):
        return None if 1 < time < 1 + gone else [300, 100, 80, 200]

    scene = Scene({"ann": standing(100), "bob": bob})
    who, _ = scene.run(Follower(scene), seconds(9, 30))
    assert (who["bob"][9.0] == who["bob"][0.0]) is same
    assert numbers(who["ann"]) == [who["ann"][0.0]]


def test_somebody_new_is_shown_when_found_twice():
    def bob(time):
        return [300, 100, 80, 200] if time >= 1.5 else None

    scene = Scene({"ann": standing(100), "bob": bob})
    who, shown = scene.run(Follower(scene), seconds(4, 30))
    first = min(who["bob"])
    assert sum(1.5 <= t <= first for t in scene.detected) == 2
    assert who["bob"][4.0] == 2
    assert shown[-1].persons == (1, 2)


def test_a_mistake_that_is_made_once_is_not_shown_beside_people():
    def mistake(time):
        return [[400, 50, 100, 220]] if 0.9 < time < 1.3 else []

    scene = Scene({"ann": standing(100)}, mistakes=mistake)
    _, shown = scene.run(Follower(scene), seconds(5, 2))
    assert all(look.persons == (1,) for look in shown)


def test_a_mistake_in_the_first_frame_is_given_up():
    scene = Scene(
        {"ann": standing(100)},
        mistakes=lambda time: [[400, 50, 100, 220]] if time == 0 else [],
    )
    _, shown = scene.run(Follower(scene), seconds(5, 30))
    assert shown[0].persons == (1, 2)
    assert shown[-1].persons == (1,)
    last = max(t for t, look in enumerate(shown) if len(look.persons) == 2)
    assert last / 30 < 2.1


def test_a_part_of_somebody_is_nobody_new():
    # The detector misses the whole of Ann and finds her legs.
    scene = Scene(
        {"ann": standing(100)},
        unseen={"ann": (1.5, 9)},
        mistakes=lambda time: [[105, 200, 60, 100]] if time > 1.5 else [],
    )
    who, shown = scene.run(Follower(scene), seconds(5, 30))
    assert all(look.persons == (1,) for look in shown)
    assert len(who["ann"]) == len(shown)
    np.testing.assert_allclose([look.boxes[0] for look in shown], [BOX] * 151)


def test_somebody_new_beside_who_the_detector_misses_is_new():
    def bob(time):
        return [155, 100, 80, 200] if time > 1.5 else None

    scene = Scene({"ann": standing(100), "bob": bob}, unseen={"ann": (1.5, 9)})
    who, _ = scene.run(Follower(scene), seconds(5, 30))
    assert numbers(who["ann"]) == [1]
    assert who["bob"][5.0] == 2


def test_who_was_found_once_is_looked_for_at_once():
    scene = Scene({"ann": standing(100)})
    scene.run(Follower(scene), seconds(0.5, 30))
    assert scene.detected == pytest.approx([0, 0.2], abs=0.04)


@pytest.mark.parametrize(
    "shrunk", [[120.0, 180, 40, 50], [110.0, 120, 60, 130]]
)
def test_a_box_that_has_shrunk_is_mended_by_a_detection(shrunk):
    scene = Scene({"ann": standing(100)})
    follower = Follower(scene)
    scene.run(follower, seconds(1.1, 30))
    follower._roster.tracks[0].box = np.array(shrunk)
    scene.time = 1.25
    look = follower.look(FRAME, 1.25)
    np.testing.assert_allclose(look.boxes, [BOX], atol=1)
    assert look.persons == (1,)


def followed_for(count):
    """A follower who has seen so many frames of one person, 30 a second."""
    follower = Follower(None, [BOX])
    for index in range(count):
        look = follower.look(FRAME, index / 30)
        pose = pose_of(joints_in(BOX), look.boxes[0])
        follower.learn(poses_of([pose]))
    assert not follower.doubts
    return follower


SWAPPED = joints_in(BOX + [150, 0, 0, 0])


@pytest.mark.parametrize(
    ("joints", "confidence", "doubt"),
    [
        (SWAPPED, 0.5, Doubt.JUMPED),
        (joints_in(BOX - [175, 0, 0, 0]), 0.5, Doubt.OUTSIDE),
        (
            joints_in(BOX * [1, 1, 0.4, 0.4] + [24, 60, 0, 0]),
            0.5,
            Doubt.RESIZED,
        ),
        (joints_in(BOX + [-60, -150, 120, 300]), 0.5, Doubt.RESIZED),
        (joints_in(BOX), 0.25, Doubt.UNSURE),
        (joints_in(BOX), np.nan, Doubt.UNSURE),
        (np.full((17, 2), np.nan), 0.5, Doubt.NOT_FINITE),
        (np.full((17, 2), np.inf), 0.5, Doubt.NOT_FINITE),
        # Twelve of the joints a tenth outside the box, on both sides.
        (
            np.where(
                np.arange(17)[:, None] % 3,
                BOX[:2] - 0.5 + [40, 100] + [130, 0],
                BOX[:2] - 0.5 + [40, 100] - [80, 30],
            ),
            0.5,
            Doubt.AT_BORDER,
        ),
    ],
)
def test_a_doubtful_pose_is_not_fed_back(joints, confidence, doubt):
    follower = followed_for(30)
    look = follower.look(FRAME, 1)
    follower.learn(poses_of([pose_of(joints, look.boxes[0], 1, confidence)]))
    assert follower.doubts == {1: doubt}
    look = follower.look(FRAME, 31 / 30)
    np.testing.assert_allclose(look.boxes, [BOX], atol=1e-3)
    assert look.persons == (1,)
    # It was for one frame.
    follower.learn(poses_of([pose_of(joints_in(BOX), look.boxes[0])]))
    assert not follower.doubts


@pytest.mark.parametrize("level", [0.9, 1e-3])
def test_confidence_counts_by_the_persons_own_level(level):
    follower = Follower(None, [BOX])
    for index in range(40):
        look = follower.look(FRAME, index / 30)
        share = 0.7 if index % 2 else 1
        pose = pose_of(joints_in(BOX), look.boxes[0], 1, level * share)
        follower.learn(poses_of([pose]))
        assert not follower.doubts
    look = follower.look(FRAME, 2)
    pose = pose_of(joints_in(BOX), look.boxes[0], 1, 0.4 * level)
    follower.learn(poses_of([pose]))
    assert follower.doubts == {1: Doubt.UNSURE}


def test_confidence_is_compared_with_that_of_seconds():
    follower = Follower(None, [BOX])
    for index in range(10):
        look = follower.look(FRAME, index / 30)
        pose = pose_of(joints_in(BOX), look.boxes[0], 1, 0.5 * 0.9**index)
        follower.learn(poses_of([pose]))
    assert follower.doubts == {1: Doubt.UNSURE}


def test_networks_without_confidence_are_followed():
    follower = Follower(None, [BOX])
    for index in range(5):
        look = follower.look(FRAME, index / 30)
        pose = pose_of(joints_in(BOX), look.boxes[0], confidence=None)
        follower.learn(poses_of([pose]))
    assert not follower.doubts


def test_a_pose_that_is_missing_is_a_doubt():
    follower = followed_for(3)
    follower.look(FRAME, 1)
    follower.learn(poses_of([]))
    assert follower.doubts == {1: Doubt.MISSING}


def test_poses_in_doubt_for_too_long_are_nobody_s():
    follower = followed_for(3)
    for index in range(3, 60):
        look = follower.look(FRAME, index / 30)
        found = poses_of([pose_of(SWAPPED, look.boxes[0])])
        follower.learn(found)
        if follower.followed:
            last = index / 30
    assert last == pytest.approx(2 / 30 + 1, abs=0.05)


def hidden(begin, end, way):
    return lambda time: None if begin < time < end else way(time)


def test_who_was_given_is_found_again_where_they_were_for_sure():
    times = seconds(5, 30)
    scene = Scene({"ann": hidden(1, 3.5, standing(100))})
    follower = Follower(None, [BOX])
    scene.run(follower, times[times < 1])
    # First it is in doubt, then for a moment sure of somebody beside her.
    for time in times[(times >= 1) & (times < 1.3)]:
        look = follower.look(FRAME, time)
        confidence = 0.1 if time < 1.1 else 0.5
        joints = joints_in(look.boxes[0] - [8, 0, 0, 0])
        pose = pose_of(joints, look.boxes[0], 1, confidence)
        follower.learn(poses_of([pose]))
    assert not follower.doubts
    assert look.boxes[0, 0] < 60
    scene.followed, later = [], times[times > 1.31]
    _, shown = scene.run(follower, later)
    found = np.array([persons == (1,) for persons in scene.followed])
    assert not found[(later > 2.4) & (later < 3.5)].any()
    assert found[later > 3.6].all()
    np.testing.assert_allclose(shown[-1].boxes, [BOX], atol=4)


def test_who_walked_is_looked_for_where_they_went():
    scene = Scene({"ann": lambda time: [100 + 60 * time, 100, 80, 200]})
    follower = Follower(None, [BOX])
    scene.run(follower, seconds(3, 30))
    for index in range(91, 180):
        look = follower.look(FRAME, index / 30)
        follower.learn(poses_of([]))
    assert not follower.followed
    # Their left border was at 280 px, and is widened by up to 12.
    assert 260 < look.boxes[0, 0] < 285


def test_who_was_given_is_not_found_again_by_half_a_guess():
    def is_followed(follower, index, confidence):
        look = follower.look(FRAME, index / 30)
        pose = pose_of(joints_in(BOX), look.boxes[0], 1, confidence)
        follower.learn(poses_of([pose]))
        return 1 in follower.followed

    follower = followed_for(30)
    assert not [is_followed(follower, n, 0.2) for n in range(30, 120)][-1]
    # Enough to be kept, of 0.5; not to be found.
    assert not is_followed(follower, 120, 0.35)
    assert is_followed(follower, 121, 0.4)
    assert is_followed(follower, 122, 0.35)


def test_a_detector_finds_again_whom_the_user_gave_and_nobody_else():
    bob = standing(400)
    ann = hidden(1, 3, lambda t: [100 if t < 2 else 200, 100, 80, 200])
    scene = Scene({"ann": ann, "bob": bob})
    for detector, last in ((None, ()), (scene, (1,))):
        scene.time, scene.followed = 0.0, []
        who, _ = scene.run(Follower(detector, [BOX]), seconds(5, 30))
        assert scene.followed[-1] == last
        assert not who["bob"]


def test_a_doubt_is_looked_into_at_once():
    scene = Scene({"ann": standing(100)})
    follower = Follower(scene)
    scene.run(follower, seconds(1.4, 30))
    before = len(scene.detected)
    scene.time = 1.5
    look = follower.look(FRAME, 1.5)
    follower.learn(poses_of([pose_of(SWAPPED, look.boxes[0])]))
    scene.people["ann"] = standing(130)
    look = follower.look(FRAME, 1.6)
    assert len(scene.detected) == before + 1
    assert look.box_from == ("made",)
    np.testing.assert_allclose(look.boxes, [BOX + [30, 0, 0, 0]])


@pytest.mark.parametrize("aside", [0.0, -0.02, 0.1])
@pytest.mark.parametrize("share", [0.75, 0.9, 1.0])
def test_boxes_of_a_biased_network_do_not_drift(share, aside):
    follower = Follower(None, [BOX])
    middle = BOX[:2] + BOX[2:] / 2
    for index in range(120):
        look = follower.look(FRAME, index / 30)
        box = look.boxes[0]
        # As a weak one does: joints fill the same share of any box.
        drawn = np.concatenate(
            [
                box[:2] + (1 - share) / 2 * box[2:] + [aside * 200, 0],
                box[2:] * share,
            ]
        )
        follower.learn(poses_of([pose_of(joints_in(drawn), box)]))
    assert not follower.doubts
    np.testing.assert_allclose(max(look.boxes[0][2:]), 200, rtol=0.02)
    np.testing.assert_allclose(
        look.boxes[0][:2] + look.boxes[0][2:] / 2, middle, atol=2
    )


def test_boxes_grow_sooner_than_they_shrink():
    def side_after(factor):
        follower = followed_for(10)
        size = BOX[2:] * factor
        corner = BOX[:2] + BOX[2:] / 2 - size / 2
        for index in range(10, 19):
            look = follower.look(FRAME, index / 30)
            pose = pose_of(
                joints_in(np.concatenate([corner, size])), look.boxes[0]
            )
            follower.learn(poses_of([pose]))
        assert not follower.doubts
        return abs(np.log(max(follower.look(FRAME, 1).boxes[0][2:]) / 200))

    # 0.3 s of it: the time constants are 0.3 s and 1 s.
    assert side_after(1.2) == pytest.approx(
        np.log(1.2) * (1 - np.exp(-1)), rel=0.03
    )
    assert side_after(1 / 1.2) == pytest.approx(
        np.log(1.2) * (1 - np.exp(-0.3)), rel=0.03
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "`detector` or `first_boxes`"),
        ({"first_boxes": BOX}, "`first_boxes` must be N x 4"),
        ({"first_boxes": [BOX * np.nan]}, "`first_boxes` must be finite"),
        ({"first_boxes": [-BOX]}, "`first_boxes`.*positive"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Follower(**arguments)


@pytest.mark.parametrize("time", [0.5, 0.4, np.nan, np.inf])
def test_time_must_go_on(time):
    follower = Follower(None, [BOX])
    follower.look(FRAME, 0.5)
    with pytest.raises(ValueError, match="`time_s` must be later than 0.5"):
        follower.look(FRAME, time)


def test_no_first_boxes_are_nobody():
    look = Follower(None, np.empty((0, 4))).look(FRAME, 0)
    assert look.boxes.shape == (0, 4)
    assert look.persons == look.box_from == ()


def test_who_is_in_doubt_is_looked_for_where_they_were_seen():
    seen = [100.0, 50, 80, 200]
    part = [120.0, 60, 40, 80]  # all that is found later
    found = iter([seen, *[part] * 99])

    def detector(image):
        return types.SimpleNamespace(boxes=np.array([next(found)]))

    detector.name = "made"
    follower = Follower(detector)
    image = np.zeros((400, 400, 3), np.uint8)

    def pose(box, confidence):
        x, y, width, height = box
        corners = [[x, y], [x + width, y], [x, y + height]]
        corners.append([x + width, y + height])
        joints = np.float64(corners * 5)[:17] - 0.5
        return types.SimpleNamespace(
            person=1, joints_px=joints, confidence=np.full(17, confidence)
        )

    boxes = []
    for number in range(12):
        look = follower.look(image, number / 10)
        boxes.append(look.boxes[0])
        # It slides off, and is unsure at last.
        slid = np.add(seen, [8 * number, 0, 0, 0])
        follower.learn([pose(slid, 0.9 if number < 6 else 0.1)])
    away = np.abs(np.array(boxes)[:, 0] - 100)
    assert away[5] > 20
    assert away[7] == 0
    assert boxes[7].tolist() == seen
    # Once: nobody has confirmed it.
    assert follower.doubts


def test_frames_far_apart_lose_nobody():
    image = np.zeros((400, 400, 3), np.uint8)
    box = np.array([100.0, 50, 80, 200])
    follower = Follower(None, [box])
    for number in range(5):
        look = follower.look(image, 3.0 * number)
        assert look.persons == (1,)
        follower.learn(poses_of([pose_of(joints_in(box), box)]))
