"""The charts of an evaluation, as SVG; see `report_charts`."""

import math

import numpy as np

from keras_pose.evaluation import metrics
from keras_pose.tracking.report_charts import COLOURS
from keras_pose.tracking.report_charts import draw_svg

_MOST_BINS = 60
_MOST_SHOWN = 0.995  # of a distribution; its last few would take half the axis
_MOST_POINTS = 600  # of a scatter
_PARTS = 12  # of equally many frames, along the distance from the mean pose
_PCK_LIMITS = np.arange(0.0, 301.0, 5.0)
_ROW = 0.23  # inches a bar takes
_ENDS = ("wrist", "ankle")  # the joints that are hardest


def bars(rows, titles, unit, seed):
    """Horizontal bars under each other, each with its value at its end.

    Args:
        rows: {label: values}, one value for each title; NaN for none.
        titles: What the values are.
        unit: Of the values.
        seed: As of `draw_svg`.
    """

    def draw(axes):
        places = np.arange(len(rows))
        height = 0.78 / len(titles)
        for number, title in enumerate(titles):
            values = [row[number] for row in rows.values()]
            own = places + (number + 0.5) * height - 0.39
            axes.barh(
                own,
                np.nan_to_num(values),
                height=0.9 * height,
                color=COLOURS[number],
                alpha=0.55 if number == 0 else 1.0,
                label=title,
            )
            for place, value in zip(own, values, strict=True):
                if math.isfinite(value):
                    axes.annotate(
                        f"{value:.1f}",
                        (value, place),
                        xytext=(4, 0),
                        textcoords="offset points",
                        verticalalignment="center",
                        fontsize=7,
                    )
        axes.set_axisbelow(True)
        axes.set_yticks(places, [str(label) for label in rows])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel(unit)
        axes.grid(axis="x", alpha=0.15, linewidth=0.6)
        axes.margins(x=0.1)
        if len(titles) > 1:
            axes.legend(
                loc="lower left",
                bbox_to_anchor=(0, 1),
                ncols=len(titles),
                fontsize=8,
            )

    rows_high = len(rows) * (1 + 0.5 * (len(titles) - 1))
    return draw_svg(draw, seed, (6.4, 1.0 + _ROW * rows_high))


def distribution(errors, quantiles, unit):
    """How many frames have which mean error.

    Args:
        errors: (N,) of each frame, finite.
        quantiles: {name: value} to mark.
        unit: Of both.
    """

    def draw(axes):
        end = max(np.quantile(errors, _MOST_SHOWN), 1e-9)
        axes.hist(
            errors,
            int(np.clip(2 * len(errors) ** 0.5, 8, _MOST_BINS)),
            range=(0, end),
            color=COLOURS[0],
            alpha=0.55,
            linewidth=0,
        )
        axes.set_axisbelow(True)
        axes.yaxis.get_major_locator().set_params(integer=True)
        for name, value in quantiles.items():
            if value > end:
                continue
            axes.axvline(value, color=COLOURS[1], linewidth=1.2)
            axes.annotate(
                f"{name} {value:.0f}",
                (value, 1),
                xytext=(3, -2),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                verticalalignment="top",
                color=COLOURS[1],
                fontsize=8,
            )
        beyond = np.count_nonzero(errors > end)
        note = f"; {beyond:,} beyond the axis" if beyond else ""
        axes.set_xlabel(f"mean error of a frame, {unit}{note}")
        axes.set_ylabel("frames")
        axes.grid(axis="y", alpha=0.15, linewidth=0.6)

    return draw_svg(draw, "distribution")


def over_distance(distance, errors):
    """Error over how unusual the true pose is.

    Args:
        distance: (N,) mm, mean over joints, of the true pose from the mean of
            all true poses.
        errors: (N,) mm, MPJPE of each frame.
    """

    def draw(axes):
        order = np.argsort(distance)
        step = max(1, len(order) // _MOST_POINTS)
        shown = order[::step]
        axes.plot(
            distance[shown],
            errors[shown],
            linestyle="none",
            marker="o",
            markersize=2.2,
            markeredgewidth=0,
            color=COLOURS[0],
            alpha=0.35,
        )
        parts = np.array_split(order, min(_PARTS, len(order)))
        middle = [np.median(distance[part]) for part in parts]
        low, half, high = (
            [np.quantile(errors[part], share) for part in parts]
            for share in (0.25, 0.5, 0.75)
        )
        axes.fill_between(
            middle, low, high, color=COLOURS[1], alpha=0.25, linewidth=0
        )
        axes.plot(
            middle,
            half,
            color=COLOURS[1],
            linewidth=1.6,
            marker="o",
            markersize=3,
            label="median; half of the frames in the band",
        )
        axes.axline(
            (0, 0),
            slope=1,
            linewidth=0.8,
            linestyle=":",
            color=COLOURS[5],
            label="error of the mean pose itself",
        )
        axes.set_xlim(0, np.quantile(distance, _MOST_SHOWN) * 1.05)
        axes.set_ylim(0, np.quantile(errors, _MOST_SHOWN) * 1.1)
        axes.set_xlabel("distance of the true pose from the mean pose, mm")
        axes.set_ylabel("MPJPE, mm")
        axes.grid(alpha=0.15, linewidth=0.6)
        axes.legend(loc="upper left", fontsize=8)

    return draw_svg(draw, "over distance")


def pck_curve(errors, weight, joints):
    """The share of joints nearer than each limit.

    Args:
        errors: (N, J) mm.
        weight: (N, J).
        joints: Names of the J joints.
    """
    curves = {"all joints": np.ones(len(joints), bool)} | {
        f"{end}s": np.array([joint.endswith(end) for joint in joints])
        for end in _ENDS
    }

    def draw(axes):
        for number, (label, chosen) in enumerate(curves.items()):
            if not weight[:, chosen].any():
                continue
            shares = 100 * metrics.pck_curve(
                errors[:, chosen], weight[:, chosen], _PCK_LIMITS
            )
            colour = COLOURS[number]
            axes.plot(
                _PCK_LIMITS,
                shares,
                color=colour,
                linewidth=1.8 if number == 0 else 1.2,
                label=label,
            )
            if number == 0:
                inside = _PCK_LIMITS <= metrics.PCK_MM
                axes.fill_between(
                    _PCK_LIMITS[inside],
                    shares[inside],
                    color=colour,
                    alpha=0.15,
                    linewidth=0,
                )
        axes.axvline(
            metrics.PCK_MM, color=COLOURS[5], linewidth=0.8, linestyle=":"
        )
        axes.set_xlim(0, _PCK_LIMITS[-1])
        axes.set_ylim(0, 101)
        axes.set_xlabel("limit, mm; the shaded area is AUC")
        axes.set_ylabel("joints nearer than it, %")
        axes.grid(alpha=0.15, linewidth=0.6)
        axes.legend(loc="lower right", fontsize=8)

    return draw_svg(draw, "pck")
