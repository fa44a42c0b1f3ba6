import itertools

import cv2
import hypothesis
import hypothesis.strategies as st
import pytest

from keras_pose.media import timeline


class Packets:
    """A capture of packets of these times; None stands for damage."""

    def __init__(self, times):
        self._times, self._now = iter(times), None

    def grab(self):
        self._now = next(self._times, None)
        return self._now is not None

    def get(self, prop):
        assert prop == cv2.CAP_PROP_POS_MSEC
        return 1000 * self._now


def packet_times(times, interval_s=0.1):
    found = list(timeline.packet_times(Packets(times), interval_s))
    return [jumps for jumps, _ in found], [time for _, time in found]


@hypothesis.given(
    st.lists(st.integers(1, 50), min_size=1, max_size=120),
    st.lists(st.integers(0, 15), min_size=120, max_size=120),
)
def test_packets_come_in_the_order_of_showing(steps, delays):
    shown = [0.01 * time for time in itertools.accumulate(steps)]
    # Each is decoded up to 15 packets early.
    order = sorted(range(len(shown)), key=lambda i: (i + delays[i], i))
    jumps, times = packet_times([shown[index] for index in order])
    assert times == pytest.approx(shown)
    assert set(jumps) == {0}


def test_packets_without_time_fill_the_widest_gaps():
    lost = {40, 41, 44, 70}
    times = [None if i in lost else i / 10 for i in range(100)]
    _, found = packet_times(times)
    assert found == pytest.approx([i / 10 for i in range(100)])


def test_packets_without_time_behind_the_last_one_are_the_end():
    _, found = packet_times([0, 0.1, None, 0.3, None])
    assert found == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_jump_back_in_time_is_told_from_reordering():
    second = [0, 0.3, 0.1, 0.2, *[i / 10 for i in range(4, 60)]]
    first = [20 + time for time in second]
    jumps, times = packet_times(first + second)
    assert times == sorted(first) + sorted(second)
    assert jumps == [0] * len(first) + [1] * len(second)


def placed(packets, decoded, **options):
    """(number, time, lost before) of each frame, and the Timeline."""
    place = timeline.Timeline(iter(packets), 0.1, **options)
    frames = []
    for time in decoded:
        lost = place.place(time)
        frames.append((place.number, round(place.time_s, 6), lost))
    return frames, place


def steady(*numbers, jumps=0):
    return [(jumps, number / 10) for number in numbers]


def test_lost_frames_keep_their_numbers():
    frames, place = placed(steady(0, 1, 2, 3, 4, 5), [0, 0.1, 0.4])
    assert frames == [(0, 0, 0), (1, 0.1, 0), (4, 0.4, 2)]
    assert place.num_repaired == 0
    assert place.finish() == (6, 0.5)


def test_times_begin_with_the_first_frame_that_is_shown():
    frames, _ = placed(steady(0, 3, 4, 5), [0.3, 0.4, 0.5])
    assert frames == [(0, 0, 0), (1, 0.1, 0), (2, 0.2, 0)]


def test_the_same_time_twice_is_repaired_by_half_a_step():
    frames, place = placed(steady(0, 1, 1, 2), [0, 0.1, 0.1, 0.2])
    assert frames == [(0, 0, 0), (1, 0.1, 0), (2, 0.15, 0), (3, 0.2, 0)]
    assert place.num_repaired == 1


def test_after_a_jump_times_go_on_by_one_step():
    packets = steady(50, 51) + steady(0, 1, 2, jumps=1)
    frames, place = placed(packets, [5, 5.1, 0, 0.1, 0.2])
    assert [time for _, time, _ in frames] == [0, 0.1, 0.2, 0.3, 0.4]
    assert [number for number, _, _ in frames] == [0, 1, 2, 3, 4]
    assert place.num_repaired == 1


def test_the_times_of_a_late_decoder_are_those_of_the_packets():
    decoded = [0.2, 0.3, 0.5, 0.0]  # the last one knows no time
    frames, _ = placed(steady(0, 1, 2, 3, 4), decoded, is_late=True)
    assert frames == [(0, 0, 0), (1, 0.1, 0), (3, 0.3, 1), (4, 0.4, 0)]


def test_without_packets_the_decoder_is_believed():
    frames, place = placed([], [0.5, 0.7, 0.7, 0.9])
    assert [time for _, time, _ in frames] == [0, 0.2, 0.25, 0.4]
    assert [number for number, _, _ in frames] == [0, 1, 2, 3]
    assert place.finish() == (4, pytest.approx(0.4))


def test_times_only_ascend_whatever_a_file_says():
    @hypothesis.given(
        st.lists(st.tuples(st.integers(0, 3), st.floats(-5, 5))),
        st.lists(st.floats(-5, 5)),
    )
    def check(packets, decoded):
        packets.sort(key=lambda packet: packet[0])
        frames, _ = placed(packets, decoded)
        for (number, time, _), following in itertools.pairwise(frames):
            assert following[0] == number + 1 + following[2]
            assert following[1] >= time
            assert following[2] >= 0

    check()
