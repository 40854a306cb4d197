//! The first row, held against the description.

use sluice_sdk::Quoted;

use crate::notes::Notes;
use crate::table::Table;

/// Which column of the description each value of a row belongs to.
#[derive(Debug)]
pub(crate) struct Header {
    /// As the table names its columns, or as we count them.
    pub(crate) names: Vec<String>,
    /// Position in the row, position in the description.
    pub(crate) columns: Vec<(usize, usize)>,
    /// Groups of positions in the row whose values together come once.
    pub(crate) unique: Vec<Vec<usize>>,
}

impl Header {
    /// The columns of a table that names them, and what is wrong with the names.
    pub(crate) fn named(table: &Table, names: Vec<String>, notes: &mut Notes<'_>) -> Self {
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                notes.say("Give every column a name of its own.", || {
                    ("column-twice", format!("Two columns are called {}.", Quoted(name)))
                });
            } else if !table.other_columns && !table.columns.iter().any(|column| column.name == *name) {
                notes.say("Remove the column, or correct its name.", || {
                    ("column-unknown", format!("The column {} does not belong to this table.", Quoted(name)))
                });
            }
        }
        let mut columns = Vec::new();
        for (index, column) in table.columns.iter().enumerate() {
            if let Some(position) = names.iter().position(|name| *name == column.name) {
                columns.push((position, index));
            } else if !column.may_be_absent {
                notes.say("Add the column, or correct its name in the first row.", || {
                    let wanted = column.name.trim().to_lowercase();
                    let similar = names.iter().find(|name| name.trim().to_lowercase() == wanted);
                    let but = similar.map_or(String::new(), |name| format!(" (there is one called {})", Quoted(name)));
                    ("column-missing", format!("There is no column {}{but}.", Quoted(&column.name)))
                });
            }
        }
        if table.ordered && !columns.is_sorted() {
            notes.say("Bring the columns into this order.", || {
                let order: Vec<String> =
                    columns.iter().map(|(_, index)| Quoted(&table.columns[*index].name).to_string()).collect();
                ("columns-order", format!("The columns are in another order than {}.", order.join(", ")))
            });
        }
        Self::new(table, names, columns)
    }

    /// The columns of a table that does not name them, by its first row of so many values.
    pub(crate) fn counted(table: &Table, values: usize, notes: &mut Notes<'_>) -> Self {
        let described = table.columns.len();
        if values < described || (values > described && !table.other_columns) {
            notes.say("Look whether the delimiter is the right one.", || {
                ("columns-count", format!("The first row has {values} values; the table has {described} columns."))
            });
        }
        let name = |index: usize| table.columns.get(index).map_or_else(|| (index + 1).to_string(), |c| c.name.clone());
        let names = (0..values).map(name).collect();
        Self::new(table, names, (0..values.min(described)).map(|index| (index, index)).collect())
    }

    fn new(table: &Table, names: Vec<String>, columns: Vec<(usize, usize)>) -> Self {
        let position =
            |wanted: &usize| columns.iter().find(|(_, index)| index == wanted).map(|(position, _)| *position);
        // A group of which a column is missing, which was said, says nothing about rows.
        let unique = table.unique.iter().filter_map(|group| group.iter().map(position).collect()).collect();
        Self { names, columns, unique }
    }
}
