//! What the checks found.

use serde::Serialize;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Warn,
    /// It does not work.
    Fail,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    pub(super) check: &'static str,
    pub(super) status: Status,
    /// What was found.
    pub(super) said: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cure: Option<String>,
}

/// All checks, in order.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) checks: Vec<Check>,
}

impl Report {
    pub(super) fn ok(&mut self, check: &'static str, said: impl Into<String>) {
        self.put(check, Status::Ok, said, "");
    }

    pub(super) fn warn(&mut self, check: &'static str, said: impl Into<String>, cure: &str) {
        self.put(check, Status::Warn, said, cure);
    }

    pub(super) fn fail(&mut self, check: &'static str, said: impl Into<String>, cure: &str) {
        self.put(check, Status::Fail, said, cure);
    }

    pub(super) fn count(&self, status: Status) -> usize {
        let such = self.checks.iter().filter(|check| check.status == status);
        such.count()
    }

    fn put(&mut self, check: &'static str, status: Status, said: impl Into<String>, cure: &str) {
        self.checks.push(Check {
            check,
            status,
            said: said.into(),
            cure: (!cure.is_empty()).then(|| cure.to_owned()),
        });
    }
}
