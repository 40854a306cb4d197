//! The Rust side of `wit/`, generated.
#![allow(missing_docs, unreachable_pub, clippy::pedantic, reason = "generated from wit/, where the documentation is")]

pub(super) mod validator {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "validator-plugin",
        imports: {
            // The one that waits.
            "sluice:plugin/lookup.get": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: {
            "sluice:plugin/bundles.bundle": super::super::capability::bundles::LentBundle,
            "sluice:plugin/bundles.file": super::super::capability::bundles::OpenFile,
        },
    });
}

pub(super) mod mover {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "mover-plugin",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "sluice:plugin/types": super::validator::sluice::plugin::types,
            "sluice:plugin/bundles": super::validator::sluice::plugin::bundles,
            "sluice:plugin/host": super::validator::sluice::plugin::host,
            "sluice:plugin/tables": super::validator::sluice::plugin::tables,
        },
    });
}

pub(super) use validator::sluice::plugin::{bundles, host, lookup, tables, types};
