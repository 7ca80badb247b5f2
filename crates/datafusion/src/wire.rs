//! The bytes in which a function travels between processes: a header of plain data, then an artefact.
//!
//! ```text
//! format: u32  header length: u32  header (CBOR: mlsys's version, what it is, its columns)  artefact
//! ```

use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Raised whenever an older program would misread the bytes.
pub(crate) const FORMAT: u32 = 1;

/// What a function is that travels by its name: it has no parameters but its arguments.
pub(crate) const NAMED: &str = "named";

/// What a function is that could not be written; its artefact is the reason.
pub(crate) const UNSENDABLE: &str = "unsendable";

/// What the bytes of a function say about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The version of mlsys that wrote it.
    pub mlsys: String,
    /// What the function does.
    pub what: String,
    /// The names of its arguments, in order.
    pub columns: Vec<String>,
}

/// The bytes of a function.
pub(crate) fn write(what: &str, columns: &[String], artefact: &[u8]) -> Result<Vec<u8>> {
    let header =
        Header { mlsys: env!("CARGO_PKG_VERSION").into(), what: what.into(), columns: columns.to_vec() };
    let mut encoded = Vec::new();
    ciborium::into_writer(&header, &mut encoded).map_err(|e| Error::artifact(e.to_string()))?;
    let mut bytes = Vec::with_capacity(encoded.len() + artefact.len() + 8);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&(encoded.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&encoded);
    bytes.extend_from_slice(artefact);
    Ok(bytes)
}

/// The header and the artefact in the bytes of the function `name`.
pub(crate) fn read<'a>(name: &str, bytes: &'a [u8]) -> Result<(Header, &'a [u8])> {
    let this = env!("CARGO_PKG_VERSION");
    let damaged = |what: &str| {
        Error::artifact(format!(
            "the function `{name}` came with {what}; this process has mlsys-datafusion {this}"
        ))
    };
    let word = |at: usize| {
        let bytes = bytes.get(at..at + 4).and_then(|b| <[u8; 4]>::try_from(b).ok());
        bytes.map(u32::from_le_bytes).ok_or_else(|| damaged("bytes that are cut off"))
    };
    let format = word(0)?;
    if format != FORMAT {
        return Err(Error::artifact(format!(
            "the function `{name}` came in wire format {format}; this process has mlsys-datafusion {this}, which reads \
             format {FORMAT}: run one version of mlsys in the client, the scheduler and every executor"
        )));
    }
    let length = word(4)? as usize;
    let rest = &bytes[8..];
    if length > rest.len() {
        return Err(damaged("bytes that are cut off"));
    }
    let (header, artefact) = rest.split_at(length);
    let header: Header = ciborium::from_reader(header).map_err(|_| damaged("a damaged header"))?;
    if header.mlsys != this {
        return Err(Error::artifact(format!(
            "the function `{name}` came from mlsys-datafusion {}; this process has mlsys-datafusion {this}: run one version \
             of mlsys in the client, the scheduler and every executor",
            header.mlsys.escape_debug().take(40).collect::<String>()
        )));
    }
    if header.what == UNSENDABLE {
        return Err(Error::artifact(format!("the function `{name}`: {}", String::from_utf8_lossy(artefact))));
    }
    Ok((header, artefact))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_refused_by_name() {
        let bytes = write("state", &["x".to_owned()], b"artefact").unwrap();
        assert_eq!(read("f", &bytes).unwrap().1, b"artefact");
        let mut header = read("f", &bytes).unwrap().0;
        header.mlsys = "99.1.2".into();
        let mut encoded = Vec::new();
        ciborium::into_writer(&header, &mut encoded).unwrap();
        let other =
            [&FORMAT.to_le_bytes(), &(encoded.len() as u32).to_le_bytes(), encoded.as_slice()].concat();
        let error = read("f", &other).unwrap_err().to_string();
        for part in ["`f`", "99.1.2", env!("CARGO_PKG_VERSION")] {
            assert!(error.contains(part), "{error}");
        }
        for end in 0..bytes.len() - "artefact".len() {
            assert!(read("f", &bytes[..end]).is_err());
        }
    }
}
