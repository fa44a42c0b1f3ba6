"""A report in words: what it says in the terminal, in Markdown and in HTML."""

import math

from keras_pose.evaluation.report import AGGREGATION
from keras_pose.evaluation.terms import METRICS

_TABLE_COLUMNS = ("mpjpe_mm", "pa_mpjpe_mm")
_MOST_NAMED = 12  # subjects


def number(key, value):
    """A metric's value as text with its unit's digits, "–" for none."""
    if value is None or math.isnan(value):
        return "–"
    return f"{100 * value:.1f} %" if METRICS[key].is_share else f"{value:.1f}"


def with_unit(key, value):
    """A metric's value with its unit."""
    unit = METRICS[key].unit
    text = number(key, value)
    return text if unit == "%" or text == "–" else f"{text} {unit}"


def interval(key, score):
    """A Score's 95 % interval as text, "–" for none."""
    if math.isnan(score.low):
        return "–"
    return f"{number(key, score.low)} to {number(key, score.high)}"


def meaning(report, baseline=None):
    """What the headline says to a person, as sentences.

    Args:
        report: A Report.
        baseline: That of the training data's mean pose, or None.
    """
    key = report.headline
    metric, score = METRICS[key], report.metrics[key]
    if metric.is_share:
        first = (
            f"{with_unit(key, score.value)} of the joints are right: "
            f"{metric.meaning}."
        )
        if key == "auc_150":
            first = f"{metric.title} is {with_unit(key, score.value)}."
    else:
        first = (
            f"On average the {metric.meaning} is {with_unit(key, score.value)}."
        )
    sentences = [first]
    if not math.isnan(score.low):
        sentences.append(
            "Other clips of the same kind would give "
            f"{interval(key, score)} in 95 of 100 cases."
        )
    sentences.append(
        f"Half of the frames are wrong by less than "
        f"{report.quantiles['median']:.0f} {report.unit} on average over "
        f"their joints, one in ten by more than "
        f"{report.quantiles['p90']:.0f} {report.unit}."
    )
    if baseline is not None and key in baseline.metrics:
        other = with_unit(key, baseline.value(key))
        against = (
            f"One pose for all, the mean of the training data, scores {other}"
        )
        if not metric.is_share and baseline.value(key) > 0:
            against += (
                f"; this is {score.value / baseline.value(key):.1%} of it"
            )
        sentences.append(f"{against}.")
    return " ".join(sentences)


def conventions(report):
    """All that the figures depend on, as (what, text) rows."""
    protocol = report.protocol
    subjects = list(protocol.subjects or filter(None, report.per_subject))
    if len(subjects) > _MOST_NAMED:
        subjects = [f"{len(subjects):,}"]
    aggregation = AGGREGATION
    if protocol.joints is not None:
        aggregation = "mean over frames and known joints of those below"
    rows = [
        ("protocol", f"{protocol.name}: {protocol.meaning}"),
        ("also called", protocol.known_as),
        ("not to be confused with", protocol.confused_with),
        ("subjects", ", ".join(subjects)),
        (
            "frames",
            f"{report.counts['frames']:,} of {report.counts['samples']:,} "
            "samples; "
            + (
                f"every {protocol.every}th of a clip, from its first"
                if protocol.every
                else "all that are given"
            ),
        ),
        ("joints", f"{len(report.joints)}: {', '.join(report.joints)}"),
        (
            "alignment",
            "; ".join(
                f"{METRICS[k].title}: {METRICS[k].alignment}"
                for k in report.metrics
            ),
        ),
        ("aggregation", aggregation),
        ("root depth", report.conventions.root_depth),
        ("test-time augmentation", report.conventions.augmentation),
        (
            "units",
            "mm along the camera's axes; shares in percent; px of the image as "
            "it was prepared",
        ),
    ]
    return [(what, text) for what, text in rows if text]


def table(report):
    """The report as text, for a terminal."""
    columns = [key for key in _TABLE_COLUMNS if key in report.metrics]
    columns = columns or [report.headline]
    titles = "".join(f"{METRICS[key].title:>12}" for key in columns)
    lines = [f"{report.unit:<16}{titles}"]
    for joint, values in report.per_joint.items():
        cells = "".join(f"{number(k, values[k]):>12}" for k in columns)
        lines.append(f"{joint:<16}{cells}")
    cells = "".join(f"{number(k, report.value(k)):>12}" for k in columns)
    lines += [f"{'mean':<16}{cells}", ""]
    for key, score in report.metrics.items():
        bounds = interval(key, score)
        bounds = "" if bounds == "–" else f"   95 %: {bounds}"
        lines.append(
            f"{METRICS[key].title:<16}{with_unit(key, score.value):>16}{bounds}"
        )
    lines += ["", *(f"{what}: {text}" for what, text in conventions(report))]
    return "\n".join([*lines, *report.notes])


def baseline_line(report, baseline):
    """The mean pose's scores beside the report's, for a terminal."""
    scores = ", ".join(
        f"{METRICS[key].title} {number(key, score.value)}"
        for key, score in baseline.metrics.items()
        if key in (*_TABLE_COLUMNS, report.headline)
    )
    return f"mean pose of the training data: {scores}"


def markdown(report, title, sources, baseline=None):
    """The report as Markdown.

    Args:
        report: A Report.
        title: Of the page.
        sources: {what: text}, the model and the data.
        baseline: The Report of the training data's mean pose, or None.
    """
    metrics = [
        (
            METRICS[key].title,
            with_unit(key, score.value),
            interval(key, score),
            with_unit(key, report.over_actions[key]),
            METRICS[key].meaning,
        )
        for key, score in report.metrics.items()
    ]
    parts = [
        f"# {_escaped(title)}",
        _escaped(meaning(report, baseline)),
        _markdown_table(
            ("metric", "value", "95 % interval", "mean over actions", "what"),
            metrics,
        ),
        "## Conventions",
        _markdown_table(("", ""), [*sources.items(), *conventions(report)]),
    ]
    for heading, groups in (
        ("Joint", report.per_joint),
        ("Action", report.per_action),
        ("Subject", report.per_subject),
    ):
        if heading != "Joint" and len(groups) < 2:
            continue
        keys = list(report.metrics)
        parts.append(f"## {heading} by {heading.lower()}")
        parts.append(
            _markdown_table(
                (heading.lower(), *(METRICS[key].title for key in keys)),
                [
                    (name, *(number(key, values[key]) for key in keys))
                    for name, values in groups.items()
                ],
            )
        )
    if report.notes:
        parts.append("\n".join(f"- {_escaped(x)}" for x in report.notes))
    return "\n\n".join(parts) + "\n"


def _markdown_table(headings, rows):
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(
        f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in lines
    )


def _escaped(text):
    """Text that neither ends a cell nor begins a tag."""
    text = " ".join(str(text).split())
    for sign, instead in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|")):
        text = text.replace(sign, instead)
    return text
