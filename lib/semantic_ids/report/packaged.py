"""The templates, styles and scripts that lie beside this file, and how they become one page."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from semantic_ids.report.numbers import shown
from semantic_ids.report.texts import clean, shorten

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["in_base64", "render_packaged"]


def render_packaged(name: str, *scripts: str, **values: Any) -> str:
    """Render a template with its style, its script, and a policy that allows no other script.

    Parameters
    ----------
    name : str
        Of the template, the style and the script: `page` for page.html.j2, page.css and page.js.
    scripts : str
        Names of scripts that run before it.
    values : Any
        What else the template names.

    Raises
    ------
    ImportError
        If the extra `report` is not installed.
    """
    script = "\n".join(_packaged(f"{each}.js") for each in (*scripts, name, "theme"))
    digest = in_base64(hashlib.sha256(script.encode()).digest())
    return _template(name).render(
        style="\n".join(_packaged(f"{each}.css") for each in ("shared", name)),
        script=script,
        policy=(
            f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
            "img-src data:; base-uri 'none'; form-action 'none'"
        ),
        **values,
    )


def in_base64(content: bytes) -> str:
    """Write bytes as base64 text."""
    return base64.b64encode(content).decode()


@cache
def _template(name: str) -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"clean": clean, "shorten": shorten, "shown": shown}
    return environment.from_string(_packaged(f"{name}.html.j2"))


def _packaged(name: str) -> str:
    """Read a file that lies beside this one, in a folder or in a zip."""
    return files("semantic_ids.report").joinpath(name).read_text(encoding="utf-8")
