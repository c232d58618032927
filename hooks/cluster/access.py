"""How the Kubernetes API is reached, and as whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Access:
    """What a configuration comes to.

    Args:
        server: the API's URL, without a slash at its end.
        authorization: makes the header of that name, empty for none; asked for each request, since
            tokens are renewed. Raises KubeError, OSError or ValueError.
        namespace: the one meant where none is named.
        ca_file: CAs to be believed, read anew with each connection; without any the system's.
        ca_data: the same, in PEM.
        verify: False accepts any certificate.
        certificate: the client's own certificate and key, files.
        server_name: whose certificate is expected, if not the server's.
        proxy: its URL; empty for none.
        proxy_headers: sent to it.
        strict: whether a certificate that breaks RFC 5280 is refused.
    """

    server: str
    authorization: Callable[[], str] = field(repr=False)
    namespace: str = "default"
    ca_file: str | None = None
    ca_data: str | None = None
    verify: bool = True
    certificate: tuple[str, str | None] | None = None
    server_name: str = ""
    proxy: str = field(default="", repr=False)
    proxy_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    strict: bool = False
