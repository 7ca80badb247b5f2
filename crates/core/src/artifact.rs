//! Saving and loading fitted values: a versioned file of plain data, without code.
//!
//! ```text
//! "MLSYS\r\n\0"  format: u32  body length: u64  body  hash of body: u64      (little endian)
//! body = header length: u64, header (CBOR: crate version, fingerprint, provenance, steps, rows used), data of each step
//! ```
//! A chain is stored as the list of its steps, each with a stable type name, a version, and CBOR data with field
//! names, so that fields can be added with defaults. CBOR keeps NaN and infinities, which JSON loses. Loading
//! checks every length against the bytes at hand and every value against what its type needs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::chain::FittedChain;
use crate::hash::hash_bytes;
use crate::tracked::{FittedTracked, RowsUsed};
use crate::{Error, InputColumn, Predict, PredictProba, Result, Transform};

const MAGIC: &[u8; 8] = b"MLSYS\r\n\0";
const FORMAT: u32 = 1;
/// A chain with more steps than this is not one.
const MAX_STEPS: usize = 10_000;
/// More parts than this are not tracked one by one.
const MAX_NOTES: usize = 256;

/// A value that can be saved. Implement it with [`artifact!`](crate::artifact!); the empty implementation
/// says that a value cannot be saved, for example because it holds a closure.
pub trait Artifact {
    /// Adds the value's steps: one, or those of its parts.
    ///
    /// # Errors
    ///
    /// [`Artifact`](crate::ErrorKind::Artifact) when the value cannot be saved.
    fn save_steps(&self, steps: &mut Steps) -> Result<()> {
        if steps.only_rows {
            return Ok(());
        }
        let name = std::any::type_name_of_val(self);
        Err(Error::artifact(format!(
            "{name} cannot be saved: it holds code, such as a closure; keep it in code"
        )))
    }

    /// The columns that it reads, for the fingerprint in the file, and for whoever hands it no others. `None` when it
    /// does not say: it may read any.
    fn inputs(&self) -> Option<Vec<InputColumn>> {
        None
    }

    /// The rows that it was fitted on, where it was [tracked](crate::Fit::tracked): those of each tracked part, in the order
    /// of the steps. Also what cannot be saved tells them.
    fn rows_used(&self) -> Vec<Arc<RowsUsed>> {
        let mut steps = Steps { only_rows: true, ..Steps::default() };
        // Nothing is written, so that nothing fails but what refuses to be saved on its own.
        let _ = self.save_steps(&mut steps);
        steps.rows
    }
}

/// A value that can be loaded by its type.
pub trait LoadArtifact: Artifact + Sized {
    /// Takes the value's steps off the reader.
    ///
    /// # Errors
    ///
    /// [`Artifact`](crate::ErrorKind::Artifact) when the next step is something else, or is damaged.
    fn load_steps(steps: &mut StepReader<'_>) -> Result<Self>;
}

/// A [`LoadArtifact`] of one step, with a stable name.
pub trait NamedArtifact: LoadArtifact {
    /// The stable name.
    const NAME: &'static str;
}

impl<T: Artifact + ?Sized> Artifact for Box<T> {
    fn save_steps(&self, steps: &mut Steps) -> Result<()> {
        (**self).save_steps(steps)
    }

    fn inputs(&self) -> Option<Vec<InputColumn>> {
        (**self).inputs()
    }
}

/// Steps being saved.
#[derive(Debug, Default)]
pub struct Steps {
    steps: Vec<(StepHeader, Vec<u8>)>,
    rows: Vec<Arc<RowsUsed>>,
    /// The rows are asked for, not the steps.
    only_rows: bool,
}

impl Steps {
    /// Adds one step.
    ///
    /// # Errors
    ///
    /// [`Artifact`](crate::ErrorKind::Artifact) when serde refuses the value.
    pub fn push<T: Serialize>(&mut self, name: &str, version: u32, value: &T) -> Result<()> {
        if self.only_rows {
            return Ok(());
        }
        let mut data = Vec::new();
        ciborium::into_writer(value, &mut data)
            .map_err(|e| Error::artifact(format!("writing {name}: {e}")))?;
        self.steps.push((StepHeader { name: name.into(), version, bytes: data.len() as u64 }, data));
        Ok(())
    }

