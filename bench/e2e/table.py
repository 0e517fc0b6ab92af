# SPDX-License-Identifier: Apache-2.0
"""Results as Markdown, and targets with their verdicts."""
import statistics

_verdicts = []


def head(title, *columns):
    print(f"\n### {title}\n\n| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))


def row(name, samples, *ratios):
    """A line of virtual milliseconds: median, spread, and the median as a part of those of other samples."""
    median, low, high = (f(samples) / 1e6 for f in (statistics.median, min, max))
    cells = [name, f"{median:.1f}", f"{low:.1f} to {high:.1f}"]
    cells += [f"{median * 1e6 / statistics.median(other):.2f}" for other in ratios]
    print("| " + " | ".join(cells) + " |")


def ratio(samples, others):
    return statistics.median(samples) / statistics.median(others)


def judge(what, value, target):
    """Notes a figure that has to be at most `target`."""
    _verdicts.append((what, value, target))


def verdicts():
    """Prints them; returns how many targets were missed."""
    if _verdicts:
        head("Targets", "", "measured", "at most", "")
    for what, value, target in _verdicts:
        print(f"| {what} | {value:.2f} | {target} | {'met' if value <= target else '**missed**'} |")
    return sum(value > target for _, value, target in _verdicts)
