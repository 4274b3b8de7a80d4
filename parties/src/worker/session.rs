//! One session at this party: join, take part in the attempts that start, and
//! forget it when it ends.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::session::Token;
use tokio::time::Instant;

use super::attempt;
use super::context::Context;
use super::coordinator::{Answer, join, tell, tell_once};
use super::inbox::Start;
use super::registry::Registration;

/// How long after a session's deadline its end is waited for.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a session until it is over for this party.
pub(super) async fn run(context: Arc<Context>, registration: Registration) {
    let _in_work = context.vault.session();
    let mut session = Session {
        deadline: deadline(&context, &registration),
        asked: registration.accepted.attempt,
        token: registration.accepted.token.clone(),
        attempt: 0,
        context,
        registration,
    };
    while let Some(start) = session.next().await {
        session.attempt = start.attempt;
        attempt::run(
            &session.context,
            &session.registration.accepted,
            &session.registration.inbox,
            start,
            session.deadline,
        )
        .await;
        if session.context.stop.drain.is_cancelled() {
            return;
        }
    }
}

struct Session {
    context: Arc<Context>,
    registration: Registration,
    deadline: Instant,
    /// The last attempt that this party took part in.
    attempt: u32,
    /// The last attempt that it was invited to.
    asked: u32,
    token: Token,
}

impl Session {
    /// Joins, as often as the party is invited, and waits for the next attempt.
    /// None when the session is over.
    async fn next(&mut self) -> Option<Start> {
        let context = Arc::clone(&self.context);
        let accepted = Arc::clone(&self.registration.accepted);
        let inbox = Arc::clone(&self.registration.inbox);
        let session = accepted.session;
        // To be repeated while nothing else happens, not each time something does.
        let mut joining = std::pin::pin!(self.join());
        let mut joined = self.attempt >= self.asked;
        loop {
            if inbox.ended() {
                return None;
            }
            if let Some(start) = inbox.start_after(self.attempt) {
                return Some(start);
            }
            if let Some(again) = inbox.take_invitation()
                && again.attempt > self.asked
            {
                self.asked = again.attempt;
                self.token = again.token.clone();
                joining.set(self.join());
                joined = false;
            }
            tokio::select! {
                () = inbox.news() => {}
                answer = &mut joining, if !joined => {
                    joined = true;
                    if answer == Answer::Refused && self.attempt == 0 {
                        return None;
                    }
                }
                () = tokio::time::sleep_until(self.deadline) => return None,
                () = context.stop.drain.cancelled() => {
                    // Also where the answer to the join is still on its way.
                    if self.asked > self.attempt {
                        let leaving = attempt::leaving(&context);
                        tell_once(&context, session, self.asked, leaving).await;
                    }
                    return None;
                }
            }
        }
    }

    /// Joins the attempt that this party was last invited to. A party that has a
    /// result of this session already hands it in again.
    fn join(&self) -> impl Future<Output = Answer> + use<> {
        let context = Arc::clone(&self.context);
        let accepted = Arc::clone(&self.registration.accepted);
        let asked = self.asked;
        let command = join(&self.token.0);
        async move {
            let session = accepted.session;
            let answer = tell(&context, session, asked, command).await;
            if let Some((attempt, result)) = accepted.earlier_result() {
                // Refused before the attempt runs; then its start is the time.
                tell(&context, session, attempt, result).await;
            }
            answer
        }
    }
}

fn deadline(context: &Context, registration: &Registration) -> Instant {
    let left = registration.accepted.expires_at - (context.clock)();
    let left = left.to_std().unwrap_or_default() + GRACE;
    Instant::now() + left.min(context.limits.session_age)
}
