import pytest

from keras_pose.data.sources.h36m import facts
from keras_pose.data.sources.h36m.facts import Clip


@pytest.mark.parametrize(
    ("name", "clip"),
    [
        ("Directions 1", ("Directions", "1")),
        ("Directions_1", ("Directions", "1")),
        ("SittingDown", ("SittingDown", "")),
        ("TakingPhoto 1", ("Photo", "1")),
        ("WalkingDog", ("WalkDog", "")),
        ("WalkTogether 1", ("WalkTogether", "1")),
    ],
)
def test_a_name_is_an_action_and_a_take(name, clip):
    found = facts.clip_from_name("S1", name, "54138969")
    assert found == Clip("S1", *clip, "54138969")


@pytest.mark.parametrize(
    ("subject", "name", "camera", "message"),
    [
        ("S1", "_ALL", "", "an action must be one of Directions"),
        ("S1", "Flying 1", "", "an action must be one of Directions"),
        ("S1", "Directions 12", "", "an action must be"),
        ("S1", "Eating", "123", "a camera must be one of 54138969"),
        ("../S1", "Eating", "", "a subject must be as S1"),
        ("S0", "Eating", "", "a subject must be as S1"),
    ],
)
def test_a_strange_name_is_refused(subject, name, camera, message):
    with pytest.raises(ValueError, match=message):
        facts.clip_from_name(subject, name, camera)


@pytest.mark.parametrize(
    ("number", "action"),
    [(2, "Directions"), (9, "Sitting"), (12, "Photo"), (15, "WalkDog")],
)
def test_actions_have_their_numbers(number, action):
    clip = facts.clip_from_numbers(5, number, 1, 3)
    assert (clip.subject, clip.action) == ("S5", action)
    assert clip.camera == "58860488"


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((0, 2, 1, 1), "subject's number must be from 1 to 11"),
        ((1, 1, 1, 1), "action's number must be from 2 to 16"),
        ((1, 17, 1, 1), "action's number"),
        ((1, 2, 3, 1), "subaction's number"),
        ((1, 2, 1, 5), "camera's number must be from 1 to 4. Received: 5"),
    ],
)
def test_a_number_out_of_range_is_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        facts.clip_from_numbers(*numbers)


# The same clips by name and by number.
@pytest.mark.parametrize(
    ("subject", "name", "numbers"),
    [
        ("S9", "Greeting", (5, 2)),
        ("S9", "SittingDown 1", (10, 2)),
        ("S9", "Waiting 1", (13, 1)),
    ],
)
def test_the_drift_is_in_three_clips_of_s9(subject, name, numbers):
    action, subaction = numbers
    assert facts.clip_from_name(subject, name, "60457274").drifted
    assert facts.clip_from_numbers(9, action, subaction, 1).drifted
    assert not facts.clip_from_numbers(9, action, 3 - subaction, 1).drifted
    assert not facts.clip_from_numbers(11, action, subaction, 1).drifted


def test_titles_tell_the_takes_of_a_subject_apart():
    assert facts.clip_from_name("S5", "TakingPhoto_1", "").title == "Photo 1"
    assert facts.clip_from_name("S5", "WalkDog", "").title == "WalkDog"
    assert facts.clip_from_numbers(5, 2, 2, 1).title == "Directions 2"
    titles = {
        (subject, facts.clip_from_numbers(subject, action, subaction, 1).title)
        for subject in range(1, 12)
        for action in range(2, 17)
        for subaction in (1, 2)
    }
    assert len(titles) == 11 * 15 * 2


def test_one_clip_is_broken_in_one_camera():
    broken = [
        (subject, action, subaction, camera)
        for subject in range(1, 12)
        for action in range(2, 17)
        for subaction in (1, 2)
        for camera in range(1, 5)
        if facts.clip_from_numbers(subject, action, subaction, camera).broken
    ]
    assert broken == [(11, 2, 2, 1)]
    assert facts.clip_from_name("S11", "Directions", "54138969").broken
    named = facts.clip_from_name("S11", "Directions 1", "54138969")
    assert not named.broken


def test_spellings_go_both_ways_and_keep_the_take():
    assert facts.spellings("Photo 1") == ["Photo 1", "TakingPhoto 1"]
    assert facts.spellings("WalkingDog") == ["WalkingDog", "WalkDog"]
    assert facts.spellings("Walking 1") == ["Walking 1"]


@pytest.mark.parametrize(
    ("options", "selected"),
    [
        ((None, None, None), (None, 1)),
        (("train", None, None), (("S1", "S5", "S6", "S7", "S8"), 5)),
        (("test", None, None), (("S9", "S11"), 64)),
        (("test", ["S11"], 2), (["S11"], 2)),
        ((None, ["S3"], None), (["S3"], 1)),
    ],
)
def test_a_split_says_subjects_and_every(options, selected):
    assert facts.select(*options) == selected


def test_a_split_of_thinned_files_takes_every_frame():
    assert facts.select("test", None, None, sampled=False)[1] == 1
    assert facts.select("test", None, 3, sampled=False)[1] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("valid", None, None), "`split` must be train or test.*valid"),
        ((None, None, 0), "`every` must be a positive whole number.*0"),
        (("test", ["S1"], None), "`subjects` must be S9, S11.*S1"),
        ((None, ["s1"], None), "`subjects` must be names as S1.*s1"),
        ((None, [], None), "`subjects`.*none"),
    ],
)
def test_a_wrong_option_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        facts.select(*options)
