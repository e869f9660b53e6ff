import base64

import pytest

from termforge.redact import MASK, redact, redact_fields, secret_in

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghij0123456789",
        "AKIAABCDEFGHIJKLMNOP",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "glpat-abcdefghij0123456789",
        "hf_abcdefghijklmnopqrstuvwxyzABCD",
        "xoxb-1234567890-abcdef",
        "AIza" + "a" * 35,
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\\nb3Bl\\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----",
        "sk-0123456789abcdef0123456789abcdef",
        "sk_live_abcdefghij0123456789",
        "aws_secret_access_key = " + "aB3/" * 10,
        "npm_" + "aB3" * 12,
        base64.b64encode(PEM.encode()).decode().rstrip("="),
        base64.encodebytes(PEM.encode() * 3).decode().strip().rstrip("="),
    ],
)
def test_what_looks_like_a_key_is_found_and_masked(secret: str) -> None:
    assert secret_in(f"it is {secret}.") is not None
    assert redact(f"it is {secret}.") == f"it is {MASK}."


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abc.def-1", f"Authorization: Bearer {MASK}"),
        ('{"api_key": "anything"}', f'{{"api_key": "{MASK}"}}'),
        ("Incorrect API key provided: x1y2.", f"Incorrect API key provided: {MASK}"),
        ("http://user:word@host/v1", f"http://{MASK}@host/v1"),
    ],
)
def test_credentials_in_errors_are_masked_whatever_they_look_like(text: str, masked: str) -> None:
    assert redact(text) == masked


def test_this_processs_own_keys_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "plain-words-only")
    monkeypatch.setenv("SHORT_TOKEN", "abc")
    assert redact("the key plain-words-only of abc") == f"the key {MASK} of abc"


@pytest.mark.parametrize(
    "text",
    [
        "pk-customer-orders-2024",
        "sk-learn-pipeline-v2-2024",
        "AKIAIOSFODNN7EXAMPLE",
        "sk-EXAMPLE-EXAMPLE-EXAMPLE-0123456789abcdef",
        "assert '-----BEGIN PRIVATE KEY-----' in text",
        "-----BEGIN PRIVATE KEY-----\nEXAMPLE-ONE\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n-----BEGIN RSA PRIVATE KEY-----\n",
        "postgres://app:changeme@db/orders",
        "postgres://app:${DB_PASSWORD_1}@db/orders",
    ],
)
def test_a_name_a_mention_or_an_example_is_not_found_and_yet_taken_out_of_logs(text: str) -> None:
    assert secret_in(text) is None
    assert MASK in redact(text)


def test_a_password_in_an_address_is_found_and_masked() -> None:
    assert secret_in("postgres://admin:hunter2@db.example/x") is not None
    assert redact("postgres://admin:hunter2@db.example/x") == f"postgres://{MASK}@db.example/x"


def test_a_key_below_a_mention_of_its_header_is_found_whatever_stands_around() -> None:
    assert secret_in(f"An example begins with '-----BEGIN PRIVATE KEY-----' as in\n{PEM}\nfor example.") is not None


@pytest.mark.parametrize(
    "text",
    [
        "aGVsbG8gd29ybGQsIHRoaXMgaXMgcGxhaW4gdGV4dA",
        "/usr/share/doc/somewhere/over/the/rainbow",
        "risk-taking-is-an-ordinary-word",
        "mailto:a@b.example",
        "token count: 17",
        "a sk- b",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert secret_in(text) is None
    assert redact(text) == text


def test_nested_fields_are_masked_by_their_names_and_by_their_texts() -> None:
    settings = {
        "temperature": 0.5,
        "max_tokens": 8192,
        "tokens": "estimated",
        "openai_api_key": "one-two",
        "extra": [{"Authorization": "x"}, "see https://me:word@host", None],
    }
    assert redact_fields(settings) == {
        "temperature": 0.5,
        "max_tokens": 8192,
        "tokens": "estimated",
        "openai_api_key": MASK,
        "extra": [{"Authorization": MASK}, f"see https://{MASK}@host", None],
    }
