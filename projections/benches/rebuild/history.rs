//! A history as a busy system has it: mostly signatures, some hundred at a time;
//! now and then a key, seldom an account.

use countersign_domain::account::AccountEvent;
use countersign_domain::bytes::Hex;
use countersign_domain::decider::StoredEvent;
use countersign_domain::ids::KeyId;
use countersign_domain::key::KeyEvent;
use countersign_domain::personal::{Personal, Sealed};
use countersign_domain::session::{AttemptFailure, DeviceInfo, Report, SessionEvent, SessionKind};
use countersign_domain::signature::Signature;
use sqlx::PgPool;
use sqlx::postgres::PgPoolCopyExt as _;
use uuid::Uuid;

use crate::support::{
    account_id, auth_signer, chain_code, digest, key_facts, new_session, party, public_key, quorum,
    secret_key, session_id,
};

/// Streams that grow at the same time.
const AT_ONCE: usize = 200;

/// Bytes to hand over at once.
const CHUNK: usize = 1 << 20;

/// The events of a stream, with the ids of the templates in them.
struct Template {
    aggregate_type: &'static str,
    events: Vec<(&'static str, u16, String)>,
}

struct Open {
    template: usize,
    id: Uuid,
    account: Uuid,
    key: Uuid,
    next: usize,
}

/// Writes so many events straight into the table.
pub(crate) async fn fill(pool: &PgPool, events: u64) {
    for sql in [
        "ALTER TABLE events DISABLE TRIGGER events_in_order",
        "SET synchronous_commit = off",
    ] {
        sqlx::query(sql).execute(pool).await.expect("a setting");
    }
    let templates = templates();
    let names = Names::new();
    let mut copy = pool
        .copy_in_raw(
            "COPY events (position, aggregate_type, aggregate_id, sequence, event_type,
                event_version, payload, metadata, recorded_at, previous_hash, hash) FROM STDIN",
        )
        .await
        .expect("a copy");
    let mut open: Vec<Open> = vec![];
    let mut opened = 0;
    let mut buffer = String::with_capacity(2 * CHUNK);
    for position in 1..=events {
        let place = usize::try_from(position).expect("small") * 7919 % AT_ONCE;
        if open.len() <= place {
            opened += 1;
            open.push(start(opened));
        }
        let place = place.min(open.len() - 1);
        let it = &mut open[place];
        line(&mut buffer, &names, position, &templates[it.template], it);
        it.next += 1;
        if it.next == templates[it.template].events.len() {
            opened += 1;
            open[place] = start(opened);
        }
        if buffer.len() > CHUNK {
            copy.send(buffer.as_bytes()).await.expect("rows");
            buffer.clear();
        }
    }
    copy.send(buffer.as_bytes()).await.expect("rows");
    copy.finish().await.expect("a copy");
    for sql in [
        "UPDATE log_head SET position = (SELECT max(position) FROM events)",
        "ALTER TABLE events ENABLE ALWAYS TRIGGER events_in_order",
        "VACUUM (ANALYZE) events",
    ] {
        sqlx::query(sql).execute(pool).await.expect("a setting");
    }
}

/// Accounts, keys and kinds of sessions in the proportions of a busy system.
fn start(number: u64) -> Open {
    let template = match number % 1000 {
        1 => 0,
        2..=6 => 1,
        it if it % 25 == 0 => 3,
        _ => 2,
    };
    let name = |kind: &str, number: u64| {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{kind}/{number}").as_bytes())
    };
    let account = name("account", number / 1000);
    let key = name("key", number / 200);
    let id = match template {
        0 => account,
        1 => name("a key", number),
        _ => name("session", number),
    };
    Open {
        template,
        id,
        account,
        key,
        next: 0,
    }
}

/// The ids of session, account and key in the templates.
struct Names([String; 3]);

impl Names {
    fn new() -> Self {
        Self([
            session_id(1).to_string(),
            account_id(1).to_string(),
            KeyId::of(session_id(1)).to_string(),
        ])
    }
}

