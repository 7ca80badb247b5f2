//! The messages of ONNX that are written.

use super::protobuf::Message;

pub(super) const FLOAT: i64 = 1;
pub(super) const INT64: i64 = 7;
pub(super) const STRING: i64 = 8;
pub(super) const DOUBLE: i64 = 11;

/// A node of a graph.
pub(super) struct Node {
    message: Message,
}

impl Node {
    pub fn new(op: &str, domain: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        let message = inputs.iter().fold(Message::default(), |all, name| all.bytes(1, name));
        let message = outputs.iter().fold(message, |all, name| all.bytes(2, name));
        let name = outputs.first().copied().unwrap_or(op);
        Self { message: message.bytes(3, name).bytes(4, op).bytes(7, domain) }
    }

    fn attribute(mut self, name: &str, kind: i64, fill: impl FnOnce(Message) -> Message) -> Self {
        self.message = self.message.message(5, fill(Message::default().bytes(1, name)).int(20, kind));
        self
    }

    pub fn int(self, name: &str, x: i64) -> Self {
        self.attribute(name, 2, |message| message.int(3, x))
    }

    pub fn string(self, name: &str, x: &str) -> Self {
        self.attribute(name, 3, |message| message.bytes(4, x))
    }

    pub fn floats(self, name: &str, values: &[f32]) -> Self {
        self.attribute(name, 6, |message| message.floats(7, values))
    }

    pub fn ints(self, name: &str, values: &[i64]) -> Self {
        self.attribute(name, 7, |message| message.ints(8, values))
    }

    pub fn strings<S: AsRef<str>>(self, name: &str, values: &[S]) -> Self {
        self.attribute(name, 8, |message| {
            values.iter().fold(message, |all, value| all.bytes(9, value.as_ref()))
        })
    }

    /// Doubles, which attributes have no list of.
    pub fn doubles(self, name: &str, values: &[f64]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let tensor =
            Message::default().int(1, values.len() as i64).int(2, DOUBLE).bytes(8, name).bytes(9, bytes);
        self.attribute(name, 4, |message| message.message(5, tensor))
    }
}

/// A tensor that goes in or comes out: rows by columns, or rows.
pub(super) fn tensor(name: &str, element: i64, columns: Option<usize>) -> Message {
    let rows = Message::default().bytes(2, "rows");
    let mut shape = Message::default().message(1, rows);
    if let Some(columns) = columns {
        shape = shape.message(1, Message::default().int(1, columns as i64));
    }
    let of = Message::default().int(1, element).message(2, shape);
    Message::default().bytes(1, name).message(2, Message::default().message(1, of))
}

/// A model of one graph.
pub(super) fn model(
    nodes: Vec<Node>,
    input: Message,
    outputs: Vec<Message>,
    about: &[(&str, String)],
) -> Vec<u8> {
    let graph = nodes.into_iter().fold(Message::default(), |all, node| all.message(1, node.message));
    let graph = graph.bytes(2, "trees").message(11, input);
    let graph = outputs.into_iter().fold(graph, |all, output| all.message(12, output));
    let opset = |domain: &str, version: i64| Message::default().bytes(1, domain).int(2, version);
    let model = Message::default()
        .int(1, 8)
        .bytes(2, "mlsys")
        .bytes(3, env!("CARGO_PKG_VERSION"))
        .message(7, graph)
        .message(8, opset("", 13))
        .message(8, opset(super::DOMAIN, 3));
    let entry = |(key, value): &(&str, String)| Message::default().bytes(1, key).bytes(2, value);
    about.iter().fold(model, |all, pair| all.message(14, entry(pair))).into_bytes()
}
