"""Signed tickets (`pretix_sig1`) as the real servers write them; the key is made up."""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from gated.simulator.records import PositionRecord
    from gated.simulator.world import World

KEY = Ed25519PrivateKey.from_private_bytes(b"the demo signs its tickets here!")


def sign_tickets(world: World) -> None:
    """Give the event a key, and every ticket a signed code in the place of a random one."""
    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    world.events[world.event].valid_keys = [base64.b64encode(pem).decode()]
    for position in list(world.positions.values()):
        world.rename(position.id, signed_code(position))


def signed_code(position: PositionRecord) -> str:
    """The code that says what the ticket is for, and from when until when."""
    seed = position.secret.encode()[:20]
    numbers = (
        position.item,
        position.variation or 0,
        position.subevent or 0,
        int(position.valid_from.timestamp()) if position.valid_from else 0,
        int(position.valid_until.timestamp()) if position.valid_until else 0,
    )
    payload = bytes([1 << 3 | 2, len(seed)]) + seed
    for field, number in enumerate(numbers, start=2):
        payload += bytes([field << 3]) + _varint(number) if number else b""
    signature = KEY.sign(payload)
    raw = struct.pack(">BHH", 1, len(payload), len(signature)) + payload + signature
    return base64.b64encode(raw).decode()[::-1]


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])
