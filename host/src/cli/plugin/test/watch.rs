//! Running again whenever a file of the project changes.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use notify::{Event, EventKind, RecursiveMode, Watcher as _};

use crate::cli::plugin::project::is_made;
use crate::cli::print::Printer;
use crate::cli::{Exit, Failure};

/// An editor that saves writes several times; once it is quiet for so long, it is done.
const QUIET: Duration = Duration::from_millis(200);

/// Does the work now and after every change in the folder, for ever.
pub(super) fn changes(
    folder: &Path,
    printer: &Printer,
    mut work: impl FnMut() -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let failed = |error: notify::Error| {
        Failure::new(Exit::Failed, format!("changes in {} cannot be watched: {error}", folder.display()))
    };
    // Events name real paths.
    let folder = folder.canonicalize().map_err(|error| Failure::file(folder.display(), &error))?;
    let (sender, events) = channel();
    // Watched before the first run, so that nothing that is saved meanwhile is missed.
    let mut watcher = notify::recommended_watcher(sender).map_err(failed)?;
    watcher.watch(&folder, RecursiveMode::Recursive).map_err(failed)?;
    loop {
        work()?;
        printer.remark("waiting for a change; Ctrl-C ends it");
        loop {
            match events.recv() {
                Ok(Ok(event)) if is_of_a_source(&event, &folder) => break,
                Ok(_) => {}
                Err(error) => return Err(Failure::new(Exit::Failed, format!("the watch has ended: {error}"))),
            }
        }
        while !matches!(events.recv_timeout(QUIET), Err(RecvTimeoutError::Timeout)) {}
    }
}

/// Whether an event is about something that a person has changed.
fn is_of_a_source(event: &Event, folder: &Path) -> bool {
    let changes = matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_));
    changes
        && event.paths.iter().any(|path| {
            let inside = path.strip_prefix(folder).unwrap_or(path);
            // What a run has written would set off the next one.
            let is_written = inside.ends_with("findings.json") || inside.ends_with("Cargo.lock");
            let is_made = inside.iter().any(|part| is_made(&part.to_string_lossy()));
            !is_written && !is_made
        })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use notify::event::{AccessKind, ModifyKind};

    use super::*;

    #[test]
    fn only_changes_of_sources_count() {
        let event = |kind, path: &str| Event { kind, paths: vec![PathBuf::from(path)], ..Event::default() };
        let modified = EventKind::Modify(ModifyKind::Any);
        let folder = Path::new("/home/x/.config/rule");
        assert!(is_of_a_source(&event(modified, "/home/x/.config/rule/src/lib.rs"), folder));
        assert!(is_of_a_source(&event(modified, "/home/x/.config/rule/examples/pass/metadata.txt"), folder));
        for made in ["rule.wasm", "target/release/x", "node_modules/a/b.js", ".git/index", "Cargo.lock.1.part"] {
            assert!(!is_of_a_source(&event(modified, &format!("/home/x/.config/rule/{made}")), folder), "{made}");
        }
        assert!(!is_of_a_source(&event(EventKind::Access(AccessKind::Any), "/home/x/.config/rule/a.py"), folder));
    }
}
