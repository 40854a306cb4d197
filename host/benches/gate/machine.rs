//! The machine that figures are of.

use std::process::Command;

/// Processor, kernel, compiler and program, in a line.
pub(crate) fn describe() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim()));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or(0);
    let said = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let kernel = said("uname", "-sr").unwrap_or_default();
    let compiler = said("rustc", "--version").unwrap_or_default();
    let model = model.unwrap_or("an unknown processor");
    format!("{cores} x {model}, {} GiB; {kernel}; {compiler}; sluice {}", kib >> 20, env!("CARGO_PKG_VERSION"))
}
