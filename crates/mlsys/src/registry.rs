//! Every fitted type, statistic and one-pass recipe of the enabled crates, by name.

use mlsys_core::{Catalogue, Registry};

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

/// A catalogue of every statistic and one-pass recipe of the enabled crates, for running them in another process.
pub fn catalogue() -> Catalogue {
    let catalogue = Catalogue::new();
    #[cfg(feature = "stats")]
    let catalogue = catalogue.with(mlsys_stats::catalogue());
    #[cfg(feature = "sampling")]
    let catalogue = catalogue.with(mlsys_sampling::catalogue());
    #[cfg(feature = "missing-values")]
    let catalogue = catalogue.with(mlsys_missing_values::catalogue());
    #[cfg(feature = "encoding")]
    let catalogue = catalogue.with(mlsys_encoding::catalogue());
    catalogue
}
