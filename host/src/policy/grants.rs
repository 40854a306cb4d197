//! What a rule is granted beyond the bundle. Nothing is, unless the rule names it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::model::{TableName, shortened};
use crate::plugin::LookupGrant;

/// A rule's `grants`, checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grants {
    /// The tables it may read.
    pub tables: Vec<TableName>,
    /// What it may look up.
    pub lookup: Option<Arc<LookupGrant>>,
}

impl Grants {
    /// Reads a rule's `grants`.
    ///
    /// # Errors
    ///
    /// What is wrong with them by themselves; whether tables are there is not looked at.
    pub(super) fn parse(grants: &BTreeMap<String, Value>) -> Result<Self, Vec<String>> {
        let (mut parsed, mut mistakes) = (Self::default(), Vec::new());
        for (name, value) in grants {
            match name.as_str() {
                "tables" => match tables(value) {
                    Ok(tables) => parsed.tables = tables,
                    Err(found) => mistakes.extend(found),
                },
                "lookup" => match LookupGrant::parse(value) {
                    Ok(lookup) => parsed.lookup = Some(Arc::new(lookup)),
                    Err(found) => mistakes.extend(found),
                },
                _ => mistakes.push(format!(
                    "grants.{}: nothing by that name can be granted; there are tables and lookup",
                    shortened(name)
                )),
            }
        }
        if mistakes.is_empty() { Ok(parsed) } else { Err(mistakes) }
    }
}

fn tables(value: &Value) -> Result<Vec<TableName>, Vec<String>> {
    let Value::Array(names) = value else {
        return Err(vec!["grants.tables: give a list of tables, such as [\"projects\"]".to_owned()]);
    };
    let (mut tables, mut mistakes) = (Vec::new(), Vec::new());
    for name in names {
        match name.as_str().map(str::parse::<TableName>) {
            Some(Ok(name)) if tables.contains(&name) => {
                mistakes.push(format!("grants.tables: {name} stands there twice"))
            }
            Some(Ok(name)) => tables.push(name),
            Some(Err(mistake)) => mistakes.push(format!("grants.tables: {mistake}")),
            None => mistakes.push(format!("grants.tables: {} is no name of a table", shortened(name))),
        }
    }
    if mistakes.is_empty() { Ok(tables) } else { Err(mistakes) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(grants: Value) -> Result<Grants, Vec<String>> {
        Grants::parse(&serde_json::from_value(grants).unwrap())
    }

    #[test]
    fn tables_are_granted_by_name() {
        let names: Vec<String> =
            parse(json!({"tables": ["projects", "x.1"]})).unwrap().tables.into_iter().map(Into::into).collect();
        assert_eq!(names, ["projects", "x.1"]);
        assert_eq!(parse(json!({})), Ok(Grants::default()));
    }

    #[test]
    fn what_cannot_be_granted_is_named() {
        for (grants, words) in [
            (json!({"the-moon": true}), "grants.the-moon"),
            (json!({"lookup": {"prefixes": ["x"]}, "tables": ["a"]}), "grants.lookup.prefixes"),
            (json!({"tables": "projects"}), "give a list"),
            (json!({"tables": ["../etc"]}), "no name of a table"),
            (json!({"tables": [7]}), "7 is no name"),
            (json!({"tables": ["a", "a"]}), "twice"),
        ] {
            let mistakes = parse(grants).unwrap_err();
            assert!(mistakes.iter().any(|mistake| mistake.contains(words)), "{words} in {mistakes:?}");
        }
    }
}