    /// Adds the rows that the steps after it were fitted on.
    pub(crate) fn push_rows(&mut self, rows: &Arc<RowsUsed>) {
        self.rows.push(Arc::clone(rows));
    }
}

/// Steps being loaded.
#[derive(Debug)]
pub struct StepReader<'a> {
    steps: std::vec::IntoIter<(StepHeader, &'a [u8])>,
    rows: std::vec::IntoIter<Arc<RowsUsed>>,
}

impl StepReader<'_> {
    /// The rows that the next tracked part was fitted on.
    pub(crate) fn next_rows(&mut self) -> Result<Arc<RowsUsed>> {
        let untracked = "does not say which rows were used: load it as what is inside of `FittedTracked`";
        self.rows.next().ok_or_else(|| Error::artifact(untracked))
    }

    /// The next step, which must have this name and at most this version.
    ///
    /// # Errors
    ///
    /// [`Artifact`](crate::ErrorKind::Artifact) when it is something else, newer, or damaged.
    pub fn next<T: DeserializeOwned>(&mut self, name: &str, version: u32) -> Result<T> {
        let Some((header, data)) = self.steps.next() else {
            return Err(Error::artifact(format!("ends where {name} is expected")));
        };
        if header.name != name {
            return Err(Error::artifact(format!(
                "holds {} where {name} is expected",
                printable(&header.name)
            )));
        }
        if header.version > version {
            let found = header.version;
            return Err(Error::artifact(format!(
                "holds {name} version {found}, this program knows up to {version}: update mlsys"
            )));
        }
        decode(data, name)
    }

    pub(crate) fn peek(&self) -> Option<&str> {
        self.steps.as_slice().first().map(|(header, _)| header.name.as_str())
    }

    pub(crate) fn left(&self) -> usize {
        self.steps.len()
    }
}

fn decode<T: DeserializeOwned>(mut data: &[u8], what: &str) -> Result<T> {
    let value = ciborium::from_reader(&mut data)
        .map_err(|e| Error::artifact(format!("{what} is damaged: {}", printable(&e.to_string()))))?;
    if data.is_empty() {
        Ok(value)
    } else {
        Err(Error::artifact(format!("{what} is followed by stray bytes")))
    }
}

/// Text from a file, cut and without control characters, safe to show.
pub(crate) fn printable(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StepHeader {
    name: String,
    version: u32,
    bytes: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    crate_version: String,
    fingerprint: u64,
    #[serde(default)]
    provenance: BTreeMap<String, String>,
    steps: Vec<StepHeader>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rows_used: Vec<Arc<RowsUsed>>,
}

/// What a file says about itself, without loading the model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// The version of mlsys that wrote it.
    pub crate_version: String,
    /// A hash of the names and kinds of the columns that it reads.
    pub fingerprint: u64,
    /// What the writer noted about where it comes from.
    pub provenance: BTreeMap<String, String>,
    /// The type name and version of each step.
    pub steps: Vec<(String, u32)>,
    /// The rows that each tracked part was fitted on.
    pub rows_used: Vec<Arc<RowsUsed>>,
}

/// The bytes of a fitted value: equal values give equal bytes.
///
/// # Errors
///
/// [`Artifact`](crate::ErrorKind::Artifact) when the value cannot be saved.
pub fn to_bytes<T: Artifact + ?Sized>(value: &T) -> Result<Vec<u8>> {
    to_bytes_with(value, BTreeMap::new())
}

