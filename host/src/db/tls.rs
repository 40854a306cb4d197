//! TLS to PostgreSQL: where it fails, an error says what, to whom, and what to do; and that trying again is no use.

use rustls::{CertificateError, Error as TlsError};
use sqlx::postgres::PgConnectOptions;

use super::error::DbError;

/// PostgreSQL's code for a connection that its pg_hba.conf does not allow.
const NOT_ALLOWED: &str = "28000";

/// An error of the first connection, in which TLS, or the want of it, may be what is wrong.
pub(super) fn explained(error: sqlx::Error, options: &PgConnectOptions) -> DbError {
    let told = match &error {
        sqlx::Error::Io(io) => match io.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
            Some(tls) => Some((tls.to_string(), remedy(tls))),
            None if is_file(io) && options.get_socket().is_none() => {
                Some((io.to_string(), "let the user of sluice read the files of sslrootcert, sslcert and sslkey"))
            }
            None => None,
        },
        sqlx::Error::Tls(why) => Some((
            why.to_string(),
            "see that the server has `ssl = on`, and that the files of sslrootcert, sslcert \
            and sslkey are PEM; or take sslmode out of the URL, which then goes without TLS",
        )),
        sqlx::Error::Configuration(why) => {
            Some((why.to_string(), "see that sslcert and sslkey are given together, and that the files are PEM"))
        }
        sqlx::Error::Database(refused) if refused.code().as_deref() == Some(NOT_ALLOWED) => {
            let message = refused.message();
            let remedy = if message.contains("client certificate") || message.contains("certificate authentication") {
                "give one that it accepts for this user: sslcert=FILE&sslkey=FILE in the URL"
            } else if message.contains("no encryption") {
                "it takes none without TLS, or none from here: sslmode=verify-full&sslrootcert=FILE in the URL, else see its \
                 pg_hba.conf"
            } else {
                "see its pg_hba.conf"
            };
            Some((message.to_owned(), remedy))
        }
        _ => None,
    };
    match told {
        Some((why, remedy)) => {
            let (host, port) = (options.get_host(), options.get_port());
            DbError::NoTrust(format!("PostgreSQL at {host}:{port}: {why}; {remedy}"))
        }
        None => error.into(),
    }
}

/// The files that the URL names are read at each connection. No socket gives such an error.
fn is_file(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied)
}

fn remedy(error: &TlsError) -> &'static str {
    use CertificateError as Bad;
    match error {
        // A bad signature: a CA of the same name is known, and another key.
        TlsError::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => {
            "no CA that is known here has signed its certificate: name the CA's file in the URL, sslrootcert=FILE"
        }
        TlsError::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "its certificate is for another name: call it in the URL as its certificate does"
        }
        TlsError::InvalidCertificate(
            Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. },
        ) => "renew its certificate, or mend the clock that is wrong",
        TlsError::InvalidCertificate(_) => "have its certificate mended",
        TlsError::AlertReceived(_) => "it refuses our certificate, or wants one: sslcert=FILE&sslkey=FILE in the URL",
        _ => "see that it speaks TLS 1.2 or 1.3",
    }
}
