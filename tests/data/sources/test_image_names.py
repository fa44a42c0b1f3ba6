import pytest

from keras_pose.data.sources import image_names

NAMES = [
    "S9_Posing_1.55011271_000001.jpg",
    "a/b/S1_WalkDog 1.60457274_000012.png",
    "S11_Sitting.54138969_000003.jpg",
    "S9_Posing.55011271_000006.jpg",
]


def rows_of(subjects, names=NAMES):
    found = image_names.rows_of(subjects, names, image_names.HUMAN36M, "a.txt")
    return found.tolist()


def test_all_rows_are_taken_when_no_subject_is_named():
    assert rows_of(None) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("subjects", "rows"),
    [(["S9"], [0, 3]), (["S1"], [1]), (["S11", "S9"], [0, 2, 3])],
)
def test_rows_are_those_of_the_subjects_in_order(subjects, rows):
    assert rows_of(subjects) == rows


@pytest.mark.parametrize(
    ("subjects", "received"),
    [(["S9", "S2"], "S9, S2"), (["s9"], "s9"), ([""], "none"), ([], "none")],
)
def test_a_subject_that_does_not_occur_is_refused(subjects, received):
    message = f"`subjects` .*S1, S11, S9. Received: {received}$"
    with pytest.raises(ValueError, match=message):
        rows_of(subjects)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Posing_1.55011271_000001.jpg",
        "S9_Posing_1_000001.jpg",
        "S9_Posing_1.55011271_000001",
        "S9_Posing_1.55011271_" + "9" * 30 + ".jpg",
        "S9_Posing_1.55011271_000001.jpg\n",
    ],
)
def test_a_name_of_another_form_is_refused_with_its_file(name):
    with pytest.raises(ValueError, match=r"^a\.txt must be subject") as error:
        rows_of(None, [*NAMES, name])
    assert repr(name) in str(error.value)


def test_a_name_is_taken_apart():
    match = image_names.parse(NAMES[1], image_names.HUMAN36M, "a.txt")
    assert match.groupdict() == {
        "subject": "S1",
        "action": "WalkDog 1",
        "camera": "60457274",
        "frame": "000012",
    }


NUMBERED = "a/s_11_act_02_subact_01_ca_03_000064.jpg"


def test_a_numbered_name_is_taken_apart():
    match = image_names.parse(NUMBERED, image_names.HUMAN36M_NUMBERED, "a.txt")
    assert {key: int(text) for key, text in match.groupdict().items()} == {
        "subject": 11,
        "action": 2,
        "subaction": 1,
        "camera": 3,
        "frame": 64,
    }


@pytest.mark.parametrize(
    "name", [NAMES[0], NUMBERED + "x/", NUMBERED.replace("ca_03", "ca_3")]
)
def test_another_name_is_not_numbered(name):
    with pytest.raises(ValueError, match=r"^a\.txt must be subject"):
        image_names.parse(name, image_names.HUMAN36M_NUMBERED, "a.txt")
