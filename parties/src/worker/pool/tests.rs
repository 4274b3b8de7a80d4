use std::sync::mpsc;

use super::*;

#[tokio::test]
async fn work_runs_and_its_result_comes_back() {
    let pool = CeremonyPool::new(2);
    assert_eq!(pool.run(Lane::Sign, || 6 * 7).await, Ok(42));
    assert_eq!(pool.run(Lane::Keygen, || "key").await, Ok("key"));
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_thread_lives_on() {
    let pool = CeremonyPool::new(1);
    for _ in 0..3 {
        let result: Result<(), _> = pool.run(Lane::Sign, || panic!("broken step")).await;
        assert_eq!(result, Err(PoolError::Panicked));
    }
    assert_eq!(pool.run(Lane::Sign, || 1).await, Ok(1));
}

#[tokio::test]
async fn signing_does_not_wait_behind_key_generation() {
    let pool = Arc::new(CeremonyPool::new(1));
    let (release, held) = mpsc::channel::<()>();
    let busy = Arc::clone(&pool);
    let long = tokio::spawn(async move { busy.run(Lane::Keygen, move || held.recv()).await });
    // Done while the only keygen slot is taken.
    assert_eq!(pool.run(Lane::Sign, || 1).await, Ok(1));
    release.send(()).unwrap();
    assert_eq!(long.await.unwrap(), Ok(Ok(())));
}

#[tokio::test]
async fn no_more_steps_of_a_lane_run_at_once_than_it_is_wide() {
    let pool = Arc::new(CeremonyPool::new(2));
    let running = Arc::new(AtomicU64::new(0));
    let most = Arc::new(AtomicU64::new(0));
    let mut jobs = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (pool, running, most) = (pool.clone(), running.clone(), most.clone());
        jobs.spawn(async move {
            let step = move || {
                let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
            };
            pool.run(Lane::Sign, step).await
        });
    }
    while let Some(job) = jobs.join_next().await {
        assert_eq!(job.unwrap(), Ok(()));
    }
    assert!(most.load(Ordering::SeqCst) <= 2);
}
