//! The command side in trouble: races, replicas, failed attempts, a store and a bus
//! that fail, with parties that the tests play.

mod attempts;
mod busy;
mod checkpoints;
mod metrics;
mod postgres;
mod races;
mod replicas;
mod support;
mod trouble;
