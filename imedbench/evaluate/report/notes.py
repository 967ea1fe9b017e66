"""What a report says about itself: a sentence under each heading, and a glossary."""

from collections.abc import Sequence

from imedbench.evaluate.protocol import CurveSpec
from imedbench.evaluate.report.numbers import PER_SLICE, Numbers
from imedbench.evaluate.report.overview import arms_of
from imedbench.evaluate.report.spread import featured
from imedbench.evaluate.report.words import metric_column
from imedbench.metrics.effort import EXTREME_CLICKING


def section_notes(numbers: Sequence[Numbers]) -> dict[str, str]:
    """A sentence under each heading."""
    metric = metric_column(numbers[0].run.protocol.metrics[0])
    arms, chosen = arms_of(numbers), featured(numbers)
    names = ", ".join(arm.name for arm in chosen)
    shown = "" if len(chosen) == len(arms) else f" Shown: {names}; the tables above have all prompts."
    worst = "One session a case, by the final value; those that failed are listed below instead."
    several = " The lower of the runs counts, and the prompts are those that it was given."
    return {
        "scores": "Means over sessions, each with its 95 % interval below. ↑ more is better, ↓ less is.",
        "differences": (
            "Each pair of runs at the last turn: the mean difference over sessions with its 95 % interval, and the "
            "paired Wilcoxon signed-rank test of the patients' mean differences, as sessions of one patient are not "
            "independent. Holm's correction is for all tests of a table; below 0.05 it is not taken for chance."
        ),
        "turns": "Means with their 95 % intervals as bands. A session that ended early keeps its last answer.",
        "levels": "Means with their 95 % intervals as bands.",
        "boxes": (
            f"Final {metric.title} of each session: the box is the middle half with the median, the line the middle "
            f"90 %. Failed sessions count with the worst value. Worst targets first.{shown}"
        ),
        "sizes": (
            f"Final {metric.title} of each session over the size of the truth. Failed sessions count with the worst "
            f"value.{shown}"
        ),
        "groups": f"Means of the final values with their 95 % intervals.{shown}",
        "effort": "What a session asked of the user and of the model: means over sessions with their 95 % intervals.",
        "worst": worst if len(numbers) == 1 else worst + several,
    }


def glossary(numbers: Sequence[Numbers]) -> list[tuple[str, str]]:
    """Terms and what they mean."""
    terms = [*GENERAL, ("User's time", _time())]
    if any(PER_SLICE in str(key[1]) for each in numbers for key in each.efforts):
        terms.append(("For a slice touched", SLICES))
    curves = {curve.curve: curve for curve in numbers[0].run.protocol.curves}
    return terms + [(CURVES[name][0], CURVES[name][1].format(**_places(curve))) for name, curve in curves.items()]


GENERAL = (
    ("Session", "One target of one case under one way of prompting, from the first prompt to the last."),
    (
        "Mean and interval",
        "The mean over sessions; the interval holds the middle 95 % of the means that come out when patients are drawn "
        "anew with replacement (bootstrap), all their sessions with them. None is given for a single patient.",
    ),
    (
        "Failed",
        "No answer came, or one that cannot be scored. Such a session is not dropped: it counts the worst value.",
    ),
    (
        "Millimetres",
        "As the image has them. Where its file does not say how large a pixel is (most PNG, JPEG and NumPy files), a "
        "pixel counts 1 mm, and distances and tolerances are in pixels.",
    ),
    (
        "Undefined",
        "The metric says nothing: both masks are empty, say. Such a session is counted here and left out of the mean. "
        "A distance to an empty guess counts the image's diagonal.",
    ),
)
SLICES = (
    "The effort of a session over the slices that the user had to go to. A two-dimensional model on a volume is "
    "charged for each slice that it was prompted on."
)
CURVES = {
    "auc": (
        "AUC",
        "Area under the metric over turns {first} to {last} by trapezoids one turn wide, as in the CVPR 2025 challenge "
        "and in autoPET IV: its range stands in the heading. The normalised value is the area over that range.",
    ),
    "noc": ("NoC", "Turns until the metric reaches the threshold; the number of all turns where it never does."),
    "gain": ("Gain", "The final value less the first."),
    "monotonicity": (
        "Monotonicity",
        "The share of turns after the first that are no worse than the one before.",
    ),
}


def _time() -> str:
    model = EXTREME_CLICKING
    return (
        f"By a stated model, not measured: {model.first_click_s:g} s for the first click of a turn, "
        f"{model.further_click_s:g} s for each further one, {model.box_s:g} s a box, {model.stroke_s:g} s a stroke and "
        f"{model.stroke_s_per_cm:g} s for each cm of it, {model.word_s:g} s a word, {model.slice_s:g} s to go to "
        "another slice. It ranks ways of prompting and predicts no person."
    )


def _places(curve: CurveSpec) -> dict[str, str]:
    return {"first": str(curve.first), "last": str(curve.last or "the last")}
