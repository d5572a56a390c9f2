"""Where a ClickHouse listens and who asks it, as pandahouse's ``connection`` says it.

Called by `clickhouse_clients`; calls `errors` and `redaction`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode

from anomalert.errors import ConfigurationError
from anomalert.redaction import Secret

__all__ = ["HttpAddress"]

Login = tuple[Secret, Secret]

_ADDRESS = re.compile(
    r"(?P<scheme>https?://)((?P<user>[^:/?#]*)(:(?P<password>[^/?#]*))?@)?"
    r"(?P<place>(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d+)?(/[^?#@]*)?)(\?(?P<query>[^#]*))?"
)


@dataclass(frozen=True)
class HttpAddress:
    """An address that shows itself without its credentials.

    Parameters
    ----------
    place : str
        Scheme, host, port and path.
    parameters : Secret
        What stood behind the ``?`` of the host, URL-encoded, without credentials.
    login : tuple of Secret, optional
        User and password.
    """

    place: str
    parameters: Secret
    login: Login | None

    @classmethod
    def of(cls, connection: Mapping[str, str | None]) -> "HttpAddress":
        """Return the address in a connection of pandahouse; credentials inside of its `host` are found too.

        Examples
        --------
        >>> HttpAddress.of({"host": "http://me:secret@127.0.0.1:8123"})
        HttpAddress(place='http://127.0.0.1:8123', parameters=Secret('***'), login=(Secret('***'), Secret('***')))
        """
        parts = _parts(connection.get("host") or "http://localhost:8123")
        if parts is None:
            raise ConfigurationError(
                "`host` of `connection` is no address such as 'http://clickhouse.example:8123'; credentials in it need "
                "percent signs, as in %2F for /"
            )
        place, parameters, inner = parts
        outer = _login(connection)
        if inner and outer:
            raise ConfigurationError("`connection` has credentials in `host` and beside it: keep `user` and `password`")
        return cls(place, parameters, outer or inner)

    def url(self, parameters: Mapping[str, str | int]) -> str:
        """Return the URL to ask, credentials included; parameters of the host win over those given.

        requests moves the credentials into a header, so that neither logs nor proxies see them in the URL.
        """
        given = {**parameters, **dict(parse_qsl(self.parameters.reveal(), keep_blank_values=True))}
        scheme, _, rest = self.place.partition("://")
        login = "" if self.login is None else ":".join(_header_safe(part) for part in self.login) + "@"
        return f"{scheme}://{login}{rest}?{urlencode(given)}"

    @property
    def secrets(self) -> list[Secret]:
        """Every text that may not be shown, also as the header and the URL carry it."""
        if self.login is None:
            return [self.parameters]
        user, password = (part.reveal() for part in self.login)
        # "default" is everybody's user, and a word that error texts need.
        texts = [f"{user}:{password}", password, *([] if user == "default" else [user])]
        return [self.parameters, *(Secret(form) for text in texts for form in (text, _as_latin_1(text)))]


def _parts(host: str) -> tuple[str, Secret, Login | None] | None:
    """Take a host apart: the place, its parameters, and the credentials before the ``@`` or among the parameters."""
    found = _ADDRESS.fullmatch(host)
    # None of this may raise, nor be a local variable of what raises: a host that is no address may be all secret.
    if found is None:
        return None
    login = {key: unquote(found[key] or "") for key in ("user", "password")}
    parameters = dict(parse_qsl(found["query"] or "", keep_blank_values=True))
    login |= {key: parameters.pop(key) for key in ("user", "password") if key in parameters}
    return found["scheme"] + found["place"], Secret(urlencode(parameters)), _login(login)


def _login(connection: Mapping[str, str | None]) -> Login | None:
    user, password = connection.get("user"), connection.get("password")
    return (Secret(user or "default"), Secret(password or "")) if user or password else None


def _header_safe(secret: Secret) -> str:
    return quote(_as_latin_1(secret.reveal()), safe="")


def _as_latin_1(text: str) -> str:
    # requests writes credentials in latin-1, ClickHouse reads UTF-8: the letters of latin-1 stand for its bytes.
    return text.encode().decode("latin-1")
