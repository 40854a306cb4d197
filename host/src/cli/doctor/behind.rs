//! The services behind the gate, where a site has them: whether each answers.

use super::Check;
use crate::config::{ArchiveUrl, ServiceUrl, Settings};
use crate::seams::archive::Location;
use crate::seams::service::{self, Service};
use crate::seams::{SeamError, open_archive};

/// No archive has a file of this name. That it is sought there shows that the archive answers.
const NOWHERE: &str = "sluice-doctor-looks-whether-this-archive-answers";

pub(super) async fn checks(settings: &Settings) -> Vec<Check> {
    let services = &settings.services;
    let http = match service::client() {
        Ok(http) => http,
        Err(error) => return vec![Check::fault("services", format!("{error:#}"), "report this")],
    };
    let mut checks = Vec::new();
    let service = |name, url: &ServiceUrl| Service::new(&http, name, url, services.timeout);
    if let Some(url) = &services.ids {
        checks.push(answers("ids", url, service("UniqueID", url)).await);
    }
    if let Some(url) = &services.metadata {
        checks.push(answers("metadata", url, service("metadata", url)).await);
    }
    if let Some(url) = &services.policy {
        checks.push(answers("policy", url, service("policy", url)).await);
    }
    match &settings.archive {
        ArchiveUrl::Folder(_) => {}
        ArchiveUrl::Pacifica(url) => checks.push(answers("archive", url, service("archive interface", url)).await),
        ArchiveUrl::Store(store) => {
            let asked = async {
                let archive =
                    open_archive(settings, &http, None).map_err(|error| SeamError::Refused(format!("{error:#}")))?;
                let nowhere = Location::new(NOWHERE).map_err(|error| SeamError::Refused(error.to_string()))?;
                archive.size(&nowhere).await
            };
            checks.push(match asked.await {
                Ok(_) => Check::ok("archive", format!("{store} answers")),
                Err(error) => Check::fault(
                    "archive",
                    format!("{store}: {error}"),
                    "see that the bucket is there, and that endpoint, region and credentials are right",
                ),
            });
        }
    }
    checks
}

/// Whether a service answers at all: at its own root, where those of Pacifica greet.
async fn answers(name: &'static str, url: &ServiceUrl, service: Service) -> Check {
    let mut root = url.url().clone();
    root.set_path("/");
    match service.greeting(root).await {
        Ok(status) => Check::ok(name, format!("{url} answers ({status})")),
        Err(error @ SeamError::Silent { .. }) => {
            Check::fault(name, error.to_string(), "see that the service runs, and that nothing blocks the way to it")
        }
        Err(error) => {
            Check::warning(name, format!("{url} is there and does not feel well: {error}"), "see what its log says")
        }
    }
}