/// As [`to_bytes`], with notes on where the value comes from (data, commit, author, ..).
///
/// # Errors
///
/// As [`to_bytes`].
pub fn to_bytes_with<T: Artifact + ?Sized>(
    value: &T,
    provenance: BTreeMap<String, String>,
) -> Result<Vec<u8>> {
    let mut steps = Steps::default();
    value.save_steps(&mut steps)?;
    let mut described = Vec::new();
    for input in value.inputs().unwrap_or_default() {
        described.extend_from_slice(format!("{}\0{}\0", input.name(), input.kind().describe()).as_bytes());
    }
    encode(&steps, hash_bytes(&described, 0), provenance)
}

/// The bytes of steps that read no columns.
pub(crate) fn steps_to_bytes(steps: Steps) -> Result<Vec<u8>> {
    encode(&steps, hash_bytes(&[], 0), BTreeMap::new())
}

/// The steps in these bytes, whatever they are.
pub(crate) fn open_steps(bytes: &[u8]) -> Result<StepReader<'_>> {
    Ok(open(bytes)?.1)
}

/// How long a value is as CBOR.
pub(crate) fn encoded_size<T: Serialize>(value: &T) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // What serde refuses has no size; writing it will say why.
    let _ = ciborium::into_writer(value, &mut counter);
    counter.0
}

fn encode(steps: &Steps, fingerprint: u64, provenance: BTreeMap<String, String>) -> Result<Vec<u8>> {
    if steps.steps.len() > MAX_STEPS {
        return Err(Error::artifact(format!(
            "would have {} steps, at most {MAX_STEPS} are read",
            steps.steps.len()
        )));
    }
    if steps.rows.len() > MAX_NOTES {
        return Err(Error::artifact(format!(
            "would have {} notes of rows, at most {MAX_NOTES} are read: track the whole recipe",
            steps.rows.len()
        )));
    }
    let header = Header {
        crate_version: env!("CARGO_PKG_VERSION").into(),
        fingerprint,
        provenance,
        steps: steps.steps.iter().map(|(header, _)| header.clone()).collect(),
        rows_used: steps.rows.clone(),
    };
    let mut encoded = Vec::new();
    ciborium::into_writer(&header, &mut encoded)
        .map_err(|e| Error::artifact(format!("writing the header: {e}")))?;
    let mut body = (encoded.len() as u64).to_le_bytes().to_vec();
    body.append(&mut encoded);
    steps.steps.iter().for_each(|(_, data)| body.extend_from_slice(data));

    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes.extend_from_slice(&hash_bytes(&body, 0).to_le_bytes());
    Ok(bytes)
}

/// Splits off `n` bytes.
fn take<'a>(bytes: &mut &'a [u8], n: u64, what: &str) -> Result<&'a [u8]> {
    let n = usize::try_from(n).ok().filter(|n| *n <= bytes.len());
    let (head, tail) = bytes.split_at(n.ok_or_else(|| Error::artifact(format!("is cut off in its {what}")))?);
    *bytes = tail;
    Ok(head)
}

fn take_u64(bytes: &mut &[u8], what: &str) -> Result<u64> {
    let mut word = [0; 8];
    word.copy_from_slice(take(bytes, 8, what)?);
    Ok(u64::from_le_bytes(word))
}

