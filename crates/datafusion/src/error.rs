//! mlsys's errors on their way through the engine and back.

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use mlsys_core::{Error, ErrorKind};

/// An mlsys error as the engine carries it.
pub(crate) fn outward(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// An error of the engine as mlsys's: what mlsys itself raised inside comes back as it was, in this process.
pub(crate) fn inward(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(boxed) => ours(boxed),
        DataFusionError::ArrowError(arrow, _) if matches!(*arrow, ArrowError::ExternalError(_)) => {
            match *arrow {
                ArrowError::ExternalError(boxed) => ours(boxed),
                other => other.into(),
            }
        }
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => inward(*inner),
        DataFusionError::Shared(shared) => match std::sync::Arc::try_unwrap(shared) {
            Ok(inner) => inward(inner),
            Err(shared) => ErrorKind::External(Box::new(DataFusionError::Shared(shared))).into(),
        },
        other => ErrorKind::External(Box::new(other)).into(),
    }
}

fn ours(boxed: Box<dyn std::error::Error + Send + Sync>) -> Error {
    match boxed.downcast::<Error>() {
        Ok(error) => *error,
        Err(boxed) => match boxed.downcast::<DataFusionError>() {
            Ok(error) => inward(*error),
            Err(boxed) => ErrorKind::External(boxed).into(),
        },
    }
}
