//! Writing protobuf: fields of a message, one after another.

/// A message.
#[derive(Debug, Clone, Default)]
pub(super) struct Message(Vec<u8>);

const VARINT: u64 = 0;
const BYTES: u64 = 2;

impl Message {
    /// What it is as bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut x: u64) {
        while x >= 0x80 {
            self.0.push(x as u8 | 0x80);
            x >>= 7;
        }
        self.0.push(x as u8);
    }

    /// An integer or an enum.
    pub fn int(mut self, field: u64, x: i64) -> Self {
        self.varint(field << 3 | VARINT);
        self.varint(x as u64);
        self
    }

    /// Bytes or text.
    pub fn bytes(mut self, field: u64, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.varint(field << 3 | BYTES);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// A message in it.
    pub fn message(self, field: u64, message: Message) -> Self {
        self.bytes(field, message.0)
    }

    /// Many integers, packed.
    pub fn ints(self, field: u64, values: &[i64]) -> Self {
        let mut packed = Message::default();
        values.iter().for_each(|&x| packed.varint(x as u64));
        self.message(field, packed)
    }

    /// Many floats, packed.
    pub fn floats(self, field: u64, values: &[f32]) -> Self {
        self.bytes(field, values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the encoding's documentation.
    #[test]
    fn as_documented() {
        assert_eq!(Message::default().int(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().bytes(2, "testing").into_bytes(), b"\x12\x07testing");
        let inner = Message::default().int(1, 150);
        assert_eq!(Message::default().message(3, inner).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(
            Message::default().ints(6, &[3, 270, 86942]).into_bytes(),
            [0x32, 0x06, 0x03, 0x8E, 0x02, 0x9E, 0xA7, 0x05]
        );
        assert_eq!(Message::default().int(1, -2).into_bytes().len(), 11);
    }
}
