"""Sheets: how a project's settings and its windows are shown."""

from collections.abc import Mapping

from rich.console import Group

from schemas import Outlook, ProjectSettings, Stratum, Window
from stream_app.cli.console import plain, sheet, shown_time

NOT_SETTINGS = {"type", "schema_version"}


def dormant(window: Window | None) -> str:
    """Name the facts that do not count yet, and how many there are of each name."""
    counts = window.counts.dormant if window else {}
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def expected(outlook: Outlook) -> str:
    """Say how many labels are expected to be wrong, and how many a label puts right."""
    if outlook.wrong_labelled is None or outlook.wrong_unlabelled is None:
        return "unknown, until more labels of the same items agree"
    gain = outlook.gain_per_label
    return (
        f"{outlook.wrong_labelled:,.1f} of labelled items, "
        f"{outlook.wrong_unlabelled:,.1f} of items without a label"
        + ("" if gain is None else f"; a label of this window puts {gain:.2f} right")
    )


def settings_sheet(
    title: str, project: ProjectSettings, before: ProjectSettings | None = None
) -> Group:
    """Show settings; those that have changed say what they were."""
    was = _values(before) if before else {}
    return sheet(
        title,
        (
            (
                name,
                plain(f"{value}   (was {was[name]})" if was.get(name, value) != value else value),
            )
            for name, value in _values(project).items()
        ),
    )


def window_sheet(window: Window | None) -> Group:
    """Show what a window knew, and what it expects."""
    if window is None:
        return sheet("No window yet", ())
    shown = window.counts.model_dump(exclude={"dormant"})
    rows = [(name.replace("_", " "), f"{count:,}") for name, count in shown.items()]
    outlook = window.outlook
    progress = ("open", outlook.open), ("contested", outlook.contested), ("done", outlook.done)
    rows += [(name, f"{count:,}") for name, count in progress]
    rows.append(("expected wrong", expected(outlook)))
    if window.counts.dormant:
        rows.append(("dormant", dormant(window)))
    return sheet(f"Window {window.window:,} of {shown_time(window.now)}", rows)


def _values(project: ProjectSettings) -> dict[str, str]:
    """Return settings as they are shown, by name."""
    fields = ProjectSettings.model_fields.keys() - NOT_SETTINGS
    return {name.replace("_", " "): _shown(value) for name, value in project if name in fields}


def _shown(value: object) -> str:
    match value:
        case None | "":
            return "none"
        case tuple():
            return ", ".join(value)
        case Mapping():
            return ", ".join(f"{name} ({_shown(one)})" for name, one in value.items()) or "none"
        case Stratum(priority=priority, quota=quota):
            return f"priority {priority}, quota {quota} %" if priority else f"quota {quota} %"
    return str(value)
