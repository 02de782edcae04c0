"""Sign-in servers of platforms, for real: OAuth 2 with PKCE and OAuth 1, as the library on the server's side has them."""

from __future__ import annotations

import json
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from authlib.oauth1 import AuthorizationServer as FirstServer
from authlib.oauth1 import OAuth1Request, ResourceProtector, TemporaryCredential
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge
from tests.strangers import Answer, Strangers


class OurClient(ClientMixin):  # type: ignore[misc]  # authlib ships no types
    """What the platforms know of the site under test."""

    def get_client_id(self) -> str:
        return "our-id"

    def get_default_redirect_uri(self) -> str:
        return "http://nowhere.example/"

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.endswith("/proofs/signed-in")

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == "our-secret"

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return (method, endpoint) == ("client_secret_post", "token")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"

    def get_client_secret(self) -> str:
        return "our-secret"

    def get_rsa_public_key(self) -> None:
        return None


class Code(AuthorizationCodeMixin):  # type: ignore[misc]  # authlib ships no types
    """A code that was given to a browser."""

    def __init__(self, text: str, request: Any) -> None:
        self.text = text
        self.user = request.user
        self.redirect_uri = request.payload.redirect_uri
        self.scope = request.payload.scope
        self.code_challenge = request.payload.data.get("code_challenge")
        self.code_challenge_method = request.payload.data.get("code_challenge_method")

    def get_redirect_uri(self) -> str:
        return str(self.redirect_uri)

    def get_scope(self) -> str:
        return self.scope or ""


class Request(OAuth2Request):  # type: ignore[misc]  # authlib ships no types
    """A request as it came over the wire."""

    def __init__(self, method: str, uri: str, sent: bytes, headers: dict[str, str]) -> None:
        super().__init__(method, uri, headers=headers)
        self._form = dict(parse_qsl(sent.decode()))
        self.payload = BasicOAuth2Payload(self._form or dict(parse_qsl(urlsplit(uri).query)))

    @property
    def args(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.uri).query))

    @property
    def form(self) -> dict[str, str]:
        return self._form


