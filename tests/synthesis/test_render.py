import numpy as np
import pytest

from keras_pose.synthesis import render

SIZE = 64
FOCAL = 80.0
CENTRE = (SIZE - 1) / 2

SUN = np.array([0, 0, -1.0])  # towards the light: behind a camera that sees +z
LIGHT = render.Light(
    SUN,
    np.array([0.5, 0.4, 0.3]),
    np.array([0.3, 0.2, 0.1]),
    np.array([0.1, 0.06, 0.02]),
)
# Half of the light from all around reaches a wall.
ON_WALL = np.array([0.2, 0.13, 0.06]) + [0.5, 0.4, 0.3]


def camera_at(centre, rotation=None, focal=FOCAL):
    """Sees +z with x right and y down, unless turned."""
    intrinsics = np.array([[focal, 0, CENTRE], [0, focal, CENTRE], [0, 0, 1.0]])
    if rotation is None:
        rotation = np.eye(3)
    return render.Camera(intrinsics, rotation, np.array(centre, float))


CAMERA = camera_at((0, 0, 0))
# At a height of 2 m it looks straight down: x to the right, +z up the image.
FROM_ABOVE = camera_at(
    (0, 2000, 0), np.array([[1, 0, 0], [0, 0, -1], [0, -1, 0]])
)


def in_colour(*colour):
    return lambda attributes: np.broadcast_to(
        np.float32(colour), (len(attributes), len(colour))
    )


def surface(vertices, faces, normals, paint, attributes=None):
    if attributes is None:
        attributes = np.zeros((len(vertices), 1), np.float32)
    return render.Surface(
        np.array(vertices, np.float32),
        np.array(faces, np.int32),
        np.array(normals, np.float32),
        attributes,
        paint,
    )


def wall(z, x=(-9000, 9000), y=(-9000, 9000), paint=None, attributes=None):
    """A rectangle that faces a camera below +z."""
    corners = [(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])]
    return surface(
        [(*corner, z) for corner in corners],
        [(0, 1, 2), (0, 2, 3)],
        [(0, 0, -1)] * 4,
        paint or in_colour(1, 1, 1),
        attributes,
    )


def floor(y, x, z, paint=None):
    """A level rectangle that faces up."""
    return surface(
        [(x[0], y, z[0]), (x[1], y, z[0]), (x[1], y, z[1]), (x[0], y, z[1])],
        [(0, 2, 1), (0, 3, 2)],
        [(0, 1, 0)] * 4,
        paint or in_colour(1, 1, 1),
    )


def sphere(centre, radius, paint=None, rows=60):
    """A ball of many triangles, its poles up and down."""
    theta = np.linspace(0, np.pi, rows)
    phi = np.linspace(0, 2 * np.pi, 2 * rows)
    theta, phi = (a.ravel() for a in np.meshgrid(theta, phi, indexing="ij"))
    normals = np.stack(
        [
            np.sin(theta) * np.cos(phi),
            np.cos(theta),
            np.sin(theta) * np.sin(phi),
        ],
        axis=-1,
    )
    grid = np.arange(len(normals)).reshape(rows, -1)
    a, b, c, d = (
        grid[:-1, :-1].ravel(),
        grid[:-1, 1:].ravel(),
        grid[1:, 1:].ravel(),
        grid[1:, :-1].ravel(),
    )
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)])
    return surface(
        normals * radius + centre, faces, normals, paint or in_colour(1, 1, 1)
    )


def black(size=SIZE):
    return np.zeros((size, size, 3), np.float32)


def shown(surfaces, camera=CAMERA, light=LIGHT, backdrop=None, size=SIZE):
    if backdrop is None:
        backdrop = black(size)
    return render.render(surfaces, camera, size, light, backdrop)


