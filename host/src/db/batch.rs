//! Statements that make one transaction, and are known before the first of them is said.
//!
//! SQLite's connection lives on a thread of its own, and each statement is a way there and back: two wake-ups, which cost
//! more than most statements. A batch goes there once.

use std::borrow::Cow;
use std::fmt::Write as _;

use futures::TryStreamExt as _;
use sqlx::{Either, Executor as _};

use super::arg::Arg;
use super::error::Result;
use super::flush::Unflushed;
use super::lanes::Lane;
use super::session::{Row, Statement, bind};
use super::{Db, Durability, Pools};
use crate::failpoint::{self, Point};

/// Statements, in order, each with values of its own.
pub(super) struct Batch<'a> {
    parts: Vec<(Cow<'static, str>, Vec<Arg<'a>>)>,
    /// Whether the same statements are likely to come again.
    remembered: bool,
}

impl<'a> Batch<'a> {
    /// One whose statements are worth remembering, or not.
    pub(super) fn new(remembered: bool) -> Self {
        Self { parts: Vec::new(), remembered }
    }

    /// Adds a statement, whose placeholders are numbered from 1.
    pub(super) fn add(&mut self, statement: impl Into<Cow<'static, str>>, args: impl Into<Vec<Arg<'a>>>) {
        self.parts.push((statement.into(), args.into()));
    }

    /// One text for all, and their values.
    fn whole(self) -> (String, Vec<Arg<'a>>) {
        let (mut text, mut values) = ("BEGIN IMMEDIATE;\n".to_owned(), Vec::new());
        for (statement, args) in self.parts {
            renumber(&statement, values.len(), &mut text);
            text.push_str(";\n");
            values.extend(args);
        }
        text.push_str("COMMIT");
        (text, values)
    }
}

/// Writes a statement whose placeholders count on from others.
fn renumber(statement: &str, by: usize, into: &mut String) {
    let mut pieces = statement.split('$');
    into.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let end = piece.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(piece.len());
        let (number, rest) = piece.split_at(end);
        let number: usize = number.parse().expect("a placeholder has a number");
        let _ = write!(into, "${}{rest}", number + by);
    }
}

impl Db {
    /// Carries out all statements of a batch, or none. The rows that each of them answers come in their order.
    pub(super) async fn carry_out(&self, durability: Durability, batch: Batch<'_>) -> Result<Vec<Vec<Row>>> {
        let (answers, unflushed) = self.commit(durability, batch).await?;
        unflushed.flush().await?;
        Ok(answers)
    }

    /// The same, but that a durable one is on the disk when what comes with the answers has been flushed.
    pub(super) async fn commit(&self, durability: Durability, batch: Batch<'_>) -> Result<(Vec<Vec<Row>>, Unflushed)> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => {
                let lane = writer.take().await?;
                // A commit that fails leaves nothing behind: so it has to fail here.
                failpoint::reach(Point::DbCommit).map_err(sqlx::Error::Io)?;
                let _told = self.told_at_end();
                let answers = at_once(lane, batch).await?;
                failpoint::pass(Point::DbCommitted);
                let durable = durability == Durability::Durable;
                Ok((answers, if durable { self.unflushed() } else { Unflushed::default() }))
            }
            Pools::Postgres(_) => {
                let mut session = self.begin(durability).await?;
                let mut answers = Vec::with_capacity(batch.parts.len());
                for (statement, args) in batch.parts {
                    answers.push(session.rows(statement, &args).await?);
                }
                session.commit().await?;
                Ok((answers, Unflushed::default()))
            }
        }
    }
}

async fn at_once(mut lane: Lane, batch: Batch<'_>) -> Result<Vec<Vec<Row>>> {
    let remembered = batch.remembered;
    let (text, values) = batch.whole();
    let query = bind(sqlx::query(Statement::built(text, remembered).text), &values).persistent(remembered);
    let (mut answers, mut rows) = (Vec::new(), Vec::new());
    lane.begun();
    let mut answer = lane.fetch_many(query);
    while let Some(next) = answer.try_next().await? {
        match next {
            Either::Right(row) => rows.push(Row::Sqlite(row)),
            // A statement is over.
            Either::Left(_) => answers.push(std::mem::take(&mut rows)),
        }
    }
    drop(answer);
    lane.ended();
    // Begin and commit have answered as well.
    answers.pop();
    answers.remove(0);
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::super::arg::args;
    use super::*;

    #[test]
    fn placeholders_count_on_from_one_statement_to_the_next() {
        let mut batch = Batch::new(true);
        batch.add("UPDATE a SET x = $2 WHERE y = $1", args![1_i64, 2_i64]);
        batch.add("INSERT INTO b VALUES ($1, $12)", args![3_i64]);
        let (text, values) = batch.whole();
        let wanted = "BEGIN IMMEDIATE;\nUPDATE a SET x = $2 WHERE y = $1;\nINSERT INTO b VALUES ($3, $14);\nCOMMIT";
        assert_eq!((text.as_str(), values.len()), (wanted, 3));
    }
}
