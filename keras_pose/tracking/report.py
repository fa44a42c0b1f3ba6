"""A run on one page: report.html, from the files in its folder alone."""

import datetime
import math
import os

from keras_pose.durable import replaced
from keras_pose.tracking import report_page as html
from keras_pose.tracking import report_tables as tables
from keras_pose.tracking.journal_files import picture_files
from keras_pose.tracking.journal_files import read_metrics
from keras_pose.tracking.manifest import read_run
from keras_pose.tracking.report_charts import draw_chart

REPORT_FILE = "report.html"
VALIDATION_TAG = "validation/mpjpe_mm"
PA_TAG = "validation/pa_mpjpe_mm"
# Title, unit, and the last parts of the tags of a chart.
_CHARTS = (
    ("MPJPE", "mm", ("mpjpe_mm",)),
    ("PA-MPJPE", "mm", ("pa_mpjpe_mm",)),
    (
        "Losses",
        "",
        ("loss", "integral", "heatmap", "uncertainty", "bone_length"),
    ),
    ("Learning rate", "", ("learning_rate",)),
    ("Speed", "images/s", ("images_per_second",)),
)


def write_report(workdir):
    """Writes report.html, for a run that is finished, stopped or under way.

    It reads `run.json`, and as far as they are there `metrics.jsonl`,
    `pictures/` and `scores.json`.

    Args:
        workdir: Folder of the run.

    Returns:
        Path of the report.

    Raises:
        ValueError: The folder has no run.json, or a file is damaged.
    """
    run = read_run(workdir)
    if run is None:
        raise ValueError(
            f"`workdir` must be the folder of a run. Received: {workdir}"
        )
    rows = read_metrics(workdir)
    name = os.path.basename(os.path.abspath(workdir))
    page = html.page(
        name,
        _head(name, run, rows),
        html.section("Curves", _charts(rows)),
        html.section("Validation samples", _pictures(workdir)),
        html.section("Validation, joint by joint", tables.scores(workdir)),
        html.section("Settings", tables.settings(run["config"])),
        html.section("Data", tables.data(run["data"])),
        html.section("Starts", tables.starts(run["starts"], rows)),
        html.section("Versions", tables.versions(run["starts"])),
    )
    path = os.path.join(workdir, REPORT_FILE)
    with replaced(path) as aside, open(aside, "w", encoding="utf-8") as file:
        file.write(page)
    return path


def curves_of(rows):
    """{tag: (steps, values)} of the rows of metrics.jsonl; None is NaN."""
    curves = {}
    for row in rows:
        for tag, value in row.items():
            if tag not in ("step", "time"):
                steps, values = curves.setdefault(tag, ([], []))
                steps.append(row["step"])
                values.append(math.nan if value is None else value)
    return curves


def _head(name, run, rows):
    curves = curves_of(rows)
    facts = []
    best = _least(curves.get(VALIDATION_TAG))
    if best:
        step, value = best
        facts.append(
            (f"{value:.1f} mm", f"best validation MPJPE, step {step:,}")
        )
        pa = dict(zip(*curves.get(PA_TAG, ((), ())), strict=True)).get(step)
        if pa is not None:
            facts.append((f"{pa:.1f} mm", "its PA-MPJPE"))
    if rows:
        facts.append((f"{rows[-1]['step']:,}", "steps done"))
        facts.append((_training_time(run["starts"], rows), "of training"))
    began = tables.moment(tables.seconds(run["starts"][0]["time"]))
    last = run["starts"][-1]
    return html.element(
        "header",
        html.element("h1", name),
        html.element(
            "p",
            f"{tables.end_of(last, is_last=True)}; began {began}; "
            f"{last['strategy']}, {', '.join(last['devices'])}",
            classes="faint",
        ),
        html.facts(facts),
    )


def _least(curve):
    """(step, value) of a curve's least value, None if it has none."""
    points = [
        (value, step)
        for step, value in zip(*(curve or ((), ())), strict=True)
        if math.isfinite(value)
    ]
    value, step = min(points, default=(None, None))
    return None if value is None else (step, value)


def _training_time(starts, rows):
    """Time from each start to its last row, all together, as h:min:s."""
    seconds = 0.0
    for start, last_row in tables.with_last_row(starts, rows):
        if last_row:
            seconds += last_row["time"] - tables.seconds(start["time"])
    return str(datetime.timedelta(seconds=round(seconds)))


def _charts(rows):
    curves = curves_of(rows)
    charts, shown = [], set()
    for title, unit, names in _CHARTS:
        tags = [tag for tag in curves if tag.split("/")[-1] in names]
        shown.update(tags)
        if tags:
            chart = draw_chart(
                {tag: curves[tag] for tag in tags}, unit, VALIDATION_TAG
            )
            charts.append((title, chart))
    charts += [
        (tag, draw_chart({tag: curve}))
        for tag, curve in curves.items()
        # A count that has stayed 0 is no news; the epoch is no result.
        if tag not in shown and tag != "epoch" and any(curve[1])
    ]
    if not charts:
        return html.Markup("")
    return html.charts(charts)


def _pictures(workdir):
    figures = []
    for name, files in picture_files(workdir).items():
        for step, path in (files[-1], files[0])[: len(files)]:
            with open(path, "rb") as file:
                figures.append(
                    html.picture(file.read(), f"{name}, step {step:,}")
                )
    return html.joined(figures)
