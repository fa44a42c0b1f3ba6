"""When each frame of a video is shown, and which frames were lost.

A decoder that meets damage gives no frame and says nothing. So the packets,
which hold one encoded picture each, are read beside it: their times tell how
many pictures there are, and a picture's number, where the frame rate varies
too.
"""

import heapq
import itertools
import math

import cv2

# Packets lie in the order of decoding. No codec shows a picture more than 16
# packets later than it lies in the file.
_REORDERED = 16
_SAME_S = 1e-4  # times of one picture differ by rounding alone

# Consecutive pictures that cannot be read, after which a video has ended:
# OpenCV does not tell the end from damage.
MOST_UNREADABLE = 1000


def packet_times(capture, interval_s):
    """Yields when the pictures of a video are shown, in that order.

    Args:
        capture: OpenCV's, of packets.
        interval_s: Seconds between frames as a rule.

    Yields:
        (number of jumps back in time until then, seconds). Packets that
        cannot be read carry no time: they get the middles of the widest gaps.
    """
    waiting, last = [], None
    jumps, latest = 0, -math.inf
    unreadable, unplaced, read_since = 0, 0, 0
    while unreadable <= MOST_UNREADABLE:
        if not capture.grab():
            unreadable += 1
            continue
        unplaced += unreadable
        read_since = 1 if unreadable else read_since + 1
        unreadable = 0
        time = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if time < latest - _most_backward(interval_s):
            jumps, latest = jumps + 1, time
        latest = max(latest, time)
        heapq.heappush(waiting, (jumps, time))
        # A gap is seen when what lies around it is there.
        if unplaced and (
            read_since > _REORDERED or len(waiting) > 8 * _REORDERED
        ):
            _fill_gaps(waiting, last, unplaced)
            unplaced = 0
        while not unplaced and len(waiting) > 2 * _REORDERED:
            last = heapq.heappop(waiting)
            yield last
    _fill_gaps(waiting, last, unplaced)
    yield from sorted(waiting)


def _most_backward(interval_s):
    """Seconds that packets go back for their order alone, and more."""
    return max(1.0, 2 * _REORDERED * interval_s)


def _fill_gaps(waiting, last, count):
    """Gives pictures without a time such times that all steps are alike."""
    times = sorted(waiting if last is None else [last, *waiting])
    # The step that a gap would have with one more picture, negative for the
    # heap, which gives the smallest first.
    gaps = [
        ((before - after) / 2, jumps, before, after, 1)
        for (jumps, before), (same, after) in itertools.pairwise(times)
        if jumps == same
    ]
    heapq.heapify(gaps)
    for _ in range(count if gaps else 0):
        _, jumps, before, after, held = gaps[0]
        step = (before - after) / (held + 2)
        heapq.heapreplace(gaps, (step, jumps, before, after, held + 1))
    for _, jumps, before, after, held in gaps:
        for index in range(1, held):
            middle = before + (after - before) * index / held
            heapq.heappush(waiting, (jumps, middle))


class Timeline:
    """Gives the frames of a video their numbers and ascending times.

    Args:
        times: An iterator as `packet_times` returns.
        interval_s: Seconds between frames as a rule.
        is_late: Whether the decoder's times are late by as much as its first:
            those of AVI, which knows no times of showing.

    Attributes:
        number: Of the last frame, from 0; -1 before the first.
        time_s: Its seconds from the first frame.
        num_repaired: Frames whose time in the file was not later than that of
            the frame before.
    """

    def __init__(self, times, interval_s, is_late=False):
        self._times, self._interval_s, self._is_late = (
            times,
            interval_s,
            is_late,
        )
        self._next = next(times, None)
        self._decoded_s, self._lateness_s = -math.inf, 0.0
        self._jumps, self._origin_s = 0, 0.0
        self._num_passed = 0
        self.number, self.time_s, self.num_repaired = -1, 0.0, 0

    def place(self, decoded_s):
        """Goes on to the frame that was decoded.

        Args:
            decoded_s: Its time as the decoder says, seconds.

        Returns:
            How many frames were lost between the frame before and this one.
        """
        is_first = self.number < 0
        if is_first and self._is_late and self._next:
            self._lateness_s = decoded_s - self._next[1]
        lost = self._skip_to(decoded_s)
        if is_first:
            lost = 0  # cut away by an edit list, which the decoder heeds
        jumps, seconds = self._next or (
            self._jumps,
            decoded_s - self._lateness_s,
        )
        self._pass()
        self._decoded_s = decoded_s
        self.number += 1 + lost
        if is_first:
            self._jumps, self._origin_s = jumps, seconds
        else:
            self._advance(jumps, seconds)
        return lost

    def finish(self):
        """Passes over the pictures behind the last frame.

        Returns:
            How many pictures the file holds, and seconds from the first frame
            to the last of them.
        """
        last_s = self.time_s
        while self._next:
            if self._next[0] == self._jumps:
                last_s = max(last_s, self._next[1] - self._origin_s)
            self._pass()
        return max(self._num_passed, self.number + 1), last_s

    def _pass(self):
        self._num_passed += self._next is not None
        self._next = next(self._times, None)

    def _skip_to(self, decoded_s):
        """Passes over the pictures before one that was decoded."""
        skipped = 0
        # A decoder that goes back in time does not know it.
        if decoded_s <= self._decoded_s:
            return skipped
        wanted_s = decoded_s - self._lateness_s - _SAME_S
        while (
            self._next
            and self._next[0] == self._jumps
            and self._next[1] < wanted_s
        ):
            self._pass()
            skipped += 1
        return skipped

    def _advance(self, jumps, seconds):
        time_s = seconds - self._origin_s
        if jumps != self._jumps:  # as where two recordings were joined
            self._jumps = jumps
            time_s = self.time_s + self._interval_s
            self._origin_s = seconds - time_s
            self.num_repaired += 1
        elif time_s <= self.time_s:
            # Half a step leaves the next frame its own time.
            time_s = self.time_s + self._interval_s / 2
            self.num_repaired += 1
        self.time_s = time_s
