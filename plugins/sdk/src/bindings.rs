//! What `wit-bindgen` makes of the contract in `wit/`.
//!
//! A plugin exports either the validator or the mover, and every plugin describes itself. The worlds of the contract
//! put these together; here they are taken apart, one world per exported interface, because the macros that export an
//! interface have one name per crate. `wit-component` joins the worlds that a plugin uses again, and what comes out has
//! the imports and exports of `validator-plugin` or `mover-plugin`: an interface whose functions a plugin does not call is
//! none of its imports.
#![allow(missing_docs, unreachable_pub, reason = "generated code")]
#![allow(unsafe_code, reason = "the canonical ABI passes pointers; only generated code does")]

pub mod plugin {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package sluice:sdk;
            world describes {
                import sluice:plugin/types@1.0.0;
                import sluice:plugin/bundles@1.0.0;
                import sluice:plugin/host@1.0.0;
                import sluice:plugin/tables@1.0.0;
                import sluice:plugin/lookup@1.0.0;
                export sluice:plugin/plugin@1.0.0;
            }
        ",
        world: "sluice:sdk/describes",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_plugin",
    });
}

pub mod validator {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package sluice:sdk;
            world validates {
                export sluice:plugin/validator@1.0.0;
            }
        ",
        world: "sluice:sdk/validates",
        with: {
            "sluice:plugin/types@1.0.0": crate::bindings::plugin::sluice::plugin::types,
            "sluice:plugin/bundles@1.0.0": crate::bindings::plugin::sluice::plugin::bundles,
            "sluice:plugin/validator@1.0.0": generate,
        },
        pub_export_macro: true,
        export_macro_name: "export_validator",
    });
}

pub mod mover {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package sluice:sdk;
            world moves {
                export sluice:plugin/mover@1.0.0;
            }
        ",
        world: "sluice:sdk/moves",
        with: {
            "sluice:plugin/types@1.0.0": crate::bindings::plugin::sluice::plugin::types,
            "sluice:plugin/bundles@1.0.0": crate::bindings::plugin::sluice::plugin::bundles,
            "sluice:plugin/mover@1.0.0": generate,
        },
        pub_export_macro: true,
        export_macro_name: "export_mover",
    });
}
