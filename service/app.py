"""The Flask application: settings and models in, a service out."""

from flask import Flask, Response

from model.loaded import MemorySettings
from service.models import load_models
from service.problems import register_problems
from service.routes import routes
from service.settings import Settings, read_settings

# The page loads its own script and style, and asks its own server; nothing else, and nobody frames it.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def create_app(settings: Settings | None = None) -> Flask:
    """Build the service with every model of the models folder loaded.

    It starts where no model loads, too: then ``/readyz`` says so, and ``/livez`` still answers.

    Args:
        settings: None reads them from the environment.

    Raises:
        InputError: a setting breaks its rule.
    """
    settings = read_settings() if settings is None else settings
    app = Flask(__name__)
    app.logger.setLevel(settings.log_level.upper())
    app.url_map.merge_slashes = False  # an address with too many slashes is not found, rather than mended
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.extensions["machim_settings"] = settings
    memory = MemorySettings(beginnings_bytes=settings.memory_bytes, completions=settings.remembered_completions)
    app.extensions["machim_models"] = load_models(settings.models, memory, app.logger)
    app.register_blueprint(routes)
    app.after_request(_harden)
    register_problems(app)
    return app


def _harden(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
