"""Signing in on a platform to show that a page there is one's own. Kept: platform, immutable user id, user name. No keys to anything.

Two trips: ``begin_sign_in`` gives the address to send the browser to, ``finish_sign_in`` takes what it comes back with. The state in
between is good once, for ten minutes, and for the account that began.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qs, urlencode

import sqlalchemy as sa
from authlib.oauth1 import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from byleave.errors import InputError, NotFoundError, UnavailableError
from byleave.fetch import Client
from byleave.registry.checking.platforms import PLATFORMS, Person, SignInPlatform, read_json
from byleave.registry.database import Database
from byleave.registry.permissions import Act, Who, require
from byleave.registry.places import tenant_named
from byleave.registry.proof_tables import OAuthState
from byleave.registry.proofs import Proof
from byleave.registry.proving import Finding, keep_proof
from byleave.registry.rates import Rate, spend
from byleave.registry.scopes import Method

STATE_LIFE: Final = timedelta(minutes=10)
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class ClientKey:
    """What a platform gave this site to ask with."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignIns:
    """The platforms where this site may ask who somebody is."""

    client: Client = field(repr=False)
    keys: Mapping[str, ClientKey]

    @property
    def platforms(self) -> tuple[SignInPlatform, ...]:
        """Platforms that gave this site a key."""
        return tuple(platform for platform in PLATFORMS if platform.word in self.keys)

    def platform(self, word: str) -> SignInPlatform:
        """Return one platform.

        Raises
        ------
        NotFoundError
            If this site cannot ask there.
        """
        for platform in self.platforms:
            if platform.word == word:
                return platform
        raise NotFoundError("this site cannot ask that platform", remedy="choose another way to show it")


def begin_sign_in(
    database: Database,
    sign_ins: SignIns,
    word: str,
    callback: str,
    *,
    who: Who,
    account: uuid.UUID,
    at: datetime,
) -> str:
    """Return the address on the platform where somebody signs in and says that we may know who she is.

    Parameters
    ----------
    callback
        Absolute address of the page of ours that she comes back to, without a query.
    """
    require(who, Act.PROVE, account=account)
    platform, key = sign_ins.platform(word), sign_ins.keys[word]
    with database.transaction() as session:
        spend(session, Rate.PROOF_CHECKS, account.bytes, 1, at=at)
    if platform.begin is not None:
        state, verifier = _begin_first(sign_ins.client, platform, key, callback)
        mark = "&" if "?" in platform.authorize else "?"
        address = f"{platform.authorize}{mark}{urlencode({'oauth_token': state})}"
    else:
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        address = _grant_address(platform, key, callback, state, verifier)
    with database.transaction() as session:
        session.execute(sa.delete(OAuthState).where(OAuthState.expires_at < at))
        session.add(
            OAuthState(
                state_hash=_hash(state),
                account_id=account,
                platform=word,
                verifier=verifier,
                expires_at=at + STATE_LIFE,
            )
        )
    return address


def _grant_address(platform: SignInPlatform, key: ClientKey, callback: str, state: str, verifier: str) -> str:
    address: str = prepare_grant_uri(
        platform.authorize,
        key.id,
        "code",
        redirect_uri=callback,
        scope=platform.scope,
        state=state,
        code_challenge=create_s256_code_challenge(verifier),
        code_challenge_method="S256",
    )
    return address


