#!/usr/bin/env python3
"""Make and sign Countersign intents with a stock JOSE library (jwcrypto).

Without arguments nothing is sent: the intents are printed as JSON.
With a base URL (make_intents.py http://127.0.0.1:8080) they are sent in order.
"""

import base64
import json
import secrets
import sys
import time
import urllib.request
import uuid

from jwcrypto import jwk, jwt

ACCOUNTS = uuid.UUID("6d0c2f6a-52a4-5c1b-9f0e-0d1c64b177a1")


def account_id(key: jwk.JWK) -> uuid.UUID:
    """UUIDv5 of the RFC 7638 thumbprint of the key that registers the account."""
    return uuid.uuid5(ACCOUNTS, key.thumbprint())


def session_id(account: uuid.UUID, jti: str) -> uuid.UUID:
    return uuid.uuid5(account, jti)


def key_id(keygen_session: uuid.UUID) -> uuid.UUID:
    return uuid.uuid5(keygen_session, "key")


def sign_intent(key: jwk.JWK, alg: str, kind: str, jti: str, claims: dict) -> str:
    now = int(time.time())
    header = {"alg": alg, "typ": "countersign-intent+jwt", "kid": key.thumbprint()}
    body = {"aud": "countersign", "kind": kind, "jti": jti, "iat": now, "exp": now + 600}
    token = jwt.JWT(header=header, claims=body | claims)
    token.make_signed_token(key)
    return token.serialize()


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make(key: jwk.JWK, alg: str) -> dict:
    account = account_id(key)
    public = key.export_public(as_dict=True)
    public = {name: public[name] for name in ("kty", "crv", "x", "y") if name in public}
    name = f"alice-{secrets.token_hex(3)}"

    register = sign_intent(
        key, alg, "account.register", "register",
        {
            "username": name,
            "email": f"{name}@example.com",
            "auth_key": public,
            "threshold": 2,
            "parties": 3,
        },
    )
    create_jti = secrets.token_urlsafe(16)
    create = sign_intent(
        key, alg, "key.create", create_jti,
        {"account": str(account), "engine": "dkls23", "threshold": 2, "parties": 3},
    )
    made = key_id(session_id(account, create_jti))
    sign_jti = secrets.token_urlsafe(16)
    sign = sign_intent(
        key, alg, "key.sign", sign_jti,
        {
            "account": str(account),
            "key": str(made),
            "epoch": 1,
            "path": "m/44/60/0/0/0",
            "hash": "eip191",
            "message": base64url(b"hello"),
        },
    )
    return {
        "account_id": str(account),
        "key_id": str(made),
        "keygen_session_id": str(session_id(account, create_jti)),
        "sign_session_id": str(session_id(account, sign_jti)),
        "requests": [
            {"path": "/v1/accounts", "intent": register},
            {"path": f"/v1/accounts/{account}/keys", "intent": create},
            {"path": f"/v1/keys/{made}/signatures", "intent": sign},
        ],
    }


def send(base: str, path: str, intent: str) -> dict:
    request = urllib.request.Request(
        base.rstrip("/") + path,
        data=json.dumps({"intent": intent}).encode(),
        headers={"Content-Type": "application/json", "Prefer": "wait=120"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def main() -> None:
    key = jwk.JWK.generate(kty="OKP", crv="Ed25519")
    made = make(key, "EdDSA")
    if len(sys.argv) < 2:
        print(json.dumps(made, indent=2))
        return
    for request in made["requests"]:
        answer = send(sys.argv[1], request["path"], request["intent"])
        print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main()
