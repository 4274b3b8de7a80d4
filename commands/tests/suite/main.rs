//! Tests of the command side: over a real log and a bus, with parties that the
//! tests play.

mod attempts;
mod busy;
mod happy;
mod races;
mod refusals;
mod replicas;
mod retries;
mod support;
mod trouble;
