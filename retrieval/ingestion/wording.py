"""Figures of progress as people say them: rounded, so that nobody takes a guess for a promise."""

from math import ceil

MINUTE, HOUR, DAY = 60, 3600, 86400


def number(count: int, noun: str) -> str:
    """'1 file', '1,200 files'."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def rate(per_second: float | None) -> str:
    """'40 a second', '12 a minute'; "" where it is not known."""
    if per_second is None:
        return ""
    if per_second >= 10:
        return f"{per_second:,.0f} a second"
    if per_second >= 1:
        return f"{per_second:.1f} a second"
    return f"{per_second * MINUTE:.0f} a minute" if per_second * MINUTE >= 1 else "less than one a minute"


def left(seconds: float | None) -> str:
    """'about 20 seconds left'; "" where it is not known."""
    return "" if seconds is None else f"{duration(seconds)} left"


def duration(seconds: float) -> str:
    """'a few seconds', 'about 3 minutes'."""
    if seconds < 10:
        return "a few seconds"
    if seconds <= 55:
        return f"about {ceil(seconds / 5) * 5} seconds"
    for unit, name, below in ((MINUTE, "minute", HOUR), (HOUR, "hour", 2 * DAY), (DAY, "day", float("inf"))):
        count = max(round(seconds / unit), 1)
        if count * unit < below:
            article = "an" if name == "hour" else "a"
            return f"about {article} {name}" if count == 1 else f"about {count:,} {name}s"
    raise ValueError("The time left has no end.")


def joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
