//! The limit for bytes over HTTP: nginx takes a file by PUT and neither looks into it nor syncs it.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::Context;
use bytes::Bytes;
use tempfile::TempDir;

use crate::redis::free_port;
use crate::server::scratch;
use crate::wait::listens;

/// A running nginx, stopped when this value goes.
pub(crate) struct Nginx {
    child: Child,
    base: String,
    http: reqwest::Client,
    folder: TempDir,
}

impl Nginx {
    /// Starts one on the disk that the gate has; none where nginx is not installed, and then says so.
    pub(crate) fn start() -> anyhow::Result<Option<Self>> {
        let folder = scratch()?;
        let at = fs::canonicalize(folder.path())?;
        let (port, at) = (free_port(), at.display());
        for name in ["put", "temp"] {
            fs::create_dir(folder.path().join(name))?;
        }
        // Distributions build the module in or beside it; where it is beside, `load_module` would be needed, and the first
        // PUT says so.
        let settings = format!(
            "daemon off; master_process off; worker_processes 1; pid {at}/pid; error_log {at}/error.log;
             events {{ }}
             http {{
                 access_log off; client_max_body_size 0; client_body_temp_path {at}/temp;
                 fastcgi_temp_path {at}/temp; proxy_temp_path {at}/temp; scgi_temp_path {at}/temp; uwsgi_temp_path {at}/temp;
                 server {{ listen 127.0.0.1:{port}; location / {{ root {at}/put; dav_methods PUT DELETE; }} }}
             }}"
        );
        let configuration = folder.path().join("nginx.conf");
        fs::write(&configuration, settings)?;
        let mut command = Command::new("nginx");
        command.arg("-c").arg(fs::canonicalize(&configuration)?).arg("-e").arg(folder.path().join("error.log"));
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let Ok(mut child) = spawned else {
            println!("(nginx is not here: install it to see what it does with the same bytes)");
            return Ok(None);
        };
        if !listens(&mut child, port) {
            anyhow::bail!("nginx ends at once: {}", fs::read_to_string(folder.path().join("error.log"))?);
        }
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Some(Self { child, base: format!("http://127.0.0.1:{port}"), http, folder }))
    }

    /// Seconds until a PUT was answered, and until the file was on the disk as well.
    pub(crate) async fn put(&self, name: &str, body: Bytes) -> anyhow::Result<(f64, f64)> {
        let url = format!("{}/{name}", self.base);
        let began = Instant::now();
        self.http.put(&url).body(body).send().await?.error_for_status().context("nginx and its DAV module")?;
        let answered = began.elapsed().as_secs_f64();
        let file: PathBuf = self.folder.path().join("put").join(name);
        fs::File::open(&file)?.sync_all()?;
        let synced = began.elapsed().as_secs_f64();
        fs::remove_file(&file)?;
        Ok((answered, synced))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
