"""The sections of the config file and what each key may be."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo
from pydantic.functional_validators import BeforeValidator, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gated.config.base import Section
from gated.config.panel import Blink, Display, Panel, SignalName, SignalSteps, StatusName

Port = Annotated[int, Field(ge=0, le=65535)]
# TOML has no word for nothing: `port = false` is a gate that does not listen there.
PortOrNone = Annotated[Port | None, BeforeValidator(lambda port: None if port is False else port)]


def server_url(url: str) -> str:
    """Check the address of a ticket server. Raises PydanticCustomError, which is a ValueError."""
    if not url:
        return url
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"https", "http"} and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or any(c.isspace() or not c.isprintable() for c in url):
        kind = "secret" if "@" in url else "url"
        raise PydanticCustomError(kind, "must look like https://tickets.example.org")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise PydanticCustomError("secret", "must be a plain address without user, ? or #")
    loopback = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme == "http" and not loopback:
        raise PydanticCustomError("url", "must be https: the token would travel in the clear")
    return url.rstrip("/")


class Gate(Section):
    """`[gate]`: this box."""

    name: str = Field(default="gate", min_length=1, max_length=60)
    mode: Literal["exit", "entry", "last"] = "last"
    again_s: float = Field(default=8.0, ge=0, le=300)
    language: Literal["en", "de"] = "en"
    timezone: str = ""
    capacity: int = Field(default=0, ge=0, le=1_000_000)

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            return ZoneInfo(name).key if name else name
        except (ValueError, OSError, KeyError):
            raise PydanticCustomError("zone", "must look like Europe/Berlin") from None


class Server(Section):
    """`[server]`: the ticket server."""

    url: str = ""
    organizer: str = ""
    event: str = ""
    checkin_lists: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(), strict=False)
    token_file: str = ""
    timeout_s: float = Field(default=10.0, gt=0, le=120)
    confirm_timeout_ms: int = Field(default=400, ge=0, le=5000)
    exit_via: Literal["auto", "checkout", "redeem"] = "auto"
    pull_s: float = Field(default=10.0, ge=1, le=3600)
    complete_s: float = Field(default=3600.0, ge=10, le=86400)
    old_after_s: float = Field(default=7200.0, ge=60, le=864000)
    bulk_most: int = Field(default=2000, ge=1, le=100000)

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        return server_url(url)

    @field_validator("organizer", "event")
    @classmethod
    def _slug(cls, slug: str) -> str:
        if slug and not all(c.isascii() and (c.isalnum() or c in "-_.") for c in slug):
            raise PydanticCustomError("slug", "must be the short name from the server's address")
        return slug

    @field_validator("checkin_lists")
    @classmethod
    def _lists(cls, lists: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(lists)) != len(lists):
            raise PydanticCustomError("lists", "names a list twice")
        return lists

    @model_validator(mode="after")
    def _whole(self) -> Server:
        # Without a token the gate is enrolled, which finds out whatever else is missing.
        if self.token_file:
            needed = ("url", "organizer", "event", "checkin_lists")
            if missing := [key for key in needed if not getattr(self, key)]:
                raise PydanticCustomError(
                    "needs",
                    "token_file is set, so these are needed: {keys}",
                    {"keys": ", ".join(missing)},
                )
        return self


class Policy(Section):
    """`[policy]`: what the organiser wants where the facts leave a choice."""

    exit_not_inside: Literal["refuse", "attention"] = "refuse"
    stale_after_s: float = Field(default=60.0, ge=0, le=86400)
    unknown_rules: Literal["admit", "refuse", "attention"] = "attention"
    signed_tickets: Literal["admit", "refuse", "attention"] = "attention"

    @property
    def vouches(self) -> bool:
        """Whether a code may vouch for itself by its signature."""
        return self.signed_tickets != "refuse"


class Camera(Section):
    """`[camera]`: the eye."""

    source: Literal["picamera2", "files", "scene", "none"] = "picamera2"
    path: str = ""
    watch: bool = False
    hold_ms: int = Field(default=1000, ge=1)
    preset: Literal["indoor", "sunlight", "dusk", "screens"] = "indoor"
    fps: float = Field(default=30.0, gt=0, le=240)
    width: int = Field(default=1280, ge=160, le=4608)
    height: int = Field(default=720, ge=120, le=3496)
    exposure_us: int = Field(default=4000, ge=0, le=100000)
    gain: float = Field(default=0.0, ge=0, le=64)
    focus_m: float = Field(default=0.0, ge=0, le=10)
    formats: tuple[Literal["qr", "aztec", "pdf417", "datamatrix", "code128"], ...] = Field(
        default=("qr",), strict=False, min_length=1
    )

    @model_validator(mode="after")
    def _path(self) -> Camera:
        if self.source == "files" and not self.path:
            raise PydanticCustomError("needs", 'source = "files" needs path')
        return self


class Scanner(Section):
    """`[[scanner]]`: a scan engine on a serial line or USB, as many as there are."""

    device: str = Field(min_length=1)
    baud: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400] = 115200
    suffix: str = Field(default="\r", max_length=8)
    prefix: str = Field(default="", max_length=16)


class Schedule(Section):
    """`[[schedule]]`: what is done by itself, when; in the gate's local time."""

    at: str
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(
        default=(), strict=False
    )
    action: Literal["entry", "exit", "checkout_all"]
    guard_min: int = Field(default=30, ge=1, le=1440)

    @field_validator("at")
    @classmethod
    def _at(cls, at: str) -> str:
        try:
            if time.fromisoformat(at).tzinfo is None:
                return at
        except ValueError:
            pass
        raise PydanticCustomError("time", 'must look like "20:00"')


