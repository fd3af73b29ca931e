"""Which interpreter a measurement ran on: the same code takes a fifth more or less CPU on another build of the same version."""

from __future__ import annotations

import subprocess

_DESCRIBE = """
import platform, sys, sysconfig
asked = sysconfig.get_config_var("CONFIG_ARGS") or ""
found = [name for name, option in (("PGO", "--enable-optimizations"), ("LTO", "--with-lto")) if option in asked]
if sys.base_prefix == "/usr":
    built = "the distribution's build, optimised by the rules of its package"
else:
    built = "built with " + " and ".join(found) if found else "built without PGO and LTO"
print(f"Python {platform.python_version()}, {built}")
"""


def described(python: str) -> str:
    """An interpreter's version, and whether it was built with profile-guided (PGO) and link-time optimisation (LTO), as configure was asked."""
    return subprocess.run([python, "-c", _DESCRIBE], check=True, capture_output=True, text=True).stdout.strip()
