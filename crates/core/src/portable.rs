//! Statistics that leave the process: recipe and state travel as bytes, and come back without their type being named.
//!
//! A [`Statistic`] with a stable name ([`NamedStatistic`]) is portable, and so is a tuple of portable ones. Its bytes
//! are an [artefact](mod@crate::artifact), as those of a fitted value: checked, versioned, without code. A state says which
//! recipe it belongs to, so that a state of other parameters is refused instead of being merged.

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::artifact::{self, StepReader, Steps};
use crate::catalogue::Catalogue;
use crate::hash::hash_bytes;
use crate::{Error, Result, Statistic};

/// A statistic with a stable name, which another process can find in its [`Catalogue`].
///
/// ```
/// use mlsys_core::{NamedStatistic, Result, Statistic, arrow::{array::RecordBatch, datatypes::Schema}};
///
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Rows {}
///
/// impl Statistic for Rows {
///     type State = u64;
///     type Output = u64;
///     fn init(&self, _: &Schema) -> Result<u64> { Ok(0) }
///     fn update(&self, state: &mut u64, batch: &RecordBatch) -> Result<()> { *state += batch.num_rows() as u64; Ok(()) }
///     fn merge(&self, into: &mut u64, from: u64) -> Result<()> { *into += from; Ok(()) }
///     fn finish(&self, state: &u64) -> Result<u64> { Ok(*state) }
/// }
///
/// impl NamedStatistic for Rows {
///     const NAME: &'static str = "example.Rows";
/// }
///
/// use mlsys_core::portable::{AnyStatistic, PortableStatistic};
/// let (there, here) = (AnyStatistic::of(&Rows {})?, Rows {});
/// let bytes = there.state_bytes(&there.init(&Schema::empty())?)?;
/// assert_eq!(here.state_from_bytes(&bytes)?, 0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub trait NamedStatistic: Statistic<State: Sync + 'static> + Serialize + DeserializeOwned + 'static {
    /// The stable name, with the crate's name before it: `mlsys.Contingency`.
    const NAME: &'static str;
    /// Counts changes of the recipe or the state that older programs cannot read.
    const VERSION: u32 = 1;

    /// Refuses a state that the other methods could not bear, such as lists of unequal length or out of order.
    ///
    /// States are read from bytes that may come from anyone, and pass this before anything else. It must bear any state
    /// and any parameters. Whether the numbers in a state are true it cannot tell.
    ///
    /// # Errors
    ///
    /// [`State`](crate::ErrorKind::State), which says what was expected and what was found.
    fn check_state(&self, state: &Self::State) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// The columns that it reads, so that an engine need not read the others. By default all.
    fn columns(&self, schema: &Schema) -> Vec<String> {
        schema.fields().iter().map(|field| field.name().clone()).collect()
    }
}

/// A statistic whose recipe and state travel as bytes: a [`NamedStatistic`], or a tuple of them.
pub trait PortableStatistic: Statistic + 'static {
    /// Adds its parts: itself, or those of each place of a tuple.
    ///
    /// # Errors
    ///
    /// [`Artifact`](crate::ErrorKind::Artifact) when serde refuses the recipe.
    fn parts(&self, into: &mut Parts) -> Result<()>;

    /// Takes its state off the bytes of one.
    ///
    /// # Errors
    ///
    /// [`Artifact`](crate::ErrorKind::Artifact) when the next part is something else, or is damaged.
    fn take_state(&self, from: &mut StateReader<'_>) -> Result<Self::State>;

    /// The state in these bytes, which must be of this very recipe.
    ///
    /// # Errors
    ///
    /// [`Artifact`](crate::ErrorKind::Artifact) when they are damaged or no state;
    /// [`State`](crate::ErrorKind::State) when they belong to another recipe.
    fn state_from_bytes(&self, bytes: &[u8]) -> Result<Self::State> {
        let mut reader = StateReader::open(bytes, AnyStatistic::of(self)?.fingerprint())?;
        let state = self.take_state(&mut reader)?;
        reader.close()?;
        Ok(state)
    }
}

impl<S: NamedStatistic> PortableStatistic for S {
    fn parts(&self, into: &mut Parts) -> Result<()> {
        into.steps.push(S::NAME, S::VERSION, self)?;
        into.parts.push(Arc::new(self.clone()));
        Ok(())
    }

    fn take_state(&self, from: &mut StateReader<'_>) -> Result<S::State> {
        let state = from.steps.next(S::NAME, S::VERSION)?;
        self.check_state(&state).map_err(|e| e.context(format!("reading the state of {}", S::NAME)))?;
        Ok(state)
    }
}

macro_rules! portable_tuple {
    ($($name:ident $index:tt),+) => {
        impl<$($name: PortableStatistic),+> PortableStatistic for ($($name,)+) {
            fn parts(&self, into: &mut Parts) -> Result<()> {
                $(self.$index.parts(into)?;)+
                Ok(())
            }

            fn take_state(&self, from: &mut StateReader<'_>) -> Result<Self::State> {
                Ok(($(self.$index.take_state(from)?,)+))
            }
        }
    };
}

