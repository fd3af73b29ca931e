"""The gateway on a socket: uvicorn with uvloop and httptools, in one process or in several."""

from __future__ import annotations

import errno
import ipaddress
import logging
import os
import signal
import socket
import threading
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
import uvicorn
from uvicorn.supervisors import Multiprocess

from segue.errors import ConfigurationError
from segue.monitoring.log import configure_logging
from segue.monitoring.otlp import export
from segue.runtime import Runtime
from segue.server.app import Gateway
from segue.server.auth import Gatekeeper
from segue.server.dashboard.stand_ins import StandIns
from segue.server.exchange import Bounds
from segue.server.keys.factory import how_to_have_one, keyring_of
from segue.server.metrics import SHARED, Metrics
from segue.server.protocol import HttpProtocol
from segue.settings import Settings
from segue.settings_loading import load

BACKLOG: Final = 4096
"""Connections that may wait to be accepted."""
log = logging.getLogger("segue.server")

OPTIONS: Final = "SEGUE_SERVE"
"""Passes the serving options to workers, which are separate processes."""


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to serve. `keys`: require a key on loopback too, as behind a proxy. `grace`: seconds that open streams have after SIGTERM;
    `idle`: seconds that an idle connection is kept."""

    host: str = "127.0.0.1"
    port: int = 4000
    workers: int = 1
    keys: bool = False
    grace: float = 30.0
    idle: float = 75.0
    max_body: int = Bounds().body

    @property
    def loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def build(settings: Settings, options: ServeOptions, stand_ins: StandIns | None = None) -> Gateway:
    """The application, with logging set up by the settings. `stand_ins`: what the dashboard can break.

    Raises `ConfigurationError` if a key is missing: of callers, or of all providers.
    """
    configure_logging(settings, loggers=("segue", "uvicorn"))
    if settings.monitoring.otel:
        export()
    gatekeeper = None
    if options.keys or not options.loopback:
        ring = keyring_of(settings)
        known = ring.watch()
        if known is not None and all(key.revoked is not None for key in known):
            ring.close()
            raise ConfigurationError(
                f"there is no key in {ring.place}, and without one everyone who reaches the port could spend money: "
                f"{how_to_have_one(settings)}, or listen on 127.0.0.1 without --keys"
            )
        gatekeeper = Gatekeeper(ring)
    metrics = Metrics()
    runtime = Runtime(settings, listeners=[metrics])
    runtime.targets.chain(None)
    bounds = Bounds(body=options.max_body)
    return Gateway(runtime, metrics=metrics, gatekeeper=gatekeeper, bounds=bounds, stand_ins=stand_ins)


def from_environment() -> Gateway:
    """What each worker process creates for itself."""
    _stay_at_hangup()
    return build(load(), msgspec.json.decode(os.environ[OPTIONS], type=ServeOptions))


def listener(options: ServeOptions) -> socket.socket:
    """The port, bound and listening. Raises `ConfigurationError` if another program has it, or this user may not take it."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        return socket.create_server((options.host, options.port), family=family, backlog=BACKLOG)
    except OSError as error:
        where = f"port {options.port} on {options.host}"
        if error.errno == errno.EADDRINUSE:
            advice = f"another program uses it; stop that one, or choose another port: --port {options.port + 1}"
        elif error.errno == errno.EACCES:
            advice = "this user may not take it; choose a port above 1023"
        else:
            advice = f"{error.strerror or error}; --host must be an address of this machine"
        raise ConfigurationError(f"can't listen on {where}: {advice}") from error


def serve(application: Gateway, options: ServeOptions, port: socket.socket) -> None:
    """Serves `port` until SIGTERM or SIGINT; then takes no more requests, and ends once open ones are answered or `grace` is over.

    Several workers create an application each, with settings from the environment, since they are separate processes.
    """
    if options.workers == 1:
        _stay_at_hangup()
        uvicorn.Server(uvicorn.Config(application, **uvicorn_options(options))).run([port])
        return
    os.environ[OPTIONS] = msgspec.json.encode(options).decode()
    factory = f"{__name__}:{from_environment.__name__}"
    with TemporaryDirectory(prefix="segue-metrics-", ignore_cleanup_errors=True) as directory:
        os.environ[SHARED] = directory
        config = uvicorn.Config(factory, factory=True, workers=options.workers, **uvicorn_options(options))
        Multiprocess(config, [port]).run()


def _stay_at_hangup() -> None:
    """SIGHUP does not stop the server: a closed terminal sends it, and so do people who expect settings to be reloaded."""
    if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
        signal.signal(
            signal.SIGHUP, lambda *_: log.warning("SIGHUP is ignored: restart segue serve to read settings again")
        )


def uvicorn_options(options: ServeOptions) -> dict[str, Any]:
    return {
        "host": options.host,
        "port": options.port,
        "http": HttpProtocol,
        "ws": "none",
        "proxy_headers": False,
        "loop": "auto",
        "lifespan": "on",
        "access_log": False,
        "log_config": None,
        "log_level": "warning",
        "server_header": False,
        "timeout_keep_alive": options.idle,
        "timeout_graceful_shutdown": options.grace,
        "backlog": BACKLOG,
    }
