//! `/api/plugins`

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::Site;
use super::super::access::Who;
use super::super::openapi::Binary;
use super::super::path::Named;
use super::super::problem::Problem;
use crate::access::Bearer;
use crate::db::PluginUse;
use crate::model::Role;
use crate::plugin::{AddError, Added, LARGEST_COMPONENT, LoadError, PluginInfo};

/// The header that carries a minisign signature: the signature file's contents, in base64.
const SIGNATURE: &str = "sluice-signature";

/// A plugin that was added.
#[derive(Serialize, ToSchema)]
#[schema(as = AddedPlugin)]
struct AddedView {
    #[serde(flatten)]
    plugin: PluginInfo,
    /// How long checking and compiling took; null where the plugin was there already.
    compile_ms: Option<u64>,
}

/// `POST /api/plugins`: a component, as it is.
#[utoipa::path(
    post,
    path = "/api/plugins",
    tag = "plugins",
    operation_id = "addPlugin",
    summary = "Add a plugin",
    params(("sluice-signature" = Option<String>, Header, description = "A minisign signature file in base64, where the site asks for one")),
    security(("token" = ["admin"])),
    request_body(content = inline(Binary), content_type = "application/wasm", description = "The component"),
    responses(
        (status = 200, description = "It was there already", body = AddedView, headers(("location" = String))),
        (status = 201, description = "It was added", body = AddedView, headers(("location" = String))),
        (status = 400, description = "The component did not arrive whole"),
        (status = 413, description = "The component is too large"),
        (status = 422, description = "It is no plugin, or not signed as it must be; `check` says which check was not passed"),
    ),
)]
pub(in crate::http) async fn add(
    State(site): State<Arc<Site>>,
    who: Who,
    request: Request,
) -> Result<Response, Problem> {
    let bearer = who.must(Role::Admin)?;
    let (parts, body) = request.into_parts();
    let wasm = component(body).await?;
    let added = add_component(&site, bearer, wasm, signature(&parts.headers)?).await?;
    let compile_ms = added.compiled_in.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let location = format!("/api/plugins/{}", added.plugin.digest);
    let status = if added.fresh { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, [(LOCATION, location)], Json(AddedView { plugin: added.plugin, compile_ms })).into_response())
}

/// Takes up a component, with the signature that came with it.
pub(in crate::http) async fn add_component(
    site: &Site,
    bearer: &Bearer,
    wasm: Vec<u8>,
    signature: Option<String>,
) -> Result<Added, Problem> {
    check_signature(site, signature.as_deref(), &wasm)?;
    let added = site.policy.registry().add(Arc::from(wasm)).await.map_err(refusal)?;
    if added.fresh {
        tracing::info!(plugin = added.plugin.name, digest = added.plugin.digest, by = bearer.name, "added");
    }
    Ok(added)
}

async fn component(body: Body) -> Result<Vec<u8>, Problem> {
    match Limited::new(body, LARGEST_COMPONENT).collect().await {
        Ok(body) => Ok(body.to_bytes().into()),
        Err(error) if error.is::<LengthLimitError>() => {
            let why = format!("the component is larger than the {} MiB taken here", LARGEST_COMPONENT >> 20);
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, why).check("size"))
        }
        Err(error) => Err(Problem::bad_request(format!("the component did not arrive whole: {error}"))),
    }
}

fn refusal(error: AddError) -> Problem {
    match error {
        AddError::Load(error @ LoadError::TooLarge(_)) => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()).check(error.check())
        }
        AddError::Load(error @ LoadError::Compiler(_)) => {
            tracing::error!(%error, "a component could not be compiled");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).check(error.check())
        }
        AddError::Load(error) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).check(error.check()),
        AddError::Db(error) => error.into(),
        AddError::Failed(error) => error.into(),
    }
}

/// The signature file that the header carries.
fn signature(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(given) = headers.get(SIGNATURE) else { return Ok(None) };
    let text = BASE64_STANDARD.decode(given.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some).ok_or_else(|| unsigned("Sluice-Signature is no minisign signature file in base64"))
}

fn unsigned(why: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why).check("signature")
}

/// With keys configured, a component comes with a signature by one of them.
fn check_signature(site: &Site, signature: Option<&str>, wasm: &[u8]) -> Result<(), Problem> {
    let keys = &site.settings.plugin_keys;
    if keys.is_empty() {
        return Ok(());
    }
    let given = signature.ok_or_else(|| {
        unsigned(
            "plugins must be signed here: sign it with minisign, and send the .minisig file along (`sluice plugin push` \
             does)",
        )
    })?;
    let signature = minisign_verify::Signature::decode(given);
    let signature = signature.map_err(|_| unsigned("the signature is no minisign signature file"))?;
    match keys.iter().any(|key| key.0.verify(wasm, &signature, false).is_ok()) {
        true => Ok(()),
        false => Err(unsigned("the signature is not one of this component by a key that is trusted here")),
    }
}

