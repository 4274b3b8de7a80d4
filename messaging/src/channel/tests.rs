use std::collections::HashSet;
use std::convert::Infallible;
use std::thread;

use super::*;

const OPENING: [u8; 3] = *b"key";

fn sealer() -> Sealer {
    Sealer::new(OPENING, &[7; 32])
}

fn opener() -> Opener {
    Opener::new(OPENING, &[7; 32])
}

/// What follows the opening.
fn seal(sealer: &Sealer, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut out = Zeroizing::default();
    sealer.seal_onto(&mut out, aad, plaintext);
    out.strip_prefix(&OPENING).expect("the opening").to_vec()
}

#[test]
fn what_was_sealed_opens_with_its_associated_data_only() {
    let sealed = seal(&sealer(), b"here", b"secret");
    assert_eq!(sealed.len(), OVERHEAD + b"secret".len());
    assert_eq!(&opener().open(b"here", &sealed).unwrap()[..], b"secret");
    assert!(opener().open(b"there", &sealed).is_none());
    let other = Opener::new(OPENING, &[8; 32]);
    assert!(other.open(b"here", &sealed).is_none());
    for length in 0..sealed.len() {
        assert!(opener().open(b"here", &sealed[..length]).is_none());
    }
}

#[test]
fn no_nonce_serves_twice() {
    let sealer = sealer();
    let seal_some = || {
        (0..100)
            .map(|_| seal(&sealer, b"", b""))
            .collect::<Vec<_>>()
    };
    let sealed: Vec<_> = thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(seal_some));
        threads
            .into_iter()
            .flat_map(|it| it.join().unwrap())
            .collect()
    });
    let counters: HashSet<_> = sealed.iter().map(|sealed| &sealed[..COUNTER]).collect();
    assert_eq!(counters.len(), sealed.len());
}

#[test]
fn a_channel_wears_out_with_time_and_with_messages() {
    let mut sealer = sealer();
    assert!(!sealer.is_worn());
    sealer.sealed = AtomicU64::new(MESSAGES - 1);
    assert!(!sealer.is_worn());
    seal(&sealer, b"", b"the last");
    assert!(sealer.is_worn());

    let mut sealer = self::sealer();
    let long_ago = Instant::now().checked_sub(LIFETIME);
    sealer.since = long_ago.expect("a clock that has run for a while");
    assert!(sealer.is_worn());
}

#[test]
fn a_sender_uses_one_channel_to_each_receiver_until_it_is_worn() {
    let sealers = Sealers::default();
    let fresh = || Ok::<_, Infallible>(sealer());
    let unused = || -> Result<Sealer, Infallible> { panic!("there is one") };
    let get = |receiver, make: &dyn Fn() -> _| sealers.get(receiver, make).unwrap();

    let to_one = get(1, &fresh);
    assert!(Arc::ptr_eq(&to_one, &get(1, &unused)));
    let to_two = get(2, &fresh);
    assert!(!Arc::ptr_eq(&to_one, &to_two));

    to_one.sealed.store(MESSAGES, Ordering::Relaxed);
    let next = get(1, &fresh);
    assert!(!Arc::ptr_eq(&to_one, &next));
    assert!(Arc::ptr_eq(&next, &get(1, &unused)));
    assert!(Arc::ptr_eq(&to_two, &get(2, &unused)));
}

#[test]
fn a_receiver_remembers_the_newest_channels_of_each_sender() {
    const MOST: usize = 3;
    let openers = Openers::new(MOST);
    let open = |sender, opening: u8| {
        let make = || Ok::<_, Infallible>(Opener::new([opening], &[7; 32]));
        openers.get(sender, &[opening], make).unwrap()
    };
    let is_known = |sender, opening: u8| openers.get(sender, &[opening], || Err(())).is_ok();

    open("alpha", 1);
    for opening in 1..=4 {
        open("bravo", opening);
    }
    // Neither bravo nor what was no channel has taken a place of alpha's.
    assert!((10..20).all(|opening| !is_known("alpha", opening)));
    assert!(is_known("alpha", 1));
    let of_bravo: Vec<_> = (1..=4).filter(|it| is_known("bravo", *it)).collect();
    assert_eq!(of_bravo, [2, 3, 4]);

    assert!(Arc::ptr_eq(&open("bravo", 4), &open("bravo", 4)));
    open("bravo", 1);
    assert!(is_known("bravo", 1));
}
