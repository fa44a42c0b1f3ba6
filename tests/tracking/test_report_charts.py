import re
import xml.etree.ElementTree

import numpy as np
import pytest

from keras_pose.tracking.report_charts import draw_chart


def line_of(svg, colour):
    """Points of the line of a colour, y upwards."""
    path = re.search(f'<path d="([^"]*)"[^>]*stroke: {colour}', svg).group(1)
    points = np.array(re.findall(r"[ML] ([\d.-]+) ([\d.-]+)", path), float)
    return points * [1, -1]


FIRST, SECOND = "#2f7fd6", "#e0742c"


def test_a_curve_is_linear_in_steps_and_values():
    svg = draw_chart({"a": ([0, 10, 40], [1.0, 3.0, 2.0])}, "mm")
    x, y = line_of(svg, FIRST).T
    np.testing.assert_allclose(
        (x - x[0]) / (x[-1] - x[0]), [0, 0.25, 1], atol=1e-4
    )
    np.testing.assert_allclose(
        (y - y[0]) / (y[1] - y[0]), [0, 1, 0.5], atol=1e-4
    )


def test_values_of_many_sizes_are_on_a_logarithmic_axis():
    svg = draw_chart({"a": ([0, 1, 2], [100.0, 10.0, 1.0])})
    _, y = line_of(svg, FIRST).T
    assert (y[0] - y[1]) / (y[1] - y[2]) == pytest.approx(1, abs=1e-3)
    assert "mathdefault" not in svg
    linear = draw_chart({"a": ([0, 1, 2], [100.0, 10.0, 0.0])})
    _, y = line_of(linear, FIRST).T
    assert (y[0] - y[1]) / (y[1] - y[2]) == pytest.approx(9, abs=1e-3)


def test_many_points_become_their_means():
    steps = np.arange(4000)
    values = steps + np.where(steps % 2, 50.0, -50.0)
    svg = draw_chart({"a": (steps, values)})
    points = line_of(svg, FIRST)
    assert len(points) <= 400
    x, y = ((points - points[0]) / (points[-1] - points[0])).T
    np.testing.assert_allclose(x, y, atol=1e-3)  # 50 would be 0.0125
    assert "fill-opacity: 0.2" in svg


def test_values_that_are_no_numbers_are_gaps():
    values = np.ones(2000)
    values[500:600] = np.nan
    assert "nan" not in draw_chart({"a": (np.arange(2000), values)}).lower()
    few = draw_chart({"a": ([0, 1, 2, 3], [1.0, np.nan, 2.0, 3.0])}, "", "a")
    assert "nan" not in few.lower()
    assert ">1.0<" in few
    nothing = draw_chart({"a": ([0], [np.nan])}, "", "a")
    assert "nan" not in nothing.lower()


def test_only_the_curve_that_is_named_is_marked():
    curves = {"a": ([0, 1], [5.55, 7.0]), "b": ([0, 1], [9.0, 3.33])}
    svg = draw_chart(curves, "mm", "b")
    assert ">3.3<" in svg
    assert ">5.5<" not in svg
    assert ">5.6<" not in svg


def test_text_has_the_colour_of_the_page_and_is_no_formula():
    svg = draw_chart({"a$b$_{c}": ([0, 1], [1, 2]), "<d&": ([0, 1], [1, 2])})
    root = xml.etree.ElementTree.fromstring(svg)
    texts = [
        "".join(x.itertext()).strip()
        for x in root.iter()
        if x.tag.endswith("text")
    ]
    assert "a$b$_{c}" in texts
    assert "<d&" in texts
    assert "step" in texts
    assert "currentColor" in svg
    assert "#010203" not in svg
    assert "#000000" not in svg
    assert len({FIRST, SECOND} & set(re.findall("#[0-9a-f]{6}", svg))) == 2
    assert svg.startswith("<svg")


def test_charts_of_a_page_do_not_share_names():
    ids = [
        set(
            re.findall('id="([pm][0-9a-f]{10})"', draw_chart({tag: ([0], [1])}))
        )
        for tag in ("a", "b")
    ]
    assert ids[0]
    assert not ids[0] & ids[1]
