use super::*;
use crate::envelope::tests::envelope;

fn event(position: u64) -> Arc<Envelope> {
    Arc::new(Envelope {
        position,
        ..envelope()
    })
}

fn events(positions: impl IntoIterator<Item = u64>) -> Vec<Arc<Envelope>> {
    positions.into_iter().map(event).collect()
}

fn gap_of(recent: &Recent) -> Gap {
    recent.ring.read().expect("not poisoned").gap()
}

fn positions(events: Option<Vec<Arc<Envelope>>>) -> Option<Vec<u64>> {
    events.map(|events| events.iter().map(|event| event.position).collect())
}

#[test]
fn what_others_committed_before_may_come_later() {
    let recent = Recent::new(3, 100);
    recent.add(events([6, 7]));
    assert_eq!(positions(recent.after(3, 10)), Some(vec![]));
    let gap = |after, amount| Gap { after, amount };
    assert_eq!(gap_of(&recent), gap(3, Some(2)));
    recent.add(events([4]));
    assert_eq!(gap_of(&recent), gap(4, Some(1)));
    recent.add(events([9]));
    recent.add(events([4, 5, 6]));
    assert_eq!(positions(recent.after(3, 10)), Some(vec![4, 5, 6, 7]));
    assert_eq!(gap_of(&recent), gap(7, Some(1)));
    recent.add(events([8]));
    assert_eq!(positions(recent.full(4, 5)), Some(vec![5, 6, 7, 8, 9]));
    let (events, rest) = recent.known(6, 10).expect("in reach");
    assert_eq!(positions(Some(events)), Some(vec![7, 8, 9]));
    assert_eq!(rest, gap(9, None));
    assert!(recent.known(9, 10).is_some() && recent.known(3, 10).is_some());
    assert!(recent.known(2, 10).is_none() && recent.known(10, 10).is_none());
}

#[test]
fn where_nobody_asks_for_what_is_missing_memory_is_bounded() {
    let recent = Recent::new(0, 4);
    recent.add(events([1]));
    for position in [3, 5, 7, 8] {
        recent.add(events([position]));
        assert_eq!(gap_of(&recent).after, 1);
    }
    // One too many: it begins anew before the first of them.
    recent.add(events([10]));
    let gap = gap_of(&recent);
    assert_eq!((gap.after, gap.amount), (3, Some(1)));
    assert_eq!(positions(recent.after(2, 9)), Some(vec![3]));
    assert_eq!(positions(recent.after(1, 9)), None);
}

#[test]
fn it_keeps_the_newest() {
    let recent = Recent::new(0, 3);
    recent.add(events(1..=5));
    assert_eq!(positions(recent.after(2, 9)), Some(vec![3, 4, 5]));
    assert_eq!(positions(recent.after(1, 9)), None);
    assert_eq!(positions(recent.full(2, 4)), None);
    recent.reset(8);
    assert_eq!(positions(recent.after(8, 9)), Some(vec![]));
    assert_eq!(positions(recent.after(7, 9)), None);
}
