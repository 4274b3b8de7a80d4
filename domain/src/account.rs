//! The account aggregate: who may ask for keys and signatures.

mod command;
mod decide;
mod error;
mod event;
mod evolve;
mod state;

pub use command::AccountCommand;
pub use error::AccountError;
pub use event::AccountEvent;
pub use state::{Account, AccountStatus};

use crate::decider::cqrs_bridge;

cqrs_bridge!(Account, AccountEvent, AccountCommand, AccountError);

/// Checks a user name: 3 to 64 letters, digits, dots, dashes and underscores.
pub(crate) fn check_username(name: &str) -> Result<(), &'static str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if (3..=64).contains(&name.len()) && name.chars().all(legal) {
        Ok(())
    } else {
        Err("must be 3 to 64 letters, digits, dots, dashes or underscores")
    }
}

/// Checks that an email address has the shape of one; only a mail to it can
/// show that it works.
pub(crate) fn check_email(email: &str) -> Result<(), &'static str> {
    let shaped = email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !domain.contains('@')
    });
    let printable = !email.chars().any(|c| c.is_whitespace() || c.is_control());
    if shaped && printable && email.len() <= 254 {
        Ok(())
    } else {
        Err("must be an address like name@example.com")
    }
}

/// The form in which a user name or email is compared and reserved.
#[must_use]
pub fn normalised(name: &str) -> String {
    name.to_lowercase()
}
