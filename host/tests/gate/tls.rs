//! TLS to PostgreSQL and Redis: real servers, and certificates that `openssl` makes for the test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::bundle::{bundle, listed_files};
use crate::postgres::TlsPostgres;
use crate::redis::Redis;
use crate::site::{Options, Site};

/// What openssl is told of the certificates that it makes. The servers' are for an address, and for no name.
const CONFIGURATION: &str = "
[req]
distinguished_name = name
x509_extensions = ca
prompt = no
[name]
CN = made for a test
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[server]
basicConstraints = CA:FALSE
subjectAltName = IP:127.0.0.1
extendedKeyUsage = serverAuth
[client]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
";

/// A CA, what it has signed, and a CA that has signed nothing: NAME.crt and NAME.key.
struct Certificates(TempDir);

impl Certificates {
    /// None where there is no openssl, and then says so.
    fn make() -> Option<Self> {
        let made = Self(tempfile::Builder::new().prefix("sluice-tls-").tempdir().expect("a temporary folder"));
        std::fs::write(made.file("conf"), CONFIGURATION).expect("a file");
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config conf";
        for ca in ["ca", "other"] {
            made.openssl(&format!("req -x509 {key} -days 2 -subj /CN={ca} -keyout {ca}.key -out {ca}.crt"))?;
        }
        for leaf in ["server", "client"] {
            made.openssl(&format!("req -new {key} -keyout {leaf}.key -out {leaf}.csr"))?;
            made.openssl(&format!(
                "x509 -req -in {leaf}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile conf -extensions {leaf} \
                 -out {leaf}.crt"
            ))?;
        }
        Some(made)
    }

