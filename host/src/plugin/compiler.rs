//! Compilation in a process of its own, since nothing else bounds it: wasmtime takes no deadline for a compilation, and
//! a small component can ask for hours and all memory there is. The process is this very program; the kernel holds it to
//! its limits, and it is ended when its time is over.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use wasmtime::Engine;

use super::component::LoadError;
use super::engine;
use crate::model::shortened;

/// The hidden command that [`compile_apart`] serves.
pub const COMPILE_COMMAND: &str = "compile-component";
/// What compiled code may grow to.
const LARGEST: u64 = 1 << 30;

/// Where compilations are done, and what one may take.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// This program.
    pub program: PathBuf,
    /// How long a compilation may take, by the clock and on the processor. A Python guest takes some seconds.
    pub time: Duration,
    /// The memory that a compilation may write to, in bytes. A Python guest takes about 1 GiB.
    pub memory: u64,
}

/// What a compiling process is asked on its command line.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Seconds on the processor.
    pub seconds: u64,
    /// Bytes of memory.
    pub memory: u64,
}

impl Compiler {
    /// Compiles a component, within bounds.
    pub(super) async fn compile(&self, wasm: Arc<[u8]>) -> Result<Vec<u8>, LoadError> {
        let failed = |error: io::Error| LoadError::Compiler(error.to_string());
        let mut command = Command::new(&self.program);
        command
            .arg(COMPILE_COMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // What the gate is told in its environment is no business of a process that reads strangers' code.
        command.env_clear();
        command.args(["--seconds", &self.time.as_secs().max(1).to_string(), "--memory", &self.memory.to_string()]);
        let mut child = command.spawn().map_err(failed)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async move {
            if let Some(mut stdin) = stdin {
                // One that has failed reads no further; what it says of that is worth more than this error.
                drop(stdin.write_all(&wasm).await);
            }
        };
        let read = async move {
            let (mut code, mut said) = (Vec::new(), Vec::new());
            let code_read = async {
                if let Some(stdout) = stdout {
                    stdout.take(LARGEST + 1).read_to_end(&mut code).await?;
                }
                Ok::<_, io::Error>(())
            };
            let said_read = async {
                if let Some(stderr) = stderr {
                    stderr.take(64 << 10).read_to_end(&mut said).await?;
                }
                Ok::<_, io::Error>(())
            };
            tokio::try_join!(code_read, said_read)?;
            Ok::<_, io::Error>((code, said))
        };
        let all = async { tokio::join!(feed, read, child.wait()) };
        let Ok(((), read, status)) = tokio::time::timeout(self.time, all).await else {
            return Err(LoadError::TooSlow(self.time));
        };
        let ((code, said), status) = (read.map_err(failed)?, status.map_err(failed)?);
        if status.success() && code.len() as u64 <= LARGEST {
            return Ok(code);
        }
        Err(self.explain(status, String::from_utf8_lossy(&said).trim()))
    }

    fn explain(&self, status: ExitStatus, said: &str) -> LoadError {
        // A thread that cannot be started, a stack that cannot be mapped: memory has many names. Whatever fails for lack
        // of it says so by ending in a panic or an abort, which nothing else makes a compiler do.
        let starved = ["memory", "Resource temporarily unavailable", "ENOMEM"].iter().any(|word| said.contains(word));
        match status.signal() {
            // SIGXCPU and SIGKILL: the soft and the hard limit of time.
            Some(24 | 9) => LoadError::TooSlow(self.time),
            Some(_) if starved => LoadError::TooMuchMemory(self.memory >> 20),
            None if starved && said.contains("panicked") => LoadError::TooMuchMemory(self.memory >> 20),
            _ if status.success() => LoadError::Invalid("its compiled code is too large".to_owned()),
            None if !said.is_empty() => LoadError::Invalid(shortened(said.trim_start_matches("sluice: "))),
            _ => LoadError::Compiler(format!("it ended with {status}: {}", shortened(said))),
        }
    }
}

/// Serves one compilation: a component on `from`, its compiled form on `to`. For a process that does nothing else.
pub fn compile_apart(asked: Asked, mut from: impl Read, mut to: impl Write) -> anyhow::Result<()> {
    let bound = |resource, limit| setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) });
    bound(Resource::Data, asked.memory).context("the memory cannot be bounded")?;
    bound(Resource::Cpu, asked.seconds).context("the time cannot be bounded")?;
    let mut wasm = Vec::new();
    from.read_to_end(&mut wasm)?;
    // An engine that runs nothing needs no pool, and the code is the same.
    let engine = Engine::new(&engine::config(None))?;
    let code = engine.precompile_component(&wasm)?;
    to.write_all(&code)?;
    Ok(to.flush()?)
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    #[test]
    fn an_engine_with_a_pool_takes_the_code_of_one_without() {
        let hash = |pool_for| {
            let mut hasher = DefaultHasher::new();
            let engine = Engine::new(&engine::config(pool_for)).unwrap();
            engine.precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };
        assert_eq!(hash(Some(4)), hash(None));
    }
}