@pytest.mark.parametrize(
    ("centre", "column", "row"),
    [
        ((0, 0, 4000), 31.5, 31.5),
        ((800, 0, 4000), 47.5, 31.5),
        ((0, 800, 4000), 31.5, 47.5),
        ((-600, -1000, 4000), 19.5, 11.5),
    ],
    ids=["middle", "right", "below", "left_above"],
)
def test_a_ball_is_seen_where_it_projects(centre, column, row):
    image = shown([sphere(centre, 200)])
    rows, columns = np.nonzero(image[..., 0])
    assert columns.mean() == pytest.approx(column, abs=0.3)
    assert rows.mean() == pytest.approx(row, abs=0.3)
    # A cone around the ray to its middle that is tan = r / sqrt(d^2 - r^2).
    across = 2 * FOCAL * 200 / np.sqrt(4000**2 - 200**2)
    if not any(centre[:2]):
        assert np.ptp(columns) + 1 == pytest.approx(across, abs=1.5)
    area = (image[..., 0] > 0).sum()
    assert area == pytest.approx(np.pi / 4 * across**2, rel=0.35)


def test_a_turned_camera_sees_its_own_right():
    # It looks along -x, so that -z is to its right.
    right, down, forward = np.array([[0, 0, -1.0], [0, -1, 0], [-1, 0, 0]])
    np.testing.assert_allclose(np.cross(right, down), forward)
    camera = camera_at((3000, 500, 0), np.stack([right, down, forward]))
    image = shown([sphere((0, 1000, -700), 100)], camera)
    rows, columns = np.nonzero(image[..., 0])
    assert columns.mean() == pytest.approx(31.5 + 80 * 700 / 3000, abs=0.3)
    assert rows.mean() == pytest.approx(31.5 - 80 * 500 / 3000, abs=0.3)


def test_rays_lead_through_their_pixels():
    camera = camera_at((1, 2, 3), FROM_ABOVE.rotation)
    pixels = np.array([[0.0, 0], [10, 20], [63, 5]])
    rays = camera.directions(pixels)
    seen = rays @ camera.rotation.T
    back = seen[:, :2] / seen[:, 2:] * FOCAL + CENTRE
    np.testing.assert_allclose(back, pixels, atol=1e-4)
    np.testing.assert_allclose(seen[:, 2], 1, atol=1e-6)


def test_pixel_grid_goes_row_by_row():
    np.testing.assert_array_equal(
        render.pixel_grid(2), [[0, 0], [1, 0], [0, 1], [1, 1]]
    )


def test_cast_finds_surface_face_place_and_distance():
    back, front = wall(5000), wall(3000, x=(0, 1000), y=(0, 1000))
    scene = render.Scene([back, front])
    directions = np.float32([(0.1, 0.05, 1), (0.05, 0.1, 1), (-0.1, 0, 1)])
    hits = scene.cast(
        np.zeros((4, 3), np.float32),
        np.concatenate([directions, np.float32([(0, 0, -1)])]),
    )
    assert hits.surface.tolist() == [1, 1, 0, -1]
    assert hits.face[:2].tolist() == [0, 1]
    np.testing.assert_allclose(hits.depth[:3], [3000, 3000, 5000], rtol=1e-5)
    for ray in range(3):
        hit = (back, front)[hits.surface[ray]]
        corners = hit.vertices[hit.faces[hits.face[ray]]]
        np.testing.assert_allclose(
            hits.weights[ray] @ corners,
            directions[ray] * hits.depth[ray],
            atol=0.5,
        )


def test_depth_counts_in_lengths_of_the_ray():
    hits = render.Scene([wall(3000)]).cast(
        np.zeros((2, 3), np.float32), np.float32([(0, 0, 1), (0, 0, 10)])
    )
    np.testing.assert_allclose(hits.depth, [3000, 300], rtol=1e-5)


def test_occluded_tells_rays_that_hit_from_those_that_miss():
    scene = render.Scene([wall(1000, x=(0, 500))])
    origins = np.zeros((3, 3), np.float32)
    towards = np.float32([(0.1, 0, 1), (-0.1, 0, 1), (0.1, 0, -1)])
    assert scene.occluded(origins, towards).tolist() == [True, False, False]
    assert scene.occluded(origins[:0], towards[:0]).shape == (0,)


@pytest.mark.parametrize("order", [1, -1], ids=["near_first", "far_first"])
def test_the_nearest_surface_is_seen(order):
    near = wall(2000, x=(-9000, 0), paint=in_colour(1, 0, 0))
    far = wall(3000, paint=in_colour(0, 1, 0))
    image = shown([near, far][::order])
    assert (image[:, :31, 0] > 0).all()
    assert (image[:, :31, 1] == 0).all()
    assert (image[:, 33:, 1] > 0).all()
    assert (image[:, 33:, 0] == 0).all()