fn open(mut bytes: &[u8]) -> Result<(Header, StepReader<'_>)> {
    if take(&mut bytes, 8, "first bytes")? != MAGIC {
        return Err(Error::artifact("is not an mlsys artefact"));
    }
    let mut format = [0; 4];
    format.copy_from_slice(take(&mut bytes, 4, "format version")?);
    let format = u32::from_le_bytes(format);
    if format != FORMAT {
        return Err(Error::artifact(format!(
            "has format {format}, this program reads format {FORMAT}: update mlsys"
        )));
    }
    let length = take_u64(&mut bytes, "length")?;
    let mut body = take(&mut bytes, length, "body")?;
    if take_u64(&mut bytes, "checksum")? != hash_bytes(body, 0) {
        return Err(Error::artifact("is damaged: its checksum differs"));
    }
    if !bytes.is_empty() {
        return Err(Error::artifact("is followed by stray bytes"));
    }
    let header_length = take_u64(&mut body, "header length")?;
    let header: Header = decode(take(&mut body, header_length, "header")?, "the header")?;
    if header.steps.len() > MAX_STEPS {
        return Err(Error::artifact(format!(
            "has {} steps, at most {MAX_STEPS} are read",
            header.steps.len()
        )));
    }
    // Each becomes a value around the next, and far fewer are ever written.
    if header.rows_used.len() > MAX_NOTES {
        return Err(Error::artifact(format!(
            "has {} notes of rows, at most {MAX_NOTES} are read",
            header.rows_used.len()
        )));
    }
    let mut steps = Vec::with_capacity(header.steps.len());
    for step in &header.steps {
        steps.push((step.clone(), take(&mut body, step.bytes, "data")?));
    }
    if !body.is_empty() {
        return Err(Error::artifact("has data of no step"));
    }
    let rows = header.rows_used.clone().into_iter();
    Ok((header, StepReader { steps: steps.into_iter(), rows }))
}

/// What the bytes of an artefact say about it.
///
/// # Errors
///
/// [`Artifact`](crate::ErrorKind::Artifact) when they are not an artefact, or damaged.
pub fn describe(bytes: &[u8]) -> Result<Description> {
    let (header, _) = open(bytes)?;
    Ok(Description {
        crate_version: header.crate_version,
        fingerprint: header.fingerprint,
        provenance: header.provenance,
        steps: header.steps.into_iter().map(|step| (step.name, step.version)).collect(),
        rows_used: header.rows_used,
    })
}

/// The type name of each step in these bytes and a hash of its data: to see in which step two artefacts differ.
///
/// # Errors
///
/// As [`describe`].
pub fn step_hashes(bytes: &[u8]) -> Result<Vec<(String, u64)>> {
    let (_, reader) = open(bytes)?;
    Ok(reader.steps.map(|(header, data)| (header.name, hash_bytes(data, 0))).collect())
}

/// The fitted value in these bytes.
///
/// # Errors
///
/// [`Artifact`](crate::ErrorKind::Artifact) when they hold something else, or are damaged.
pub fn from_bytes<T: LoadArtifact>(bytes: &[u8]) -> Result<T> {
    let (_, mut steps) = open(bytes)?;
    let value = T::load_steps(&mut steps)?;
    match steps.peek() {
        None => Ok(value),
        Some(name) => Err(Error::artifact(format!("goes on with {}", printable(name)))),
    }
}

/// Writes a fitted value to a file. The file is complete or not there: it is written beside and then renamed.
///
/// # Errors
///
/// As [`to_bytes`], and those of the file system.
pub fn save<T: Artifact + ?Sized>(value: &T, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let bytes = to_bytes(value)?;
    let write = || -> std::io::Result<()> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".part");
        std::fs::write(&beside, &bytes)?;
        std::fs::rename(&beside, path)
    };
    write().map_err(|e| Error::from(e).context(format!("writing {}", path.display())))
}

/// Reads a fitted value from a file.
///
/// # Errors
///
/// As [`from_bytes`], and those of the file system.
pub fn load<T: LoadArtifact>(path: impl AsRef<Path>) -> Result<T> {
    let path = path.as_ref();
    let stage = || format!("reading {}", path.display());
    let bytes = std::fs::read(path).map_err(|e| Error::from(e).context(stage()))?;
    from_bytes(&bytes).map_err(|e| e.context(stage()))
}

