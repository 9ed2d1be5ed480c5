"""The synthetic hospital and the demonstration story."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings


class DemoConfig(AppConfig):
    """Commands of the demonstration, and its panel on the home page."""

    name = "mammo.demo"
    label = "demo"

    def ready(self) -> None:
        from mammo.core.panels import register_panel

        register_panel("demo", _panel)


def _panel(user: Any) -> Any:
    from mammo.core.panels import Panel
    from mammo.demo import progress

    state = progress.load() if settings.MAMMO_DEMO else None
    if state is None:
        return None
    steps = [
        {
            "label": label,
            "seconds": state.seconds.get(key),
            "running": key == state.running,
            "failed": bool(state.failed) and key == state.running,
        }
        for key, label in progress.STEPS.items()
    ]
    context = {
        "steps": steps,
        "finished": len(state.seconds),
        "count": len(steps),
        "done": state.done,
        "total": state.total,
        "failed": state.failed,
        "running": bool(state.running),
    }
    return Panel("demo/_story.html", context, running=bool(state.running) and not state.failed)
