#!/usr/bin/env python3
"""Check a key's receipts against your own copy of the roster.

Usage: verify_key.py KEY.json ROSTER.json ACCOUNT_ID [JTI]

KEY.json is the answer of POST /v1/accounts/{id}/keys or of GET /v1/keys/{id}.
JTI is that of your key.create intent: with it, the key is shown to be the one
that this intent asked for.
"""

import base64
import hashlib
import json
import sys
import uuid

from jwcrypto import jwk, jws

ACCOUNTS = uuid.UUID("6d0c2f6a-52a4-5c1b-9f0e-0d1c64b177a1")


def require(holds: bool, what: str) -> None:
    if not holds:
        sys.exit(f"do not use this key: {what}")


def fingerprint(members: list) -> str:
    text = "countersign-roster-v1\n"
    for m in members:
        text += f"{m['index']} {m['party']} {m['sign_key']} {m['seal_key']}\n"
    return hashlib.sha256(text.encode()).hexdigest()


def receipt_claims(token: str, member: dict) -> dict:
    x = base64.urlsafe_b64encode(bytes.fromhex(member["sign_key"])).rstrip(b"=").decode()
    signed = jws.JWS()
    signed.allowed_algs = ["EdDSA"]
    signed.deserialize(token, jwk.JWK(kty="OKP", crv="Ed25519", x=x))
    require(signed.jose_header.get("typ") == "countersign-receipt+jwt", "not a receipt")
    return json.loads(signed.payload)


def verify_key(key: dict, roster: dict, account: str, jti: str | None = None) -> dict:
    """Returns the statement that all parties signed, or exits."""
    require(roster["version"] == 1, "unknown roster version")
    pinned = {p["party"]: p for p in roster["parties"]}
    members = key["members"]
    for index, m in enumerate(members, start=1):
        mine = pinned.get(m["party"], {})
        require(m["index"] == index, f"{m['party']} has the wrong index")
        require(
            all(mine.get(f) == m[f] for f in ("sign_key", "seal_key")),
            f"{m['party']} is not in my roster with these keys",
        )
    require(len({m["party"] for m in members}) == len(members), "a party is listed twice")

    require(len(members) > 0 and len(key["receipts"]) == len(members), "a receipt is missing")
    statements = []
    for token, m in zip(key["receipts"], members):
        claims = receipt_claims(token, m)
        require(set(claims) == {"party", "index", "statement"}, "unknown claims")
        require((claims["party"], claims["index"]) == (m["party"], m["index"]), "another signer")
        statements.append(claims["statement"])
    said = statements[0]
    require(all(other == said for other in statements), "the receipts differ")

    require(said["roster"] == fingerprint(members), "another roster was used")
    require(said["quorum"] == {"threshold": key["threshold"], "parties": len(members)}, "quorum")
    require(said["key"] == key["key_id"], "the receipts are of another key")
    require(said["account"] == account, "the receipts are of another account")
    require(said["public_key"] == key["public_key"], "another public key")
    require(
        str(uuid.uuid5(ACCOUNTS, said["auth_key"])) == account,
        "the parties pinned another auth key",
    )
    require(said["key"] == str(uuid.uuid5(uuid.UUID(said["session"]), "key")), "key id")
    if jti is not None:
        require(said["session"] == str(uuid.uuid5(uuid.UUID(account), jti)), "another request")
    return said


def main() -> None:
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    with open(sys.argv[1]) as key, open(sys.argv[2]) as roster:
        said = verify_key(json.load(key), json.load(roster), *sys.argv[3:])
    print(json.dumps(said, indent=2))


if __name__ == "__main__":
    main()
