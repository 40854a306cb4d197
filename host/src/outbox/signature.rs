//! Signatures, as Standard Webhooks has them: <https://github.com/standard-webhooks/standard-webhooks>.
//!
//! HMAC-SHA256 over the event's id, the second in which it is sent, and the body, with a point between them. Each secret
//! makes a signature of its own, so that a receiver who knows the new one or the old one finds his.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::config::Secret;
use crate::model::Timestamp;

/// The three headers; the last of them only where there is a secret.
pub(super) fn headers(secrets: &[Secret], id: &str, now: Timestamp, body: &[u8]) -> Vec<(&'static str, String)> {
    let mut headers = vec![("webhook-id", id.to_owned()), ("webhook-timestamp", now.as_seconds().to_string())];
    let signatures: Vec<_> = secrets.iter().map(|secret| signature(secret, id, now, body)).collect();
    if !signatures.is_empty() {
        headers.push(("webhook-signature", signatures.join(" ")));
    }
    headers
}

fn signature(secret: &Secret, id: &str, now: Timestamp, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).expect("a key of any length is one");
    mac.update(format!("{id}.{}.", now.as_seconds()).as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the scheme's own libraries.
    #[test]
    fn the_known_example_is_signed_as_it_should_be() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let secrets = crate::config::read_secrets(&file).unwrap();
        let now = Timestamp::from_micros(1_614_265_330_000_000);
        let headers = headers(&secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", now, br#"{"test": 2432232314}"#);
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(headers[2], ("webhook-signature", expected.to_owned()));
    }
}
