"""Curves as SVG that takes on the colours and the font of its page."""

import io
import math

import numpy as np

# They stand out from white and from black.
COLOURS = ("#2f7fd6", "#e0742c", "#2a9d74", "#b565c4", "#b8901a", "#7a8794")
# Stands for the colour of the page's text until the SVG is written.
_TEXT = "#010203"
_MOST_POINTS = 400  # of a curve; more become their means and their range
_FEW_POINTS = 40  # shown one by one
_LOG_RATIO = 30  # largest to smallest value, from which the axis is logarithmic


def draw_svg(draw, seed, size=(6.4, 3.0)):
    """Draws a chart in the page's own style.

    Args:
        draw: Takes Matplotlib axes and draws into them.
        seed: Text that no other chart of the page has: the marks inside an
            SVG are called by names, and pages have several.
        size: Width and height in inches; the page sets the width.

    Returns:
        An `<svg>` element. Lines and text without a colour of their own have
        that of the page.
    """
    import matplotlib
    from matplotlib.figure import Figure

    settings = {
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9,
        # Labels come from files: no formulas.
        "text.parse_math": False,
        "svg.hashsalt": seed,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
    }
    settings |= dict.fromkeys(
        (
            "text.color",
            "axes.labelcolor",
            "axes.edgecolor",
            "xtick.color",
            "ytick.color",
            "grid.color",
        ),
        _TEXT,
    )
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        file = io.StringIO()
        figure.savefig(
            file, format="svg", transparent=True, metadata={"Date": None}
        )
    svg = file.getvalue()
    return svg[svg.index("<svg") :].replace(_TEXT, "currentColor")


def draw_chart(curves, unit="", mark_least=""):
    """Draws curves over training steps.

    Args:
        curves: {label: (steps, values)}, sequences of numbers; a value that is
            not finite is a gap.
        unit: Of the values.
        mark_least: Label of the curve whose least value is marked.

    Returns:
        An `<svg>` element, as `draw_svg` gives it.
    """

    def draw(axes):
        for number, (label, (steps, values)) in enumerate(curves.items()):
            colour = COLOURS[number % len(COLOURS)]
            steps, values = np.asarray(steps, float), np.asarray(values, float)
            _draw_curve(axes, steps, values, label, colour)
            if label == mark_least and np.isfinite(values).any():
                _mark_least(axes, steps, values, colour)
        _finish(axes, [values for _, values in curves.values()], unit)
        if len(curves) > 1:
            axes.legend(loc="best", fontsize=8)

    return draw_svg(draw, repr(sorted(curves)))


def _draw_curve(axes, steps, values, label, colour):
    options = {"color": colour, "linewidth": 1.4, "label": label}
    if len(steps) <= _FEW_POINTS:
        axes.plot(steps, values, marker="o", markersize=3, **options)
        return
    if len(steps) <= _MOST_POINTS:
        axes.plot(steps, values, **options)
        return
    # Parts of one length, for one noise along the whole curve.
    length = -(-len(steps) // _MOST_POINTS)
    parts = np.split(np.arange(len(steps)), range(length, len(steps), length))
    finite = [part[np.isfinite(values[part])] for part in parts]
    finite = [part for part in finite if len(part)]
    middle = [steps[part].mean() for part in finite]
    axes.fill_between(
        middle,
        [values[part].min() for part in finite],
        [values[part].max() for part in finite],
        color=colour,
        alpha=0.2,
        linewidth=0,
    )
    axes.plot(middle, [values[part].mean() for part in finite], **options)


def _mark_least(axes, steps, values, colour):
    least = np.nanargmin(np.where(np.isfinite(values), values, np.nan))
    axes.plot(
        steps[least],
        values[least],
        marker="o",
        markersize=7,
        markerfacecolor="none",
        markeredgecolor=colour,
        linestyle="none",
    )
    axes.annotate(
        f"{values[least]:.1f}",
        (steps[least], values[least]),
        xytext=(0, -12),
        textcoords="offset points",
        horizontalalignment="center",
        color=colour,
        fontsize=8,
    )


def _finish(axes, all_values, unit):
    from matplotlib.ticker import FuncFormatter
    from matplotlib.ticker import NullFormatter

    values = np.concatenate([np.asarray(x, float) for x in all_values])
    values = values[np.isfinite(values)]
    if len(values) and 0 < values.min() * _LOG_RATIO < values.max() < math.inf:
        axes.set_yscale("log")
        # Matplotlib's own powers of ten are formulas.
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.set_xlabel("step")
    axes.set_ylabel(unit)
    axes.grid(alpha=0.15, linewidth=0.6)
    axes.margins(x=0.02, y=0.12)