type Loader<D> = fn(&mut StepReader<'_>) -> Result<Box<D>>;

/// The fitted types that a process can load without naming them.
///
/// Each crate of mlsys adds its own with a function `register`; add yours with the methods here.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    transforms: BTreeMap<&'static str, Loader<dyn Transform>>,
    predictors: BTreeMap<&'static str, Loader<dyn Predict>>,
    classifiers: BTreeMap<&'static str, Loader<dyn PredictProba>>,
}

impl Registry {
    /// A registry that knows only the identity.
    pub fn new() -> Self {
        Self::default().transform::<crate::Identity>()
    }

    /// Adds a fitted transform.
    pub fn transform<T: NamedArtifact + Transform + 'static>(mut self) -> Self {
        self.transforms.insert(T::NAME, |steps| Ok(Box::new(T::load_steps(steps)?)));
        self
    }

    /// Adds a fitted model.
    pub fn predict<T: NamedArtifact + Predict + 'static>(mut self) -> Self {
        self.predictors.insert(T::NAME, |steps| Ok(Box::new(T::load_steps(steps)?)));
        self
    }

    /// Adds a fitted classifier.
    pub fn predict_proba<T: NamedArtifact + PredictProba + 'static>(mut self) -> Self {
        self.classifiers.insert(T::NAME, |steps| Ok(Box::new(T::load_steps(steps)?)));
        self.predict::<T>()
    }
}

/// Loads steps up to one that is `last`, or all but one.
fn load_transforms(
    steps: &mut StepReader<'_>,
    last: impl Fn(&str) -> bool,
    registry: &Registry,
) -> Result<LoadedSteps> {
    let mut loaded = Vec::new();
    while steps.left() > 1 && !steps.peek().is_some_and(&last) {
        loaded.push(load_one(steps, &registry.transforms, "transform")?);
    }
    Ok(LoadedSteps(loaded))
}

/// The rows of tracked parts, the outermost last: which of the parts they belong to is not known without the type, so that
/// the whole carries them.
type RowsLeft = std::iter::Rev<std::vec::IntoIter<Arc<RowsUsed>>>;

/// Steps, and then a model, which may be several steps itself.
fn load_last<D: ?Sized>(
    bytes: &[u8],
    loaders: &BTreeMap<&'static str, Loader<D>>,
    what: &str,
    registry: &Registry,
) -> Result<(LoadedSteps, Box<D>, RowsLeft)> {
    let (_, mut steps) = open(bytes)?;
    let first = load_transforms(&mut steps, |name| loaders.contains_key(name), registry)?;
    let last = load_one(&mut steps, loaders, what)?;
    match steps.peek() {
        None => Ok((first, last, steps.rows.rev())),
        Some(name) => Err(Error::artifact(format!("goes on with {}", printable(name)))),
    }
}

fn load_one<D: ?Sized>(
    steps: &mut StepReader<'_>,
    loaders: &BTreeMap<&'static str, Loader<D>>,
    what: &str,
) -> Result<Box<D>> {
    let name = steps.peek().ok_or_else(|| Error::artifact(format!("ends where a {what} is expected")))?;
    match loaders.get(name) {
        Some(loader) => loader(steps),
        None => {
            Err(Error::artifact(format!("holds {}, which is no {what} in the registry", printable(name))))
        }
    }
}

/// A classifier, with its steps before it, of types that the registry knows.
///
/// # Errors
///
/// [`Artifact`](crate::ErrorKind::Artifact) when the bytes are damaged or hold types that are not registered.
pub fn load_model(bytes: &[u8], registry: &Registry) -> Result<Box<dyn PredictProba>> {
    let (first, last, rows) = load_last(bytes, &registry.classifiers, "classifier", registry)?;
    let model: Box<dyn PredictProba> = Box::new(FittedChain::of(first, last));
    Ok(rows.fold(model, |model, rows| Box::new(FittedTracked::of(model, rows))))
}