class Store(Section):
    """`[store]`: where the list and the ledger lie."""

    path: str = "/var/lib/gated/gated.db"


class Web(Section):
    """`[web]`: the local page."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Port = 8080
    name: str = ""
    certificate: str = ""
    key: str = ""
    login_file: str = "/etc/gated/page-login"

    @model_validator(mode="after")
    def _pair(self) -> Web:
        if bool(self.certificate) != bool(self.key):
            raise PydanticCustomError("needs", "certificate and key are needed together")
        return self


class Metrics(Section):
    """`[metrics]`: what Prometheus and a monitoring may ask, on a port of its own."""

    host: str = "127.0.0.1"
    port: PortOrNone = None


class Control(Section):
    """`[control]`: how `gated status` and the like reach a running daemon."""

    socket: str = ""


class Privacy(Section):
    """`[privacy]`: what may lie on the SD card."""

    names: bool = False
    keep_days: int = Field(default=30, ge=1, le=3650)


class Log(Section):
    """`[log]`."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(Section):
    """The whole file. Every section and every key has a default but the server's address."""

    gate: Gate = Gate()
    server: Server = Server()
    policy: Policy = Policy()
    camera: Camera = Camera()
    scanner: tuple[Scanner, ...] = Field(default=(), strict=False, validate_default=True)
    panel: Panel = Panel()
    display: Display = Display()
    signals: dict[SignalName, SignalSteps] = Field(default_factory=dict)
    status: dict[StatusName, Blink] = Field(default_factory=dict)
    schedule: tuple[Schedule, ...] = Field(default=(), strict=False)
    store: Store = Store()
    web: Web = Web()
    metrics: Metrics = Metrics()
    control: Control = Control()
    privacy: Privacy = Privacy()
    log: Log = Log()

    @field_validator("scanner")
    @classmethod
    def _sees(cls, scanners: tuple[Scanner, ...], info: ValidationInfo) -> tuple[Scanner, ...]:
        camera = info.data.get("camera")
        if camera and camera.source == "none" and not scanners:
            raise PydanticCustomError("needs", 'is needed where [camera] source = "none"')
        if len({one.device for one in scanners}) < len(scanners):
            raise PydanticCustomError("needs", "names a device twice")
        return scanners

    @property
    def control_socket(self) -> Path:
        """`[control] socket`, else /run/gated where systemd made it, else beside the database."""
        if self.control.socket:
            return Path(self.control.socket)
        run = Path("/run/gated")
        return (run if run.is_dir() else Path(self.store.path).parent) / "control.sock"

    @property
    def key_file(self) -> Path:
        """The key of hashes and kept texts: beside the database, never in it."""
        return Path(self.store.path).with_suffix(".key")

    @property
    def identity_folder(self) -> Path:
        """What enrolment found out, the token too: beside the database."""
        return Path(self.store.path).with_name("identity")
