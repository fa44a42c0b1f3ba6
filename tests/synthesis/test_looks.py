import dataclasses
from collections import Counter

import numpy as np
import pytest

from keras_pose.synthesis import looks
from keras_pose.synthesis.body import BONE_INDEX
from keras_pose.synthesis.body import BONES
from keras_pose.synthesis.body import FIRST_EYE_ROW
from keras_pose.synthesis.body import load_body
from keras_pose.synthesis.body import pose

REGIONS = ("hair", "shirt", "sleeves", "trousers", "shoes")
RED, GREEN, BLUE, GREY, WHITE = (
    np.float32(colour)
    for colour in (
        (0.8, 0, 0),
        (0, 0.8, 0),
        (0, 0, 0.8),
        (0.2, 0.2, 0.2),
        (0.9, 0.9, 0.9),
    )
)
CUTS = {
    "waist": 1020.0,
    "hem": 200.0,
    "sleeve": 1.0,
    "neckline": 80.0,
    "shoe_top": 100.0,
    "shirt_loose": 10.0,
    "trousers_loose": 6.0,
    "hair_thick": 20.0,
    "shoe_thick": 4.0,
    "hairline": 0.0,
}


def plain(colour):
    return looks.Pattern(
        "plain", np.stack([colour, WHITE]), np.float32([0, 1, 0]), 100.0, 0.0
    )


def outfit(**cuts):
    """Red shirt and sleeves, green trousers, blue shoes, grey hair."""
    return looks.Outfit(
        skin=np.float32([0.6, 0.5, 0.4]),
        hair=GREY,
        iris=np.float32([0.1, 0.2, 0.3]),
        shirt=plain(RED),
        sleeves=plain(RED * 0.5),
        trousers=plain(GREEN),
        shoes=plain(BLUE),
        cuts=CUTS | cuts,
    )


@pytest.fixture(scope="module")
def skin():
    """The attributes of the plain body's skin, without eyes."""
    attributes = looks.plain_attributes()
    return attributes[attributes[:, 4] == 0]


@pytest.fixture(scope="module")
def drawn():
    return [looks.draw_outfit(np.random.default_rng(n)) for n in range(120)]


def bones_of(attributes):
    """Names of the bones that move the plain body's skin most."""
    names = np.array(list(BONES))[load_body().plain.owners]
    return names[looks.plain_attributes()[:, 4] == 0]


def test_attributes_are_the_place_at_rest_and_what_is_there():
    body = load_body()
    mesh = body.plain
    attributes = looks.plain_attributes()
    mean = body.shape(np.zeros(body.num_shapes)).vertices[mesh.rows]
    np.testing.assert_allclose(attributes[:, :3], mean)
    arms = [
        index
        for name, index in BONE_INDEX.items()
        if name.startswith(("Left", "Right", "LThumb", "RThumb"))
        and not name.endswith(("Leg", "Foot", "ToeBase", "Shoulder"))
    ]
    assert len(arms) == 12
    np.testing.assert_allclose(
        attributes[:, 3], mesh.weights[:, arms].sum(axis=1), atol=1e-6
    )
    eyes = body.base_rows[mesh.rows] >= FIRST_EYE_ROW
    np.testing.assert_array_equal(attributes[:, 4], eyes)
    assert 50 < eyes.sum() < 500
    # Eyes are in front of the face, on both sides of it.
    x, y, z = mean[eyes].T
    assert 1560 < y.min() < y.max() < 1605
    assert z.min() > 100
    assert (x > 0).sum() == (x < 0).sum()


def test_regions_do_not_overlap(drawn):
    attributes = looks.plain_attributes()
    for one in drawn:
        regions = one.regions(attributes)
        assert set(regions) == set(REGIONS)
        assert np.sum(list(regions.values()), axis=0).max() == 1


