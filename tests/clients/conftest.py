"""Tests of a running server with stock clients: python -m pytest tests/clients --base-url http://127.0.0.1:8080 [--api-key KEY].

They hold for any generating model; nothing is assumed about what it says.
"""

import ssl

import httpx
import openai
import pytest


def pytest_addoption(parser):
    parser.addoption("--base-url", default="http://127.0.0.1:8080")
    parser.addoption("--api-key", default="none", help="sent as the Bearer token")
    parser.addoption("--ca", help="of an https:// server: the PEM file that vouches for its certificate")


@pytest.fixture(scope="session")
def base_url(request):
    return request.config.getoption("--base-url").rstrip("/")


@pytest.fixture(scope="session")
def api_key(request):
    return request.config.getoption("--api-key")


@pytest.fixture(scope="session")
def tls(request, base_url):
    """What a client of an https:// server trusts; None over plain HTTP."""
    return ssl.create_default_context(cafile=request.config.getoption("--ca")) if base_url.startswith("https:") else None


@pytest.fixture(scope="session")
def http(base_url, api_key, tls):
    with httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {api_key}"}, timeout=120, verify=tls or True) as client:
        yield client


@pytest.fixture(scope="session")
def client(base_url, api_key, tls):
    return openai.OpenAI(base_url=base_url + "/v1", api_key=api_key, max_retries=0, timeout=120,
                         http_client=httpx.Client(verify=tls) if tls else None)


@pytest.fixture(scope="session")
def models(http):
    """The models by kind, aliases left out."""
    by_kind = {"generate": [], "embed": [], "speech": []}
    for model in http.get("/v1/models").raise_for_status().json()["data"]:
        if model["alias_of"] is None:
            by_kind.setdefault(model["kind"], []).append(model["id"])
    return by_kind


@pytest.fixture(scope="session")
def model(models):
    assert models["generate"], "the server has no generating model"
    return models["generate"][0]


@pytest.fixture(scope="session")
def embedding_model(models):
    assert models["embed"], "the server has no embedding model"
    return models["embed"][0]
