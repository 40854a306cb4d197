//! Handles of files: each upload has a connection and a file, each connection that is idle one, and many shells and services
//! give a process no more than 1,024 of them to begin with.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the process needs beside uploads: databases, the archive, calls of rules, clients that only ask.
const BESIDES: u64 = 1_024;

/// Takes as many as this process may have, and says so where that is fewer than so many uploads need.
pub fn take_all(uploads: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    // A connection and a file each.
    let needed = BESIDES.saturating_add(2 * uploads as u64);
    if let Some(handles) = now.filter(|handles| *handles < needed) {
        tracing::warn!(
            handles,
            needed,
            "this process may open few files: raise the limit (LimitNOFILE, ulimit -n), or lower http.max_uploads"
        );
    }
}
