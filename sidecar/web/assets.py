"""The files that the pages load, all of them from here: a cluster may have no way out."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse

from sidecar.web.errors import Refused
from sidecar.web.routes import readable

OURS = Path(__file__).parent / "page" / "assets"
SWAGGER = Path(str(files("fastapi_swagger"))) / "resources"

ASSETS: Mapping[str, Path] = {
    path.name: path
    for path in (
        OURS / "style.css",
        OURS / "page.js",
        OURS / "charts.js",
        OURS / "docs.js",
        OURS / "icon.svg",
        OURS / "vendor" / "uPlot.iife.min.js",
        OURS / "vendor" / "uPlot.min.css",
        SWAGGER / "swagger-ui-bundle.js",
        SWAGGER / "swagger-ui.css",
    )
}
"""The files by the name under which they are served."""

MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

# The libraries set styles on elements.
POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
"""What the browser may load for a page: nothing from elsewhere."""


def serve_assets(app: FastAPI, prefix: str) -> None:
    """Add the route."""

    @readable(app, f"{prefix}/assets/{{name}}", include_in_schema=False)
    def asset(name: str) -> FileResponse:
        if name not in ASSETS:
            raise Refused(404, f"there is no asset {name!r}", "name")
        path = ASSETS[name]
        # A new version may bring new content under the old name.
        return FileResponse(path, media_type=MEDIA_TYPES[path.suffix], headers={"cache-control": "max-age=300"})
