"""Signed tickets (`pretix_sig1`): codes that prove themselves with no list at hand. Pure.

A code is the reverse of the base64 of: version 1, payload length and signature length (two bytes
each, big-endian), a proto3 payload and its Ed25519 signature. Everything is taken strictly: a
second way to write the same ticket would be a way around the lists of revoked and used codes.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VERSION = 1
SIGNATURE_BYTES = 64
HEADER = struct.Struct(">BHH")
_BEGINNING = "AQ"
"""Base64 of the version and of a payload shorter than 4096 bytes."""
_SHORTEST = 92
"""Base64 of the header and a signature alone."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SEED, ITEM, VARIATION, SUBEVENT, VALID_FROM, VALID_UNTIL = range(1, 7)
"""Field numbers of the payload."""
VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
"""Wire types of proto3; the others are invalid."""
WIRE_TYPES = {
    SEED: DELIMITED,
    ITEM: VARINT,
    VARIATION: VARINT,
    SUBEVENT: VARINT,
    VALID_FROM: VARINT,
    VALID_UNTIL: VARINT,
}


@dataclass(frozen=True, slots=True)
class SignedTicket:
    """What a signed code says of itself; nothing about payment, cancellation or the guest."""

    seed: str
    item: int
    variation: int | None = None
    subevent: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None


def could_be_signed(text: str) -> bool:
    """Whether the code begins, from its end, as these do; cheap, and true of few others."""
    return len(text) >= _SHORTEST and text.endswith(_BEGINNING[::-1])


def verify(text: str, keys: Sequence[Ed25519PublicKey]) -> SignedTicket | None:
    """Read a code that one of the keys has signed; None for every other text."""
    try:
        payload, signature = _unpack(text)
        return _ticket(payload) if _is_signed(payload, signature, keys) else None
    except (ValueError, OverflowError):
        return None


def public_keys(valid_keys: Sequence[str]) -> tuple[Ed25519PublicKey, ...]:
    """Read the event's `valid_keys.pretix_sig1`, in its order; unusable ones are left out."""
    return tuple(key for key in map(_read_key, valid_keys) if isinstance(key, Ed25519PublicKey))


def unusable_keys(valid_keys: Sequence[str]) -> tuple[str, ...]:
    """Name each key that `public_keys` leaves out: its place in the list, from 1, and why."""
    read = enumerate(map(_read_key, valid_keys), start=1)
    return tuple(f"key {place}: {why}" for place, why in read if isinstance(why, str))


def _read_key(text: str) -> Ed25519PublicKey | str:
    """Read one key: base64 of a PEM SubjectPublicKeyInfo; or say what is wrong with it."""
    try:
        key = load_pem_public_key(base64.b64decode(text))
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return "not a public key in PEM in base64"
    return key if isinstance(key, Ed25519PublicKey) else "not an Ed25519 key"


def _unpack(text: str) -> tuple[bytes, bytes]:
    backwards = text[::-1]
    raw = base64.b64decode(backwards)
    # The decoder lets foreign letters pass, and unused bits even where it is strict.
    if base64.b64encode(raw) != backwards.encode():
        raise ValueError("not the one way to write these bytes")
    if len(raw) < HEADER.size:
        raise ValueError("too short")
    version, payload_bytes, signature_bytes = HEADER.unpack_from(raw)
    if version != VERSION or signature_bytes != SIGNATURE_BYTES:
        raise ValueError("not of this scheme")
    if len(raw) != HEADER.size + payload_bytes + signature_bytes:
        raise ValueError("not of the length it says")
    return raw[HEADER.size : -SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]


def _is_signed(payload: bytes, signature: bytes, keys: Sequence[Ed25519PublicKey]) -> bool:
    for key in keys:
        try:
            key.verify(signature, payload)
        except InvalidSignature:
            continue
        return True
    return False


def _ticket(payload: bytes) -> SignedTicket:
    seed = ""
    numbers: dict[int, int] = {}
    for field, value in _fields(payload):
        if isinstance(value, bytes):
            seed = value.decode()
        else:
            numbers[field] = value
    ids = [numbers.get(field, 0) for field in (ITEM, VARIATION, SUBEVENT)]
    if ids[0] == 0 or min(ids) < 0:
        raise ValueError("a ticket for no product")
    return SignedTicket(
        seed,
        ids[0],
        variation=ids[1] or None,
        subevent=ids[2] or None,
        valid_from=_moment(numbers.get(VALID_FROM, 0)),
        valid_until=_moment(numbers.get(VALID_UNTIL, 0)),
    )


def _moment(unix_s: int) -> datetime | None:
    return EPOCH + timedelta(seconds=unix_s) if unix_s else None


def _fields(payload: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Tell the known fields, of several with one number the last last; skip the unknown."""
    at = 0
    while at < len(payload):
        tag, at = _varint(payload, at)
        field, wire_type = tag >> 3, tag & 7
        if not 0 < field < 1 << 29 or wire_type != WIRE_TYPES.get(field, wire_type):
            raise ValueError("a field that cannot be")
        number = 0
        if wire_type == VARINT:
            number, at = _varint(payload, at)
            end = at
        elif wire_type == DELIMITED:
            size, at = _varint(payload, at)
            end = at + size
        elif wire_type in {FIXED64, FIXED32}:
            end = at + (8 if wire_type == FIXED64 else 4)
        else:
            raise ValueError("a wire type that cannot be")
        if end > len(payload):
            raise ValueError("ends within a field")
        if field in WIRE_TYPES:
            yield field, payload[at:end] if wire_type == DELIMITED else _signed64(number)
        at = end


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    """Read an unsigned number of up to 64 bits; tell it and where it ends."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(payload):
            raise ValueError("ends within a number")
        byte = payload[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number >= 1 << 64:
                break
            return number, at
    raise ValueError("a number of more than 64 bits")


def _signed64(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number
