import contextlib
import signal
import types

import pytest

from keras_pose.interruption import Terminated
from keras_pose.interruption import termination_raised
from keras_pose.pose import Caveat
from keras_pose.watching import Watch
from keras_pose.watching import listed_files

NONE = Caveat(0)


def poses(*people, caveats=NONE, refused=()):
    made = [types.SimpleNamespace(person=person) for person in people]
    return type("Poses", (list,), {"caveats": caveats, "refused": refused})(
        made
    )


def media(kind="video", damaged=(), notes=()):
    return types.SimpleNamespace(
        kind=kind, num_frames=None, damaged=damaged, notes=notes
    )


def frame(index, is_timed=True):
    return types.SimpleNamespace(
        name=f"{index}.jpg", time_s=index / 2 if is_timed else None
    )


def no_bar(total, noun):
    return None


def watched(media, *frames, say=None):
    """A Watch that has seen frames, two a second."""
    watch = Watch(media, no_bar, say)
    is_timed = media.kind != "photos"
    seen = list(
        watch.over((frame(n, is_timed), each) for n, each in enumerate(frames))
    )
    assert [found for _, found in seen] == list(frames)
    return watch


def test_people_of_a_video_are_counted_once():
    watch = watched(
        media(),
        poses(1),
        poses(1, 2),
        poses(2),
    )
    assert watch.summary().startswith("3 frames, 2 people, 0.0 s, ")
    assert watch.warnings() == []


def test_people_of_photos_are_counted_in_each():
    watch = watched(media("photos"), poses(1))
    assert watch.summary().startswith("1 photo, 1 person, ")


def test_what_was_left_out_is_told_and_not_all_of_it():
    damaged = [f"photo {number}: damaged" for number in range(9)]
    refused = ("`boxes` must overlap",)
    watch = watched(
        media("photos", damaged, ["2 files were not taken"]),
        poses(1, refused=refused),
    )
    assert watch.warnings() == [
        "2 files were not taken",
        *(f"left out: {line}" for line in damaged[:5]),
        "and 4 more",
        *refused,
    ]


def test_guesses_are_told_once():
    guess = Caveat.CAMERA_GUESSED | Caveat.NOBODY_FOUND
    camera, whole = watched(
        media("photos"), poses(1, caveats=guess), poses(1, caveats=guess)
    ).warnings()
    assert "55 degrees across the longer side is a guess" in camera
    assert whole.startswith("nobody was found in 2 photos, 0.jpg, 1.jpg: ")


def test_photos_without_an_entry_are_named_and_not_all_of_them():
    frames = [poses(1)] + [poses(caveats=Caveat.NO_ENTRY)] * 8
    (line,) = watched(media("photos"), *frames).warnings()
    assert line == (
        "nobody is in the results of 8 photos without an entry in --boxes: "
        "1.jpg, 2.jpg, 3.jpg, 4.jpg, 5.jpg, and 3 more"
    )


@pytest.mark.parametrize(
    ("caveat", "said"),
    [
        (Caveat.LOST, "a person of --box was not followed"),
        (Caveat.NOBODY_FOUND, "nobody was found"),
        (Caveat.NO_ENTRY, "--boxes has no entry,"),
    ],
)
def test_a_video_s_times_without_people_are_told(caveat, said):
    with_her, without = poses(1), poses(caveats=caveat)
    frames = [with_her, without, without, with_her, without, with_her, without]
    (line,) = watched(media(), *frames, say=lambda line: None).warnings()
    times = "from 0.50 to 1.50 s, from 2.00 to 2.50 s, from 3.00 s to the end"
    assert f"{said} {times}" in line


def test_a_loss_is_told_at_once_and_once():
    told, without = [], poses(caveats=Caveat.LOST)
    watched(
        media(), poses(1), without, without, poses(1), without, say=told.append
    )
    (line,) = told
    assert line.startswith("at 0.50 s a person of --box was lost; ")


def test_a_loss_is_told_below_the_bar():
    told = []

    def progress_bar(total, noun):
        return lambda done, is_end: told.append((done, is_end))

    watch = Watch(media(), progress_bar, told.append)
    lost = poses(caveats=Caveat.LOST)
    list(watch.over([(frame(0), poses(1)), (frame(1), lost)]))
    first, second, line, end = told
    assert (first, second, end) == ((1, False), (2, True), (2, True))
    assert "was lost" in line


def test_people_come_and_go_before_a_camera():
    without = poses(caveats=Caveat.NOBODY_FOUND)
    assert watched(media("camera"), poses(1), without).warnings() == []


def test_who_was_given_before_a_camera_is_told_of():
    lost = poses(caveats=Caveat.LOST)
    watch = watched(media("camera"), poses(1), lost, say=lambda line: None)
    (line,) = watch.warnings()
    assert "not followed from 0.50 s to the end" in line


def test_an_empty_result_is_told():
    nobody = poses(caveats=Caveat.NOBODY_FOUND | Caveat.CAMERA_GUESSED)
    (line,) = watched(media(), nobody).warnings()
    assert line.startswith("there is nobody in the results")


@pytest.fixture
def keyboard():
    """Ctrl-C, as in a terminal; who hears of it is who did before."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    heard = signal.signal(signal.SIGINT, before)
    assert heard is signal.default_int_handler


def endless():
    while True:
        yield frame(0), poses(1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_camera_when_its_frame_is_done(number, keyboard):
    watch, done = Watch(media("camera"), no_bar, None), 0
    for _ in watch.over(endless()):
        if done == 2:
            signal.raise_signal(number)
        done += 1  # not broken off
    assert done == 3
    assert watch.summary().startswith("3 frames, 1 person, ")


def test_the_keyboard_ends_a_camera_that_says_no_more(keyboard):
    def frames():
        yield frame(0), poses(1)
        keyboard()
        keyboard()
        raise AssertionError

    watch = Watch(media("camera"), no_bar, None)
    assert len(list(watch.over(frames()))) == 1
    assert watch.summary().startswith("1 frame, ")


def test_the_keyboard_pressed_twice_breaks_off(keyboard):
    watch = Watch(media("camera"), no_bar, None)

    def press():
        for _ in watch.over(endless()):
            keyboard()
            keyboard()
            raise AssertionError

    with pytest.raises(KeyboardInterrupt):
        press()


def test_a_second_sigterm_is_raised_though_a_camera_hangs(keyboard):
    def frames():
        yield frame(0), poses(1)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        raise AssertionError

    watch = Watch(media("camera"), no_bar, None)
    with pytest.raises(Terminated), termination_raised():
        list(watch.over(frames()))


def test_the_keyboard_breaks_off_a_video(keyboard):
    watch = Watch(media("video"), no_bar, None)

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

    watch = Watch(media(), progress_bar, None)
    with contextlib.closing(watch.over(endless())) as watched:
        next(watched)
        next(watched)
    assert told == [False, True]


def test_the_bar_is_told_of_each_frame_and_the_end():
    told = []

    def progress_bar(total, noun):
        assert (total, noun) == (None, "frame")
        return lambda done, is_end: told.append((done, is_end))

    watch = Watch(media(), progress_bar, None)
    list(watch.over([(frame(0), poses()), (frame(1), poses())]))
    assert told == [(1, False), (2, False), (2, True)]


def test_files_are_listed_and_many_of_a_kind_in_a_line():
    photos = [f"out/{number}.jpg" for number in range(6)]
    tables = ["out/poses.json", "out/a_3d.png", "out/page.html"]
    assert listed_files([*photos, *tables]) == [
        "out/*.jpg: 6 files",
        *sorted(tables),
    ]
    assert listed_files(photos[:5]) == photos[:5]
