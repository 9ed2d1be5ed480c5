"""Charts drawn by the server."""

import math
import re

from mammo.core.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, line_chart


def polyline(chart: str) -> list[tuple[float, float]]:
    (points,) = re.findall(r'points="([^"]+)"', chart)
    return [tuple(float(number) for number in pair.split(",")) for pair in points.split()]


def test_a_line_goes_from_the_left_edge_to_the_right_and_from_low_to_high() -> None:
    chart = line_chart("Loss", {"training": [(30, 1.0), (10, 3.0), (20, 2.0)]}, x_label="Steps")
    middle = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    assert polyline(chart) == [(LEFT, TOP), middle, (WIDTH - RIGHT, HEIGHT - BOTTOM)]


def test_a_chart_says_in_words_and_in_a_table_what_it_draws() -> None:
    chart = line_chart("Loss", {"training": [(1, 2.0), (5, 0.25)], "validation": [(5, 3.0)]}, x_label="Steps")
    assert 'aria-label="Loss: training from 2 to 0.25; validation from 3 to 3"' in chart
    rows = re.findall(r"<tr><th scope=\"row\" class=\"number\">(.*?)</tr>", chart)
    cells = [re.findall(r"[\d.]+|–", re.sub(r"<[^>]+>", " ", row)) for row in rows]
    assert cells == [["1", "2", "–"], ["5", "0.25", "3"]]


def test_one_point_and_a_constant_are_drawn_inside_the_box() -> None:
    for points in ([(4, 7.0)], [(1, 0.0), (9, 0.0)]):
        for x, y in polyline(line_chart("Rate", {"training": points}, x_label="Steps")):
            assert LEFT <= x <= WIDTH - RIGHT
            assert TOP <= y <= HEIGHT - BOTTOM


def test_values_that_are_no_numbers_are_left_out() -> None:
    chart = line_chart(
        "Loss", {"training": [(1, math.nan), (2, 1.0), (3, math.inf), (4, 2.0)]}, x_label="Steps"
    )
    assert len(polyline(chart)) == 2
    assert line_chart("Loss", {"training": [(1, math.nan)]}, x_label="Steps") == ""


def test_a_long_table_is_thinned_and_keeps_its_ends() -> None:
    chart = line_chart("Loss", {"training": [(step, step) for step in range(1000)]}, x_label="Steps")
    firsts = re.findall(r'<th scope="row" class="number">(.*?)</th>', chart)
    assert len(firsts) <= 27
    assert (firsts[0], firsts[-1]) == ("0", "999")


def test_names_are_escaped() -> None:
    assert "<b>" not in line_chart("<b>", {"<b>": [(1, 1)]}, x_label="<b>")
