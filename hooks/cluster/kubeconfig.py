"""Where the Kubernetes API is and who asks: the pod's service account, or a kubeconfig."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import yaml
from urllib3.util import make_headers

from backends.wire.proxies import Proxies, ProxyError, checked
from hooks.cluster import plain
from hooks.cluster.access import Access
from hooks.cluster.kubeerrors import Misconfigured

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def find(
    environ: Mapping[str, str],
    *,
    context: str | None = None,
    service_account: Path = SERVICE_ACCOUNT,
) -> Access | None:
    """Looks for a configuration.

    A pod's service account comes first, but for a context that is named, which only a kubeconfig
    has. Then the files of KUBECONFIG, then ``~/.kube/config``.

    Args:
        environ: the environment.
        context: the kubeconfig's context, None for its current one.
        service_account: the folder where a pod has its token.

    Returns:
        None where there is neither. A pod without a token is such a case, and so is a KUBECONFIG
        of ``/dev/null``.

    Raises:
        Misconfigured: there is one that can't be used, or KUBECONFIG names no file that exists:
            a slip there must not look like a wish to do without.
    """
    access = None
    token = service_account / "token"
    if context is None and environ.get("KUBERNETES_SERVICE_HOST") and _exists(token):
        access = _in_cluster(environ, service_account)
    elif files := _files(environ):
        access = _from_files(files, context)
    if access is None:
        return None
    return replace(_through_proxy(access, environ), strict=_is_strict(environ))


def _is_strict(environ: Mapping[str, str]) -> bool:
    value = environ.get("TLS_STRICT", "").strip().lower()
    if value not in {"", "true", "false"}:
        raise Misconfigured("TLS_STRICT must be true or false.")
    return value == "true"


def _through_proxy(access: Access, environ: Mapping[str, str]) -> Access:
    """The same by the kubeconfig's own proxy, else the environment's, and no other.

    Raises:
        Misconfigured: it is none that can be used.
    """
    try:
        if access.proxy:
            proxy = checked(access.proxy, "The kubeconfig's proxy-url")
        else:
            proxy = Proxies.of(environ).for_url(access.server) or ""
    except ProxyError as error:
        raise Misconfigured(f"{error}.".replace(": must", " must")) from None
    parts = urlsplit(proxy)
    if parts.username is None:
        return replace(access, proxy=proxy)
    # The HTTP library sends no credentials that stand in the URL.
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    host = parts.netloc.rpartition("@")[2]
    return replace(
        access,
        proxy=urlunsplit(parts._replace(netloc=host)),
        proxy_headers=make_headers(proxy_basic_auth=pair),
    )


def _in_cluster(environ: Mapping[str, str], service_account: Path) -> Access:
    try:
        return plain.of_pod(environ, service_account)
    except (OSError, ValueError):
        raise Misconfigured(
            "The pod's service account can't be used: its token, its ca.crt or "
            "KUBERNETES_SERVICE_PORT is missing, empty or can't be read."
        ) from None


def _files(environ: Mapping[str, str]) -> str:
    """The files that are to be read, joined as KUBECONFIG has them; empty for none."""
    named = environ.get("KUBECONFIG", "")
    if named:
        # Nothing is no mistake among several, as it isn't to kubectl: the client's reader minds.
        paths = [path for path in named.split(os.pathsep) if path not in {"", os.devnull}]
        if not paths:
            return ""
        if not any(_exists(Path(path).expanduser()) for path in paths):
            raise Misconfigured("KUBECONFIG names no file that exists.")
        return os.pathsep.join(paths)
    if not (home := environ.get("HOME")):
        return ""
    default = Path(home) / ".kube" / "config"
    return str(default) if _exists(default) else ""


def _from_files(files: str, context: str | None) -> Access:
    if os.pathsep not in files and (access := plain.of_file(Path(files).expanduser(), context)):
        return access
    from kubernetes import config
    from kubernetes.client import Configuration
    from kubernetes.config import kube_config

    library: Any = kube_config
    configuration = Configuration()
    # Taken from the environment, by rules other than kubectl's.
    configuration.proxy = None
    try:
        merged = library.KubeConfigMerger(files).config
        if context not in {None, *(each.value["name"] for each in merged.value["contexts"])}:
            raise Misconfigured("The kubeconfig has no context of that name.")
        # Nothing is given to it to write a renewed token back with: the file is the user's.
        loader = library.KubeConfigLoader(merged, active_context=context, config_base_path=None)
        loader.load_and_set(configuration)
        namespace = loader.current_context["context"].get("namespace") or "default"
    except OSError as error:
        raise Misconfigured(f"The kubeconfig can't be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeError):
        raise Misconfigured("The kubeconfig can't be read: it is not YAML.") from None
    except (config.ConfigException, LookupError, ValueError, TypeError, AttributeError):
        # Their text quotes the file, and with it credentials.
        raise Misconfigured(
            "The kubeconfig can't be used: the current context, or the cluster, the user or a file "
            "that it names, is missing or malformed."
        ) from None
    return _of_library(configuration, str(namespace))


def _of_library(configuration: Any, namespace: str) -> Access:
    """What the client's configuration says, with credentials that renew themselves."""
    from kubernetes.client.exceptions import ApiException
    from kubernetes.config import ConfigException

    def authorization() -> str:
        try:
            settings = configuration.auth_settings()
        except (ConfigException, ApiException) as error:
            # Raised where a token is renewed; its text may quote it.
            raise ValueError(type(error).__name__) from None
        return str(settings["BearerToken"]["value"] or "").strip() if settings else ""

    certificate = configuration.cert_file
    return Access(
        configuration.host,
        authorization,
        namespace,
        ca_file=configuration.ssl_ca_cert,
        ca_data=configuration.ca_cert_data,
        verify=configuration.verify_ssl,
        certificate=(certificate, configuration.key_file) if certificate else None,
        server_name=configuration.tls_server_name or "",
        proxy=configuration.proxy or "",
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # Below a folder that is somebody else's: not meant for this process.
        return False
