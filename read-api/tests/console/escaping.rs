//! Whatever an account or a party may choose is shown as text.

use countersign_domain::account::AccountEvent;
use countersign_domain::key::KeyEvent;
use countersign_domain::session::{
    AttemptFailure, DeviceInfo, FailureReason, Report, SessionEvent, SessionKind,
};
use countersign_event_store::StreamId;

use crate::shared::support::party;
use crate::shared::support::seed::account_id;
use crate::world::{World, key, session};

const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";

#[tokio::test]
async fn hostile_text_is_text_on_every_page() {
    let world = World::demo().await;
    world.register(400_000, 7, HOSTILE).await;
    world.create(401_000, 77, SessionKind::Sign, &[1, 2]).await;
    let text = || HOSTILE.to_owned();
    let device = DeviceInfo {
        name: text(),
        version: text(),
    };
    let receipt = text();
    for event in [
        SessionEvent::ParticipantJoined {
            party: party(1),
            device,
        },
        SessionEvent::AttemptFailed {
            attempt: 1,
            reason: AttemptFailure::Engine,
            culprits: vec![party(2)],
            reporter: Some(party(1)),
            detail: text(),
            next: vec![party(1), party(3)],
        },
        SessionEvent::ParticipantReported {
            party: party(1),
            attempt: 2,
            report: Report::Receipt { receipt },
        },
        SessionEvent::SessionFailed {
            reason: FailureReason::Refused,
            detail: text(),
        },
    ] {
        world.say(402_000, 77, &event).await;
    }
    let stream = StreamId::new("key", key(2));
    let retired = KeyEvent::KeyRetired { reason: text() };
    world.append(403_000, HOSTILE, &stream, &retired).await;
    let locked = AccountEvent::AccountLocked { reason: text() };
    let stream = StreamId::new("account", account_id(7));
    let last = world.append(404_000, HOSTILE, &stream, &locked).await;
    let foreign = StreamId::new("session", HOSTILE);
    let odd = SessionEvent::SessionExpired {};
    world.append(405_000, HOSTILE, &foreign, &odd).await;
    world.heartbeat(1, 405_000, 0, HOSTILE);
    world.clock(405_100);
    world.settle().await;
    let encoded = "%22%27%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let mut told = 0;
    for path in [
        "/console/".to_owned(),
        "/console/sessions".to_owned(),
        format!("/console/sessions/{}", session(77)),
        format!("/console/keys/{}", key(2)),
        "/console/accounts".to_owned(),
        format!("/console/accounts/{}", account_id(7)),
        format!("/console/accounts?username={encoded}"),
        format!("/console/accounts?email={encoded}"),
        format!("/console/sessions?status={encoded}"),
        format!("/console/sessions?{encoded}=1"),
        format!("/console/events?type={encoded}"),
        format!("/console/{encoded}"),
        format!("/console/assets/{encoded}"),
        "/console/parties".to_owned(),
        "/console/events".to_owned(),
        format!("/console/events/{last}"),
        format!("/console/events/{}", last + 1),
    ] {
        let answer = world.get(&path).await;
        let text = answer.text.to_lowercase();
        for tag in ["<script>", "<img src=x", "\"'>"] {
            assert!(!text.contains(tag), "{path}: {tag}: {}", answer.text);
        }
        told += text.matches("&lt;script&gt;alert(1)").count();
    }
    // It was shown, not left out.
    assert!(told > 20, "{told}");
}