/// All plugins.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Plugins {
    plugins: Vec<PluginInfo>,
}

/// `GET /api/plugins`
#[utoipa::path(
    get,
    path = "/api/plugins",
    tag = "plugins",
    operation_id = "listPlugins",
    summary = "Plugins",
    responses((status = 200, description = "All of them", body = Plugins)),
)]
pub(in crate::http) async fn list(State(site): State<Arc<Site>>) -> Result<Json<Plugins>, Problem> {
    Ok(Json(Plugins { plugins: site.policy.registry().list().await? }))
}

/// `GET /api/plugins/{plugin}`, by `sha256:DIGEST`, `NAME@VERSION`, or `NAME` for its newest version.
#[utoipa::path(
    get,
    path = "/api/plugins/{plugin}",
    tag = "plugins",
    operation_id = "getPlugin",
    summary = "A plugin",
    params(("plugin" = String, Path, description = "`sha256:DIGEST`, `NAME@VERSION`, or `NAME` for its newest version")),
    responses(
        (status = 200, description = "What it says of itself", body = PluginInfo),
        (status = 400, description = "The name is no text"),
        (status = 404, description = "There is no such plugin"),
    ),
)]
pub(in crate::http) async fn show(
    State(site): State<Arc<Site>>,
    Named(reference): Named<String>,
) -> Result<Json<PluginInfo>, Problem> {
    Ok(Json(known(&site, &reference).await?))
}

async fn known(site: &Site, reference: &str) -> Result<PluginInfo, Problem> {
    let found = site.policy.registry().find(reference).await?;
    found.ok_or_else(|| Problem::not_found(format!("there is no plugin {reference:?}")))
}

/// `GET /api/plugins/{plugin}/wasm`: the component.
#[utoipa::path(
    get,
    path = "/api/plugins/{plugin}/wasm",
    tag = "plugins",
    operation_id = "getComponent",
    summary = "The component of a plugin",
    params(("plugin" = String, Path, description = "`sha256:DIGEST`, `NAME@VERSION`, or `NAME` for its newest version")),
    responses(
        (status = 200, description = "The component", body = inline(Binary), content_type = "application/wasm", headers(("etag" = String))),
        (status = 400, description = "The name is no text"),
        (status = 404, description = "There is no such plugin"),
    ),
)]
pub(in crate::http) async fn wasm(
    State(site): State<Arc<Site>>,
    Named(reference): Named<String>,
) -> Result<Response, Problem> {
    let info = known(&site, &reference).await?;
    let wasm = site.policy.registry().wasm(&info.digest).await?;
    let wasm = wasm.ok_or_else(|| Problem::not_found(format!("there is no plugin {reference:?}")))?;
    let name: String = info.name.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
    let headers = [
        (CONTENT_TYPE, "application/wasm".to_owned()),
        (ETAG, format!("\"{}\"", info.digest)),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.wasm\"")),
    ];
    Ok((headers, wasm).into_response())
}

/// `DELETE /api/plugins/{plugin}`
#[utoipa::path(
    delete,
    path = "/api/plugins/{plugin}",
    tag = "plugins",
    operation_id = "removePlugin",
    summary = "Remove a plugin",
    params(("plugin" = String, Path, description = "`sha256:DIGEST`, `NAME@VERSION`, or `NAME` for its newest version")),
    security(("token" = ["admin"])),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "The name is no text"),
        (status = 404, description = "There is no such plugin"),
        (status = 409, description = "A revision runs it"),
    ),
)]
pub(in crate::http) async fn remove(
    State(site): State<Arc<Site>>,
    who: Who,
    Named(reference): Named<String>,
) -> Result<StatusCode, Problem> {
    remove_plugin(&site, who.must(Role::Admin)?, &reference).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a plugin that no revision names.
pub(in crate::http) async fn remove_plugin(site: &Site, bearer: &Bearer, reference: &str) -> Result<(), Problem> {
    let info = known(site, reference).await?;
    match site.policy.registry().remove(&info.digest).await? {
        PluginUse::Removed => {
            tracing::info!(plugin = info.name, digest = info.digest, by = bearer.name, "removed");
            Ok(())
        }
        PluginUse::NoSuchPlugin => Err(Problem::not_found(format!("there is no plugin {reference:?}"))),
        PluginUse::Revision(revision) => {
            let why = format!(
                "revision {revision} of the policy runs {}@{}; revisions are kept so that a verdict can be run again, and \
                 their plugins with them",
                info.name, info.version
            );
            Err(Problem::new(StatusCode::CONFLICT, why))
        }
    }
}
