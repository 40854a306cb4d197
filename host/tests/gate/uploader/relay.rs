//! A connection that can be held, cut, and led to another gate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::site::Site;

/// A relay between a client and a gate, gone with this value.
pub(crate) struct Relay {
    address: String,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    target: Mutex<String>,
    /// Bytes that went from clients to gates.
    passed: AtomicU64,
    /// How many may.
    allowed: AtomicU64,
    changed: Notify,
    cut: Notify,
}

impl Relay {
    /// A relay that lets so many bytes pass to the gate, for now.
    pub(crate) async fn start(site: &Site, allowed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared {
            target: Mutex::new(site.address().to_owned()),
            passed: AtomicU64::new(0),
            allowed: AtomicU64::new(allowed),
            changed: Notify::new(),
            cut: Notify::new(),
        });
        let accepting = shared.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, accepting.clone()));
            }
        });
        Self { address, shared, task }
    }

    pub(crate) fn url(&self) -> &str {
        &self.address
    }

    /// Leads new connections to this gate.
    pub(crate) fn lead_to(&self, site: &Site) {
        *self.shared.target.lock().expect("no panic") = site.address().to_owned();
    }

    /// Lets so many more bytes pass.
    pub(crate) fn allow(&self, bytes: u64) {
        self.shared.allowed.store(self.passed() + bytes, Ordering::SeqCst);
        self.shared.changed.notify_waiters();
    }

    /// Lets everything pass from now on.
    pub(crate) fn open(&self) {
        self.shared.allowed.store(u64::MAX, Ordering::SeqCst);
        self.shared.changed.notify_waiters();
    }

    /// Breaks the connections that there are.
    pub(crate) fn cut(&self) {
        self.shared.cut.notify_waiters();
    }

    /// Bytes that went from clients to gates.
    pub(crate) fn passed(&self) -> u64 {
        self.shared.passed.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.cut.notify_waiters();
    }
}

async fn pass(client: TcpStream, shared: Arc<Shared>) {
    let target = shared.target.lock().expect("no panic").clone();
    let Ok(gate) = TcpStream::connect(target).await else { return };
    let ((mut from_client, mut to_client), (mut from_gate, mut to_gate)) = (client.into_split(), gate.into_split());
    let up = async {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let changed = shared.changed.notified();
            let left = shared.allowed.load(Ordering::SeqCst).saturating_sub(shared.passed.load(Ordering::SeqCst));
            if left == 0 {
                changed.await;
                continue;
            }
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let Ok(count @ 1..) = from_client.read(&mut buffer[..most]).await else { break };
            if to_gate.write_all(&buffer[..count]).await.is_err() {
                break;
            }
            shared.passed.fetch_add(count as u64, Ordering::SeqCst);
        }
    };
    let down = async {
        drop(tokio::io::copy(&mut from_gate, &mut to_client).await);
    };
    // Either end takes the other with it.
    tokio::select! {
        () = up => {}
        () = down => {}
        () = shared.cut.notified() => {}
    }
}
