"""The proxies of docs/running.md, as they stand there, before a real gateway."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import textwrap
from pathlib import Path

import httpx
import pytest
import trustme
from benchmarks.free_port import free_port
from tests.deploy.processes import gateway, running, segue, until

PAGE = (Path(__file__).parents[2] / "docs" / "running.md").read_text(encoding="utf-8")
MODULES = (
    "pid nginx.pid; error_log stderr; events {} http { access_log off; client_body_temp_path b; proxy_temp_path p;"
)
MODULES += " fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s; %s }"


def block(heading: str, first: str) -> str:
    """The indented text of the page behind `heading` that begins with `first`."""
    part = PAGE.partition(f"## {heading}\n")[2]
    match = re.search(rf"^    {re.escape(first)}.*?(?=^\S)", part, re.DOTALL | re.MULTILINE)
    assert match, first
    return textwrap.dedent(match[0])


def test_nginx_ends_tls_and_passes_a_stream_on_as_it_comes(tmp_path: Path) -> None:
    nginx = shutil.which("nginx")
    if nginx is None:
        pytest.skip("NOTICE: nginx is not installed, so its configuration is not tried")
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(str(tmp_path / "llm.key"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "llm.crt"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    port, tls = free_port(), free_port()
    text = block("Behind a balancer", "upstream segue {")
    for written, here in (
        ("server 10.0.0.1:4000;", f"server 127.0.0.1:{port};"),
        ("server 10.0.0.2:4000;", ""),
        ("listen 443 ssl;", f"listen 127.0.0.1:{tls} ssl;"),
        ("/etc/nginx/llm", str(tmp_path / "llm")),
    ):
        assert written in text
        text = text.replace(written, here)
    (tmp_path / "nginx.conf").write_text(MODULES % text, encoding="utf-8")
    key = segue(tmp_path, "keys", "create", "team")
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
    command = [nginx, "-p", str(tmp_path), "-c", "nginx.conf", "-g", "daemon off; master_process off;"]
    with gateway(tmp_path, port), running(command, tmp_path):
        trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        with httpx.Client(base_url=f"https://localhost:{tls}", verify=trusting, timeout=60) as client:

            def up() -> bool:
                try:
                    return client.get("/health/live").status_code == 200
                except httpx.ConnectError:
                    return False

            until("nginx listens", up)
            assert client.post("/v1/chat/completions", json=body).status_code == 401
            headers = {"authorization": f"Bearer {key}"}
            with client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer:
                assert answer.status_code == 200
                pieces = list(answer.iter_raw())
    assert b"".join(pieces).rstrip().endswith(b"data: [DONE]")
    assert len(pieces) > 5, "the answer came at once: it was buffered"


def test_caddy_accepts_its_configuration(tmp_path: Path) -> None:
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("NOTICE: caddy is not installed, so its configuration is not checked")
    (tmp_path / "Caddyfile").write_text(block("TLS", "llm.example.com {"), encoding="utf-8")
    command = [caddy, "validate", "--config", "Caddyfile", "--adapter", "caddyfile"]
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
