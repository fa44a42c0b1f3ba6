import contextlib
import signal
import types

import pytest

from keras_pose.watching import Watch


def poses(*people, camera="given", refused=()):
    made = [
        types.SimpleNamespace(person=person, box_from=box_from)
        for person, box_from in people
    ]
    return type(
        "Poses", (list,), {"intrinsics_from": camera, "refused": refused}
    )(made)


def media(kind="video", damaged=(), notes=()):
    return types.SimpleNamespace(
        kind=kind, num_frames=None, damaged=damaged, notes=notes
    )


def watched(media, *frames):
    watch = Watch(media, lambda total, noun: None)
    seen = list(watch.over((None, found) for found in frames))
    assert [found for _, found in seen] == list(frames)
    return watch


def test_people_of_a_video_are_counted_once():
    watch = watched(
        media(),
        poses((1, "x")),
        poses((1, "x"), (2, "x")),
        poses((2, "x")),
    )
    assert watch.summary().startswith("3 frames, 2 people, 0.0 s, ")
    assert watch.warnings() == []


def test_people_of_photos_are_counted_in_each():
    watch = watched(media("photos"), poses((1, "x")))
    assert watch.summary().startswith("1 photo, 1 person, ")


def test_what_was_left_out_is_told_and_not_all_of_it():
    damaged = [f"photo {number}: damaged" for number in range(9)]
    refused = ("`boxes` must overlap",)
    watch = watched(
        media("photos", damaged, ["2 files were not taken"]),
        poses((1, "x"), refused=refused),
    )
    assert watch.warnings() == [
        "2 files were not taken",
        *damaged[:5],
        "and 4 more",
        *refused,
    ]


def test_guesses_are_told_once():
    guess = "a guess: 55 degrees across the longer side"
    nobody = "the whole image, hog found nobody"
    watch = watched(
        media("photos"),
        poses((1, nobody), camera=guess),
        poses((1, nobody), camera=guess),
    )
    camera, whole = watch.warnings()
    assert "55 degrees across the longer side is a guess" in camera
    assert "nobody was found in 2 photos" in whole


def test_an_empty_result_is_told():
    assert "nobody in the results" in watched(media(), poses()).warnings()[0]


@pytest.fixture
def keyboard():
    """Ctrl-C; as it was before, afterwards."""
    before = signal.getsignal(signal.SIGINT)
    assert before is signal.default_int_handler
    yield lambda: signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def endless():
    while True:
        yield None, poses((1, "x"))


def test_the_keyboard_ends_a_camera_when_its_frame_is_done(keyboard):
    watch, done = Watch(media("camera"), lambda total, noun: None), 0
    for _ in watch.over(endless()):
        if done == 2:
            keyboard()
        done += 1  # not broken off
    assert done == 3
    assert watch.summary().startswith("3 frames, 1 person, ")


def test_the_keyboard_ends_a_camera_that_says_no_more(keyboard):
    def frames():
        yield None, poses((1, "x"))
        keyboard()
        keyboard()
        raise AssertionError

    watch = Watch(media("camera"), lambda total, noun: None)
    assert len(list(watch.over(frames()))) == 1
    assert watch.summary().startswith("1 frame, ")


def test_the_keyboard_pressed_twice_breaks_off(keyboard):
    watch = Watch(media("camera"), lambda total, noun: None)

    def press():
        for _ in watch.over(endless()):
            keyboard()
            keyboard()
            raise AssertionError

    with pytest.raises(KeyboardInterrupt):
        press()


def test_the_keyboard_breaks_off_a_video(keyboard):
    watch = Watch(media("video"), lambda total, noun: None)

    def press():
        for _ in watch.over(endless()):
            keyboard()
            raise AssertionError

    with pytest.raises(KeyboardInterrupt):
        press()


def test_the_bar_ends_before_an_error_is_said():
    told = []

    def progress_bar(total, noun):
        return lambda done, is_end: told.append(is_end)

    watch = Watch(media(), progress_bar)
    with contextlib.closing(watch.over(endless())) as watched:
        next(watched)
        next(watched)
    assert told == [False, True]


def test_the_bar_is_told_of_each_frame_and_the_end():
    told = []

    def progress_bar(total, noun):
        assert (total, noun) == (None, "frame")
        return lambda done, is_end: told.append((done, is_end))

    watch = Watch(media(), progress_bar)
    list(watch.over([(None, poses()), (None, poses())]))
    assert told == [(1, False), (2, False), (2, True)]