def test_light_straight_on_a_wall_is_the_closed_form():
    albedo = np.array([0.9, 0.5, 0.2])
    image = shown([wall(3000, paint=in_colour(*albedo))])
    np.testing.assert_allclose(
        image, np.broadcast_to(albedo * ON_WALL, image.shape), rtol=1e-5
    )


@pytest.mark.parametrize("degrees", [0, 30, 60, 85])
def test_light_falls_off_with_the_cosine(degrees):
    angle = np.radians(degrees)
    direction = np.array([np.sin(angle), 0, -np.cos(angle)])
    light = render.Light(direction, LIGHT.colour, LIGHT.sky, LIGHT.ground)
    image = shown([wall(3000)], light=light)
    expected = ON_WALL - LIGHT.colour * (1 - np.cos(angle))
    np.testing.assert_allclose(image[32, 32], expected, rtol=1e-4)


def test_light_from_behind_a_surface_leaves_what_is_around():
    light = render.Light(-SUN, LIGHT.colour, LIGHT.sky, LIGHT.ground)
    image = shown([wall(3000)], light=light)
    np.testing.assert_allclose(image[32, 32], [0.2, 0.13, 0.06], rtol=1e-5)


def test_what_faces_up_gets_the_sky_and_what_faces_down_the_ground():
    dark = render.Light(SUN, np.zeros(3), LIGHT.sky, LIGHT.ground)
    square = floor(0, (-900, 900), (-900, 900))
    from_above = shown([square], FROM_ABOVE, dark)
    np.testing.assert_allclose(from_above[32, 32], LIGHT.sky, rtol=1e-5)
    below = camera_at(
        (0, -2000, 0), np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]])
    )
    # Seen from behind, the same surface faces down.
    from_below = shown([square], below, dark)
    np.testing.assert_allclose(from_below[32, 32], LIGHT.ground, rtol=1e-5)


def test_normals_are_interpolated_and_unit_length():
    bent = wall(3000)
    tilt = np.radians(40)
    normals = [
        (-np.sin(tilt), 0, -np.cos(tilt)),
        (np.sin(tilt), 0, -np.cos(tilt)),
    ]
    bent = surface(
        bent.vertices,
        bent.faces,
        [normals[0], normals[1], normals[1], normals[0]],
        bent.paint,
    )
    image = shown([bent])
    # Half way the two make (0, 0, -1), once it is as long as 1.
    np.testing.assert_allclose(image[32, 32], ON_WALL, rtol=2e-3)


def test_paint_reads_what_is_interpolated_between_vertices():
    x = np.float32([[-1000], [1000], [1000], [-1000]])
    image = shown(
        [
            wall(
                4000,
                (-1000, 1000),
                (-2000, 2000),
                lambda a: np.repeat(0.5 + a / 4000, 3, axis=1),
                x,
            )
        ]
    )
    for column in (14, 31, 45):
        place = (column - CENTRE) / FOCAL * 4000
        expected = (0.5 + place / 4000) * ON_WALL
        np.testing.assert_allclose(image[30, column], expected, rtol=1e-3)


def test_paint_reads_what_belongs_to_the_corners_of_faces():
    two_faces = np.float32([[[0.2]] * 3, [[0.8]] * 3])
    image = shown(
        [
            wall(
                4000,
                (-1000, 1000),
                (-1000, 1000),
                lambda a: np.repeat(a, 3, axis=1),
                two_faces,
            )
        ]
    )
    # The first face is that of corner (1, -1), the second that of (-1, 1).
    np.testing.assert_allclose(image[22, 42], 0.2 * ON_WALL, rtol=1e-4)
    np.testing.assert_allclose(image[42, 22], 0.8 * ON_WALL, rtol=1e-4)