fn line(buffer: &mut String, names: &Names, position: u64, template: &Template, it: &Open) {
    use std::fmt::Write as _;
    let (event_type, version, payload) = &template.events[it.next];
    let [session, account, key] = &names.0;
    let payload = payload
        .replace(session, &it.id.to_string())
        .replace(account, &it.account.to_string())
        .replace(key, &it.key.to_string());
    let sequence = it.next + 1;
    let (kind, id) = (template.aggregate_type, it.id);
    let micros = position % 1_000_000;
    let seconds = position / 1_000_000 % 60;
    writeln!(
        buffer,
        "{position}\t{kind}\t{id}\t{sequence}\t{event_type}\t{version}\t{payload}\t\
         {{\"correlation_id\":\"{id}\",\"actor\":\"party/party-1\"}}\t\
         2026-01-01 00:00:{seconds:02}.{micros:06}+00\t\
         \\\\x{position:064x}\t\\\\x{position:064x}"
    )
    .expect("text");
}

fn template(aggregate_type: &'static str, events: &[impl StoredEvent]) -> Template {
    let events = events.iter().map(|event| {
        let payload = serde_json::to_string(event).expect("JSON");
        let payload = payload.replace('\\', "\\\\");
        (event.name(), event.version(), payload)
    });
    Template {
        aggregate_type,
        events: events.collect(),
    }
}

fn templates() -> Vec<Template> {
    // As long as a real one.
    let intent = format!("{}.{}.{}", "h".repeat(60), "c".repeat(520), "s".repeat(86));
    let account = AccountEvent::AccountRegistered {
        personal: Personal::Sealed(Sealed(vec![0x5e; 1053])),
        auth_key: auth_signer(1).public(),
        quorum: quorum(),
    };
    let facts = key_facts(account_id(1), session_id(1));
    let key = [
        KeyEvent::KeyRequested {
            facts,
            intent: intent.clone(),
        },
        KeyEvent::KeyActivated {
            public_key: public_key(),
            chain_code: chain_code(),
            receipts: vec![intent.clone(); 3],
        },
    ];
    vec![
        template("account", &[account]),
        template("key", &key),
        template("session", &session(&intent, false)),
        template("session", &session(&intent, true)),
    ]
}

/// A signature; in the second attempt, when the first is to fail.
fn session(intent: &str, fails: bool) -> Vec<SessionEvent> {
    let id = session_id(1);
    let mut new = new_session(SessionKind::Sign, id, KeyId::of(id));
    new.intent = intent.to_owned();
    let mut events = vec![SessionEvent::SessionCreated {
        session: Box::new(new),
    }];
    let joined = |index| {
        let device = DeviceInfo {
            name: "countersign".into(),
            version: "0.1.0".into(),
        };
        let party = party(index);
        [
            SessionEvent::ParticipantJoined {
                party: party.clone(),
                device,
            },
            SessionEvent::ParticipantReady { party },
        ]
    };
    events.extend(joined(1));
    events.extend(joined(2));
    let started = |attempt, signers: [u8; 2]| SessionEvent::SessionStarted {
        attempt,
        signers: signers.map(party).to_vec(),
    };
    events.push(started(1, [1, 2]));
    let mut attempt = 1;
    if fails {
        attempt = 2;
        events.push(SessionEvent::AttemptFailed {
            attempt: 1,
            reason: AttemptFailure::Silence { round: 2 },
            culprits: vec![party(2)],
            reporter: Some(party(1)),
            detail: "nothing came".into(),
            next: vec![party(1), party(3)],
        });
        events.extend(joined(3));
        events.push(started(2, [1, 3]));
    }
    let signature = signature();
    events.push(SessionEvent::ParticipantReported {
        party: party(1),
        attempt,
        report: Report::Signature { signature },
    });
    events.push(SessionEvent::SessionCompleted {
        public_key: public_key(),
        signature: Some(signature),
    });
    events
}

fn signature() -> Signature {
    let (signature, id) = secret_key().sign_prehash_recoverable(&digest().0);
    let (r, s) = signature.split_bytes();
    Signature {
        r: Hex(r.into()),
        s: Hex(s.into()),
        v: id.to_byte(),
    }
}
