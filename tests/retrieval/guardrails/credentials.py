"""Credentials of every known kind, put together at run time so that none stands in the repository."""

import base64
import json
import random
import string

LOWER_HEX = "0123456789abcdef"
ALNUM = string.ascii_letters + string.digits
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def _of(alphabet: str, length: int, rng: random.Random) -> str:
    # Every kind of character early on, so that a sample is as random as an issued key.
    start = [rng.choice(string.digits) if alphabet == ALNUM else rng.choice(alphabet) for _ in range(3)]
    rest = rng.sample(alphabet * (length // len(alphabet) + 1), length - 3)
    return "".join((*start, *rest))


def _jwt(rng: random.Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256'})}.{part({'sub': rng.randrange(10**9)})}.{_of(ALNUM, 43, rng)}"


def samples(seed: int) -> dict[str, tuple[str, str]]:
    """By kind: a sentence with a credential in it, and the credential."""
    rng = random.Random(seed)

    def made(prefix: str, alphabet: str, length: int) -> str:
        return prefix + _of(alphabet, length, rng)

    bare = {
        "aws_access_key": made("AK" + "IA", BASE32, 16),
        "github_token": made("gh" + "p_", ALNUM, 36),
        "gitlab_token": made("gl" + "pat-", ALNUM, 20),
        "slack_token": made("xo" + "xb-", string.digits, 11) + "-" + _of(ALNUM, 24, rng),
        "slack_webhook": made("hooks.slack" + ".com/services/", ALNUM, 9) + "/" + _of(ALNUM, 24, rng),
        "stripe_key": made("sk_" + "live_", ALNUM, 24),
        "anthropic_key": made("sk-" + "ant-api03-", ALNUM, 60),
        "openai_key": made("sk-" + "proj-", ALNUM, 48),
        "google_api_key": made("AI" + "za", ALNUM, 35),
        "google_oauth": made("GOC" + "SPX-", ALNUM, 28),
        "jwt": _jwt(rng),
        "azure_client_secret": _of(ALNUM, 3, rng) + "8Q" + "~" + _of(ALNUM, 34, rng),
        "sendgrid_key": made("S" + "G.", ALNUM, 22) + "." + _of(ALNUM, 43, rng),
        "mailgun_key": made("ke" + "y-", LOWER_HEX, 32),
        "twilio_key": made("S" + "K", LOWER_HEX, 32),
        "npm_token": made("np" + "m_", ALNUM, 36),
        "pypi_token": made("py" + "pi-", ALNUM, 60),
        "huggingface_token": made("h" + "f_", ALNUM, 34),
        "digitalocean_token": made("do" + "p_v1_", LOWER_HEX, 64),
        "shopify_token": made("shp" + "at_", LOWER_HEX, 32),
        "telegram_token": made("", string.digits, 10) + ":A" + "A" + _of(ALNUM, 33, rng),
        "databricks_token": made("da" + "pi", LOWER_HEX, 32),
        "grafana_token": made("gl" + "sa_", ALNUM, 40),
        "vault_token": made("hv" + "s.", ALNUM, 24),
        "atlassian_token": made("ATA" + "TT3", ALNUM, 60),
        "docker_token": made("dckr" + "_pat_", ALNUM, 27),
        "linear_key": made("lin_" + "api_", ALNUM, 40),
    }
    found = {kind: (f"The key is {value} as of today.", value) for kind, value in bare.items()}
    named = {
        "aws_secret_key": ("aws_secret" + "_access_key = {}", _of(ALNUM + "+/", 40, rng)),
        "gcp_service_account": ('"private_key' + '_id": "{}"', _of(LOWER_HEX, 40, rng)),
        "azure_storage_key": ("AccountName=x;Account" + "Key={}", _of(ALNUM, 86, rng) + "=="),
        "azure_sas": ("container?sv=2024&si" + "g={}", _of(ALNUM, 44, rng)),
        "authorization_header": ("Author" + "ization: Bearer {}", _of(ALNUM, 32, rng)),
        "password": ("The pass" + "word is {} since May.", "Tr0" + _of(ALNUM, 9, rng) + "!"),
        "password_setting": ("DB_PASS" + "WORD={}", "".join(rng.sample(string.ascii_lowercase, 12))),
        "url_password": ("postgres://app:{}" + "@db/main", _of(ALNUM, 14, rng)),
        "generic_key": ("api" + "_key: '{}'", _of(ALNUM, 30, rng)),
    }
    return found | {kind: (sentence.format(value), value) for kind, (sentence, value) in named.items()}


def private_key(label: str = "RSA ", seed: int = 0) -> str:
    body = "\n".join(_of(ALNUM, 64, random.Random(seed + line)) for line in range(20))
    rule = "-" * 5
    return f"{rule}BEGIN {label}PRIVATE{' '}KEY{rule}\n{body}\n{rule}END {label}PRIVATE{' '}KEY{rule}"
