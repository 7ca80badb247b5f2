//! Every fitted type of the enabled crates, for loading artefacts.

use mlsys_core::Registry;

/// A registry of every fitted type of the enabled crates, for [`load_model`](mlsys_core::artifact::load_model).
pub fn registry() -> Registry {
    let registry = Registry::new();
    #[cfg(feature = "missing-values")]
    let registry = mlsys_missing_values::register(registry);
    #[cfg(feature = "encoding")]
    let registry = mlsys_encoding::register(registry);
    #[cfg(feature = "models")]
    let registry = mlsys_models::register(registry);
    registry
}
