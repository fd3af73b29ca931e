"""The career coach as a web application: an API with OpenAPI, and pages over it. Needs the extra `web`."""

from __future__ import annotations

import sys


def main() -> None:
    """The command `career-coach-web`, or how to install what it lacks."""
    try:
        from career_coach.web.main import main as serve  # noqa: PLC0415  # it needs the extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "career_coach":
            raise
        sys.exit(
            f"error: the page needs more packages ({error.name} is missing): pip install 'segue-career-coach[web]'"
        )
    serve()
