//! `countersign demo`: the main job from end to end, in one command.
//!
//! It starts the embedded system, unless it is given the URLs of running servers, and
//! then does what any client does, over HTTP: register, make a key, sign, verify, read
//! the events.

mod story;

use std::path::Path;
use std::time::Instant;

use countersign_domain::digest::HashScheme;
use countersign_domain::engine::EngineId;
use countersign_domain::intent::{Action, SignPayload};
use countersign_domain::quorum::Quorum;
use countersign_domain::roster::Roster;
use serde_json::{Value, json};

use super::{key, payload, sign};
use crate::args::{AuthArgs, DemoArgs};
use crate::client::verify::{self, VerifiedKey};
use crate::client::{AuthFile, Requester, Server};
use countersign_webhooks::SendSettings;

use crate::embedded::{Addresses, DataDir, MasterKeys, System};
use crate::failure::{Failure, Kind, Outcome};
use crate::output;

/// What the demo signs unless told otherwise.
const MESSAGE: &str = "hello from countersign";

/// How long the demo waits for a session, in seconds: key generation among 32
/// parties takes minutes of computing.
const WAIT: u32 = 3600;

pub(super) fn run(args: &DemoArgs, as_json: bool) -> Outcome {
    let quorum = Quorum::new(args.threshold, args.parties).map_err(Failure::usage)?;
    let payload = payload::read(&args.payload)?.unwrap_or_else(|| SignPayload::Message {
        hash: args.payload.hash.unwrap_or(HashScheme::Eip191),
        message: MESSAGE.into(),
    });
    let story = story::Story::new(!as_json);
    if let (Some(commands), Some(reads), Some(roster)) = (&args.url, &args.read_url, &args.roster) {
        let roster = verify::roster(roster)?;
        story.opening_elsewhere(quorum, commands)?;
        let server = Server::at(commands, reads);
        let told = tell(args, server, &roster, quorum, &payload, &story)?;
        return if as_json { output::json(&told) } else { Ok(()) };
    }
    let master = MasterKeys::from_args(&args.master)?;
    let temporary;
    let root = match &args.data_dir {
        Some(dir) => dir.as_path(),
        None => {
            temporary = tempfile::tempdir().map_err(Failure::internal)?;
            temporary.path()
        }
    };
    story.opening(quorum, args.data_dir.as_deref())?;
    let system = System::start(
        &DataDir::open(root)?,
        args.parties,
        &master,
        Addresses::free(),
        SendSettings::default(),
    )?;
    let (commands, reads) = system.urls();
    let told = verify::roster(&root.join("roster.json")).and_then(|roster| {
        let server = Server::at(&commands, &reads);
        tell(args, server, &roster, quorum, &payload, &story)
    });
    // Whatever happened, the system ends in order: the log is closed whole.
    let stopped = system.stop();
    let told = told?;
    stopped?;
    if as_json {
        output::json(&told)
    } else {
        story.closing(args.data_dir.as_deref())
    }
}

fn tell(
    args: &DemoArgs,
    server: Server,
    roster: &Roster,
    quorum: Quorum,
    payload: &SignPayload,
    story: &story::Story,
) -> Outcome<Value> {
    let before = server.get("/v1/events?limit=1")?["head_position"]
        .as_u64()
        .unwrap_or(0);
    let requester = Requester {
        auth: auth(args.data_dir.as_deref())?,
        server,
    };
    register(&requester, quorum)?;
    story.registered(&requester)?;

    let started = Instant::now();
    let made = key::create(&requester, roster, EngineId::default(), quorum, WAIT, None)?;
    let keygen_ms = millis(started);
    let Some(verified) = made.verified else {
        let what = "the key generation took longer than the demo waits";
        return Err(Failure::new(Kind::Session, what));
    };
    story.key(&made.document, &verified, keygen_ms)?;

    let mut signatures = vec![];
    for _ in 0..args.signatures {
        let signature = signature(&requester, &verified, args, payload)?;
        story.signature(&signature, payload)?;
        signatures.push(signature);
    }

    let events = events(&requester.server, before)?;
    story.events(&events)?;
    let statement = &verified.statement;
    Ok(json!({
        "account_id": requester.auth.account,
        "key_id": statement.key,
        "engine": statement.engine,
        "threshold": quorum.threshold(),
        "parties": quorum.parties(),
        "public_key": statement.public_key,
        "ethereum_address": verify::address(&statement.public_key)?,
        "signatures": signatures,
        "events": events.len(),
        "head_position": events.last().map_or(before.into(), |event| event["position"].clone()),
        "keygen_ms": keygen_ms,
    }))
}

/// The demo's account: kept in the data directory, when there is one.
fn auth(data_dir: Option<&Path>) -> Outcome<AuthFile> {
    let Some(dir) = data_dir else {
        return Ok(AuthFile::of(AuthFile::generate("ed25519")?, None));
    };
    let path = dir.join("countersign-auth.jwk");
    if path.exists() {
        AuthFile::open(&AuthArgs {
            auth_key: path,
            account: None,
        })
    } else {
        AuthFile::create(&path, "ed25519", None)
    }
}

fn register(requester: &Requester, quorum: Quorum) -> Outcome {
    let account = requester.auth.account.to_string();
    let name = format!("demo-{}", account.get(..8).unwrap_or(&account));
    // A later demo on the same directory finds its account there.
    if requester
        .server
        .get(&format!("/v1/accounts/{account}"))
        .is_ok()
    {
        return Ok(());
    }
    let action = Action::Register {
        email: format!("{name}@example.com"),
        username: name,
        auth_key: requester.auth.signer.public(),
        quorum,
    };
    let intent = requester.intent(action, Some("register"))?;
    requester.server.command("/v1/accounts", &intent.token, 0)?;
    Ok(())
}

fn signature(
    requester: &Requester,
    key: &VerifiedKey,
    args: &DemoArgs,
    payload: &SignPayload,
) -> Outcome<Value> {
    let request = sign::Request {
        key: key.statement.key,
        epoch: key.statement.epoch,
        path: args.path.clone(),
        payload: payload.clone(),
    };
    let mut signature = sign::sign(requester, key, &request, WAIT, None)?;
    match signature.as_object_mut() {
        Some(fields) if fields.contains_key("compact") => {
            fields.remove("status");
            Ok(signature)
        }
        _ => Err(Failure::new(
            Kind::Session,
            "the signature took longer than the demo waits",
        )),
    }
}

/// The events after `before`, once the last session's are all there.
fn events(server: &Server, before: u64) -> Outcome<Vec<Value>> {
    let mut events: Vec<Value> = vec![];
    let mut after = before;
    loop {
        let page = server.get(&format!("/v1/events?after={after}&limit=500"))?;
        let page = page["events"].as_array().cloned().unwrap_or_default();
        let Some(last) = page.last() else {
            return Ok(events);
        };
        after = last["position"].as_u64().unwrap_or(after);
        events.extend(page);
    }
}

fn millis(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}