def test_a_hole_shows_what_is_behind_it():
    front = wall(
        2000,
        paint=lambda a: np.concatenate(
            [np.ones((len(a), 3)), np.where(a < 0, 0.4, 0.6)], axis=1
        ),
        attributes=np.float32([[-1], [1], [1], [-1]]),
    )
    behind = wall(3000, paint=in_colour(0, 0, 1))
    image = shown([front, behind])
    left, right = image[32, 10], image[32, 50]
    assert (left > 0).tolist() == [False, False, True]
    # The wall in front is opaque to the light as well, which falls past none.
    np.testing.assert_allclose(right, ON_WALL, rtol=1e-5)


def test_a_hole_before_nothing_shows_the_backdrop():
    backdrop = np.full((SIZE, SIZE, 3), 0.25, np.float32)
    front = wall(2000, paint=in_colour(1, 1, 1, 0.0))
    np.testing.assert_array_equal(shown([front], backdrop=backdrop), backdrop)


@pytest.mark.parametrize(("layers", "seen"), [(1, True), (3, True), (4, False)])
def test_rays_go_on_through_a_few_holes(layers, seen):
    holes = [
        wall(2000 + 100 * layer, paint=in_colour(1, 1, 1, 0.0))
        for layer in range(layers)
    ]
    image = shown([*holes, wall(4000)])
    assert (image[32, 32] > 0).all() == seen


def test_a_hole_leaves_the_depth_of_what_is_behind():
    hole = wall(2000, paint=in_colour(1, 1, 1, 0.0))
    scene = render.Scene([hole, wall(3500)])
    directions = np.float32([(0, 0, 1), (0.3, 0.1, 1)])
    _, depth = render._see(scene, CAMERA, directions, LIGHT)
    np.testing.assert_allclose(depth, 3500, rtol=1e-5)


def ground_seen(image, x, z):
    """The pixel of the camera from above that shows a place on the ground."""
    column = FOCAL * x / 2000 + CENTRE
    row = -FOCAL * z / 2000 + CENTRE
    return image[round(row), round(column)]


SLANTED = np.array([0.6, 0.8, 0.0])  # towards the light, which comes from +x
SIDE_LIT = render.Light(SLANTED, LIGHT.colour, LIGHT.sky, LIGHT.ground)
# A plate 400 mm above the ground: its shadow lies 300 mm towards -x.
PLATE = floor(400, (-100, 100), (-200, 200))


def test_a_shadow_falls_on_the_backdrop_where_the_light_is_blocked():
    backdrop = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    image = shown([PLATE], FROM_ABOVE, SIDE_LIT, backdrop)
    # What reaches the ground without the sun, as a share of all light.
    factor = LIGHT.sky / (LIGHT.sky + LIGHT.colour * 0.8)
    for x, z in [(-300, 0), (-230, 150), (-370, -150)]:
        np.testing.assert_allclose(
            ground_seen(image, x, z), 0.5 * factor, rtol=1e-5
        )
    for x, z in [(-500, 0), (-300, 300), (-300, -300), (300, 0), (0, 500)]:
        np.testing.assert_array_equal(ground_seen(image, x, z), 0.5)


def test_a_shadow_ends_at_the_pixel_where_it_should():
    backdrop = np.ones((SIZE, SIZE, 3), np.float32)
    image = shown([PLATE], FROM_ABOVE, SIDE_LIT, backdrop)
    shaded = image[32, :, 0] < 0.99
    shaded[28:] = False  # the plate itself
    columns = np.flatnonzero(shaded)
    # From x = -400 to -200, less what the plate hides, at 40 px a metre.
    assert columns[0] == pytest.approx(CENTRE - 16, abs=1)
    assert len(columns) >= 7


def test_a_shadow_falls_on_other_surfaces():
    ground = floor(0, (-900, 900), (-900, 900))
    image = shown([ground, PLATE], FROM_ABOVE, SIDE_LIT)
    lit = LIGHT.sky + LIGHT.colour * 0.8
    np.testing.assert_allclose(
        ground_seen(image, -300, 0), LIGHT.sky, rtol=1e-4
    )
    np.testing.assert_allclose(ground_seen(image, 300, 0), lit, rtol=1e-4)
    np.testing.assert_allclose(ground_seen(image, -600, 0), lit, rtol=1e-4)


