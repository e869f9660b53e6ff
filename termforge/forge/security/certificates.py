"""X.509 certificates in PEM, made by hand so that drawing them needs no library: names, dates, key sizes, digests.

Their signatures are noise and their moduli are no products of primes: they can be read, not verified.
"""

import base64
from datetime import date
from random import Random
from typing import NamedTuple

OIDS = {
    "CN": "55 04 03",
    "O": "55 04 0a",
    "rsa": "2a 86 48 86 f7 0d 01 01 01",
    "sha1": "2a 86 48 86 f7 0d 01 01 05",
    "sha256": "2a 86 48 86 f7 0d 01 01 0b",
    "sha384": "2a 86 48 86 f7 0d 01 01 0c",
}
SEQUENCE, SET, INTEGER, BITS, NULL, OID, UTF8, UTC_TIME, VERSION = 0x30, 0x31, 0x02, 0x03, 0x05, 0x06, 0x0C, 0x17, 0xA0


class Certificate(NamedTuple):
    serial: int
    name: str
    """Common name of the subject."""
    issuer: str
    """Common name of the issuer."""
    owner: str
    """Organization, of both."""
    begins: date
    expires: date
    """Its last day; the certificate ends with its last second, UTC."""
    bits: int
    """Of the RSA modulus."""
    digest: str

    def pem(self, random: Random) -> str:
        """The modulus and the signature are drawn."""
        algorithm = _tagged(SEQUENCE, _oid(self.digest), _tagged(NULL))
        validity = _tagged(SEQUENCE, _time(self.begins, "000000"), _time(self.expires, "235959"))
        modulus = random.getrandbits(self.bits) | 1 << (self.bits - 1) | 1
        key = _tagged(SEQUENCE, _integer(modulus), _integer(65537))
        content = _tagged(
            SEQUENCE,
            _tagged(VERSION, _integer(2)),
            _integer(self.serial),
            algorithm,
            _named(self.issuer, self.owner),
            validity,
            _named(self.name, self.owner),
            _tagged(SEQUENCE, _tagged(SEQUENCE, _oid("rsa"), _tagged(NULL)), _tagged(BITS, b"\0", key)),
        )
        signature = _tagged(BITS, b"\0", random.randbytes(256))
        text = base64.b64encode(_tagged(SEQUENCE, content, algorithm, signature)).decode()
        rows = "".join(f"{text[start : start + 64]}\n" for start in range(0, len(text), 64))
        return f"-----BEGIN CERTIFICATE-----\n{rows}-----END CERTIFICATE-----\n"


def _tagged(tag: int, *parts: bytes) -> bytes:
    """DER: tag, length, content."""
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 128 + len(length))) + length + content


def _integer(value: int) -> bytes:
    """Not negative: a leading bit that is set gets a zero byte before it."""
    return _tagged(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _oid(name: str) -> bytes:
    return _tagged(OID, bytes.fromhex(OIDS[name]))


def _time(day: date, clock: str) -> bytes:
    return _tagged(UTC_TIME, f"{day:%y%m%d}{clock}Z".encode())


def _named(name: str, owner: str) -> bytes:
    parts = (
        _tagged(SET, _tagged(SEQUENCE, _oid(kind), _tagged(UTF8, text.encode())))
        for kind, text in (("O", owner), ("CN", name))
    )
    return _tagged(SEQUENCE, *parts)