def test_regions_are_symmetric(drawn):
    attributes = looks.plain_attributes()
    mirrored = attributes * np.float32([-1, 1, 1, 1, 1])
    for one in drawn:
        first, second = one.regions(attributes), one.regions(mirrored)
        for name in REGIONS:
            np.testing.assert_array_equal(first[name], second[name])


def test_feet_are_in_shoes_and_hair_is_on_the_head(skin):
    regions = outfit().regions(skin)
    bones = bones_of(skin)
    height = skin[:, 1]
    feet = np.char.endswith(bones, "Foot") | np.char.endswith(bones, "ToeBase")
    assert regions["shoes"][feet & (height < 95)].all()
    assert not regions["shoes"][~feet & (height > 105)].any()
    assert regions["hair"][height > 1680].all()
    assert set(bones[regions["hair"]]) <= {"Head", "Neck", "Neck1"}
    # Hair goes farther down behind the ears than on the forehead.
    head = bones == "Head"
    back, front = head & (skin[:, 2] < 0), head & (skin[:, 2] > 130)
    assert regions["hair"][back & (height > 1550)].all()
    assert not regions["hair"][front & (height < 1610)].any()
    assert regions["hair"][back].mean() > regions["hair"][front].mean() + 0.3


def test_a_higher_hairline_leaves_less_hair(skin):
    counts = [
        outfit(hairline=line).regions(skin)["hair"].sum()
        for line in (-20.0, 0.0, 30.0, 1000.0)
    ]
    assert (np.diff(counts) < 0).all()
    assert counts[-1] == 0


def test_hands_are_bare_whatever_the_sleeves(skin, drawn):
    names = bones_of(skin)
    hands = (
        np.char.endswith(names, "FingerBase")
        | np.char.endswith(names, "HandFinger1")
        | np.char.endswith(names, "Thumb")
    )
    for one in [*drawn, outfit(sleeve=looks.RANGES["sleeve"][1])]:
        for region in one.regions(skin).values():
            assert not region[hands].any()


def test_faces_are_bare_below_the_hairline(skin, drawn):
    face = (skin[:, 1] > 1490) & (skin[:, 1] < 1595) & (skin[:, 2] > 120)
    assert face.sum() > 50
    for one in drawn:
        for region in one.regions(skin).values():
            assert not region[face].any()


def test_the_trunk_is_in_a_shirt_above_trousers(skin):
    regions = outfit().regions(skin)
    bones, height = bones_of(skin), skin[:, 1]
    chest = np.isin(bones, ("Spine", "Spine1")) & (height < 1300)
    assert regions["shirt"][chest & (height > 1060)].all()
    assert not regions["shirt"][height < CUTS["waist"]].any()
    legs = np.char.endswith(bones, "Leg")
    low, high = (
        height[regions["trousers"]].min(),
        height[regions["trousers"]].max(),
    )
    assert low == pytest.approx(CUTS["hem"], abs=40)
    assert high == pytest.approx(CUTS["waist"], abs=40)
    assert low > CUTS["hem"]
    assert high < CUTS["waist"]
    assert regions["trousers"][legs & (height > 210) & (height < 1010)].all()
    shin = legs & (height > 110) & (height < 190)
    bare = ~np.any(list(regions.values()), axis=0)
    assert bare[shin].all()


def test_a_wider_neckline_bares_the_throat_before_the_nape(skin):
    height, depth = skin[:, 1], skin[:, 2]
    shirts = [
        outfit(neckline=radius).regions(skin)["shirt"]
        for radius in (60.0, 80.0, 105.0)
    ]
    for wide, narrow in zip(shirts[1:], shirts, strict=False):
        assert narrow.sum() > wide.sum()
        assert narrow[wide].all()
    opened = shirts[0] & ~shirts[2]
    assert depth[opened].mean() > 20
    assert height[opened].min() > 1300


