"""What is known of Human3.6M, however its files are laid out.

A clip is one subject's take of an action seen by one camera. The archive names
its files "Directions 1.54138969", where S1 says TakingPhoto and WalkingDog for
what others call Photo and WalkDog; folders made after it number subject,
action, take and camera: "s_11_act_02_subact_01_ca_01". Which take is which
number differs between subjects; the archive's metadata.xml says it.

Source: C. Ionescu et al., "Human3.6M", PAMI 2014, and the split, the sampling
and the faults that the literature has agreed on since.
"""

import dataclasses
import re

from keras_pose.data.sources import options

# Protocol 2, as MPJPE is given for. Its scores are of every 64th frame of all
# four cameras; every 5th is what 50 frames a second are thinned to.
SUBJECTS = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}
EVERY = {"train": 5, "test": 64}

# In the order of the numbers 1 to 4.
CAMERAS = ("54138969", "55011271", "58860488", "60457274")

# Of the archive's 32 joints, in the order of `skeleton.H36M_17`; the others
# are ends of hands and feet, and doubles.
JOINTS_OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)

# Number 1 is "_ALL", everything in one.
_ACTIONS = dict(
    enumerate(
        (
            "Directions",
            "Discussion",
            "Eating",
            "Greeting",
            "Phoning",
            "Posing",
            "Purchases",
            "Sitting",
            "SittingDown",
            "Smoking",
            "Photo",
            "Waiting",
            "Walking",
            "WalkDog",
            "WalkTogether",
        ),
        start=2,
    )
)
ACTIONS = tuple(_ACTIONS.values())
_OTHER_NAMES = {
    "TakingPhoto": "Photo",
    "WalkingDog": "WalkDog",
    "WalkingTogether": "WalkTogether",
}

# The takes, as the archive names them, of what something below is about.
_TAKES = {
    ("S11", "Directions", 1): "1",
    ("S11", "Directions", 2): "",
    ("S9", "Greeting", 1): "1",
    ("S9", "Greeting", 2): "",
    ("S9", "SittingDown", 1): "",
    ("S9", "SittingDown", 2): "1",
    ("S9", "Waiting", 1): "1",
    ("S9", "Waiting", 2): "",
}
_NUMBERED = "subaction "  # before the number of any other take

# Its video cannot be decoded to the end.
_BROKEN = {("S11", "Directions", "", "54138969")}

# The markers of these drifted: the person stands 200 mm beside their labels,
# along the world's x. Root-relative errors do not see it; boxes do.
_DRIFTED = {
    ("S9", "Greeting", ""),
    ("S9", "SittingDown", "1"),
    ("S9", "Waiting", "1"),
}
DRIFTED_SUBJECT = "S9"
DRIFT_CORRECTION_MM = (-200.0, 0.0, 0.0)

_CLIP_NAME = re.compile(r"(?P<action>[A-Za-z]+)(?:[ _](?P<take>\d))?")
_SUBJECT = re.compile(r"S[1-9]\d?")


@dataclasses.dataclass(frozen=True, order=True)
class Clip:
    """One take of an action by a subject, seen by a camera.

    Attributes:
        subject: As "S1".
        action: One of `ACTIONS`.
        take: What follows the action in the archive's name, "" or a digit; or
            "subaction 2" where only the number is known.
        camera: One of `CAMERAS`, or "" for all of them.
    """

    subject: str
    action: str
    take: str
    camera: str

    @property
    def title(self):
        """The action and, where there is one, the take: "Directions 1".

        It tells the takes of a subject apart.
        """
        return f"{self.action} {self.take.removeprefix(_NUMBERED)}".rstrip()

    @property
    def broken(self):
        """Whether its images are not those of its poses."""
        return dataclasses.astuple(self) in _BROKEN

    @property
    def drifted(self):
        """Whether its poses are `DRIFT_CORRECTION_MM` off."""
        return (self.subject, self.action, self.take) in _DRIFTED


