use super::*;
use crate::db::{SessionRecord, TokenRecord};
use crate::model::Role;

async fn token(db: &Db, id: &str) {
    let record = TokenRecord {
        id: id.to_owned(),
        name: "ada".to_owned(),
        role: Role::Operator,
        digest: format!("digest of {id}"),
        author: "a test".to_owned(),
        created: at(0),
        revoked: None,
    };
    db.put_token(&record).await.unwrap();
}

async fn session(db: &Db, digest: &str, token: &str) {
    let record = SessionRecord { digest: digest.to_owned(), token: token.to_owned(), made: at(0), expires: at(10) };
    db.put_session(&record).await.unwrap();
}

on_both! {
    async fn a_session_lasts_until_it_expires_or_is_ended(place) {
        let db = place.db().await;
        token(&db, "t").await;
        session(&db, "one", "t").await;
        session(&db, "two", "t").await;
        let found = db.session_token("one", at(9)).await.unwrap().unwrap();
        assert_eq!((found.id.as_str(), found.digest.as_str(), found.role), ("t", "digest of t", Role::Operator));
        assert_eq!(db.session_token("one", at(10)).await.unwrap(), None);
        assert_eq!(db.session_token("none", at(1)).await.unwrap(), None);
        assert!(db.end_session("one").await.unwrap());
        assert!(!db.end_session("one").await.unwrap());
        assert_eq!(db.session_token("one", at(1)).await.unwrap(), None);
        assert_eq!((db.sweep_sessions(at(9)).await.unwrap(), db.sweep_sessions(at(10)).await.unwrap()), (0, 1));
    }

    async fn a_revoked_token_takes_its_sessions_with_it(place) {
        let db = place.db().await;
        token(&db, "t").await;
        token(&db, "u").await;
        session(&db, "one", "t").await;
        session(&db, "two", "u").await;
        assert!(db.revoke_token("t", at(1)).await.unwrap());
        assert_eq!(db.session_token("one", at(2)).await.unwrap(), None);
        assert!(!db.end_session("one").await.unwrap(), "it is not kept");
        assert!(db.session_token("two", at(2)).await.unwrap().is_some());
    }
}
