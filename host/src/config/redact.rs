//! Passwords left out of what is shown.

/// What stands in a password's place.
pub(super) const HIDDEN: &str = "***";

/// Parameters whose values are secrets, be it under a longer name that ends so.
const SECRETS: [&str; 6] = ["password=", "sslkey=", "secret=", "secret_access_key=", "account_key=", "token="];

/// The text without the passwords of a URL: neither that before the `@` nor those of parameters such as `password=`.
///
/// Works on what is no URL too, since it is the mistyped one that ends up in an error message: where in doubt, more is
/// hidden than need be.
pub fn without_password(text: &str) -> String {
    hide_parameters(&hide_user_part(text))
}

fn hide_user_part(text: &str) -> String {
    let rest = text.find("://").map_or(0, |scheme| scheme + "://".len());
    let Some(at) = text[rest..].rfind('@').map(|at| rest + at) else { return text.to_owned() };
    match text[rest..at].find(':') {
        Some(colon) => format!("{}:{HIDDEN}{}", &text[..rest + colon], &text[at..]),
        None => text.to_owned(),
    }
}

fn hide_parameters(text: &str) -> String {
    let mut shown = text.to_owned();
    for name in SECRETS {
        shown = hide_parameter(&shown, name);
    }
    shown
}

fn hide_parameter(text: &str, name: &str) -> String {
    // ASCII lower case keeps every byte where it is.
    let lower = text.to_ascii_lowercase();
    let mut shown = String::with_capacity(text.len());
    let mut done = 0;
    while let Some(found) = lower[done..].find(name) {
        let value = done + found + name.len();
        let end = text[value..].find(['&', ' ', '#']).map_or(text.len(), |end| value + end);
        shown.push_str(&text[done..value]);
        shown.push_str(HIDDEN);
        done = end;
    }
    shown.push_str(&text[done..]);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_left_in_any_spelling_of_a_url() {
        for (given, shown) in [
            ("postgres://sluice:s3cret@db:5432/ingest", "postgres://sluice:***@db:5432/ingest"),
            ("postgres://sluice:s3/c@r#et@db/ingest", "postgres://sluice:***@db/ingest"),
            ("redis://:s3cret@cache/2", "redis://:***@cache/2"),
            ("sluice:s3cret@db/ingest", "sluice:***@db/ingest"),
            ("postgres:sluice:s3cret@db/ingest", "postgres:***@db/ingest"),
            ("postgres://db/x?user=a&password=s3cret&port=1", "postgres://db/x?user=a&password=***&port=1"),
            ("postgres://db/x?sslkey=-----BEGIN&sslmode=require", "postgres://db/x?sslkey=***&sslmode=require"),
            ("host=db PASSWORD=s3cret user=x", "host=db PASSWORD=*** user=x"),
            ("s3://b/x?aws_secret_access_key=s3cret&region=x", "s3://b/x?aws_secret_access_key=***&region=x"),
            ("postgres://db/ingest", "postgres://db/ingest"),
            ("postgres://sluice@db/ingest", "postgres://sluice@db/ingest"),
            ("/srv/data@home/x.db", "/srv/data@home/x.db"),
        ] {
            assert_eq!(without_password(given), shown);
        }
    }
}
