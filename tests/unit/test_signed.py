"""Signed tickets: what the server signs is read, and nothing else whatever it looks like."""

from __future__ import annotations

import base64
import string
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from gated.signed import SignedTicket, could_be_signed, public_keys, unusable_keys, verify

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = (PRIVATE.public_key(),)
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
FROM, UNTIL = 1_780_000_000, 1_780_086_400

ALPHABET = string.ascii_letters + string.digits + "+/="


def varint(number: int) -> bytes:
    number %= 1 << 64
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def number_field(field: int, number: int) -> bytes:
    return varint(field << 3) + varint(number)


def bytes_field(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def payload_of(seed: str = "abcdefghi", **numbers: int) -> bytes:
    """As the server writes it: a field that is 0 is left out."""
    fields = ("item", "variation", "subevent", "valid_from", "valid_until")
    parts = [bytes_field(1, seed.encode())] if seed else []
    for field, name in enumerate(fields, start=2):
        if number := numbers.get(name, 0):
            parts.append(number_field(field, number))
    return b"".join(parts)


def written(raw: bytes) -> str:
    return base64.b64encode(raw).decode()[::-1]


def packed(payload: bytes, signature: bytes, *, version: int = 1) -> bytes:
    lengths = len(payload).to_bytes(2) + len(signature).to_bytes(2)
    return bytes([version]) + lengths + payload + signature


def signed(payload: bytes, key: Ed25519PrivateKey = PRIVATE) -> str:
    return written(packed(payload, key.sign(payload)))


def valid_key(key: PublicKeyTypes) -> str:
    return valid_pem(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def valid_pem(der: bytes) -> str:
    lines = (b"-----BEGIN PUBLIC KEY-----", base64.b64encode(der), b"-----END PUBLIC KEY-----")
    return base64.b64encode(b"\n".join(lines)).decode()


PLAIN = payload_of(item=1)
FULL = payload_of(item=3, variation=14, subevent=159, valid_from=FROM, valid_until=UNTIL)
CODE = signed(FULL)
TICKET = SignedTicket("abcdefghi", 1)


def test_a_signed_ticket_is_read() -> None:
    assert verify(signed(PLAIN), KEYS) == TICKET


@pytest.mark.parametrize("code", [signed(PLAIN), CODE, signed(payload_of("s" * 4000, item=1))])
def test_what_is_signed_looks_like_it(code: str) -> None:
    assert could_be_signed(code)


@pytest.mark.parametrize("code", ["", "QA", "1" * 200, "abcdefghijklmnop" * 8])
def test_few_other_codes_do(code: str) -> None:
    assert not could_be_signed(code)


def test_every_field_is_read() -> None:
    assert verify(CODE, KEYS) == SignedTicket(
        "abcdefghi",
        3,
        variation=14,
        subevent=159,
        valid_from=datetime.fromtimestamp(FROM, UTC),
        valid_until=datetime.fromtimestamp(UNTIL, UTC),
    )


def test_zero_means_not_set() -> None:
    zeros = b"".join(number_field(field, 0) for field in (3, 4, 5, 6))
    assert verify(signed(PLAIN + zeros), KEYS) == TICKET


@pytest.mark.parametrize("size", [127, 128, 255, 256, 257, 1024, 40_000, 65_000])
def test_a_payload_may_be_longer_than_one_byte_can_say(size: int) -> None:
    ticket = verify(signed(payload_of("s" * size, item=1)), KEYS)
    assert ticket == SignedTicket("s" * size, 1)


@pytest.mark.parametrize("item", [1, 127, 128, 16_384, 2**31, 2**32 + 5, 2**63 - 1])
def test_an_id_may_have_up_to_63_bits(item: int) -> None:
    assert verify(signed(payload_of(item=item)), KEYS) == SignedTicket("abcdefghi", item)


def test_a_time_before_1970_is_a_time() -> None:
    ticket = verify(signed(payload_of(item=1, valid_until=-1)), KEYS)
    assert ticket is not None
    assert ticket.valid_until == datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_without_keys_nothing_is_valid() -> None:
    assert verify(CODE, ()) is None


def test_a_ticket_of_another_event_is_not_ours() -> None:
    assert verify(signed(FULL, OTHER), KEYS) is None


def test_old_and_new_key_are_both_good_while_keys_are_rotated() -> None:
    both = (PRIVATE.public_key(), OTHER.public_key())
    for keys in (both, both[::-1]):
        assert verify(signed(PLAIN), keys) == TICKET
        assert verify(signed(PLAIN, OTHER), keys) == TICKET
    assert verify(signed(PLAIN), both[1:]) is None


def test_a_change_of_any_letter_is_refused() -> None:
    for place, letter in enumerate(CODE):
        others = {ALPHABET[(ALPHABET.index(letter) + step) % 65] for step in (1, 2, 64)}
        for other in others | {"=", "-", " "} - {letter}:
            assert verify(CODE[:place] + other + CODE[place + 1 :], KEYS) is None


@pytest.mark.parametrize("payload", [PLAIN, PLAIN + number_field(3, 1), FULL])
def test_a_change_of_any_bit_is_refused(payload: bytes) -> None:
    raw = packed(payload, PRIVATE.sign(payload))
    for place in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[place] ^= 1 << bit
            assert verify(written(bytes(changed)), KEYS) is None


def test_a_letter_more_or_less_anywhere_is_refused() -> None:
    for place in range(len(CODE)):
        assert verify(CODE[:place] + CODE[place + 1 :], KEYS) is None
        assert verify(CODE[:place] + "A" + CODE[place:], KEYS) is None
    assert verify(CODE + "A", KEYS) is None


@pytest.mark.parametrize("extra", [b"\0", b"\0\0\0", b"more", bytes(64)])
def test_bytes_after_the_end_are_refused(extra: bytes) -> None:
    raw = packed(FULL, PRIVATE.sign(FULL))
    assert verify(written(raw), KEYS) is not None
    assert verify(written(raw + extra), KEYS) is None


def test_every_beginning_of_a_ticket_is_refused() -> None:
    raw = packed(FULL, PRIVATE.sign(FULL))
    assert not any(verify(written(raw[:size]), KEYS) for size in range(len(raw)))


@pytest.mark.parametrize("version", [0, 2, 3, 255])
def test_another_version_is_refused(version: int) -> None:
    assert verify(written(packed(FULL, PRIVATE.sign(FULL), version=version)), KEYS) is None


def test_a_ticket_that_is_not_reversed_is_refused() -> None:
    assert verify(CODE[::-1], KEYS) is None


def test_payload_and_signature_may_not_change_places() -> None:
    signature = PRIVATE.sign(FULL)
    swapped = packed(signature, FULL)
    assert verify(written(swapped), KEYS) is None
    lengths = len(FULL).to_bytes(2) + len(signature).to_bytes(2)
    assert verify(written(b"\1" + lengths + signature + FULL), KEYS) is None


def test_the_signature_of_another_ticket_is_refused() -> None:
    assert verify(written(packed(FULL, PRIVATE.sign(PLAIN))), KEYS) is None


@pytest.mark.parametrize("size", [0, 1, 63, 65, 128])
def test_a_signature_of_another_length_is_refused(size: int) -> None:
    signature = (PRIVATE.sign(FULL) * 2)[:size]
    assert verify(written(packed(FULL, signature)), KEYS) is None


def test_a_byte_may_not_move_from_payload_to_signature() -> None:
    signature = PRIVATE.sign(FULL)
    lengths = (len(FULL) - 1).to_bytes(2) + (65).to_bytes(2)
    assert verify(written(b"\1" + lengths + FULL + signature), KEYS) is None


class TestOneWayToWriteIt:
    @pytest.mark.parametrize(
        "text",
        [
            f" {CODE}",
            f"{CODE} ",
            f"{CODE}\n",
            f"{CODE[:40]}\r\n{CODE[40:]}",
            f"={CODE}",
            f"{CODE}=",
            f"====={CODE}",
            f"{CODE[:10]}.{CODE[10:]}",
            f"{CODE}\N{FULLWIDTH LATIN CAPITAL LETTER A}",
            f"{CODE}\ud800",
            f"\0{CODE}",
            "",
            "=",
            "====",
        ],
        ids=ascii,
    )
    def test_any_other_text_is_refused(self, text: str) -> None:
        assert verify(text, KEYS) is None

    @pytest.mark.parametrize("seed", ["abcdefgh", "abcdefghi", "abcdefghij"])
    def test_every_length_of_padding_is_kept_exactly(self, seed: str) -> None:
        code = signed(payload_of(seed, item=1))
        bare = code.lstrip("=")
        for padding in ("", "=", "==", "===", "===="):
            assert (verify(padding + bare, KEYS) is not None) == (padding + bare == code)

    @pytest.mark.parametrize(("letter", "instead"), [("+", "-"), ("/", "_")])
    def test_the_alphabet_for_addresses_is_refused(self, letter: str, instead: str) -> None:
        codes = (signed(payload_of(f"{number:09}", item=1)) for number in range(99))
        code = next(code for code in codes if letter in code)
        assert verify(code, KEYS) is not None
        assert verify(code.replace(letter, instead), KEYS) is None

    def test_unused_bits_of_the_last_letter_have_to_be_zero(self) -> None:
        code = next(
            code
            for size in range(1, 4)
            if (code := signed(payload_of("s" * size, item=1))).startswith("==")
        )
        same_bytes = [
            f"=={letter}{code[3:]}"
            for letter in ALPHABET[:-1]
            if base64.b64decode(f"=={letter}{code[3:]}"[::-1]) == base64.b64decode(code[::-1])
        ]
        assert len(same_bytes) == 16
        assert [text for text in same_bytes if verify(text, KEYS)] == [code]


class TestPayload:
    """Signed by the right key, and still not what this scheme says."""

    @pytest.mark.parametrize(
        "payload",
        [
            b"",
            payload_of(),
            payload_of(item=-1),
            payload_of(item=1, variation=-1),
            payload_of(item=1, subevent=-5),
            payload_of(item=1, valid_until=2**62),
            payload_of(item=1, valid_from=-(2**63)),
            PLAIN[:-1],
            PLAIN + b"\x18",
            PLAIN + b"\x18\x80",
            PLAIN + b"\x18" + b"\x80" * 10 + b"\x00",
            PLAIN + b"\x18" + b"\xff" * 9 + b"\x02",
            PLAIN + b"\x00\x00",
            PLAIN + b"\x07",
            PLAIN + varint(9 << 3 | 3) + varint(9 << 3 | 4),
            PLAIN + varint(9 << 3 | 6),
            PLAIN + varint(1 << 32) + b"\x01",
            PLAIN + bytes_field(9, b"abc")[:-1],
            PLAIN + varint(9 << 3 | 2) + varint(2**64 - 1),
            PLAIN + varint(9 << 3 | 1) + bytes(7),
            PLAIN + varint(9 << 3 | 5) + bytes(3),
            PLAIN + number_field(1, 5),
            PLAIN + bytes_field(2, b"\x01"),
            PLAIN + varint(5 << 3 | 1) + bytes(8),
            bytes_field(1, b"\xff\xfe") + number_field(2, 1),
        ],
        ids=bytes.hex,
    )
    def test_what_cannot_be_read_is_refused(self, payload: bytes) -> None:
        assert verify(signed(payload), KEYS) is None

    @pytest.mark.parametrize(
        "field",
        [
            number_field(7, 2**64 - 1),
            bytes_field(7, b""),
            bytes_field(8, b"\xff" * 300),
            varint(99 << 3 | 1) + bytes(8),
            varint((1 << 29) - 1 << 3 | 5) + bytes(4),
        ],
        ids=["varint", "empty", "delimited", "fixed64", "fixed32"],
    )
    def test_fields_of_a_newer_server_are_skipped(self, field: bytes) -> None:
        assert verify(signed(field + PLAIN), KEYS) == TICKET
        assert verify(signed(PLAIN + field), KEYS) == TICKET

    def test_of_one_field_given_twice_the_last_counts(self) -> None:
        assert verify(signed(payload_of("first", item=9) + PLAIN), KEYS) == TICKET

    def test_order_does_not_matter(self) -> None:
        assert verify(signed(number_field(2, 1) + bytes_field(1, b"abcdefghi")), KEYS) == TICKET


class TestKeys:
    def test_the_events_keys_are_read_in_order(self) -> None:
        keys = public_keys([valid_key(OTHER.public_key()), valid_key(KEYS[0])])
        assert [key.public_bytes_raw() for key in keys] == [
            OTHER.public_key().public_bytes_raw(),
            KEYS[0].public_bytes_raw(),
        ]
        assert verify(CODE, keys) is not None

    def test_unusable_keys_are_left_out_and_named(self) -> None:
        not_text: Any = None
        pem = KEYS[0].public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        der = KEYS[0].public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        elliptic = generate_private_key(SECP256R1()).public_key()
        texts = [
            "",
            "not base64!",
            pem.decode(),
            valid_key(KEYS[0]),
            base64.b64encode(der).decode(),
            base64.b64encode(pem[:60]).decode(),
            valid_key(elliptic),
            valid_pem(der.replace(b"\x2b\x65\x70", b"\x2b\x65\x00")),
            not_text,
            "\ud800",
            valid_key(OTHER.public_key()),
        ]
        keys = public_keys(texts)
        assert [key.public_bytes_raw() for key in keys] == [
            KEYS[0].public_bytes_raw(),
            OTHER.public_key().public_bytes_raw(),
        ]
        what = "not a public key in PEM in base64"
        assert unusable_keys(texts) == (
            f"key 1: {what}",
            f"key 2: {what}",
            f"key 3: {what}",
            f"key 5: {what}",
            f"key 6: {what}",
            "key 7: not an Ed25519 key",
            f"key 8: {what}",
            f"key 9: {what}",
            f"key 10: {what}",
        )

    def test_an_event_without_keys_has_none(self) -> None:
        assert public_keys([]) == ()
        assert unusable_keys([]) == ()


@settings(deadline=None)
@given(st.text() | st.text(alphabet=ALPHABET))
def test_no_text_raises(text: str) -> None:
    assert verify(text, KEYS) is None


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_raise(raw: bytes) -> None:
    assert verify(written(raw), KEYS) is None
    assert verify(written(b"\1" + raw), KEYS) is None
    assert verify(written(packed(raw, bytes(64))), KEYS) is None


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_no_signed_payload_raises(payload: bytes) -> None:
    for start in (b"", PLAIN):
        ticket = verify(signed(start + payload), KEYS)
        assert ticket is None or ticket.item > 0


@settings(deadline=None)
@given(
    st.text(max_size=300),
    st.integers(1, 2**63 - 1),
    st.none() | st.integers(1, 2**63 - 1),
    st.none() | st.integers(1, 2**63 - 1),
    st.none() | st.datetimes(timezones=st.just(UTC)).map(lambda time: time.replace(microsecond=0)),
)
def test_what_is_signed_is_what_is_read(
    seed: str, item: int, variation: int | None, subevent: int | None, until: datetime | None
) -> None:
    unix_s = int((until - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) if until else 0
    payload = payload_of(
        seed, item=item, variation=variation or 0, subevent=subevent or 0, valid_until=unix_s
    )
    expected = SignedTicket(seed, item, variation, subevent, None, until if unix_s else None)
    assert verify(signed(payload), KEYS) == expected


@settings(deadline=None)
@given(
    st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: base64.b64encode(raw).decode())
)
def test_no_key_raises(text: str) -> None:
    assert all(isinstance(key, Ed25519PublicKey) for key in public_keys([text]))
    assert len(public_keys([text])) + len(unusable_keys([text])) == 1
