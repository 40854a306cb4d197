//! What one call may reach beyond the bundle.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::Table;

/// What a rule is granted, ready to be used by one call. By default, nothing.
#[derive(Clone, Debug, Default)]
pub struct Granted {
    /// The tables, by their names.
    pub tables: BTreeMap<String, Arc<Table>>,
}
