//! Tests of the projections: single folds, random histories, the projector, and
//! what queries see.

mod accounts;
mod histories;
mod history;
mod keys;
mod lists;
mod parties;
mod past_lists;
mod postgres;
mod projector;
mod sessions;
mod support;
mod timeline;
mod world;
