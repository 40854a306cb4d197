//! Marks on rules that failed too often in a row.

use super::arg::{args, whole};
use super::{Db, Result};
use crate::model::Timestamp;

/// The mark on a rule.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct RuleMark {
    /// The rule.
    pub rule: String,
    /// The plugin that failed: another version of it is not under the mark.
    pub digest: String,
    /// How often in a row it had failed.
    pub failures: u64,
    /// What kind the last failure was.
    pub kind: String,
    /// Its words.
    pub message: String,
    /// When the rule was marked.
    pub marked: Timestamp,
}

impl Db {
    /// Marks a rule, instead of any mark it had.
    pub async fn mark_rule(&self, mark: &RuleMark) -> Result<()> {
        let sql =
            "INSERT INTO rule_marks (rule, digest, failures, kind, message, marked) VALUES ($1, $2, $3, $4, $5, $6)
                   ON CONFLICT (rule) DO UPDATE SET digest = excluded.digest, failures = excluded.failures,
                       kind = excluded.kind, message = excluded.message, marked = excluded.marked";
        let failures = whole(mark.failures);
        let args = args![&mark.rule, &mark.digest, failures, &mark.kind, &mark.message, mark.marked];
        self.write().await?.execute(sql, args).await?;
        Ok(())
    }

    /// Takes the mark off a rule. Whether it had one.
    pub async fn unmark_rule(&self, rule: &str) -> Result<bool> {
        Ok(self.write().await?.execute("DELETE FROM rule_marks WHERE rule = $1", args![rule]).await? > 0)
    }

    /// All marks, by rule.
    pub async fn rule_marks(&self) -> Result<Vec<RuleMark>> {
        let sql = "SELECT rule, digest, failures, kind, message, marked FROM rule_marks ORDER BY rule";
        let rows = self.read().await?.rows(sql, &[]).await?;
        let read = |row: &super::session::Row| {
            Ok(RuleMark {
                rule: row.get("rule")?,
                digest: row.get("digest")?,
                failures: u64::try_from(row.get::<i64>("failures")?).unwrap_or(0),
                kind: row.get("kind")?,
                message: row.get("message")?,
                marked: Timestamp::from_micros(row.get("marked")?),
            })
        };
        rows.iter().map(read).collect()
    }
}
