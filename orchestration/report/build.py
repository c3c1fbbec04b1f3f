"""Putting the page together and writing it whole.

Belongs here: the order of chapters, rendering, the file. Does not belong here: what a chapter holds.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

    from warehouse.client import Settings

HERE = Path(__file__).parent
FILE_NAME = "starhouse.html"


def write_report(settings: Settings, out: Path | None = None) -> Path:
    """Write the page to `out` (a file, or a folder that exists), by default into the reports folder;
    returns its path.

    A stage that has not run shows as such. The file is replaced whole: a reader never sees half of it.
    """
    from ml.spec import load_specs
    from orchestration.report import data_chapter, drift_chapter, model_chapter, outcome_chapter, star_chapter
    from orchestration.report.reading import Reading
    from warehouse.client import open_warehouse

    specs = load_specs()
    with open_warehouse(settings) as wh:
        reading = Reading(wh)
        content = {
            "generated_at": dt.datetime.now(dt.UTC),
            "env": settings.env,
            "database": settings.database,
            "data": data_chapter.chapter(reading),
            "star": star_chapter.chapter(reading, settings),
            "models": model_chapter.cards(reading, specs),
            "drift": drift_chapter.chapter(reading, specs),
            "outcomes": outcome_chapter.chapter(reading, specs),
        }
    return _write(render(content), _target(settings, out))


def render(content: dict[str, Any]) -> str:
    """The page as text."""
    from plotly.offline import get_plotlyjs

    environment = _environment()
    assets = {
        name: (HERE / "templates" / name).read_text(encoding="utf-8") for name in ("style.css", "page.js")
    }
    return environment.get_template("page.html.j2").render(
        **content, style=assets["style.css"], script=assets["page.js"], plotly=get_plotlyjs()
    )


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def as_json(value: Any) -> Markup:
        text = json.dumps(value, default=_plain, allow_nan=False, separators=(",", ":"))
        # Inside a script element only "<" can end it; the others keep older readers safe.
        for sign in "<>&\u2028\u2029":
            text = text.replace(sign, f"\\u{ord(sign):04x}")
        return Markup(text)

    environment.filters.update(as_json=as_json, number=number, instant=instant, size=size, rounded=rounded)
    return environment


def _plain(value: Any) -> Any:
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot stand in a figure")


def number(value: Any) -> str:
    """A count with separators, a measure with four significant digits, nothing for null."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return f"{value:,}"


def rounded(text: str) -> str:
    """A sentence with its long decimals cut to four significant digits."""
    return re.sub(r"\d+\.\d{5,}", lambda found: f"{float(found[0]):.4g}", text)


def instant(value: dt.datetime | None) -> str:
    return "–" if value is None else f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def size(value: int | None) -> str:
    """Bytes for people."""
    if value is None:
        return "–"
    amount = float(value)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def _target(settings: Settings, out: Path | None) -> Path:
    if out is None:
        return settings.reports_dir / FILE_NAME
    return out / FILE_NAME if out.is_dir() else out


def _write(page: str, target: Path) -> Path:
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page)
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target
