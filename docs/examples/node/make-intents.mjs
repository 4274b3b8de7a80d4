// Make and sign Countersign intents with a stock JOSE library (jose).
//
// Without arguments nothing is sent: the intents are printed as JSON.
// With a base URL (node make-intents.mjs http://127.0.0.1:8080) they are sent in order.

import { createHash, randomBytes } from "node:crypto";
import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";

const ACCOUNTS = "6d0c2f6a-52a4-5c1b-9f0e-0d1c64b177a1";

// UUIDv5 (RFC 9562, section 5.5).
function uuid5(namespace, name) {
  const hash = createHash("sha1")
    .update(Buffer.from(namespace.replaceAll("-", ""), "hex"))
    .update(name)
    .digest()
    .subarray(0, 16);
  hash[6] = (hash[6] & 0x0f) | 0x50;
  hash[8] = (hash[8] & 0x3f) | 0x80;
  return hash.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
const { kty, crv, x } = await exportJWK(publicKey);
const authKey = { kty, crv, x };
const thumbprint = await calculateJwkThumbprint(authKey, "sha256");
const account = uuid5(ACCOUNTS, thumbprint);

function signIntent(kind, jti, claims) {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ kind, ...claims })
    .setProtectedHeader({ alg: "EdDSA", typ: "countersign-intent+jwt", kid: thumbprint })
    .setAudience("countersign")
    .setJti(jti)
    .setIssuedAt(now)
    .setExpirationTime(now + 600)
    .sign(privateKey);
}

const name = `bob-${randomBytes(3).toString("hex")}`;
const register = await signIntent("account.register", "register", {
  username: name,
  email: `${name}@example.com`,
  auth_key: authKey,
  threshold: 2,
  parties: 3,
});

const createJti = randomBytes(16).toString("base64url");
const create = await signIntent("key.create", createJti, {
  account,
  engine: "dkls23",
  threshold: 2,
  parties: 3,
});

const keygenSession = uuid5(account, createJti);
const key = uuid5(keygenSession, "key");
const signJti = randomBytes(16).toString("base64url");
const sign = await signIntent("key.sign", signJti, {
  account,
  key,
  epoch: 1,
  path: "m/44/60/0/0/0",
  hash: "eip191",
  message: Buffer.from("hello").toString("base64url"),
});

const requests = [
  { path: "/v1/accounts", intent: register },
  { path: `/v1/accounts/${account}/keys`, intent: create },
  { path: `/v1/keys/${key}/signatures`, intent: sign },
];

const base = process.argv[2];
if (!base) {
  const made = {
    account_id: account,
    key_id: key,
    keygen_session_id: keygenSession,
    sign_session_id: uuid5(account, signJti),
    requests,
  };
  console.log(JSON.stringify(made, null, 2));
} else {
  for (const { path, intent } of requests) {
    const answer = await fetch(base.replace(/\/$/, "") + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", Prefer: "wait=120" },
      body: JSON.stringify({ intent }),
    });
    console.log(JSON.stringify(await answer.json(), null, 2));
    if (!answer.ok) process.exit(1);
  }
}