    fn openssl(&self, args: &str) -> Option<()> {
        let mut command = Command::new("openssl");
        command.args(args.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        let Ok(output) = command.output() else {
            eprintln!("\n**** SKIPPED: openssl is not here; install it to run this test ****\n");
            return None;
        };
        assert!(output.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&output.stderr));
        Some(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn path(&self, name: &str) -> String {
        self.file(name).to_str().expect("UTF-8").to_owned()
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }
}

/// Both servers, which speak nothing but TLS.
struct Servers {
    certificates: Certificates,
    postgres: TlsPostgres,
    redis: Redis,
}

impl Servers {
    /// Whether `clients` have to show a certificate. None where something is not installed.
    async fn start(clients: bool) -> Option<Self> {
        let start = move || {
            let certificates = Certificates::make()?;
            let postgres = TlsPostgres::start(certificates.folder(), clients)?;
            let redis = Redis::with_tls(certificates.folder(), clients)?;
            Some(Self { certificates, postgres, redis })
        };
        tokio::task::spawn_blocking(start).await.expect("no panic")
    }

    fn ca(&self, name: &str) -> String {
        self.certificates.path(&format!("{name}.crt"))
    }

    fn database(&self, query: &str) -> String {
        format!("{}?{query}", self.postgres.url())
    }

    fn trusted_database(&self) -> String {
        self.database(&format!("sslmode=verify-full&sslrootcert={}", self.ca("ca")))
    }

    /// A site over both, as it should be.
    fn options(&self) -> Options {
        self.queue(Options::default().arg("--database", self.trusted_database()))
    }

    fn queue(&self, options: Options) -> Options {
        options.arg("--queue", self.redis.tls_url()).env("SLUICE_QUEUE_CA", self.ca("ca"))
    }
}

/// A bundle that goes from one process to another, by both servers.
async fn goes_through(site: &Site) {
    let job = site.upload(bundle("metadata-last")).await;
    let state = site.wait(job).await;
    assert_eq!(state.state, "OK", "{state:?}");
    assert_eq!(site.files(job).await, listed_files("metadata-last"));
}

/// How `sluice doctor` sees these settings.
async fn doctor(args: &[String], env: &[(&str, String)]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.arg("doctor").args(args).current_dir(folder.path()).env_clear().envs(env.iter().cloned());
    let output = command.output().await.expect("the program runs");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn a_bundle_goes_through_where_both_are_verified() {
    let Some(servers) = Servers::start(false).await else { return };
    goes_through(&servers.options().workers(1).start().await).await;
    let args = ["--database".to_owned(), servers.trusted_database(), "--queue".to_owned(), servers.redis.tls_url()];
    let said = doctor(&args, &[("SLUICE_QUEUE_CA", servers.ca("ca"))]).await;
    assert!(said.contains("answers; jobs: 1 done") && said.matches(" answers").count() >= 2, "{said}");
    // The weaker modes: no CA is asked for, or no name.
    let site = servers.queue(Options::default().arg("--database", servers.database("sslmode=require"))).start().await;
    goes_through(&site).await;
}

#[tokio::test]
async fn client_certificates_are_shown_where_they_are_asked_for() {
    let Some(servers) = Servers::start(true).await else { return };
    let (cert, key) = (servers.certificates.path("client.crt"), servers.certificates.path("client.key"));
    let database = format!("{}&sslcert={cert}&sslkey={key}", servers.trusted_database());
    let shown = |options: Options| servers.queue(options).env("SLUICE_QUEUE_CERT", &cert).env("SLUICE_QUEUE_KEY", &key);
    goes_through(&shown(Options::default().arg("--database", &database)).workers(1).start().await).await;

    let (status, log) = shown(Options::default().arg("--database", servers.trusted_database())).fail_to_start().await;
    assert!(!status.success() && log.contains("sslcert=FILE&sslkey=FILE"), "{log}");
    let (status, log) = servers.queue(Options::default().arg("--database", &database)).fail_to_start().await;
    assert!(!status.success() && log.contains("queue_cert and queue_key"), "{log}");
}

#[tokio::test]
async fn a_server_whose_ca_is_not_known_is_refused_with_what_to_do() {
    let Some(servers) = Servers::start(false).await else { return };
    let other = servers.database(&format!("sslmode=verify-full&sslrootcert={}", servers.ca("other")));
    let (status, log) = servers.queue(Options::default().arg("--database", &other)).fail_to_start().await;
    let why = "invalid peer certificate: UnknownIssuer";
    assert!(!status.success() && log.contains("PostgreSQL at 127.0.0.1:") && log.contains(why), "{log}");
    assert!(log.contains("sslrootcert=FILE") && !log.contains("waiting for the database"), "{log}");

    let options = Options::default().arg("--database", servers.trusted_database());
    let options = options.arg("--queue", servers.redis.tls_url()).env("SLUICE_QUEUE_CA", servers.ca("other"));
    let (status, log) = options.fail_to_start().await;
    assert!(!status.success() && log.contains("the queue rediss://127.0.0.1:") && log.contains(why), "{log}");
    assert!(log.contains("name the CA's file in queue_ca"), "{log}");

    let args = ["--database".to_owned(), other, "--queue".to_owned(), servers.redis.tls_url()];
    let said = doctor(&args, &[("SLUICE_QUEUE_CA", servers.ca("other"))]).await;
    assert_eq!(said.matches(why).count(), 2, "{said}");
    assert!(said.contains("sslrootcert=FILE") && said.contains("queue_ca"), "{said}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_with_what_to_do() {
    let Some(servers) = Servers::start(false).await else { return };
    let database = servers.trusted_database().replace("127.0.0.1", "localhost");
    let (status, log) = servers.queue(Options::default().arg("--database", database)).fail_to_start().await;
    assert!(!status.success() && log.contains("its certificate is for another name"), "{log}");
    let queue = servers.redis.tls_url().replace("127.0.0.1", "localhost");
    let options = Options::default().arg("--queue", queue).env("SLUICE_QUEUE_CA", servers.ca("ca"));
    let (status, log) = options.fail_to_start().await;
    assert!(!status.success() && log.contains("its certificate is for another name"), "{log}");
}

#[tokio::test]
async fn a_server_that_requires_tls_is_not_reached_without() {
    let Some(servers) = Servers::start(false).await else { return };
    let plain = servers.database("sslmode=disable");
    let (status, log) = servers.queue(Options::default().arg("--database", &plain)).fail_to_start().await;
    assert!(!status.success() && log.contains("no encryption") && log.contains("sslmode=verify-full"), "{log}");
    let queue = servers.redis.tls_url().replace("rediss://", "redis://");
    let said = doctor(&["--database".to_owned(), plain, "--queue".to_owned(), queue], &[]).await;
    assert!(said.contains("no encryption") && said.contains("the URL is to begin with rediss://"), "{said}");
}

#[tokio::test]
async fn files_that_are_of_no_use_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("empty.crt");
    std::fs::write(&file, "nothing").expect("a file");
    let start = |queue: &str, ca: &Path| {
        let ca = ca.to_str().expect("UTF-8").to_owned();
        Options::default().arg("--queue", queue).env("SLUICE_QUEUE_CA", ca).fail_to_start()
    };
    let (status, log) = start("redis://127.0.0.1:1", &file).await;
    assert!(status.code() == Some(2) && log.contains("queue_ca") && log.contains("rediss://"), "{log}");
    let (status, log) = start("rediss://127.0.0.1:1", &file).await;
    assert!(!status.success() && log.contains("empty.crt holds no certificate in PEM"), "{log}");
    let (status, log) = start("rediss://127.0.0.1:1", &folder.path().join("gone.crt")).await;
    assert!(!status.success() && log.contains("gone.crt cannot be read"), "{log}");
}
