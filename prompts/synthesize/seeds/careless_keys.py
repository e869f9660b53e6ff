"""security, cryptography

Small devices made their key pairs with too little chance at hand, so that some public moduli share a prime factor.
From a list of moduli with exponents and a message enciphered for each, find the devices whose keys fall, recover
their private exponents and read their messages. Moduli that appear twice are one key in two devices and give nothing
away by themselves.
"""

from math import gcd


def broken(devices: dict[str, tuple[int, int, int]]) -> dict[str, tuple[int, int]]:
    """`devices`: (modulus, exponent, enciphered). By device: private exponent and message, as numbers."""
    moduli = sorted({modulus for modulus, _, _ in devices.values()})
    factors = {}
    for modulus in moduli:
        shared = (gcd(modulus, other) for other in moduli if other != modulus)
        factors[modulus] = next((factor for factor in shared if factor > 1), 1)
    result = {}
    for name, (modulus, exponent, enciphered) in sorted(devices.items()):
        if (p := factors[modulus]) > 1:
            private = pow(exponent, -1, (p - 1) * (modulus // p - 1))
            result[name] = (private, pow(enciphered, private, modulus))
    return result
