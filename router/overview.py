"""``ai-router check``: what is configured, for people to read. Never a secret, only whether there is one."""

from collections.abc import Iterator

from providers.spec.profile import Profile
from providers.upstreams.base import ProviderRow, Timeouts
from providers.upstreams.factory import SCRIPTED
from router.config import Config
from router.layers import Given


def overview(config: Config) -> str:
    """Every section, one line for each thing."""
    sections = (
        ("file", [str(config.file)] if config.file else ["none; the environment alone"]),
        ("listens on", [f"{config.server.host}, port {config.server.port or 'any that is free'}"]),
        ("workers", ["1 process" if config.server.workers == 1 else f"{config.server.workers} processes"]),
        ("keys", [key.name for key in config.keys] or [_without_keys(config)]),
        ("providers", [line for row in config.rows.values() for line in _provider(row)]),
        ("models shown", [f"{name}/{model}" for name, models in config.models.items() for model in models]),
        ("aliases", [f"{alias} = {target}" for alias, target in config.aliases.items()]),
        ("options", list(_options(config))),
        ("limits", [f"{config.limits.max_body_bytes} bytes, {config.limits.max_depth} levels deep"]),
        ("logs", [f"from {config.logging.level} up, to stderr"]),
        ("metrics", [_METRICS[config.metrics.access]]),
        ("warnings", list(config.warnings)),
    )
    return "\n".join(line for title, lines in sections for line in _section(title, lines))


_METRICS = {"open": "at /metrics, for all", "key": "at /metrics, with a key", "off": "none served"}


def _section(title: str, lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{'' if number else title:<14}{line}"


def _options(config: Config) -> Iterator[str]:
    layers = config.layers
    if layers.everywhere:
        yield _words(layers.everywhere)
    for kind, by_name in (("key", layers.keys), ("alias", layers.aliases)):
        for name, given in by_name.items():
            yield f"{kind} {name}: {_words(given)}"


def _words(given: Given) -> str:
    said = ((name, ", ".join(value) if isinstance(value, tuple) else value) for name, value in given.items())
    return "; ".join(f"{name} = {value}" for name, value in said)


def _without_keys(config: Config) -> str:
    return "none; open to whoever reaches it" if config.server.open else "none; only this machine is let in"


def _credentials(row: ProviderRow) -> str:
    if row.tokens:
        return f"with tokens of {row.tokens}"
    return "with a key" if row.api_key else "without a key"


def _provider(row: ProviderRow) -> Iterator[str]:
    if row.base_url.startswith(SCRIPTED):
        yield f"{row.name}: plays {row.script or 'the built-in script'}"
        return
    yield f"{row.name}: {row.dialect} at {row.base_url}, {_credentials(row)}"
    for variant in row.variants:
        yield f"  {variant.row.dialect} for models of {variant.models}"
    if row.profile != Profile() and row.profile.name != row.name:
        yield f"  profile {row.profile.name}"
    if row.headers:
        yield f"  headers {', '.join(row.headers)}"
    if row.timeouts != Timeouts():
        limits = row.timeouts
        yield (
            f"  timeouts in seconds: connect {limits.connect:g}, first byte {limits.first_byte:g}, "
            f"between events {limits.between_events:g}, total {limits.total:g}"
        )
