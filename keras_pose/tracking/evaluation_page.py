"""An evaluation on one page, which needs nothing but itself."""

import math

import numpy as np

from keras_pose.durable import replaced
from keras_pose.evaluation import mean_pose
from keras_pose.evaluation import wording
from keras_pose.evaluation.terms import METRICS
from keras_pose.tracking import evaluation_charts as charts
from keras_pose.tracking import report_page as html

_FACTS = (
    "mpjpe_mm",
    "pa_mpjpe_mm",
    "pck_150",
    "auc_150",
    "pckh_05",
    "pck_torso_02",
)
_MOST_ROWS = 20  # of a table that is shown unasked
_LEGEND = (
    "White is the truth; blue is the person's left and orange their right, as "
    "predicted. At most two of a clip, whose frames are alike."
)
_LEGEND_3D = (
    "Beside the image the pose from the front, and from the side with the "
    "camera at the left; the bar is 500 mm."
)


def write_page(path, title, report, truth, worst, sources, baseline=None):
    """Writes an evaluation as HTML.

    Args:
        path: The file, replaced when the new one is whole.
        title: Of the page.
        report: The Report.
        truth: The Truth that it scores.
        worst: WorstSamples.
        sources: {what: text}, the model and the data.
        baseline: The Report of the training data's mean pose, or None.
    """
    page = html.page(
        title,
        _head(title, report, sources, baseline),
        html.section("Metrics", _metrics(report), _notes(report)),
        html.section("Where it is wrong", _charts(report, truth)),
        html.section(*_worst(worst, truth, report.unit)),
        html.section("Subject by subject", _groups(report.per_subject, report)),
        html.section("Action by action", _groups(report.per_action, report)),
        html.section(
            "Conventions",
            html.table((), [*sources.items(), *wording.conventions(report)]),
        ),
    )
    with replaced(path) as aside, open(aside, "w", encoding="utf-8") as file:
        file.write(page)


def _head(title, report, sources, baseline):
    key = report.headline
    keys = [key, *(x for x in _FACTS if x in report.metrics and x != key)]
    facts = []
    for number, key in enumerate(keys[:4]):
        score, metric = report.metrics[key], METRICS[key]
        bounds = wording.interval(key, score)
        meaning = metric.title
        if number == 0 and bounds != "–":
            meaning += f", 95 %: {bounds}"
        facts.append((wording.with_unit(key, score.value), meaning))
    facts.append((f"{report.counts['frames']:,}", "frames"))
    return html.element(
        "header",
        html.element("h1", title),
        html.element(
            "p",
            f"{report.protocol.name}; {'; '.join(sources.values())}",
            classes="faint",
        ),
        html.facts(facts),
        html.element("p", wording.meaning(report, baseline), classes="meaning"),
    )


def _metrics(report):
    return html.table(
        ("metric", "value", "95 % interval", "mean over actions", "what it is"),
        [
            (
                METRICS[key].title,
                wording.with_unit(key, score.value),
                wording.interval(key, score),
                wording.with_unit(key, report.over_actions[key]),
                METRICS[key].meaning,
            )
            for key, score in report.metrics.items()
        ],
        "scores",
    )


def _notes(report):
    return html.joined(
        html.element("p", note, classes="faint") for note in report.notes
    )


def _charts(report, truth):
    shown = [
        (title, chart)
        for title, chart in (
            ("Joint by joint", _bars(report, report.per_joint, "joints")),
            ("Action by action", _bars(report, report.per_action, "actions")),
            (
                "Frames by their error",
                charts.distribution(
                    report.frame_errors[np.isfinite(report.frame_errors)],
                    report.quantiles,
                    report.unit,
                ),
            ),
            *_charts_3d(report, truth),
        )
        if chart
    ]
    return html.charts(shown)


def _bars(report, groups, seed):
    """Bars of groups; of the two errors in mm where there are any."""
    keys = ["mpjpe_mm", "pa_mpjpe_mm"]
    if "mpjpe_mm" not in report.metrics:
        keys = [report.headline]
    factor = 100 if METRICS[keys[0]].is_share else 1
    rows = {
        label or "(no name)": [factor * values[key] for key in keys]
        for label, values in groups.items()
        if math.isfinite(values[keys[0]])
    }
    if len(rows) < 2:
        return ""
    if seed == "actions":
        worst_first = not METRICS[keys[0]].is_share
        rows = dict(
            sorted(rows.items(), key=lambda row: row[1][0], reverse=worst_first)
        )
    return charts.bars(
        rows,
        [METRICS[key].title for key in keys],
        METRICS[keys[0]].unit,
        seed,
    )


def _charts_3d(report, truth):
    if "mpjpe_mm" not in report.metrics:
        return
    errors, weight = report.terms.terms["mpjpe_mm"]
    curve = charts.pck_curve(errors, weight, truth.skeleton.joints)
    yield "Joints nearer than a limit", curve
    rows = np.flatnonzero(report.terms.is_3d)
    offsets, known = truth.root_relative()
    away = np.linalg.norm(offsets - mean_pose.mean_pose(truth), axis=-1)
    share = known * weight  # the joints that the errors are of
    distance = np.nansum(away * share, axis=1)[rows] / share.sum(axis=1)[rows]
    yield (
        "Error over how unusual a pose is",
        charts.over_distance(distance, report.frame_errors[rows]),
    )


def _worst(worst, truth, unit):
    figures = [
        html.picture(
            sample.jpeg,
            f"{number}. {sample.error:.0f} {unit}: {truth.names[sample.row]}",
            "jpeg",
        )
        for number, sample in enumerate(worst, 1)
    ]
    if not figures:
        return ("",)
    title = f"The {len(figures)} worst samples"
    legend = f"{_LEGEND} {_LEGEND_3D}" if unit == "mm" else _LEGEND
    return (
        title,
        html.element("p", legend, classes="faint"),
        html.element("div", *figures, classes="worst"),
    )


def _groups(groups, report):
    if len(groups) < 2:
        return html.Markup("")
    table = html.table(
        ("", *(METRICS[key].title for key in report.metrics)),
        [
            (
                name or "(no name)",
                *(wording.number(key, values[key]) for key in report.metrics),
            )
            for name, values in groups.items()
        ],
        "scores",
    )
    if len(groups) <= _MOST_ROWS:
        return table
    summary = html.element("summary", f"{len(groups)} rows")
    return html.element("details", summary, table)
