//! Rows in the order of their creation, with an index for every property.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use uuid::Uuid;

use crate::store::Row;

/// Rows are named by the position of their first event: it is unique, and lists
/// follow it.
pub(super) struct Table<R: Row> {
    rows: BTreeMap<u64, Arc<R>>,
    by_id: HashMap<Uuid, u64>,
    by_facet: HashMap<R::Facet, BTreeSet<u64>>,
}

impl<R: Row> Default for Table<R> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            by_id: HashMap::new(),
            by_facet: HashMap::new(),
        }
    }
}

impl<R: Row> fmt::Debug for Table<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl<R: Row> Table<R> {
    pub(super) fn get(&self, id: Uuid) -> Option<Arc<R>> {
        let position = self.by_id.get(&id)?;
        self.rows.get(position).cloned()
    }

    pub(super) fn upsert(&mut self, row: R) {
        let position = row.created_position();
        let now = row.facets();
        self.by_id.insert(row.id(), position);
        let before = self.rows.insert(position, Arc::new(row));
        let before = before.map(|row| row.facets()).unwrap_or_default();
        for facet in before.iter().filter(|facet| !now.contains(facet)) {
            if let Some(rows) = self.by_facet.get_mut(facet) {
                rows.remove(&position);
                if rows.is_empty() {
                    self.by_facet.remove(facet);
                }
            }
        }
        for facet in now {
            self.by_facet.entry(facet).or_default().insert(position);
        }
    }

    /// The newest rows that the filter lets through, below a position.
    pub(super) fn list(
        &self,
        filter: &R::Filter,
        before: Option<u64>,
        limit: usize,
    ) -> Vec<Arc<R>> {
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        let range = (Bound::Unbounded, end);
        let wanted = R::wanted(filter);
        if wanted.is_empty() {
            let newest = self.rows.range(range).rev();
            return newest.take(limit).map(|(_, row)| row.clone()).collect();
        }
        let sets = wanted.iter().map(|facet| self.by_facet.get(facet));
        let Some(mut sets) = sets.collect::<Option<Vec<_>>>() else {
            // No row at all has one of the properties.
            return vec![];
        };
        sets.sort_by_key(|set| set.len());
        let (fewest, others) = sets.split_first().expect("a property is wanted");
        fewest
            .range(range)
            .rev()
            .filter(|position| others.iter().all(|set| set.contains(position)))
            .filter_map(|position| self.rows.get(position).cloned())
            .take(limit)
            .collect()
    }
}
