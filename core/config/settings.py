"""What the core's own keys mean, and what follows from them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from core.config.sources import FILE_NAME, Raw
from ports.secrets import Secret

PRODUCTION_DRAIN: Final = 5.0

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
"""A time that somebody waits for: never none, never for ever."""

Profile = Literal["development", "test", "production"]


class JobSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[jobs]` section: how workers run. Times are seconds.

    Attributes:
        concurrency: how many jobs a worker process runs at a time.
        lease: how long a worker may be silent before another takes its jobs over; one that died is missed sooner.
        grace: how long running jobs may go on at a stop before they are cut off, their attempts given back.
        plugin_share: the part of a worker's slots that the jobs of one plugin may fill, where there are several.
        keep_done: how long done jobs are kept.
        keep_dead: how long dead jobs are kept, to be looked at and retried.
        in_process: whether `run` also works; None means in development and test only.
    """

    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20
    lease: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 30.0
    grace: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 25.0
    plugin_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.75
    keep_done: Annotated[float, msgspec.Meta(ge=0, le=3e9)] = 86_400.0
    keep_dead: Annotated[float, msgspec.Meta(ge=0, le=3e9)] = 30 * 86_400.0
    in_process: bool | None = None


class ClientLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many requests one client may send within so many seconds."""

    requests: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
    seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)]


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[http]` section: what the server accepts. Sizes are bytes, times are seconds.

    Attributes:
        max_body: the largest body.
        max_connections: connections that one process holds at once; more are refused.
        header_timeout: how long the request line and the headers may take.
        write_timeout: how long a client may leave an answer that waits for it.
        request_timeout: how long a request may take from its body's end to the beginning of its answer.
        drain_delay: how long a process that is told to stop serves on, no longer ready; None: 5 in production, else 0.
        body_chunk_timeout: how long the next chunk of a body may take.
        body_timeout: how long a whole body may take.
        allowed_hosts: names under which the service may be addressed; none listed: any.
        trusted_proxies: networks of our own proxies, whose word for client and scheme is taken.
        forwarded_header: what those proxies write the chain of addresses to; the other header is a client's claim.
        cors_origins: origins whose pages may call the service, exactly as browsers write them; `*` stands alone.
        hsts: whether browsers are told to come over TLS only; None: in production with an https `public_url`.
        max_in_flight: requests that one process works on at once; more are answered 503 at once.
        rate_limit: what one client (an IPv4 address, an IPv6 /64) may ask of `/api/`; None: what the routes allow.
    """

    max_body: Annotated[int, msgspec.Meta(ge=1)] = 2 * 1024 * 1024
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000
    header_timeout: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0
    write_timeout: Seconds = 30.0
    request_timeout: Seconds = 10.0
    drain_delay: Annotated[float, msgspec.Meta(ge=0, le=600)] | None = None
    body_chunk_timeout: Seconds = 15.0
    body_timeout: Seconds = 60.0
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    cors_origins: tuple[str, ...] = ()
    hsts: bool | None = None
    max_in_flight: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 128
    rate_limit: ClientLimit | None = None


class TopLevel(msgspec.Struct, frozen=True, kw_only=True):
    """The keys at the top of the file."""

    profile: Profile = "development"
    state_dir: str = "var"
    server: Literal["granian", "uvicorn"] = "uvicorn"
    bell: str = "storage"
    secret_key: Secret | None = None
    previous_secret_key: Secret | None = None
    admin_key: Secret | None = None
    public_url: str | None = None
    http: HttpSettings = HttpSettings()
    jobs: JobSettings = JobSettings()


class PluginsSection(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of `[plugins]` that are the core's own; the tables below it belong to the plugins."""

    enabled: tuple[str, ...] = ()
    on_failure: Literal["stop", "skip"] = "stop"


class Config(TopLevel, frozen=True, kw_only=True):
    """The decoded configuration. Sections that belong to plugins and adapters stay raw until those are known."""

    enabled: tuple[str, ...] = ()
    on_failure: Literal["stop", "skip"] = "stop"
    plugin_sections: Mapping[str, Raw] = {}
    ports: Mapping[str, str] = {}
    adapter_sections: Mapping[str, Mapping[str, Raw]] = {}
    source: str = FILE_NAME
    directory: str = "."

    @property
    def is_production(self) -> bool:
        """Tell whether unsafe defaults are refused."""
        return self.profile == "production"

    @property
    def sends_hsts(self) -> bool:
        """Tell whether browsers are told to come over TLS only."""
        served_over_tls = self.is_production and (self.public_url or "").startswith("https:")
        return served_over_tls if self.http.hsts is None else self.http.hsts

    @property
    def drain_delay(self) -> float:
        """Seconds for which a process that is told to stop serves on: long enough for two probes of a balancer."""
        asked = self.http.drain_delay
        return (PRODUCTION_DRAIN if self.is_production else 0.0) if asked is None else asked

    @property
    def state_path(self) -> Path:
        """The folder of the embedded adapters' state and of generated keys, absolute."""
        return (Path(self.directory) / self.state_dir).resolve()

    @property
    def workers_path(self) -> Path:
        """The folder where the workers of this machine give signs of life."""
        return self.state_path / "workers"

    @property
    def works_in_process(self) -> bool:
        """Tell whether the serving process also runs jobs."""
        return not self.is_production if self.jobs.in_process is None else self.jobs.in_process
