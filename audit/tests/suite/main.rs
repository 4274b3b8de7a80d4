//! The audit library from outside.

mod bundle;
mod checkpointer;
mod files;
mod history;
mod meaning;
mod merkle;
mod mutations;
mod note;
mod personal;
mod prove;
mod published;
mod tampered;
mod verify;
