//! The threshold ECDSA protocols a key can be made with.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A protocol engine. Each key records the one that made it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum EngineId {
    /// DKLs23 (Doerner, Kondi, Lee, shelat: "Threshold ECDSA in Three Rounds", 2023).
    #[default]
    Dkls23,
}

/// An engine that this build does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown engine `{0}`: this build has dkls23")]
pub struct UnknownEngine(String);

impl fmt::Display for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dkls23 => "dkls23",
        })
    }
}

impl FromStr for EngineId {
    type Err = UnknownEngine;

    fn from_str(text: &str) -> Result<Self, UnknownEngine> {
        match text {
            "dkls23" => Ok(Self::Dkls23),
            other => Err(UnknownEngine(other.chars().take(40).collect())),
        }
    }
}