def test_sleeves_end_where_they_are_cut(skin):
    names = bones_of(skin)
    on_arm = skin[:, 3] > 0.5
    points = {"shoulder": 0.0, "elbow": 1.0, "hand": 2.0}
    previous = np.zeros(len(skin), bool)
    for cut in (0.2, 0.6, 1.0, 1.4, 1.9):
        sleeves = outfit(sleeve=cut).regions(skin)["sleeves"]
        assert sleeves[previous].all()
        assert sleeves.sum() > previous.sum()
        assert on_arm[sleeves].all()
        previous = sleeves
    upper = np.char.endswith(names, "Arm") & ~np.char.endswith(names, "ForeArm")
    half = outfit(sleeve=1.0).regions(skin)["sleeves"]
    assert half[upper & on_arm].mean() > 0.9
    assert not half[np.char.endswith(names, "Hand")].any()
    for name, progress in points.items():
        for side, sign in (("l", 1), ("r", -1)):
            body = load_body()
            shape = body.shape(np.zeros(body.num_shapes))
            # The rig's own joints, as `body` counts them.
            place = shape.points[looks.POINT_INDEX[f"{side}-{name}"]]
            assert sign * place[0] > 0
            found = looks.arm_progress(place[None])
            assert found[0] == pytest.approx(progress, abs=0.02)


def test_some_are_barefoot_and_some_bald():
    many = [
        looks.draw_outfit(np.random.default_rng((1, n))) for n in range(800)
    ]
    barefoot = np.mean([one.cuts["shoe_top"] < 0 for one in many])
    bald = np.mean([one.cuts["hairline"] > 500 for one in many])
    assert barefoot == pytest.approx(0.1, abs=0.04)
    assert bald == pytest.approx(0.06, abs=0.04)
    same = np.mean([one.sleeves is one.shirt for one in many])
    assert same == pytest.approx(0.75, abs=0.06)
    suit = np.mean([one.trousers is one.shirt for one in many])
    assert suit == pytest.approx(0.08, abs=0.04)
    for name, (low, high) in looks.RANGES.items():
        values = np.array([one.cuts[name] for one in many])
        values = values[values >= 0]
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < values.max() <= high


def test_what_is_worn_is_as_thick_as_it_is_cut(skin):
    one = outfit()
    regions, thickness = one.regions(skin), one.thickness(skin)
    for name, expected in (
        ("hair", 20),
        ("shirt", 10),
        ("sleeves", 7),
        ("trousers", 6),
        ("shoes", 4),
    ):
        np.testing.assert_allclose(thickness[regions[name]], expected)
    bare = ~np.any(list(regions.values()), axis=0)
    assert not thickness[bare].any()


def test_clothes_lie_outside_the_skin(drawn):
    body = load_body()
    mesh = body.plain
    shape = body.shape(np.random.default_rng(0).normal(size=body.num_shapes))
    posed = pose(shape, np.tile(np.eye(3), (31, 1, 1)))
    bare = shape.vertices[mesh.rows].astype(float)
    normals = np.zeros_like(bare)
    corners = bare[mesh.faces]
    areas = np.cross(
        corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    )
    for corner in range(3):
        np.add.at(normals, mesh.faces[:, corner], areas)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    for one in drawn[:10]:
        (surface,) = one.surfaces(shape, posed)
        thickness = one.thickness(looks.plain_attributes())
        assert thickness.min() >= 0
        shift = surface.vertices - bare
        np.testing.assert_allclose(
            shift, normals * thickness[:, None], atol=0.05
        )
        np.testing.assert_array_equal(surface.faces, mesh.faces)
        assert surface.paint == one.paint
        np.testing.assert_allclose(
            np.linalg.norm(surface.normals, axis=1), 1, atol=1e-4
        )
        assert (np.sum(surface.normals * normals, axis=1) > 0).mean() > 0.95


