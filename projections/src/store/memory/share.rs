//! One copy of each text that many rows have in common.

use std::collections::HashSet;

use crate::Name;

/// More different texts than this are not expected of honest parties, and are
/// not worth remembering.
const CAPACITY: usize = 4096;

/// The texts seen so far.
#[derive(Debug, Default)]
pub(super) struct Shared {
    names: HashSet<Name>,
}

impl Shared {
    /// Puts the copy that is there already in the place of this one.
    pub(super) fn exchange(&mut self, name: &mut Name) {
        if let Some(known) = self.names.get(name) {
            name.clone_from(known);
        } else if self.names.len() < CAPACITY {
            self.names.insert(name.clone());
        }
    }
}
