//! Whoever is told of the ends of jobs: what arrives, in which words, how often, and what a receiver that is away costs.

mod away;
mod delivered;
mod page;
mod several;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use crate::receiver::{Call, Receiver};
use crate::site::{Options, Site};
use crate::wait::{PATIENCE, until};

/// Two secrets, as they are while one takes the place of the other.
const NEW_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// What a site is started with that tells such a receiver.
fn telling(url: &str) -> Options {
    Options::default().env("SLUICE_EVENTS_URL", url).env("SLUICE_EVENTS_SECRET", NEW_SECRET)
}

/// So many calls, once they have come.
async fn calls(receiver: &Receiver, count: usize) -> Vec<Call> {
    until(PATIENCE, &format!("{count} events have come"), || async {
        Some(receiver.calls()).filter(|calls| calls.len() >= count)
    })
    .await
}

/// Whether one of a call's signatures is made with this secret.
fn is_signed(call: &Call, secret: &str) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a prefix")).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
    mac.update(format!("{}.{}.", call.header("webhook-id"), call.header("webhook-timestamp")).as_bytes());
    mac.update(&call.body);
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    call.header("webhook-signature").split(' ').any(|known| known == signature)
}

/// Runs the program beside the site, with its settings.
async fn sluice(site: &Site, env: &[(&str, &str)], args: &[&str]) -> (i32, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(args).args(site.flags()).current_dir(site.folder()).env_clear().envs(env.iter().copied());
    let output = command.output().await.expect("the program runs");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().expect("a code"), text)
}

/// The events of the outbox, newest first.
async fn listed(site: &Site, url: &str, args: &[&str]) -> Vec<Value> {
    let args = [&["event", "list", "--json", "--limit", "1000"], args].concat();
    let (code, text) = sluice(site, &[("SLUICE_EVENTS_URL", url), ("SLUICE_LOG", "error")], &args).await;
    assert_eq!(code, 0, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// Waits until nothing is left to be sent.
async fn all_delivered(site: &Site, url: &str) -> Vec<Value> {
    until(PATIENCE, "all events are delivered", || async {
        Some(listed(site, url, &[]).await).filter(|events| events.iter().all(|event| event["state"] == "delivered"))
    })
    .await
}