def clip_from_name(subject, name, camera):
    """Reads a clip's name as the archive writes it, or with a "_".

    Args:
        subject: As "S1".
        name: As "Directions 1", "Directions_1" or "TakingPhoto".
        camera: The camera's serial number, or "".

    Raises:
        ValueError: The subject, action or camera is none of Human3.6M's.
    """
    # It becomes a folder's name.
    if not _SUBJECT.fullmatch(subject):
        raise ValueError(f"a subject must be as S1. Received: {subject!r}")
    match = _CLIP_NAME.fullmatch(name)
    action = match and _OTHER_NAMES.get(match["action"], match["action"])
    if action not in ACTIONS:
        raise ValueError(
            f"an action must be one of {', '.join(ACTIONS)}, with a digit for "
            f"its take or without. Received: {name!r}"
        )
    if camera and camera not in CAMERAS:
        raise ValueError(
            f"a camera must be one of {', '.join(CAMERAS)}. "
            f"Received: {camera!r}"
        )
    return Clip(subject, action, match["take"] or "", camera)


def spellings(name):
    """A clip's name as "Photo 1", and the same in the other spelling."""
    action, *take = name.split(" ")
    pairs = [*_OTHER_NAMES.items(), *((b, a) for a, b in _OTHER_NAMES.items())]
    return [name, *(" ".join([b, *take]) for a, b in pairs if a == action)]


def clip_from_numbers(subject, action, subaction, camera):
    """A clip by its numbers, as in "s_11_act_02_subact_01_ca_01".

    Args:
        subject: 1 to 11.
        action: 2 to 16.
        subaction: 1 or 2.
        camera: 1 to 4.

    Raises:
        ValueError: A number is out of its range.
    """
    for name, number, least, most in (
        ("subject", subject, 1, 11),
        ("action", action, 2, 16),
        ("subaction", subaction, 1, 2),
        ("camera", camera, 1, len(CAMERAS)),
    ):
        if not least <= number <= most:
            raise ValueError(
                f"the {name}'s number must be from {least} to {most}. "
                f"Received: {number}"
            )
    action = _ACTIONS[action]
    subject = f"S{subject}"
    take = _TAKES.get((subject, action, subaction), f"{_NUMBERED}{subaction}")
    return Clip(subject, action, take, CAMERAS[camera - 1])


def select(split, subjects, every, sampled=True):
    """What the options `split`, `subjects` and `every` ask for.

    Args:
        split: "train", "test" or None for both.
        subjects: Names as "S1", or None for all of the split.
        every: Take every n-th frame, or None for what the split has.
        sampled: Whether a split thins its frames too; not where its files
            hold but a part of the frames already.

    Returns:
        (names of the subjects or None for all that there are, every).

    Raises:
        ValueError: Names the option.
    """
    of_split = SUBJECTS.get(options.one_of(split, SUBJECTS, "split", None))
    every = options.step(every, EVERY.get(split, 1) if sampled else 1)
    if subjects is not None:
        wrong = [
            name
            for name in subjects
            if not _SUBJECT.fullmatch(name) or name not in (of_split or [name])
        ]
        if wrong or not subjects:
            expected = ", ".join(of_split) if of_split else "names as S1"
            raise ValueError(
                f"`subjects` must be {expected}. "
                f"Received: {', '.join(subjects) or 'none'}"
            )
    return subjects or of_split, every


def wanted_of(wanted, present, where):
    """The subjects to read.

    Args:
        wanted: As `select` gives them.
        present: Those that there are.
        where: What an error names, the place and what must be of them.

    Raises:
        ValueError: One is not there, or none are.
    """
    if not present or not set(present).issuperset(wanted or ()):
        raise ValueError(
            f"{where} of {', '.join(wanted or ('a subject',))}; `subjects` "
            f"takes some. Received: {', '.join(sorted(set(present))) or 'none'}"
        )
    return wanted or present


def broken_notes(count, unit):
    """The notes that tell of what is left out, none where nothing is."""
    if not count:
        return ()
    names = ", ".join(" ".join(filter(None, clip)) for clip in sorted(_BROKEN))
    return (f"{count} {unit} left out, for the video is broken: {names}",)


def drift_notes(correct, count, unit, in_world=True):
    """The notes that tell whether S9's drift is corrected.

    Args:
        correct: Whether it is.
        count: Of how many poses.
        unit: What has one each, "images".
        in_world: Whether it can be: whether the files know the world.
    """
    if not count:
        return ()
    if correct:
        done = "moved by -200 mm along the world's x"
    else:
        done = "lie 200 mm beside the person, as published: " + (
            "see `correct_s9`" if in_world else "these files know no world"
        )
    return (f"{count} {unit} of S9 {done}",)


def others_notes(count, unit, wanted):
    """The notes that tell of the subjects that are left out."""
    if not count:
        return ()
    return (f"{count} {unit} left out, not of {', '.join(wanted)}",)