/// A model, with its steps before it, of types that the registry knows.
///
/// # Errors
///
/// As [`load_model`].
pub fn load_predictor(bytes: &[u8], registry: &Registry) -> Result<Box<dyn Predict>> {
    let (first, last, rows) = load_last(bytes, &registry.predictors, "model", registry)?;
    let model: Box<dyn Predict> = Box::new(FittedChain::of(first, last));
    Ok(rows.fold(model, |model, rows| Box::new(FittedTracked::of(model, rows))))
}

/// A chain of transforms, of types that the registry knows.
///
/// # Errors
///
/// As [`load_model`].
pub fn load_transform(bytes: &[u8], registry: &Registry) -> Result<Box<dyn Transform>> {
    let (_, mut steps) = open(bytes)?;
    let mut loaded = Vec::new();
    while steps.left() > 0 {
        loaded.push(load_one(&mut steps, &registry.transforms, "transform")?);
    }
    let loaded: Box<dyn Transform> = Box::new(LoadedSteps(loaded));
    Ok(steps.rows.rev().fold(loaded, |loaded, rows| Box::new(FittedTracked::of(loaded, rows))))
}

/// Steps whose types were found in a registry.
struct LoadedSteps(Vec<Box<dyn Transform>>);

impl Artifact for LoadedSteps {
    fn save_steps(&self, steps: &mut Steps) -> Result<()> {
        self.0.iter().try_for_each(|step| step.save_steps(steps))
    }

    fn inputs(&self) -> Option<Vec<InputColumn>> {
        let each: Option<Vec<_>> = self.0.iter().map(|step| step.inputs()).collect();
        Some(each?.into_iter().flatten().collect())
    }
}

impl Transform for LoadedSteps {
    fn transform(&self, batch: &arrow::array::RecordBatch) -> Result<arrow::array::RecordBatch> {
        self.0.iter().try_fold(batch.clone(), |batch, step| step.transform(&batch))
    }

    fn output_schema(&self, input: &arrow::datatypes::Schema) -> Result<arrow::datatypes::SchemaRef> {
        let input = std::sync::Arc::new(input.clone());
        self.0.iter().try_fold(input, |schema, step| step.output_schema(&schema))
    }
}

/// Makes a serde type an artefact of one step: its type, its stable name and its version.
///
/// The type needs two methods: `fn validate(&self) -> Result<()>`, which refuses values that its other methods
/// could not bear (hostile files get this far), and `fn input_columns(&self) -> Vec<InputColumn>`.
///
/// ```
/// use mlsys_core::{InputColumn, Result};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct FittedShift { columns: Vec<InputColumn>, by: f64 }
///
/// impl FittedShift {
///     fn validate(&self) -> Result<()> { Ok(()) }
///     fn input_columns(&self) -> Vec<InputColumn> { self.columns.clone() }
/// }
///
/// mlsys_core::artifact!(FittedShift, "example.FittedShift", 1);
/// let bytes = mlsys_core::artifact::to_bytes(&FittedShift { columns: Vec::new(), by: 2.5 })?;
/// assert_eq!(mlsys_core::artifact::from_bytes::<FittedShift>(&bytes)?.by, 2.5);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[macro_export]
macro_rules! artifact {
    ($type:ty, $name:literal, $version:literal) => {
        impl $crate::artifact::Artifact for $type {
            fn save_steps(&self, steps: &mut $crate::artifact::Steps) -> $crate::Result<()> {
                steps.push($name, $version, self)
            }

            fn inputs(&self) -> Option<Vec<$crate::InputColumn>> {
                Some(self.input_columns())
            }
        }

        impl $crate::artifact::LoadArtifact for $type {
            fn load_steps(steps: &mut $crate::artifact::StepReader<'_>) -> $crate::Result<Self> {
                let value: Self = steps.next($name, $version)?;
                value.validate().map_err(|e| e.context(concat!("loading ", $name)))?;
                Ok(value)
            }
        }

        impl $crate::artifact::NamedArtifact for $type {
            const NAME: &'static str = $name;
        }
    };
}
