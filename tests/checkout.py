"""Make a checkout known to the Python that runs this: imports find src, and pytest the plugin.

Edits count at once, and the native core is in src too. Needs nothing but Python itself. The
commands of pyproject.toml are in bin/, so they are not written.
"""

from __future__ import annotations

import sysconfig
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(site: Path) -> None:
    """Write what `pip install` would, but for the package itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (site / "ottla.pth").write_text(f"{ROOT / 'src'}\n")
    about = site / "ottla-0.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ottla\nVersion: 0\n")
    (about / "INSTALLER").write_text("make\n")
    (about / "RECORD").write_text(
        "ottla.pth,,\n"
        + "".join(f"{about.name}/{name},,\n" for name in ("METADATA", "INSTALLER", "RECORD"))
        + f"{about.name}/entry_points.txt,,\n"
    )
    plugins = project["entry-points"]["pytest11"].items()
    rows = "".join(f"{name} = {home}\n" for name, home in plugins)
    (about / "entry_points.txt").write_text(f"[pytest11]\n{rows}")


if __name__ == "__main__":
    main(Path(sysconfig.get_path("purelib")))
