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
}

#[doc(hidden)]
#[macro_export]
macro_rules! __identity {
    ($rule:ty) => {
        impl $crate::Identity for $rule {
            const NAME: &'static str = env!("CARGO_PKG_NAME");
            const VERSION: &'static str = env!("CARGO_PKG_VERSION");
            const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
        }
    };
}

/// Makes a plugin of a [`Validator`](crate::Validator). Once per crate.
#[macro_export]
macro_rules! validator {
    ($rule:ty) => {
        $crate::__identity!($rule);

        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::component::Component<$rule>;
    $crate::bindings::plugin::export_plugin!(Exported with_types_in $crate::bindings::plugin);
    $crate::bindings::validator::export_validator!(Exported with_types_in $crate::bindings::validator);
        };
    };
}

/// Makes a plugin of a [`Mover`](crate::Mover). Once per crate.
#[macro_export]
macro_rules! mover {
    ($rule:ty) => {
        $crate::__identity!($rule);

        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::component::Component<$rule>;
    $crate::bindings::plugin::export_plugin!(Exported with_types_in $crate::bindings::plugin);
    $crate::bindings::mover::export_mover!(Exported with_types_in $crate::bindings::mover);
        };
    };
}
