use super::*;
use crate::db::{NewRevision, PluginRecord, PluginUse, PutRevisionError, RuleMark, TokenRecord};
use crate::model::{Revision, Role};

fn record(name: &str, digest: &str, second: i64) -> PluginRecord {
    PluginRecord {
        digest: digest.to_owned(),
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        kind: "validator".to_owned(),
        summary: "Looks for keys.".to_owned(),
        config_schema: "{}".to_owned(),
        imports: "[]".to_owned(),
        size: 4,
        added: at(second),
    }
}

fn revision<'a>(rules: &'a str, author: &'a str) -> NewRevision<'a> {
    NewRevision { rules, plugins: &[], tables: &[], message: "why", author, origin: "test", created: at(1) }
}

on_both! {
    async fn a_plugin_is_kept_with_its_code(place) {
        let db = place.db().await;
        let wasm: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let keys = record("required-keys", "sha256:aa", 2);
        assert!(db.put_plugin(&keys, &wasm).await.unwrap());
        assert!(!db.put_plugin(&record("renamed", "sha256:aa", 9), b"other").await.unwrap());
        let placement = record("placement", "sha256:bb", 1);
        assert!(db.put_plugin(&placement, b"\0asm").await.unwrap());
        let stored = db.plugin("sha256:aa").await.unwrap().unwrap();
        assert_eq!((&stored.record, stored.wasm == wasm), (&keys, true));
        assert_eq!(db.plugins().await.unwrap(), [placement, keys]);
        assert!(db.has_plugin("sha256:bb").await.unwrap() && !db.has_plugin("sha256:cc").await.unwrap());
        assert_eq!(db.plugin("sha256:cc").await.unwrap(), None);
    }

    async fn revisions_count_from_1_and_are_listed_newest_first(place) {
        let db = place.db().await;
        assert_eq!(db.latest_revision().await.unwrap(), None);
        assert_eq!(db.latest_revision_number().await.unwrap(), None);
        let mut latest = None;
        for rules in ["[1]", "[2]", "[3]"] {
            latest = Some(db.put_revision(latest, revision(rules, "ada")).await.unwrap());
        }
        assert_eq!(latest, Some(Revision::new(3)));
        assert_eq!(db.latest_revision_number().await.unwrap(), latest);
        let stored = db.latest_revision().await.unwrap().unwrap();
        assert_eq!((stored.revision.get(), stored.rules.as_str(), stored.author.as_str()), (3, "[3]", "ada"));
        assert_eq!(db.revision(Revision::new(3)).await.unwrap(), Some(stored));
        assert_eq!(db.revision(Revision::new(4)).await.unwrap(), None);
        let numbers = |page: Vec<crate::db::StoredRevision>| page.iter().map(|r| r.revision.get()).collect::<Vec<_>>();
        assert_eq!(numbers(db.revisions(None, 2).await.unwrap()), [3, 2]);
        assert_eq!(numbers(db.revisions(Some(Revision::new(2)), 2).await.unwrap()), [1]);
    }

    async fn a_change_of_an_old_revision_is_refused_with_the_latest(place) {
        let db = place.db().await;
        let error = db.put_revision(Some(Revision::new(5)), revision("[]", "ada")).await.unwrap_err();
        assert!(matches!(error, PutRevisionError::Conflict { latest: None }), "{error}");
        let first = db.put_revision(None, revision("[1]", "ada")).await.unwrap();
        let second = db.put_revision(Some(first), revision("[2]", "ada")).await.unwrap();
        for old in [None, Some(first), Some(Revision::new(9))] {
            let error = db.put_revision(old, revision("[3]", "bob")).await.unwrap_err();
            assert!(matches!(error, PutRevisionError::Conflict { latest } if latest == Some(second)), "{error}");
        }
    }

    async fn of_many_who_change_the_same_revision_one_succeeds(place) {
        let (db, other) = (place.db().await, place.open().await);
        let first = db.put_revision(None, revision("[]", "ada")).await.unwrap();
        let admins: Vec<_> = (0..20)
            .map(|number| {
                let db = if number % 2 == 0 { db.clone() } else { other.clone() };
                tokio::spawn(async move {
                    let author = format!("admin {number}");
                    db.put_revision(Some(first), revision("[]", &author)).await
                })
            })
            .collect();
        let mut made = Vec::new();
        for admin in admins {
            match admin.await.unwrap() {
                Ok(revision) => made.push(revision.get()),
                Err(PutRevisionError::Conflict { latest }) => assert_eq!(latest, Some(Revision::new(2))),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(made, [2]);
    }

    async fn a_plugin_is_removed_unless_a_revision_names_it(place) {
        let db = place.db().await;
        for digest in ["sha256:aa", "sha256:bb"] {
            db.put_plugin(&record("keys", digest, 1), b"wasm").await.unwrap();
        }
        let rules = r#"[{"name":"a","digest":"sha256:aa"}]"#;
        let named = ["sha256:aa".to_owned()];
        let first = db.put_revision(None, NewRevision { plugins: &named, ..revision(rules, "ada") }).await.unwrap();
        assert_eq!(db.delete_plugin("sha256:aa").await.unwrap(), PluginUse::Revision(first));
        assert_eq!(db.delete_plugin("sha256:bb").await.unwrap(), PluginUse::Removed);
        assert_eq!(db.delete_plugin("sha256:bb").await.unwrap(), PluginUse::NoSuchPlugin);
        let gone = ["sha256:bb".to_owned()];
        let error = db.put_revision(Some(first), NewRevision { plugins: &gone, ..revision("[]", "ada") }).await;
        assert!(matches!(error.unwrap_err(), PutRevisionError::PluginGone(digest) if digest == "sha256:bb"));
        assert_eq!(db.latest_revision_number().await.unwrap(), Some(first));
    }

    async fn a_token_is_good_until_it_is_revoked(place) {
        let db = place.db().await;
        let token = |id: &str, role| TokenRecord {
            id: id.to_owned(),
            name: "ada".to_owned(),
            role,
            digest: "00".to_owned(),
            author: "a test".to_owned(),
            created: at(1),
            revoked: None,
        };
        assert!(db.put_first_token(&token("a", Role::Admin)).await.unwrap());
        assert!(!db.put_first_token(&token("b", Role::Admin)).await.unwrap());
        db.put_token(&token("c", Role::Reader)).await.unwrap();
        assert_eq!(db.token("a").await.unwrap(), Some(token("a", Role::Admin)));
        assert_eq!(db.token("b").await.unwrap(), None);
        assert!(db.revoke_token("a", at(2)).await.unwrap() && !db.revoke_token("a", at(3)).await.unwrap());
        assert_eq!(db.token("a").await.unwrap().unwrap().revoked, Some(at(2)));
        assert!(db.put_first_token(&token("d", Role::Admin)).await.unwrap());
        assert_eq!(db.tokens().await.unwrap().len(), 3);
    }

    async fn a_rule_has_one_mark_until_it_is_taken_off(place) {
        let db = place.db().await;
        let mark = |failures| RuleMark {
            rule: "a".to_owned(),
            digest: "sha256:aa".to_owned(),
            failures,
            kind: "trap".to_owned(),
            message: "it trapped".to_owned(),
            marked: at(1),
        };
        for failures in [5, 6] {
            db.mark_rule(&mark(failures)).await.unwrap();
        }
        assert_eq!(db.rule_marks().await.unwrap(), [mark(6)]);
        assert!(db.unmark_rule("a").await.unwrap() && !db.unmark_rule("a").await.unwrap());
    }
}
