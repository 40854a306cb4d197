//! A table in the making: rows as they come, and what is wrong with them.

use super::{LARGEST_ROW, LARGEST_TABLE, LISTED, MOST_CELLS, MOST_COLUMNS, MOST_ROWS, Table, digest};

/// Takes rows and collects mistakes.
pub(super) struct Builder {
    columns: Vec<String>,
    /// Which of the columns, as they come, holds the keys.
    key: usize,
    /// What a row is counted by: `line` or `row`.
    counted: &'static str,
    text: String,
    ends: Vec<u32>,
    /// Where each row was found.
    places: Vec<u64>,
    mistakes: Vec<String>,
    unlisted: usize,
}

impl Builder {
    /// A table of these columns, in the order in which rows will bring their cells.
    pub(super) fn new(columns: Vec<String>, key: Option<&str>, counted: &'static str) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        if columns.len() > MOST_COLUMNS {
            mistakes.push(format!("the table has {} columns; at most {MOST_COLUMNS} are taken", columns.len()));
            return Err(mistakes);
        }
        if columns.is_empty() {
            mistakes.push("the table has no column".to_owned());
            return Err(mistakes);
        }
        for (index, column) in columns.iter().enumerate() {
            if column.is_empty() {
                mistakes.push(format!("column {} has no name", index + 1));
            } else if columns[..index].contains(column) {
                mistakes.push(format!("two columns are named {column:?}"));
            }
        }
        let at = key.map_or(Some(0), |key| columns.iter().position(|column| column == key));
        if at.is_none() {
            let key = key.unwrap_or_default();
            mistakes.push(format!("there is no column {key:?}; there are {}", columns.join(", ")));
        }
        let Some(key) = at.filter(|_| mistakes.is_empty()) else { return Err(mistakes) };
        let (text, ends, places) = (String::new(), Vec::new(), Vec::new());
        Ok(Self { columns, key, counted, text, ends, places, mistakes, unlisted: 0 })
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Takes a row with a cell for each column. False where no more are of use.
    pub(super) fn row<'a>(&mut self, place: u64, cells: impl Iterator<Item = &'a str> + Clone) -> bool {
        let (start, counted) = (self.text.len(), self.counted);
        let key = cells.clone().nth(self.key).unwrap_or_default();
        if key.is_empty() {
            self.mistake(format!("{counted} {place}: the key is empty"));
        }
        let others = cells.enumerate().filter(|(index, _)| *index != self.key).map(|(_, cell)| cell);
        for cell in std::iter::once(key).chain(others) {
            self.text.push_str(cell);
            self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        }
        self.places.push(place);
        if self.text.len() - start > LARGEST_ROW {
            self.mistake(format!("{counted} {place} has more than {} MiB", LARGEST_ROW >> 20));
        }
        let full = if self.text.len() > LARGEST_TABLE {
            Some(format!("more than {} MiB of cells", LARGEST_TABLE >> 20))
        } else if self.places.len() > MOST_ROWS {
            Some(format!("more than {MOST_ROWS} rows"))
        } else if self.ends.len() > MOST_CELLS {
            Some(format!("more than {MOST_CELLS} cells"))
        } else {
            None
        };
        if let Some(what) = &full {
            self.mistake(format!("the table has {what}, which is more than is taken"));
        }
        full.is_none()
    }

    /// Notes what is wrong.
    pub(super) fn mistake(&mut self, what: String) {
        if self.mistakes.len() < LISTED {
            self.mistakes.push(what);
        } else {
            self.unlisted += 1;
        }
    }

    /// The table, or what is wrong with it.
    pub(super) fn finish(mut self) -> Result<Table, Vec<String>> {
        let columns = {
            let mut columns = std::mem::take(&mut self.columns);
            let key = columns.remove(self.key);
            columns.insert(0, key);
            columns
        };
        let rows = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        let (text, ends) = (std::mem::take(&mut self.text).into(), std::mem::take(&mut self.ends).into());
        let mut table = Table { columns, text, ends, by_key: Box::default(), digest: String::new() };
        let mut by_key: Vec<u32> = (0..rows).collect();
        by_key.sort_by(|one, other| table.key(*one).cmp(table.key(*other)));
        let mut twice: Vec<_> = by_key.windows(2).filter(|pair| table.key(pair[0]) == table.key(pair[1])).collect();
        // Named in the order of the lines, not of the keys.
        twice.sort_by_key(|pair| pair[1]);
        for pair in twice.iter().filter(|pair| !table.key(pair[0]).is_empty()) {
            let (key, counted) = (table.key(pair[0]), self.counted);
            let [first, second] = [pair[0], pair[1]].map(|row| self.places[row as usize]);
            self.mistake(format!("{counted} {second}: the key {key:?} is that of {counted} {first} as well"));
        }
        if self.unlisted > 0 {
            self.mistakes.push(format!("and {} more", self.unlisted));
        }
        if !self.mistakes.is_empty() {
            return Err(self.mistakes);
        }
        table.by_key = by_key.into();
        let canonical = table.to_csv();
        if canonical.len() > LARGEST_TABLE {
            return Err(vec![format!("as CSV the table has more than the {} MiB taken here", LARGEST_TABLE >> 20)]);
        }
        table.digest = digest(&canonical);
        Ok(table)
    }
}