def test_an_outfit_moves_with_the_person(drawn):
    body = load_body()
    shape = body.shape(np.zeros(body.num_shapes))
    rest = np.tile(np.eye(3), (31, 1, 1))
    turn = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    start = shape.bone_starts[0]
    (before,) = drawn[0].surfaces(shape, pose(shape, rest))
    (after,) = drawn[0].surfaces(
        shape, pose(shape, np.tile(turn, (31, 1, 1)), (500, 20, -40))
    )
    expected = (before.vertices - start) @ turn.T + start + (500, 20, -40)
    np.testing.assert_allclose(after.vertices, expected, atol=0.05)
    np.testing.assert_allclose(
        after.normals, before.normals @ turn.T, atol=0.02
    )


def test_paint_takes_the_colour_of_what_covers(skin):
    one = outfit()
    regions, albedo = one.regions(skin), one.paint(skin)
    for name, colour in (
        ("shirt", RED),
        ("sleeves", RED * 0.5),
        ("trousers", GREEN),
        ("shoes", BLUE),
    ):
        np.testing.assert_allclose(albedo[regions[name]] - colour, 0, atol=1e-6)
    hair = albedo[regions["hair"]]
    assert hair.min() >= 0.2 * 0.75 - 1e-6
    assert hair.max() <= 0.2 * 1.25 + 1e-6
    bare = ~np.any(list(regions.values()), axis=0) & (skin[:, 1] < 1480)
    np.testing.assert_allclose(albedo[bare] - one.skin, 0, atol=1e-6)


def test_faces_have_eyes_brows_and_lips():
    one = outfit()
    places = {
        "iris": (29.5, 1584, 135, 0, 1),
        "white": (29.5 - 10, 1584, 135, 0, 1),
        "lips": (0, 1519, 140, 0, 0),
        "brow": (31, 1603, 140, 0, 0),
        "cheek": (45, 1545, 130, 0, 0),
        "nape": (0, 1519, -60, 0, 0),
    }
    attributes = np.float32(list(places.values()))
    expected = {
        "iris": one.iris,
        "white": np.float32([0.75] * 3),
        "lips": one.skin * (0.9, 0.5, 0.5),
        "brow": one.hair * 0.8,
        "cheek": one.skin,
    }
    for sign in (1, -1):
        albedo = one.paint(attributes * np.float32([sign, 1, 1, 1, 1]))
        found = dict(zip(places, albedo, strict=True))
        for name, colour in expected.items():
            np.testing.assert_allclose(found[name], colour, atol=1e-6)
        assert not np.allclose(found["nape"], expected["lips"])


def test_painted_eyes_are_those_of_the_body():
    # Vertices of the eyeballs: the foremost show the iris, the outer white.
    attributes = looks.plain_attributes()
    eyes = attributes[attributes[:, 4] == 1]
    one = outfit()
    albedo = one.paint(eyes)
    is_iris = np.isclose(albedo, one.iris).all(axis=1)
    is_white = np.isclose(albedo, 0.75).all(axis=1)
    assert (is_iris | is_white).all()
    for side in (eyes[:, 0] > 0, eyes[:, 0] < 0):
        foremost = side & (eyes[:, 2] > np.quantile(eyes[side, 2], 0.97))
        assert is_iris[foremost].any()
        assert 0.02 < is_iris[side].mean() < 0.6


def test_colours_lie_between_black_and_white(drawn):
    attributes = looks.plain_attributes()
    for one in drawn:
        albedo = one.paint(attributes)
        assert albedo.shape == (len(attributes), 3)
        assert albedo.min() >= 0
        assert albedo.max() <= 1


def test_skins_go_from_dark_to_light_and_stay_skin(drawn):
    skins = np.array([one.skin for one in drawn])
    lightness = skins.mean(axis=1)
    assert lightness.min() < 0.08
    assert lightness.max() > 0.4
    assert (skins[:, 0] > skins[:, 2]).mean() > 0.95


def test_clothes_are_of_all_colours():
    rng = np.random.default_rng(0)
    colours = np.array([looks.draw_pattern(rng).colours[0] for _ in range(400)])
    assert set(colours.argmax(axis=1)) == {0, 1, 2}
    assert colours.mean(axis=1).min() < 0.02
    assert colours.mean(axis=1).max() > 0.6
    np.testing.assert_allclose(colours.mean(axis=0), colours.mean(), atol=0.05)


