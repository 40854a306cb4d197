//! One process of the program: its log, its address, its end.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::wait::{PATIENCE, until};

/// A running `sluice`, killed with this value.
pub(crate) struct Process {
    child: Mutex<Child>,
    pid: u32,
    log: PathBuf,
    addresses: Receiver<String>,
    started: Arc<AtomicBool>,
}

impl Process {
    /// Starts the program in `folder`. All it says goes to `folder/NAME.log`, after what earlier ones said there.
    pub(crate) fn start(folder: &Path, name: &str, args: &[String], env: &[(String, String)]) -> Self {
        Self::start_within(&[], folder, name, args, env)
    }

    /// The same through a command that becomes the program in the end, so that it has its process id.
    pub(crate) fn start_within(
        within: &[String],
        folder: &Path,
        name: &str,
        args: &[String],
        env: &[(String, String)],
    ) -> Self {
        let log = folder.join(format!("{name}.log"));
        let mut file = append(&log);
        writeln!(file, "---- sluice {}", args.join(" ")).expect("a log line");
        let program = env!("CARGO_BIN_EXE_sluice");
        let mut command = match within {
            [] => Command::new(program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        // Neither a configuration file nor a variable of whoever runs the tests takes part.
        command.current_dir(folder).args(args).env_clear();
        for name in ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "LLVM_PROFILE_FILE", "SLUICE_LOG", "RUST_LOG"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // What one site has compiled, the next one need not: the cache authenticates what it holds.
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
        command.env("SLUICE_SANDBOX_CACHE", cache);
        command.env("RUST_BACKTRACE", "1").envs(env.iter().cloned());
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file).spawn().expect("the program starts");

        let stdout = child.stdout.take().expect("a pipe");
        let (sender, addresses) = channel();
        let mut copy = append(&log);
        let started = Arc::new(AtomicBool::new(false));
        let says_so = started.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                let _ = writeln!(copy, "{line}");
                // The first thing that it says, be it where it listens or that it works.
                says_so.store(true, Ordering::Release);
                if let Some((_, address)) = line.split_once("listening on http://") {
                    let end = address.find(|c: char| !(c.is_ascii_alphanumeric() || ".:[]".contains(c)));
                    let _ = sender.send(format!("http://{}", &address[..end.unwrap_or(address.len())]));
                }
            }
        });
        Self { pid: child.id(), child: Mutex::new(child), log, addresses, started }
    }

    /// The address it says that it listens on.
    pub(crate) async fn address(&self) -> String {
        until(2 * PATIENCE, "the program listens", || async {
            self.assert_running();
            self.addresses.try_recv().ok()
        })
        .await
    }

    /// Fails the test when the process has ended by itself.
    pub(crate) fn assert_running(&self) {
        if let Some(status) = self.ended() {
            panic!("the program ended with {status}");
        }
    }

    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait().expect("a child of ours")
    }

    /// SIGKILL: it has no chance to say goodbye.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }

    /// SIGTERM, and then how it ended.
    pub(crate) async fn terminate(&self) -> ExitStatus {
        // A process in its first milliseconds dies of the signal, as all do.
        until(2 * PATIENCE, "the program has started", || async {
            (self.started.load(Ordering::Acquire) || self.ended().is_some()).then_some(())
        })
        .await;
        self.signal(Signal::TERM);
        until(2 * PATIENCE, "the program ends after SIGTERM", || async { self.ended() }).await
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid as i32).expect("a process id");
        kill_process(pid, signal).expect("a process to signal");
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// A line of `/proc/PID/status` such as `VmHWM`, in bytes.
    pub(crate) fn memory(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("a size in kB");
        kib.trim().parse::<u64>().expect("a number") * 1024
    }

    /// Its log.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The last lines of its log.
    pub(crate) fn log_tail(&self) -> String {
        // What it said last may still be on its way through the pipe.
        std::thread::sleep(Duration::from_millis(50));
        let text = self.log();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(80)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("\n==== {} ====\n{}\n====\n", self.log.display(), self.log_tail());
        }
    }
}

fn append(log: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(log).expect("a log file")
}
