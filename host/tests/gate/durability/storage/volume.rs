//! A small file system of one site's own. It is mounted in a namespace that ends with the site's process, so that nothing
//! is left of it, and seen from outside through `/proc/PID/root`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::site::{Options, Site};

/// The folder that the file system is mounted on.
pub(super) struct Volume {
    folder: TempDir,
    size: String,
}

impl Volume {
    /// One of so many bytes; none where nothing can be mounted, and then says so.
    pub(super) fn of(size: u64) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("sluice-volume-").tempdir().expect("a temporary folder");
        let volume = Self { folder, size: format!("size={size}") };
        let command = volume.command();
        let (program, args) = command.split_first().expect("a command");
        let tried = Command::new(program).args(args).arg("true").output();
        if tried.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(volume);
        }
        let why = tried.map_or_else(|error| error.to_string(), |output| String::from_utf8_lossy(&output.stderr).into());
        eprintln!("\n**** SKIPPED: no file system can be mounted here ({why}); run it as root to have it run ****\n");
        None
    }

    /// Mounts it, and becomes what follows.
    fn command(&self) -> Vec<String> {
        let script = format!("mount -t tmpfs -o {} tmpfs '{}' && exec \"$@\"", self.size, self.path());
        let user = if rustix::process::geteuid().is_root() { "--mount" } else { "--map-root-user" };
        ["unshare", user, "--mount", "sh", "-c", &script, "sh"].map(str::to_owned).to_vec()
    }

    /// A site that has it.
    pub(super) fn mounted(&self, options: Options) -> Options {
        let command = self.command();
        options.within(&command.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Its folder, as the site knows it.
    pub(super) fn path(&self) -> String {
        self.folder.path().to_str().expect("UTF-8").to_owned()
    }

    /// The same, as it is seen from outside.
    pub(super) fn seen(&self, site: &Site) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", site.serve().pid(), self.path()))
    }

    /// Fills it but for so many bytes.
    pub(super) fn fill(&self, site: &Site, but: u64) {
        let path = self.seen(site).join("filler");
        let mut filler = std::fs::File::create(&path).expect("a file");
        let full = loop {
            if let Err(error) = filler.write_all(&[7; 4_096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
        let length = filler.metadata().expect("a size").len();
        filler.set_len(length.checked_sub(but).expect("a larger volume")).expect("some room");
    }

    pub(super) fn make_room(&self, site: &Site) {
        std::fs::remove_file(self.seen(site).join("filler")).expect("the filler goes");
    }

    /// Mounts it anew, read-only or not.
    pub(super) fn remount(&self, site: &Site, how: &str) {
        let mut command = Command::new("nsenter");
        command.args(["--target", &site.serve().pid().to_string(), "--mount"]);
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        let output = command.args(["mount", "-o", &format!("remount,{how}"), &self.path()]).output();
        let output = output.expect("nsenter starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
