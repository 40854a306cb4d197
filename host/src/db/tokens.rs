//! Tokens: who may do what. Of a token its digest is kept, never the token.

use super::arg::args;
use super::session::Row;
use super::{Db, Durability, Result};
use crate::model::{Role, Timestamp};

/// A token, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct TokenRecord {
    /// The part that may be shown.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// What it is good for.
    pub role: Role,
    /// SHA-256 of the whole token, in hexadecimal.
    #[serde(skip)]
    pub digest: String,
    /// Who made it.
    pub author: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was revoked; none while it is good.
    pub revoked: Option<Timestamp>,
}

const COLUMNS: &str = "id, name, role, digest, author, created, revoked";

impl Db {
    /// Keeps a token. Durable.
    pub async fn put_token(&self, token: &TokenRecord) -> Result<()> {
        let mut session = self.begin(Durability::Durable).await?;
        session
            .execute(
                "INSERT INTO tokens (id, name, role, digest, author, created) VALUES ($1, $2, $3, $4, $5, $6)",
                args![&token.id, &token.name, token.role.name(), &token.digest, &token.author, token.created],
            )
            .await?;
        session.commit().await
    }

    /// Keeps a token, unless there is one of its role that is good. Durable. Whether it is kept now.
    pub async fn put_first_token(&self, token: &TokenRecord) -> Result<bool> {
        let mut session = self.begin(Durability::Durable).await?;
        let made = session
            .execute(
                "INSERT INTO tokens (id, name, role, digest, author, created) SELECT $1, $2, $3, $4, $5, $6
                 WHERE NOT EXISTS (SELECT 1 FROM tokens WHERE role = $3 AND revoked IS NULL)",
                args![&token.id, &token.name, token.role.name(), &token.digest, &token.author, token.created],
            )
            .await?;
        session.commit().await?;
        Ok(made > 0)
    }

    /// The token with this id, be it good or revoked.
    pub async fn token(&self, id: &str) -> Result<Option<TokenRecord>> {
        let sql = super::session::Statement::built(format!("SELECT {COLUMNS} FROM tokens WHERE id = $1"), true);
        self.read().await?.row(sql, args![id]).await?.as_ref().map(read_token).transpose()
    }

    /// All tokens, the newest first.
    pub async fn tokens(&self) -> Result<Vec<TokenRecord>> {
        let sql =
            super::session::Statement::built(format!("SELECT {COLUMNS} FROM tokens ORDER BY created DESC, id"), true);
        self.read().await?.rows(sql, &[]).await?.iter().map(read_token).collect()
    }

    /// Revokes a token, and ends the sessions that were opened with it. Durable. Whether there was one that was good.
    pub async fn revoke_token(&self, id: &str, now: Timestamp) -> Result<bool> {
        let mut session = self.begin(Durability::Durable).await?;
        let sql = "UPDATE tokens SET revoked = $2 WHERE id = $1 AND revoked IS NULL";
        let touched = session.execute(sql, args![id, now]).await?;
        session.execute("DELETE FROM sessions WHERE token_id = $1", args![id]).await?;
        session.commit().await?;
        Ok(touched > 0)
    }
}

pub(super) fn read_token(row: &Row) -> Result<TokenRecord> {
    Ok(TokenRecord {
        id: row.get("id")?,
        name: row.get("name")?,
        role: row.parse("role")?,
        digest: row.get("digest")?,
        author: row.get("author")?,
        created: Timestamp::from_micros(row.get("created")?),
        revoked: row.get::<Option<i64>>("revoked")?.map(Timestamp::from_micros),
    })
}