portable_tuple!(A 0, B 1);
portable_tuple!(A 0, B 1, C 2);
portable_tuple!(A 0, B 1, C 2, D 3);
portable_tuple!(A 0, B 1, C 2, D 3, E 4);

/// A statistic with more parts than this is not one: each costs a pass over the rows.
const MAX_PARTS: usize = 256;

fn check_number_of_parts(parts: usize) -> Result<()> {
    match parts {
        0 => Err(Error::artifact("holds no statistic")),
        1..=MAX_PARTS => Ok(()),
        _ => Err(Error::artifact(format!("has {parts} statistics, at most {MAX_PARTS} make one"))),
    }
}

/// The parts of a statistic, as they are gathered.
#[derive(Default)]
pub struct Parts {
    steps: Steps,
    parts: Vec<Arc<dyn Part>>,
}

/// The bytes of a state, as they are read.
pub struct StateReader<'a> {
    steps: StepReader<'a>,
}

/// The first step of a state's bytes.
const STATE: &str = "mlsys.State";

#[derive(Serialize, Deserialize)]
struct StateHeader {
    recipe: u64,
}

impl<'a> StateReader<'a> {
    fn open(bytes: &'a [u8], recipe: u64) -> Result<Self> {
        let mut steps =
            artifact::open_steps(bytes).map_err(|e| e.context("reading the state of a statistic"))?;
        let header: StateHeader = steps.next(STATE, 1)?;
        if header.recipe != recipe {
            return Err(Error::state(
                format!("a state of the statistic {recipe:016x}"),
                format!("one of {:016x}: another recipe, other columns or other parameters", header.recipe),
            ));
        }
        Ok(Self { steps })
    }

    fn close(self) -> Result<()> {
        match self.steps.left() {
            0 => Ok(()),
            n => Err(Error::artifact(format!("has {n} parts more than the statistic"))),
        }
    }
}

type Held = Box<dyn Any + Send + Sync>;

/// What a part can do without its type.
pub(crate) trait Part: Send + Sync {
    fn columns(&self, schema: &Schema) -> Vec<String>;
    fn init(&self, schema: &Schema) -> Result<Held>;
    fn update(&self, state: &mut Held, batch: &RecordBatch) -> Result<()>;
    fn merge(&self, into: &mut Held, from: Held) -> Result<()>;
    fn write(&self, state: &Held, steps: &mut Steps) -> Result<()>;
    fn read(&self, from: &mut StateReader<'_>) -> Result<Held>;
    fn size(&self, state: &Held) -> usize;
}

fn held<S: NamedStatistic>(state: &Held) -> Result<&S::State> {
    state.downcast_ref().ok_or_else(|| Error::state(S::NAME, "the state of another statistic"))
}

impl<S: NamedStatistic> Part for S {
    fn columns(&self, schema: &Schema) -> Vec<String> {
        NamedStatistic::columns(self, schema)
    }

    fn init(&self, schema: &Schema) -> Result<Held> {
        Ok(Box::new(Statistic::init(self, schema)?))
    }

    fn update(&self, state: &mut Held, batch: &RecordBatch) -> Result<()> {
        let state =
            state.downcast_mut().ok_or_else(|| Error::state(S::NAME, "the state of another statistic"))?;
        Statistic::update(self, state, batch)
    }

    fn merge(&self, into: &mut Held, from: Held) -> Result<()> {
        let other = || Error::state(S::NAME, "the state of another statistic");
        let into = into.downcast_mut().ok_or_else(other)?;
        Statistic::merge(self, into, *from.downcast().map_err(|_| other())?)
    }

    fn write(&self, state: &Held, steps: &mut Steps) -> Result<()> {
        steps.push(S::NAME, S::VERSION, held::<S>(state)?)
    }

    fn read(&self, from: &mut StateReader<'_>) -> Result<Held> {
        Ok(Box::new(self.take_state(from)?))
    }

    fn size(&self, state: &Held) -> usize {
        held::<S>(state).map_or(0, artifact::encoded_size)
    }
}

/// A portable statistic whose type is forgotten. Two are equal when their recipes are.
#[derive(Clone)]
pub struct AnyStatistic {
    parts: Arc<[Arc<dyn Part>]>,
    bytes: Arc<[u8]>,
}

/// The state of an [`AnyStatistic`].
pub struct AnyState(Vec<Held>);

impl AnyStatistic {
    /// Forgets the type of a statistic.
    ///
    /// # Errors
    ///
    /// [`Artifact`](crate::ErrorKind::Artifact) when serde refuses the recipe.
    pub fn of<S: PortableStatistic>(statistic: &S) -> Result<Self> {
        let mut parts = Parts::default();
        statistic.parts(&mut parts)?;
        check_number_of_parts(parts.parts.len())?;
        let bytes = artifact::steps_to_bytes(parts.steps)?;
        Ok(Self { parts: parts.parts.into(), bytes: bytes.into() })
    }

