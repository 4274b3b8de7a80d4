//! What the relay publishes.

use countersign_event_store::Envelope;
use countersign_messaging::Bus as _;

use crate::support::World;

#[tokio::test(start_paused = true)]
async fn every_event_is_published_in_order_with_its_position() {
    let world = World::new(3).await;
    let mut published = world.bus.subscribe("cs.v1.events.>").await.unwrap();
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    alice.key(&replica, 2, 3).await;

    for event in world.events().await {
        let message = published.next().await.unwrap();
        let (kind, id) = (&event.stream.aggregate_type, &event.stream.aggregate_id);
        let subject = format!("cs.v1.events.{kind}.{}.{id}", event.event_type);
        assert_eq!(*message.subject, *subject);
        assert_eq!(message.headers.position(), Some(event.position));
        assert_eq!(message.headers.traceparent(), event.trace_parent.as_deref());
        let envelope: Envelope = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!(envelope, *event);
    }
}

#[tokio::test(start_paused = true)]
async fn no_join_token_is_published_or_kept() {
    let world = World::new(2).await;
    let subject = countersign_messaging::subject::invite(&"p1".parse().unwrap());
    let mut invitations = world.bus.subscribe(&subject).await.unwrap();
    let mut published = world.bus.subscribe(">").await.unwrap();
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    alice.key(&replica, 2, 2).await;

    let invitation = world.invitation("p1", &mut invitations).await;
    let token = serde_json::to_value(&invitation.token).unwrap();
    let token = token.as_str().unwrap();
    assert_eq!(token.len(), 64);
    for event in world.events().await {
        assert!(!event.payload.to_string().contains(token));
        let message = published.next().await.unwrap();
        assert!(!String::from_utf8_lossy(&message.payload).contains(token));
    }
}