def test_no_shadow_falls_above_the_horizon():
    # The camera looks level; the light comes from above and behind it.
    light = render.Light(
        np.array([0, 0.6, -0.8]), LIGHT.colour, LIGHT.sky, LIGHT.ground
    )
    upright = camera_at((0, 1000, -3000), np.diag([-1.0, -1, 1]))
    backdrop = np.ones((SIZE, SIZE, 3), np.float32)
    image = shown([wall(0, (-300, 300), (0, 600))], upright, light, backdrop)
    changed = (image != 1).any(axis=(1, 2))
    assert not changed[: SIZE // 2].any()
    assert changed[SIZE // 2 :].any()


def test_a_lit_surface_does_not_shade_itself():
    image = shown([sphere((0, 0, 4000), 1000)])
    # The middle of a ball that the light meets straight on.
    np.testing.assert_allclose(image[32, 32], ON_WALL, rtol=1e-2)
    disc = image[32, 15:49]
    assert (disc > LIGHT.ground).all()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_pixel_that_is_covered_in_part_is_mixed(share):
    # The wall ends so that it covers a share of column 40.
    end = (40 - 0.5 + share - CENTRE) / FOCAL * 3000
    image = shown([wall(3000, x=(-9000, end))])
    column = image[10:50, 40] / ON_WALL
    np.testing.assert_allclose(column, share, atol=1e-5)
    np.testing.assert_allclose(image[10:50, 39] / ON_WALL, 1, rtol=1e-5)
    np.testing.assert_array_equal(image[10:50, 41], 0)


def test_an_edge_is_mixed_with_the_shaded_backdrop():
    backdrop = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    end = (40 - CENTRE) / FOCAL * 3000
    image = shown([wall(3000, x=(-9000, end))], backdrop=backdrop)
    np.testing.assert_allclose(image[10, 40], (ON_WALL + 0.5) / 2, rtol=1e-5)


def test_an_edge_over_a_shadow_is_mixed_with_the_shadow():
    # A plate 100 mm up, whose shadow shows 75 mm beside its left edge.
    left = (28 - CENTRE) / FOCAL * 1900
    plate = floor(100, (left, left + 200), (-200, 200))
    backdrop = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    image = shown([plate], FROM_ABOVE, SIDE_LIT, backdrop)
    lit = LIGHT.sky + LIGHT.colour * 0.8
    shaded = 0.5 * LIGHT.sky / lit
    np.testing.assert_allclose(image[32, 27], shaded, rtol=1e-5)
    np.testing.assert_allclose(image[32, 28], (lit + shaded) / 2, rtol=1e-5)


def test_a_slanted_edge_has_many_steps():
    vertices = [(-9000, -3000, 3000), (900, -3000, 3000), (-900, 3000, 3000)]
    image = shown(
        [surface(vertices, [(0, 1, 2)], [SUN] * 3, in_colour(1, 1, 1))]
    )
    shares = np.unique(np.round(image[..., 0] / ON_WALL[0], 3))
    np.testing.assert_allclose(shares, [0, 0.25, 0.5, 0.75, 1], atol=0.01)


def test_surfaces_apart_in_depth_have_an_edge_between():
    end = (20 - CENTRE) / FOCAL * 2000
    near = wall(2000, x=(-9000, end), paint=in_colour(1, 0, 0))
    far = wall(2100, paint=in_colour(0, 1, 0))
    image = shown([near, far])
    assert image[30, 20, 0] == pytest.approx(ON_WALL[0] / 2)


SCENES = {
    "in_the_middle": [sphere((0, 0, 4000), 300)],
    "over_the_border": [sphere((1500, -1500, 4000), 400)],
    "beside_the_image": [sphere((5000, 0, 4000), 300)],
    "corner": [sphere((-1500, 1500, 4000), 120)],
    "partly_behind": [floor(400, (-600, 600), (-3000, 3000))],
}


@pytest.mark.parametrize("surfaces", SCENES.values(), ids=SCENES.keys())
def test_rays_that_are_left_out_would_hit_nothing(surfaces, monkeypatch):
    backdrop = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    image = shown(surfaces, backdrop=backdrop)
    monkeypatch.setattr(render, "_rays_near", lambda *_: np.arange(SIZE * SIZE))
    np.testing.assert_array_equal(image, shown(surfaces, backdrop=backdrop))
    beside = surfaces is SCENES["beside_the_image"]
    assert (image != backdrop).any() != beside


@pytest.mark.parametrize("column", [5, 40, 63])
def test_rays_are_cast_where_the_surface_just_reaches_a_pixel(column):
    # From the middle of a pixel to 0.3 px beside it on both sides.
    low, high = (
        (column + side - CENTRE) / FOCAL * 3000 for side in (-0.3, 0.3)
    )
    image = shown([wall(3000, (low, high), (low, high))])
    rows, columns = np.nonzero(image[..., 0])
    assert set(rows) == set(columns) == {column}


def test_few_rays_are_cast_for_a_small_surface():
    rays = render._rays_near([sphere((0, 0, 4000), 100)], CAMERA, SIZE)
    assert len(rays) <= 7**2


def test_nothing_in_front_of_the_camera_leaves_the_backdrop():
    backdrop = np.random.default_rng(0).random((SIZE, SIZE, 3), np.float32)
    kept = backdrop.copy()
    image = shown([sphere((0, 0, -4000), 300)], backdrop=backdrop)
    np.testing.assert_array_equal(image, kept)
    np.testing.assert_array_equal(backdrop, kept)


def test_render_leaves_its_backdrop_alone():
    backdrop = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    shown([PLATE], FROM_ABOVE, SIDE_LIT, backdrop)
    assert (backdrop == 0.5).all()


def test_a_surface_that_reaches_behind_the_camera_is_seen_in_front():
    # A floor 400 mm below, from 3 m behind to 3 m ahead; y points down here.
    image = shown([floor(400, (-9000, 9000), (-3000, 3000))])
    covered = (image > 0).all(axis=(1, 2))
    ends = CENTRE + FOCAL * 400 / 3000
    np.testing.assert_array_equal(covered, np.arange(SIZE) >= ends - 0.5)
    assert np.isfinite(image).all()


def test_render_gives_float32():
    assert shown([wall(3000)]).dtype == np.float32


def test_vertex_normals_are_the_mean_of_faces_by_area():
    rng = np.random.default_rng(3)
    vertices = rng.normal(size=(30, 3))
    faces = np.array(
        [rng.choice(29, 3, replace=False) for _ in range(60)], np.int32
    )
    expected = np.zeros((30, 3))
    for a, b, c in faces:
        twice_the_area = np.cross(
            vertices[b] - vertices[a], vertices[c] - vertices[a]
        )
        for corner in (a, b, c):
            expected[corner] += twice_the_area
    length = np.linalg.norm(expected, axis=1, keepdims=True)
    expected = np.divide(expected, length, where=length > 0, out=expected)
    normals = render.vertex_normals(vertices, faces)
    np.testing.assert_allclose(normals, expected, atol=1e-9)
    # The last vertex has no face.
    np.testing.assert_array_equal(normals[29], 0)


def test_vertex_normals_of_a_ball_point_outwards():
    ball = sphere((10, 20, 30), 100, rows=20)
    normals = render.vertex_normals(ball.vertices, ball.faces)
    inner = np.abs(ball.normals[:, 1]) < 0.99  # poles have empty faces
    inner &= (np.abs(ball.normals[:, 2]) > 1e-3) | (ball.normals[:, 0] < 0)
    cosines = np.einsum("vi,vi->v", normals, ball.normals)[inner]
    assert cosines.min() > 0.99


def test_vertex_normals_keep_float32():
    ball = sphere((0, 0, 0), 100, rows=5)
    assert render.vertex_normals(ball.vertices, ball.faces).dtype == np.float32


def test_encode_srgb_is_the_root_in_bytes():
    linear = np.array([-1.0, 0, 0.25, 0.5, 1, 7])
    encoded = render.encode_srgb(linear)
    assert encoded.dtype == np.uint8
    # 255 times 0, 0, 1 / 2, sqrt(1 / 2), 1, 1.
    assert encoded.tolist() == [0, 0, 128, 180, 255, 255]


def test_decode_srgb_is_the_inverse():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(
        render.encode_srgb(render.decode_srgb(every)), every
    )
    np.testing.assert_allclose(
        render.decode_srgb(every)[[0, 51, 255]], [0, 0.04, 1]
    )
