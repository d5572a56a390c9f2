"""The settings of the Telegram channel, checked when the notifier is built. No error shows the token or a password.

`telegram` calls this; it calls only `errors` and `redaction`.
"""

import ipaddress
import re
from importlib.util import find_spec
from urllib.parse import SplitResult, urlsplit

from anomalert.errors import ConfigurationError
from anomalert.redaction import Secret

__all__ = ["checked_api_url", "checked_chat_id", "checked_proxy", "checked_token", "credentials"]

PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


def checked_token(token: str | Secret) -> Secret:
    """Return the token; whatever else it holds would end up in an address."""
    secret = Secret(token.strip()) if isinstance(token, str) else token
    if not isinstance(secret, Secret) or not re.fullmatch(r"\d+:[A-Za-z0-9_-]+", secret.reveal()):
        raise ConfigurationError(
            "`token` is not what @BotFather gives: digits, a colon, then letters, digits, - and _ "
            "(what was given is not shown)"
        )
    return secret


def checked_chat_id(chat_id: int | str) -> int | str:
    """Return the chat: a number, or the @name of a public one."""
    if isinstance(chat_id, int) and not isinstance(chat_id, bool):
        return chat_id
    if isinstance(chat_id, str) and re.fullmatch(r"-?\d+|@\w+", chat_id.strip()):
        return chat_id.strip()
    raise ConfigurationError(f"`chat_id` is {chat_id!r}: pass the chat's number, such as -1001234567890, or its @name")


def checked_api_url(api_url: str) -> str:
    """Return the address of the Bot API without a slash at its end: https, or a server on this machine."""
    parts = _parsed(api_url, "api_url")
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment or "*" in api_url)
    if not parts.hostname or not is_plain:
        raise ConfigurationError("`api_url` needs the form https://host[:port][/path], and nothing more")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise ConfigurationError(
            f"`api_url` leads to {parts.hostname} without encryption, where anybody could read the token: "
            "use https, or a server on this machine (http://127.0.0.1:8081)"
        )
    return api_url.rstrip("/")


def checked_proxy(proxy: str | Secret | None, api_url: str) -> Secret | None:
    """Return the proxy's address, which may hold a password."""
    if proxy is None:
        return None
    secret = Secret(proxy)
    parts = _parsed(secret.reveal(), "proxy")
    if parts.scheme not in PROXY_SCHEMES or not parts.hostname:
        raise ConfigurationError(
            f"`proxy` needs the form scheme://[user:password@]host:port with one of {', '.join(PROXY_SCHEMES)}"
        )
    if not api_url.startswith("https:"):
        raise ConfigurationError("`proxy` cannot be used with a Bot API server on this machine: drop one of them")
    if parts.scheme.startswith("socks") and find_spec("socks") is None:
        raise ConfigurationError("a SOCKS `proxy` needs one more package: pip install 'requests[socks]'")
    return secret


def credentials(address: str) -> list[str]:
    """Return what must not be shown of a proxy's address: user and password, or all of it if it cannot be read."""
    try:
        parts = urlsplit(address)
        user_info = parts.netloc.rpartition("@")[0]
        return [text for text in (user_info, parts.username, parts.password) if text]
    except ValueError:
        return [address]


def _parsed(address: str, name: str) -> SplitResult:
    parts = None
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        parts = None
    if parts is None:
        raise ConfigurationError(f"`{name}` is no address that can be read (it is not shown, it may hold a password)")
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