class SecondServer(AuthorizationServer):  # type: ignore[misc]  # authlib ships no types
    """OAuth 2: gives codes to browsers and tokens to whoever brings one back with the right verifier."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, Any] = {}
        codes = self.codes

        class Grant(AuthorizationCodeGrant):  # type: ignore[misc]  # authlib ships no types
            TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post"]  # noqa: RUF012 - as the library has it

            def save_authorization_code(self, code: str, request: Any) -> Code:
                codes[code] = Code(code, request)
                return codes[code]

            def query_authorization_code(self, code: str, client: Any) -> Code | None:
                return codes.get(code)

            def delete_authorization_code(self, authorization_code: Code) -> None:
                del codes[authorization_code.text]

            def authenticate_user(self, authorization_code: Code) -> Any:
                return authorization_code.user

        self.register_grant(Grant, [CodeChallenge(required=True)])
        self.register_token_generator("default", _bearer)

    def create_oauth2_request(self, request: Any) -> Any:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Answer:
        content = json.dumps(body) if isinstance(body, dict) else body
        return status, dict(headers), content.encode()

    def query_client(self, client_id: str) -> OurClient | None:
        return OurClient() if client_id == "our-id" else None

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        self.tokens[token["access_token"]] = request.user

    def send_signal(self, *args: Any, **kwargs: Any) -> None:
        """Tell nobody."""

    def authorize(self, address: str, user: Any) -> str:
        """Sign ``user`` in at an address a browser was sent to, and return where the browser is sent back."""
        request = Request("GET", address, b"", {})
        request.user = user
        grant = self.get_consent_grant(request, end_user=user)
        status, headers, body = self.create_authorization_response(request, grant_user=user, grant=grant)
        assert status == 302, body
        return str(headers["Location"])


class OldServer(FirstServer, ResourceProtector):  # type: ignore[misc]  # authlib ships no types
    """OAuth 1: every request signed."""

    def __init__(self) -> None:
        self.temporary: dict[str, TemporaryCredential] = {}
        self.given: dict[str, TemporaryCredential] = {}
        self.nonces: set[str] = set()

    def create_oauth1_request(self, request: Any) -> Any:
        return request

    def get_client_by_id(self, client_id: str) -> OurClient | None:
        return OurClient() if client_id == "our-id" else None

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        known = nonce in self.nonces
        self.nonces.add(nonce)
        return known

    def create_temporary_credential(self, request: Any) -> TemporaryCredential:
        made = _credential(request.client_id, oauth_callback=request.redirect_uri)
        self.temporary[made.get_oauth_token()] = made
        return made

    def get_temporary_credential(self, request: Any) -> TemporaryCredential | None:
        return self.temporary.get(request.token)

    def delete_temporary_credential(self, request: Any) -> None:
        self.temporary.pop(request.token, None)

    def create_authorization_verifier(self, request: Any) -> str:
        request.credential |= {"oauth_verifier": secrets.token_urlsafe(8), "user": request.user}
        return str(request.credential["oauth_verifier"])

    def create_token_credential(self, request: Any) -> TemporaryCredential:
        made = _credential(request.client_id, user=request.credential["user"])
        self.given[made.get_oauth_token()] = made
        return made

    def get_token_credential(self, request: Any) -> TemporaryCredential | None:
        return self.given.get(request.token)

    def handle_response(self, status: int, body: Any, headers: Any) -> Answer:
        return status, dict(headers), (urlencode(body) if isinstance(body, list) else str(body)).encode()

    def authorize(self, address: str, user: Any) -> str:
        """Sign ``user`` in as :meth:`SecondServer.authorize` does."""
        status, headers, body = self.create_authorization_response(
            OAuth1Request("GET", address, headers={}), user
        )
        assert status == 302, body
        return str(headers["Location"])


def stand_up_second(world: Strangers, token: str, whoami: str) -> SecondServer:
    """Let a platform with OAuth 2 be reached; users are what it says of them, as it says it."""
    server = SecondServer()

    def give_token(path: str, headers: dict[str, str], sent: bytes) -> Answer:
        answer: Answer = server.create_token_response(Request("POST", f"https://{token}", sent, headers))
        return answer

    def say_who(path: str, headers: dict[str, str], sent: bytes) -> Answer:
        user = server.tokens.get(headers.get("authorization", "").removeprefix("Bearer "))
        return (200, {}, json.dumps(user).encode()) if user else (401, {}, b"{}")

    world.answer(token, give_token)
    world.answer(whoami, say_who)
    return server


def stand_up_first(world: Strangers, begin: str, token: str, whoami: str) -> OldServer:
    """Let a platform with OAuth 1 be reached."""
    server = OldServer()

    def request(method: str, host: str, path: str, headers: dict[str, str], sent: bytes) -> Any:
        capital = {name.title(): value for name, value in headers.items()}
        return method, f"https://{host}{path}", sent.decode(), capital

    def give_temporary(path: str, headers: dict[str, str], sent: bytes) -> Answer:
        asked = OAuth1Request(*request("POST", begin.partition("/")[0], path, headers, sent))
        answer: Answer = server.create_temporary_credentials_response(asked)
        return answer

    def give_token(path: str, headers: dict[str, str], sent: bytes) -> Answer:
        asked = OAuth1Request(*request("POST", token.partition("/")[0], path, headers, sent))
        answer: Answer = server.create_token_response(asked)
        return answer

    def say_who(path: str, headers: dict[str, str], sent: bytes) -> Answer:
        asked = server.validate_request(*request("GET", whoami.partition("/")[0], path, headers, sent))
        return 200, {}, json.dumps(asked.credential["user"]).encode()

    world.answer(begin, give_temporary)
    world.answer(token, give_token)
    world.answer(whoami, say_who)
    return server


def _bearer(**_: Any) -> dict[str, Any]:
    return {"access_token": secrets.token_urlsafe(24), "token_type": "Bearer"}


def _credential(client_id: str, **more: Any) -> TemporaryCredential:
    return TemporaryCredential(
        client_id=client_id,
        oauth_token=secrets.token_urlsafe(12),
        oauth_token_secret=secrets.token_urlsafe(12),
        **more,
    )