def finish_sign_in(
    database: Database,
    sign_ins: SignIns,
    returned: Mapping[str, str],
    callback: str,
    *,
    who: Who,
    account: uuid.UUID,
    at: datetime,
) -> Proof:
    """Take what the browser came back with, ask the platform who that is, and keep the proof.

    Raises
    ------
    InputError
        If the state is none of this account's, used or too old, or if she said no on the platform.
    UnavailableError, FormatError
        If the platform does not say who she is.
    """
    require(who, Act.PROVE, account=account)
    state = returned.get("state") or returned.get("oauth_token") or ""
    with database.transaction() as session:
        kept = session.execute(
            sa.delete(OAuthState)
            .where(
                OAuthState.state_hash == _hash(state),
                OAuthState.account_id == account,
                OAuthState.expires_at > at,
            )
            .returning(OAuthState.platform, OAuthState.verifier)
        ).one_or_none()
    proven = returned.get("code") or returned.get("oauth_verifier")
    if kept is None or not proven:
        raise InputError("this sign-in was not finished, or is too old", remedy="begin again")
    platform, key = sign_ins.platform(kept.platform), sign_ins.keys[kept.platform]
    if platform.begin is not None:
        person = _person_first(sign_ins.client, platform, key, state, kept.verifier, proven)
    else:
        person = _person_second(sign_ins.client, platform, key, kept.verifier, proven, callback)
    place = tenant_named(platform.host, person.name)
    step = {
        "asked": platform.whoami.partition("?")[0],
        "words": f"{platform.name} says that you are {person.name}",
    }
    seen = {"steps": [step], "requests": 3 if platform.begin else 2, "milliseconds": 0}
    finding = Finding(good=True, subject=f"{platform.word}:{person.id}", seen=seen)
    with database.transaction() as session:
        return keep_proof(session, Method.OAUTH, place, finding, who=who, account=account, at=at)


def _begin_first(client: Client, platform: SignInPlatform, key: ClientKey, callback: str) -> tuple[str, str]:
    signed = ClientAuth(key.id, key.secret, redirect_uri=callback)
    given = _signed_post(client, signed, platform.begin or "")
    return given["oauth_token"], given["oauth_token_secret"]


def _person_first(
    client: Client, platform: SignInPlatform, key: ClientKey, token: str, secret: str, verifier: str
) -> Person:
    signed = ClientAuth(key.id, key.secret, token=token, token_secret=secret, verifier=verifier)
    given = _signed_post(client, signed, platform.token)
    asking = ClientAuth(
        key.id, key.secret, token=given["oauth_token"], token_secret=given["oauth_token_secret"]
    )
    _, headers, _ = asking.prepare("GET", platform.whoami, {}, b"")
    return _whoami(client, platform, headers)


def _person_second(
    client: Client, platform: SignInPlatform, key: ClientKey, verifier: str, code: str, callback: str
) -> Person:
    asked = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": callback,
        "client_id": key.id,
        "client_secret": key.secret,
        "code_verifier": verifier,
    }
    answer = client.post(platform.token, urlencode(asked).encode(), headers=_FORM)
    token = read_json(answer.body).get("access_token") if answer.status == 200 else None
    if not isinstance(token, str):
        raise _refused(platform)
    return _whoami(client, platform, {"Authorization": f"Bearer {token}", "Accept": "application/json"})


def _signed_post(client: Client, signed: ClientAuth, url: str) -> dict[str, str]:
    address, headers, body = signed.prepare("POST", url, {"Content-Length": "0"}, b"")
    answer = client.post(address, body or b"", headers=headers)
    given = {name: values[0] for name, values in parse_qs(answer.body.decode("utf-8", "replace")).items()}
    if answer.status != 200 or not {"oauth_token", "oauth_token_secret"} <= given.keys():
        raise UnavailableError("the platform does not let us ask", remedy="try later, or choose another way")
    return given


def _whoami(client: Client, platform: SignInPlatform, headers: Mapping[str, str]) -> Person:
    answer = client.look(platform.whoami, headers=headers, follow=_nowhere)
    if not answer.ok:
        raise _refused(platform)
    return platform.read(answer.body)


def _nowhere(*_: object) -> bool:
    return False


def _refused(platform: SignInPlatform) -> UnavailableError:
    return UnavailableError(
        f"{platform.name} does not say who you are", remedy="begin again, or choose another way"
    )


def _hash(state: str) -> bytes:
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).digest()


def client_keys(written: Sequence[str]) -> dict[str, ClientKey]:
    """Read ``platform=id:secret`` for each platform that gave this site a key.

    Raises
    ------
    InputError
        If one cannot be read; the message does not repeat it.
    """
    keys: dict[str, ClientKey] = {}
    known = {platform.word for platform in PLATFORMS}
    for one in written:
        word, _, pair = one.partition("=")
        number, colon, secret = pair.partition(":")
        if word not in known or not colon or not number or not secret:
            raise InputError(
                "a key for signing in elsewhere cannot be read",
                remedy=f"write platform=ID:SECRET, with a platform among {', '.join(sorted(known))}",
            )
        keys[word] = ClientKey(number, secret)
    return keys
