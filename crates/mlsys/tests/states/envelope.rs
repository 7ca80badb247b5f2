//! Artefacts taken apart, changed and sealed again with the right checksum, as `core`'s `artifact` documents them.

use ciborium::Value;
use mlsys::core::hash::hash_bytes;
use mlsys::core::seed::below;
use mlsys::rand::rngs::ChaCha8Rng;

/// The header and the data of each step, as trees.
#[derive(Clone)]
pub struct Envelope {
    pub header: Value,
    pub steps: Vec<Value>,
}

fn decode(bytes: &[u8]) -> Value {
    ciborium::from_reader(bytes).unwrap()
}

pub fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// A field of a map.
pub fn field<'a>(value: &'a mut Value, name: &str) -> &'a mut Value {
    let fields = value.as_map_mut().unwrap();
    &mut fields.iter_mut().find(|(key, _)| key.as_text() == Some(name)).unwrap().1
}

/// What comes before the body: magic, format and length.
pub const PREFIX: usize = 20;

impl Envelope {
    pub fn open(bytes: &[u8]) -> Self {
        let body = &bytes[PREFIX..bytes.len() - 8];
        let (length, rest) = body.split_at(8);
        let (header, mut data) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
        let mut header = decode(header);
        let lengths = field(&mut header, "steps").as_array_mut().unwrap().iter_mut();
        let lengths: Vec<i128> =
            lengths.map(|step| field(step, "bytes").as_integer().unwrap().into()).collect();
        let steps = lengths.into_iter().map(|length| {
            let (step, rest) = data.split_at(length as usize);
            data = rest;
            decode(step)
        });
        Self { steps: steps.collect(), header }
    }

    /// The bytes, with the lengths of the steps as they are now.
    pub fn seal(&self) -> Vec<u8> {
        self.seal_raw(&self.steps.iter().map(encode).collect::<Vec<_>>())
    }

    /// The bytes, with the data of each step as it is here.
    pub fn seal_raw(&self, steps: &[Vec<u8>]) -> Vec<u8> {
        let mut header = self.header.clone();
        for (step, described) in steps.iter().zip(field(&mut header, "steps").as_array_mut().unwrap()) {
            *field(described, "bytes") = Value::from(step.len() as u64);
        }
        let header = encode(&header);
        let length = (header.len() as u64).to_le_bytes();
        seal(&[&length, header.as_slice(), &steps.concat()].concat())
    }

    /// A field that the header has of a step.
    pub fn step_field(&mut self, step: usize, name: &str) -> &mut Value {
        field(&mut field(&mut self.header, "steps").as_array_mut().unwrap()[step], name)
    }
}

/// A body between its prefix and its checksum.
pub fn seal(body: &[u8]) -> Vec<u8> {
    let mut bytes = b"MLSYS\r\n\0\x01\0\0\0".to_vec();
    bytes.extend((body.len() as u64).to_le_bytes());
    bytes.extend(body);
    bytes.extend(hash_bytes(body, 0).to_le_bytes());
    bytes
}

fn children(value: &mut Value) -> Vec<&mut Value> {
    match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Map(fields) => fields.iter_mut().map(|(_, value)| value).collect(),
        _ => Vec::new(),
    }
}

fn size(value: &mut Value) -> usize {
    1 + children(value).into_iter().map(size).sum::<usize>()
}

/// The node of this number, in the order of the bytes.
fn node(value: &mut Value, mut number: usize) -> &mut Value {
    if number == 0 {
        return value;
    }
    number -= 1;
    // Twice, as the borrow of a child that is not taken would last.
    let sizes: Vec<usize> = children(value).into_iter().map(size).collect();
    let child = sizes.iter().position(|&size| {
        let here = number < size;
        number -= if here { 0 } else { size };
        here
    });
    node(children(value).swap_remove(child.unwrap()), number)
}

const INTEGERS: [i128; 14] = [
    0,
    1,
    2,
    7,
    -1,
    63,
    64,
    255,
    u32::MAX as i128,
    1 << 40,
    1 << 63,
    i64::MAX as i128,
    i64::MIN as i128,
    u64::MAX as i128,
];
const FLOATS: [f64; 12] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    0.0,
    -0.0,
    -1.0,
    0.5,
    5e-324,
    -1e308,
    1.7e308,
    18_446_744_073_709_551_616.0,
    9_007_199_254_740_993.0,
];

fn pick<T: Clone>(from: &[T], rng: &mut ChaCha8Rng) -> T {
    from[below(from.len() as u64, rng) as usize].clone()
}

fn mutate_list<T: Clone>(items: &mut Vec<T>, rng: &mut ChaCha8Rng) {
    if items.is_empty() {
        return;
    }
    let at = below(items.len() as u64, rng) as usize;
    match below(8, rng) {
        0 => items.truncate(at),
        1 => drop(items.remove(at)),
        2 => items.insert(at, items[at].clone()),
        3 => items.extend_from_within(..),
        4 => items.push(items[at].clone()),
        5 => items.swap(at, 0),
        6 => items.reverse(),
        _ => {
            let item = items[at].clone();
            items.extend(std::iter::repeat_n(item, below(3_000, rng) as usize));
        }
    }
}

/// Changes one node of the tree.
pub fn mutate(tree: &mut Value, rng: &mut ChaCha8Rng) {
    let nodes = size(tree) as u64;
    let other = node(tree, below(nodes, rng) as usize).clone();
    let at = node(tree, below(nodes, rng) as usize);
    if below(8, rng) == 0 {
        *at = if below(2, rng) == 0 { other } else { Value::Null };
        return;
    }
    match at {
        Value::Integer(i) => {
            let near = i128::from(*i) + below(3, rng) as i128 - 1;
            let value = pick(&[pick(&INTEGERS, rng), near], rng);
            *i = value.clamp(-(1 << 64), u64::MAX as i128).try_into().unwrap();
        }
        Value::Float(x) => *x = pick(&[pick(&FLOATS, rng), -*x, *x * 1e300, *x + 1.0], rng),
        Value::Bool(b) => *b = !*b,
        Value::Text(text) => match below(4, rng) {
            0 => text.clear(),
            1 => text.push('\0'),
            2 if text.len() < 100 => *text = text.repeat(1_000),
            _ => *text = pick(&["x", "é", "9999-99-99", "18446744073709551616"], rng).into(),
        },
        Value::Null => *at = pick(&[Value::Integer(1.into()), other, Value::Array(Vec::new())], rng),
        Value::Array(items) => mutate_list(items, rng),
        Value::Map(fields) => mutate_list(fields, rng),
        _ => {}
    }
}
