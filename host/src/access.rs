//! Tokens: made, recognised, and the first one of a new site. Sessions: what a token is exchanged for in a browser.
//!
//! A token is `sluice_ID_SECRET`. The id may be shown; the secret has 256 bits of randomness, so that a plain SHA-256 of the
//! token, which is all that is kept, gives nothing away.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::db::{Db, Result, SessionRecord, TokenRecord};
use crate::model::{Digest, HashKind, Role, Timestamp};

const PREFIX: &str = "sluice_";
/// The file in the data folder that the first admin token is written to.
pub const FIRST_TOKEN: &str = "admin-token";

/// How long somebody stays signed in to the console: a long day.
pub const SESSION: Duration = Duration::from_secs(12 * 3_600);

/// Whoever shows a good token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The token's id.
    pub id: String,
    /// Whose token it is.
    pub name: String,
    /// What it is good for.
    pub role: Role,
}

/// Makes a token: what is kept of it, and the token itself, which nobody sees again.
pub fn new_token(name: &str, role: Role, author: &str, now: Timestamp) -> (TokenRecord, String) {
    let id = hex::encode(rand::random::<[u8; 6]>());
    let token = format!("{PREFIX}{id}_{}", hex::encode(rand::random::<[u8; 32]>()));
    let record = TokenRecord {
        id,
        name: name.to_owned(),
        role,
        digest: digest(&token),
        author: author.to_owned(),
        created: now,
        revoked: None,
    };
    (record, token)
}

/// Whose token this is; none where it is not one, or not good any more.
pub async fn recognise(db: &Db, token: &str) -> Result<Option<Bearer>> {
    let Some((id, _)) = token.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')) else { return Ok(None) };
    let known = db.token(id).await?.filter(|known| known.revoked.is_none());
    // Comparing digests tells a guesser nothing of the token, however long it takes.
    let known = known.filter(|known| known.digest == digest(token));
    Ok(known.map(|known| Bearer { id: known.id, name: known.name, role: known.role }))
}

/// Opens a session for whoever has shown a good token: what is kept of it, and its secret, for the browser alone.
pub fn new_session(bearer: &Bearer, now: Timestamp) -> (SessionRecord, String) {
    let secret = hex::encode(rand::random::<[u8; 32]>());
    let expires = now.after(SESSION);
    (SessionRecord { digest: digest(&secret), token: bearer.id.clone(), made: now, expires }, secret)
}

/// Whose session this is the secret of; none where it is over, or where its token was revoked.
pub async fn session(db: &Db, secret: &str, now: Timestamp) -> Result<Option<Bearer>> {
    let known = db.session_token(&digest(secret), now).await?;
    Ok(known.map(|known| Bearer { id: known.id, name: known.name, role: known.role }))
}

/// Ends a session.
pub async fn end_session(db: &Db, secret: &str) -> Result<()> {
    db.end_session(&digest(secret)).await.map(drop)
}

/// What every form of a session carries, and what no other site can know: it follows from the secret and does not give it
/// away.
pub fn form_token(secret: &str) -> String {
    digest(&format!("forms of {secret}"))
}

/// Sees to it that there is an admin token: a site that has none gets one, in a file that only its owner can read.
pub async fn first_token(db: &Db, data: &Path, now: Timestamp) -> anyhow::Result<()> {
    let path = data.join(FIRST_TOKEN);
    let (record, token) = new_token("admin", Role::Admin, "the gate at its first start", now);
    if !db.put_first_token(&record).await? {
        return Ok(());
    }
    if let Err(error) = write_secret(&path, &token) {
        // A token that nobody can ever read is not to be in the way of another one at the next start.
        db.revoke_token(&record.id, now).await?;
        return Err(error).with_context(|| format!("the first admin token cannot be written to {}", path.display()));
    }
    tracing::info!(path = %path.display(), "the first admin token was made");
    Ok(())
}

fn write_secret(path: &Path, secret: &str) -> std::io::Result<()> {
    let aside = path.with_extension("new");
    match std::fs::remove_file(&aside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    std::fs::rename(&aside, path)
}

fn digest(token: &str) -> String {
    Digest::of(HashKind::Sha256, token.as_bytes()).hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_token_follows_from_the_secret_and_is_not_what_is_kept() {
        let bearer = Bearer { id: "id".to_owned(), name: "ada".to_owned(), role: Role::Admin };
        let (record, secret) = new_session(&bearer, Timestamp::from_micros(0));
        let token = form_token(&secret);
        assert_eq!(token, form_token(&secret));
        assert!(token != record.digest && !format!("{record:?}").contains(&secret));
    }

    #[test]
    fn no_two_tokens_are_the_same_and_none_is_kept() {
        let now = Timestamp::from_micros(0);
        let (one, token) = new_token("ada", Role::Admin, "a test", now);
        let (other, _) = new_token("ada", Role::Admin, "a test", now);
        assert!(one.id != other.id && one.digest != other.digest);
        assert!(!format!("{one:?}").contains(token.rsplit('_').next().unwrap()));
    }
}