    /// The statistic in these bytes, of types that the catalogue knows.
    ///
    /// # Errors
    ///
    /// [`Artifact`](crate::ErrorKind::Artifact) when the bytes are damaged, newer, or hold types that are not in the
    /// catalogue.
    pub fn from_bytes(bytes: &[u8], catalogue: &Catalogue) -> Result<Self> {
        let stage = "reading the recipe of a statistic";
        let mut steps = artifact::open_steps(bytes).map_err(|e| e.context(stage))?;
        check_number_of_parts(steps.left()).map_err(|e| e.context(stage))?;
        let mut parts = Vec::with_capacity(steps.left());
        while steps.left() > 0 {
            parts.push(catalogue.load_statistic(&mut steps).map_err(|e| e.context(stage))?);
        }
        Ok(Self { parts: parts.into(), bytes: bytes.into() })
    }

    /// The recipe as bytes: equal recipes of one version of mlsys give equal bytes.
    pub fn to_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A hash of the recipe, which its states carry.
    pub fn fingerprint(&self) -> u64 {
        hash_bytes(&self.bytes, 0)
    }

    /// The columns of a table that it reads, in the table's order; names that are not there are for
    /// [`init`](Self::init) to refuse.
    pub fn columns(&self, schema: &Schema) -> Vec<String> {
        let read: BTreeSet<String> = self.parts.iter().flat_map(|part| part.columns(schema)).collect();
        schema.fields().iter().map(|field| field.name().clone()).filter(|name| read.contains(name)).collect()
    }

    /// The state of no rows.
    ///
    /// # Errors
    ///
    /// As [`Statistic::init`].
    pub fn init(&self, schema: &Schema) -> Result<AnyState> {
        Ok(AnyState(self.parts.iter().map(|part| part.init(schema)).collect::<Result<_>>()?))
    }

    fn check_parts(&self, state: &AnyState) -> Result<()> {
        if state.0.len() == self.parts.len() {
            return Ok(());
        }
        let expected = format!("a state of {} parts", self.parts.len());
        Err(Error::state(expected, format!("one of {}", state.0.len())))
    }

    /// Adds the rows of a batch.
    ///
    /// # Errors
    ///
    /// As [`Statistic::update`].
    pub fn update(&self, state: &mut AnyState, batch: &RecordBatch) -> Result<()> {
        self.check_parts(state)?;
        self.parts.iter().zip(&mut state.0).try_for_each(|(part, state)| part.update(state, batch))
    }

    /// Adds the rows of another state.
    ///
    /// # Errors
    ///
    /// As [`Statistic::merge`].
    pub fn merge(&self, into: &mut AnyState, from: AnyState) -> Result<()> {
        self.check_parts(into)?;
        self.check_parts(&from)?;
        let states = into.0.iter_mut().zip(from.0);
        self.parts.iter().zip(states).try_for_each(|(part, (into, from))| part.merge(into, from))
    }

    /// The state as bytes.
    ///
    /// # Errors
    ///
    /// [`Artifact`](crate::ErrorKind::Artifact) when serde refuses it; [`State`](crate::ErrorKind::State) for that of
    /// another statistic.
    pub fn state_bytes(&self, state: &AnyState) -> Result<Vec<u8>> {
        self.check_parts(state)?;
        let mut steps = Steps::default();
        steps.push(STATE, 1, &StateHeader { recipe: self.fingerprint() })?;
        self.parts.iter().zip(&state.0).try_for_each(|(part, state)| part.write(state, &mut steps))?;
        artifact::steps_to_bytes(steps)
    }

    /// The state in these bytes, which must be of this very recipe.
    ///
    /// # Errors
    ///
    /// [`Artifact`](crate::ErrorKind::Artifact) when they are damaged or no state;
    /// [`State`](crate::ErrorKind::State) when they belong to another recipe.
    pub fn state_from_bytes(&self, bytes: &[u8]) -> Result<AnyState> {
        let mut reader = StateReader::open(bytes, self.fingerprint())?;
        let state = self.parts.iter().map(|part| part.read(&mut reader)).collect::<Result<_>>()?;
        reader.close()?;
        Ok(AnyState(state))
    }

    /// About how many bytes a state holds: the length of its encoding, which costs a pass over it.
    pub fn state_size(&self, state: &AnyState) -> usize {
        self.parts.iter().zip(&state.0).map(|(part, state)| part.size(state)).sum()
    }
}

impl PartialEq for AnyStatistic {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for AnyStatistic {}

impl Hash for AnyStatistic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl fmt::Debug for AnyStatistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyStatistic({:016x})", self.fingerprint())
    }
}

impl fmt::Debug for AnyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyState({} parts)", self.0.len())
    }
}
