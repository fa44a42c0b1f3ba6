import pytest

from keras_pose.tracking.pace import Pace


def run_steps(pace, count, seconds=2.0, images=16, waiting=0.5):
    for _ in range(count):
        pace.step(images, seconds, waiting)


def test_speed_is_images_and_waiting_over_time():
    pace = Pace(1)
    pace.start(0, 9)
    assert pace.current() is None
    run_steps(pace, 3)
    assert pace.current() == (pytest.approx(8.0), pytest.approx(0.25))
    assert pace.of_epoch() == (pytest.approx(8.0), pytest.approx(0.25))


def test_current_speed_forgets_what_is_older_than_its_window():
    pace = Pace(1)
    pace.start(0, 99)
    run_steps(pace, 20, seconds=2.0, images=10, waiting=2.0)
    run_steps(pace, 5, seconds=2.0, images=40, waiting=0.0)
    assert pace.current() == (pytest.approx(20.0), pytest.approx(0.0))
    # 19 steps, without the first, and 5.
    images, waiting = pace.of_epoch()
    assert images == pytest.approx((19 * 10 + 5 * 40) / 48)
    assert waiting == pytest.approx(38 / 48)


def test_a_step_longer_than_the_window_counts():
    pace = Pace(1)
    pace.start(0, 9)
    run_steps(pace, 4, seconds=30.0, images=60)
    assert pace.current()[0] == pytest.approx(2.0)


def test_first_step_of_a_run_is_no_part_of_its_speed():
    pace = Pace(2)
    pace.start(0, 3)
    run_steps(pace, 1, seconds=60.0, images=60)
    assert pace.current()[0] == pytest.approx(1.0)  # until there is a second
    assert pace.left() == (pytest.approx(2 * 60 + 3 * 60), True)
    run_steps(pace, 1, seconds=1.0, images=60)
    assert pace.current()[0] == pytest.approx(60.0)
    assert pace.of_epoch()[0] == pytest.approx(60.0)
    assert pace.left() == (pytest.approx(1 + 3), True)


def test_speed_of_an_epoch_begins_with_it():
    pace = Pace(2)
    pace.start(0, 3)
    run_steps(pace, 3, seconds=1.0)
    pace.start(1, 3)
    assert pace.of_epoch() is None
    run_steps(pace, 1, seconds=4.0)
    assert pace.of_epoch()[0] == pytest.approx(4.0)


def test_nothing_is_left_before_a_step_is_known():
    pace = Pace(3)
    pace.start(0, 5)
    assert pace.left() is None


def test_a_resumed_epoch_has_the_steps_left_that_are_not_done():
    pace = Pace(5)
    pace.start(3, 10, done=6)
    run_steps(pace, 2)
    # 2 steps of this epoch and 10 of the next.
    assert pace.left() == (pytest.approx(12 * 2.0), True)


def test_time_left_counts_validations_and_other_ends_of_epochs_apart():
    pace = Pace(6, validation_every=2)  # after epochs 2, 4 and 6
    for epoch, tail in ((0, 1.0), (1, 30.0)):
        pace.start(epoch, 4)
        run_steps(pace, 4)
        pace.end(tail)
    pace.start(2, 4)
    # 4 epochs of 4 steps of 2 s; 2 ends with and 2 without a validation.
    assert pace.left() == (pytest.approx(32.0 + 60.0 + 2.0), True)


def test_a_validation_that_was_never_measured_is_said():
    pace = Pace(2, validation_every=1)
    pace.start(0, 4)
    run_steps(pace, 4)
    assert pace.left() == (pytest.approx(8.0), False)
    pace.end(7.0)
    pace.start(1, 4)
    assert pace.left() == (pytest.approx(15.0), True)


def test_time_left_falls_during_a_validation_down_to_the_later_epochs():
    pace = Pace(2, validation_every=1)
    pace.start(0, 4)
    run_steps(pace, 4)
    pace.end(7.0)
    pace.start(1, 4)
    run_steps(pace, 4)
    assert pace.left(0.0)[0] == pytest.approx(7.0)
    assert pace.left(5.0)[0] == pytest.approx(2.0)
    assert pace.left(50.0)[0] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("every", "epochs"), [(0, []), (1, [0, 1, 2, 3, 4]), (2, [1, 3, 4])]
)
def test_last_epoch_is_validated_if_any(every, epochs):
    pace = Pace(5, every)
    assert [x for x in range(5) if pace.validates(x)] == epochs