# Patterns.


def pattern(kind, direction=(0, 1, 0), period=100.0, phase=0.3):
    return looks.Pattern(
        kind, np.stack([RED, BLUE]), np.float32(direction), period, phase
    )


def points(count=4000, seed=0):
    rng = np.random.default_rng(seed)
    return np.float32(rng.uniform(-500, 500, (count, 3)))


@pytest.mark.parametrize("kind", looks.PATTERNS)
def test_patterns_are_of_their_two_colours(kind):
    albedo = pattern(kind, (0.6, 0.64, 0.48))(points())
    first = (albedo == RED).all(axis=1)
    second = (albedo == BLUE).all(axis=1)
    assert (first ^ second).all()
    if kind == "plain":
        assert first.all()
    else:
        assert 0.1 < second.mean() < 0.7


@pytest.mark.parametrize("kind", looks.PATTERNS)
def test_patterns_come_again_after_a_period(kind):
    # Blotches have no common period along their direction.
    if kind == "blotches":
        kind = "stripes"
    one = pattern(kind)
    places = points()
    shifted = one(places + np.float32([0, 100, 0]))
    assert np.mean(shifted == one(places)) > 0.99
    if kind != "plain":
        half = one(places + np.float32([0, 50, 0]))
        assert np.mean(half == one(places)) < 0.95


def test_stripes_and_halves_run_across_their_direction():
    for kind in ("stripes", "halves"):
        one = pattern(kind)
        places = points()
        moved = places + np.float32([70, 0, -33])
        np.testing.assert_array_equal(one(places), one(moved))


def test_stripes_are_where_the_wave_is_high():
    one = pattern("stripes", phase=0.0)
    height = np.float32([0, 25, 50, 75, 125])
    albedo = one(np.stack([height * 0, height, height * 0], axis=1))
    np.testing.assert_array_equal(albedo, [RED, BLUE, RED, RED, BLUE])


def test_checks_change_along_both_axes():
    one = pattern("checks", phase=0.0)
    # Across is along x here: the direction's coordinates moved on by one.
    corners = np.float32([(25, 25, 0), (75, 25, 0), (25, 75, 0), (75, 75, 0)])
    np.testing.assert_array_equal(one(corners), [RED, BLUE, BLUE, RED])


def test_every_kind_of_pattern_is_drawn_and_plain_the_most():
    rng = np.random.default_rng(0)
    drawn = [looks.draw_pattern(rng) for _ in range(1000)]
    counts = Counter(one.kind for one in drawn)
    assert set(counts) == set(looks.PATTERNS)
    assert counts["plain"] / 1000 == pytest.approx(0.5, abs=0.05)
    for kind in looks.PATTERNS[1:]:
        assert counts[kind] / 1000 == pytest.approx(0.1, abs=0.04)
    for one in drawn:
        assert np.linalg.norm(one.direction) == pytest.approx(1, abs=1e-5)
        low, high = (250, 900) if one.kind == "halves" else (25, 140)
        assert low <= one.period <= high
        assert 0 <= one.phase <= 2 * np.pi
        assert one.colours.shape == (2, 3)


def same(first, second):
    """Whether two outfits are alike in every field."""
    if isinstance(first, looks.Outfit | looks.Pattern):
        return all(
            same(getattr(first, field.name), getattr(second, field.name))
            for field in dataclasses.fields(first)
        )
    return np.array_equal(first, second)


def test_an_outfit_is_drawn_from_its_numbers_alone():
    first = looks.draw_outfit(np.random.default_rng(3))
    looks.draw_outfit(np.random.default_rng(8))
    assert same(first, looks.draw_outfit(np.random.default_rng(3)))
    assert not same(first, looks.draw_outfit(np.random.default_rng(4)))
