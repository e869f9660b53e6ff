import pytest

from termforge.redact import MASK, redact, redact_fields, secret_in


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
    "text", ["risk-taking-is-an-ordinary-word", "mailto:a@b.example", "token count: 17", "a sk- b"]
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
