//! What a plugin is called.

/// Name, version and summary of a plugin. [`validator!`](crate::validator) and [`mover!`](crate::mover) implement it
/// from the author's `Cargo.toml`.
pub trait Identity {
    /// The crate's name, which is the plugin's name: in kebab case.
    const NAME: &'static str;
    /// The crate's semantic version.
    const VERSION: &'static str;
    /// The crate's description.
    const SUMMARY: &'static str;
    /// The JSON Schema of the configuration, where the author keeps it in a file.
    const CONFIG_SCHEMA: Option<&'static str> = None;
}

#[doc(hidden)]
#[macro_export]
macro_rules! __identity {
    ($rule:ty $(, $schema:literal)?) => {
        impl $crate::Identity for $rule {
            const NAME: &'static str = env!("CARGO_PKG_NAME");
            const VERSION: &'static str = env!("CARGO_PKG_VERSION");
            const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
            $(const CONFIG_SCHEMA: Option<&'static str> =
                Some(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $schema)));)?
        }
    };
}

/// Makes a plugin of a [`Validator`](crate::Validator). Once per crate.
///
/// The schema of the configuration is made by the plugin when the gate asks for it. The code for that is a third of a
/// small plugin, so it may be made before: with `schema: "config.schema.json"` the plugin says what is in that file of
/// the crate, which a test of the crate writes and keeps true by calling `testing::config_schema_is_kept`.
#[macro_export]
macro_rules! validator {
    ($rule:ty $(, schema: $schema:literal)?) => {
        $crate::__identity!($rule $(, $schema)?);

        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::component::Component<$rule>;
    $crate::bindings::plugin::export_plugin!(Exported with_types_in $crate::bindings::plugin);
    $crate::bindings::validator::export_validator!(Exported with_types_in $crate::bindings::validator);
        };
    };
}

/// Makes a plugin of a [`Mover`](crate::Mover), as [`validator!`](crate::validator) does. Once per crate.
#[macro_export]
macro_rules! mover {
    ($rule:ty $(, schema: $schema:literal)?) => {
        $crate::__identity!($rule $(, $schema)?);

        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::component::Component<$rule>;
    $crate::bindings::plugin::export_plugin!(Exported with_types_in $crate::bindings::plugin);
    $crate::bindings::mover::export_mover!(Exported with_types_in $crate::bindings::mover);
        };
    };
}
