"""`career-coach-web`: the coach in a browser."""

from __future__ import annotations

import errno
import os
import socket
import sys
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import typer
import uvicorn
from fastapi import FastAPI

from career_coach import stand_in
from career_coach.breaking import Broken, faults_of
from career_coach.resume import ResumeError
from career_coach.web.app import create_app
from career_coach.web.service import Service
from career_coach.web.store import Store, open_store
from segue import ConfigurationError, Sandbox, Segue, Settings, load

PORT: Final = 8010
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
PASSWORD: Final = "CAREER_COACH_PASSWORD"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help=f"Other than loopback only with a password in {PASSWORD}.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = PORT,
    data: Annotated[
        Path | None, typer.Option(help="The SQLite file; MONGODB_URL takes its place where it is set.")
    ] = None,
    broken: Broken = None,
    resume: Annotated[
        Path | None, typer.Option(help="A résumé to begin with: its page is the one that is opened.", exists=True)
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Opens the page in a browser.")] = False,
) -> None:
    """The career coach as a web page and an API; its address is printed."""
    password = os.environ.get(PASSWORD, "")
    try:
        if host not in _LOOPBACK and not password:
            raise ConfigurationError(f"--host {host} can be reached by others: set a password in {PASSWORD} first")
        with ExitStack() as stack:
            segue, simulated = _client(load(), broken or [], stack)
            application = create_app(
                segue,
                _store(data or _data_file()),
                simulated=simulated,
                sample=resume.read_bytes() if resume else b"",
                password=password,
                hosts=_LOOPBACK if host in _LOOPBACK else None,
            )
            config = uvicorn.Config(application, host=host, port=port, log_level="warning", timeout_graceful_shutdown=5)
            listener = stack.enter_context(_listener(host, port))
            _Server(config, application, resume=resume, show=show).run([listener])
    except (ConfigurationError, ResumeError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


def main() -> None:
    app(prog_name="career-coach-web")


class _Server(uvicorn.Server):
    """Prints its address once it listens, and ends streams of events when it is asked to stop."""

    def __init__(self, config: uvicorn.Config, application: FastAPI, *, resume: Path | None, show: bool) -> None:
        super().__init__(config)
        self._application = application
        self._resume = resume
        self._show = show

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for server in getattr(self, "servers", ())[:1]:
            port = server.sockets[0].getsockname()[1]
            name = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
            address = f"http://{name}:{port}/{await self._first()}"
            print(f"Career coach: {address}   (Ctrl-C stops it)", flush=True)
            if self._show:
                webbrowser.open(address)

    async def _first(self) -> str:
        """The path of the page to open: that of the résumé to begin with, if there is one."""
        if self._resume is None:
            return ""
        service: Service = self._application.state.service
        stored = await service.add(self._resume.read_bytes(), self._resume.name, None)
        return f"resumes/{stored.id}"

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if (service := getattr(self._application.state, "service", None)) is not None:
            service.stop_streams()


def _listener(host: str, port: int) -> socket.socket:
    """The port, listening. Raises `ConfigurationError` if that can't be."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        number = error.errno or 0
        why = os.strerror(number) if number > 0 else error  # that of an unknown name is negative
        raise ConfigurationError(f"can't listen on port {port} on {host}: {why}; choose another with --port") from error


def _client(settings: Settings, broken: list[str], stack: ExitStack) -> tuple[Segue, str]:
    """The client, and the label that says why stand-ins answer, if they do: "no_key" or "broken"."""
    segue = Segue(settings)
    if not broken and any(segue.targets.usable(name) for name in settings.chain):
        return segue, ""
    faults = faults_of(broken)
    sandbox = stack.enter_context(Sandbox(faults=faults, reply=stand_in.reply, delay=0.01))
    return Segue(sandbox.settings(settings, every=True)), "broken" if faults else "no_key"


def _store(path: Path) -> Store:
    """Where the coach keeps its work. Raises `ConfigurationError` for a file that can't be."""
    if url := os.environ.get("MONGODB_URL", ""):
        return open_store(url, path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise ConfigurationError(
            f"the file {path} can't be used: {error.strerror}; choose another with --data"
        ) from error
    return open_store("", path)


def _data_file() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base, "career-coach", "coach.sqlite3")
