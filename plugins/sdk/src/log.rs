//! Lines for the facility's people. The gate keeps them with the rule's outcome when the rule fails, and in its log.
//! Uploaders never see them. In tests they go to standard error.

/// Something only of interest while a rule is being written.
pub fn debug(message: &str) {
    line(Level::Debug, message);
}

/// Something worth knowing.
pub fn info(message: &str) {
    line(Level::Info, message);
}

/// Something that somebody should look at.
pub fn warn(message: &str) {
    line(Level::Warn, message);
}

/// Something that keeps the rule from its work.
pub fn error(message: &str) {
    line(Level::Error, message);
}

#[derive(Clone, Copy, Debug)]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

#[cfg(target_family = "wasm")]
fn line(level: Level, message: &str) {
    use crate::bindings::plugin::sluice::plugin::host;

    let level = match level {
        Level::Debug => host::Level::Debug,
        Level::Info => host::Level::Info,
        Level::Warn => host::Level::Warn,
        Level::Error => host::Level::Error,
    };
    host::log(level, message);
}

#[cfg(not(target_family = "wasm"))]
fn line(level: Level, message: &str) {
    eprintln!("{level:?}: {message}");
}

/// Logs the message and the place of a panic. Without this they are lost: the target has no standard error, and the
/// gate sees a trap like any other.
#[cfg(target_family = "wasm")]
pub(crate) fn panics() {
    std::panic::set_hook(Box::new(|panic| error(&panic.to_string())));
}
