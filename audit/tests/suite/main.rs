//! The audit library from outside.

mod bundle;
mod checkpointer;
mod files;
mod history;
mod meaning;
mod merkle;
mod mutations;
mod note;
mod prove;
mod tampered;
mod verify;
