"""Everything that can go wrong, split by what the caller does next."""

from __future__ import annotations

from dataclasses import dataclass


class GatedError(Exception):
    """The root. `str()` is one sentence for a person: what is wrong and what to do."""

    exit_status = 1


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the config: where, what, and the nearest thing that is right."""

    key: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.key}: {self.what}" + (f" ({self.hint})" if self.hint else "")


class ConfigError(GatedError):
    """The config cannot be used. Carries every problem; systemd must not retry (EX_CONFIG)."""

    exit_status = 78

    def __init__(self, problems: list[Problem], *, path: str = "") -> None:
        self.problems = problems
        self.path = path
        super().__init__("\n".join(str(problem) for problem in problems))


class HardwareError(GatedError):
    """A part of the box does not work."""

    exit_status = 69


class CameraError(HardwareError):
    """No pictures. The reader restarts the camera a few times, then the process ends."""


class PanelError(HardwareError):
    """A lamp, the buzzer or the button does not work. Scanning goes on."""


class StoreError(GatedError):
    """The database cannot be read or written. No lamp may turn green."""

    exit_status = 74


class StoreTooNew(StoreError):
    """The database was written by a newer gated. Install that version again."""


class StoreCorrupt(StoreError):
    """The database is damaged. Keep the file, start with a new one."""


class StoreBusy(StoreError):
    """Another gated owns this database."""

    exit_status = 75


class ServerError(GatedError):
    """The ticket server did not do what it was asked."""

    exit_status = 76


class ServerUnreachable(ServerError):
    """No answer, or one that says "later" (timeout, 429, 502 to 504). Wait and retry."""

    exit_status = 75

    def __init__(self, message: str, *, wait_s: float = 0.0, sent: bool = True) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        """How long the server asked to be left alone."""
        self.sent = sent
        """False where no byte can have reached it: there was no connection."""


class ServerRefused(ServerError):
    """The server understood and said no. Settle this row and go on with the next."""

    def __init__(self, message: str, *, status: int, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class NotAuthorized(ServerError):
    """The token is wrong, revoked or lacks a right (401, 403). Longest wait; rows stay."""

    exit_status = 77


class DeviceRevoked(NotAuthorized):
    """The server says, in these very words, that it took this device's access away."""


class BadReply(ServerError):
    """The answer is not what this API says: HTML, a redirect, another shape. Wait; rows stay."""


class ServerFailed(BadReply):
    """500: the request may have been recorded or not, and its idempotency key is spent."""


class KeyLocked(BadReply):
    """409: an earlier try with this idempotency key is in hand, or died there."""


class NoSuchEndpoint(BadReply):
    """404 without JSON: this server has no such endpoint, or is not one at all."""


class NothingToAnnul(GatedError):
    """The operator named a scan that let nobody through."""


class NotOnShelf(GatedError):
    """The operator named a scan that does not need a person."""


class LoginRefused(GatedError):
    """The page's PIN or token was wrong, or guessed too often."""

    def __init__(self, message: str, *, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        """How long further tries are refused unseen."""


class ClosingBusy(GatedError):
    """Everybody is being checked out already, or there is nothing to go on with."""


class ReleaseError(GatedError):
    """A release could not be switched to; the sentence says which one is at work now."""


class EnrolmentRefused(GatedError):
    """The gate was not enrolled, or not as asked; nothing was changed."""


class CodeUsed(EnrolmentRefused):
    """The initialization token was exchanged before."""
