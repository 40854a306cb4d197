//! Who is signed in to the console. Of a session's secret its digest is kept, never the secret.

use super::arg::args;
use super::{Db, Durability, Result, TokenRecord};
use crate::model::Timestamp;

/// A session, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// SHA-256 of its secret, in hexadecimal.
    pub digest: String,
    /// The token that it was opened with.
    pub token: String,
    /// When it was opened.
    pub made: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

impl Db {
    /// Keeps a session.
    pub async fn put_session(&self, session: &SessionRecord) -> Result<()> {
        let SessionRecord { digest, token, made, expires } = session;
        let sql = "INSERT INTO sessions (digest, token_id, made, expires) VALUES ($1, $2, $3, $4)";
        self.write().await?.execute(sql, args![digest, token, *made, *expires]).await?;
        Ok(())
    }

    /// The token that a session was opened with; none where there is no such session, or none any more, or where the
    /// token has been revoked.
    pub async fn session_token(&self, digest: &str, now: Timestamp) -> Result<Option<TokenRecord>> {
        let sql = "SELECT id, name, role, tokens.digest AS digest, author, created, revoked
                   FROM sessions JOIN tokens ON tokens.id = sessions.token_id
                   WHERE sessions.digest = $1 AND expires > $2 AND revoked IS NULL";
        let row = self.read().await?.row(sql, args![digest, now]).await?;
        row.as_ref().map(super::tokens::read_token).transpose()
    }

    /// Ends a session. Whether there was one.
    pub async fn end_session(&self, digest: &str) -> Result<bool> {
        // Whoever signs out on a machine of others wants it to be so even if the power fails.
        let mut session = self.begin(Durability::Durable).await?;
        let gone = session.execute("DELETE FROM sessions WHERE digest = $1", args![digest]).await?;
        session.commit().await?;
        Ok(gone > 0)
    }

    /// Removes the sessions that are over.
    pub async fn sweep_sessions(&self, now: Timestamp) -> Result<u64> {
        self.write().await?.execute("DELETE FROM sessions WHERE expires <= $1", args![now]).await
    }
}
