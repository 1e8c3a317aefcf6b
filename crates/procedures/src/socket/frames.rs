//! Where the frames and messages of a client begin and end (RFC 6455 §5.2). tungstenite does not tell, and makes room for a
//! whole frame when it has read its header.

/// The most bytes of a frame's header from a client.
const HEADER_BYTES: usize = 14;

/// Follows the bytes of a client.
#[derive(Default)]
pub struct Frames {
    header: Vec<u8>,
    /// Bytes of the present frame that have not arrived. None before its header is complete.
    payload: Option<u64>,
    /// Whether the present frame ends a message.
    ends_message: bool,
    /// Whether the present frame belongs to a message, and is not a control frame.
    is_data: bool,
    /// Whether a message has begun in an earlier frame.
    in_message: bool,
}

/// What arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// The header of a frame with so many bytes of a message.
    Data(u64),
    /// The end of a message.
    Message,
}

impl Frames {
    /// Whether nothing has arrived of the next frame or message.
    pub fn is_between(&self) -> bool {
        self.header.is_empty() && !self.in_message
    }

    /// Takes the next bytes. Returns what they complete, in order.
    pub fn follow(&mut self, mut bytes: &[u8]) -> Vec<Arrived> {
        let mut arrived = Vec::new();
        while !bytes.is_empty() {
            match self.payload {
                None => {
                    let Some((byte, rest)) = bytes.split_first() else { break };
                    bytes = rest;
                    self.header.push(*byte);
                    self.begin(&mut arrived);
                }
                Some(left) => {
                    let taken = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    bytes = bytes.get(taken..).unwrap_or_default();
                    self.payload = Some(left.saturating_sub(u64::try_from(taken).unwrap_or(left)));
                }
            }
            self.end(&mut arrived);
        }
        arrived
    }

    /// Begins the payload if the header is complete.
    fn begin(&mut self, arrived: &mut Vec<Arrived>) {
        let [flags, length, rest @ ..] = self.header.as_slice() else { return };
        let mask = if length & 0x80 == 0 { 0 } else { 4 };
        let (extended, short) = match length & 0x7f {
            126 => (2, 0),
            127 => (8, 0),
            short => (0, u64::from(short)),
        };
        if rest.len() < usize::saturating_add(extended, mask) {
            return;
        }
        let long = rest.iter().take(extended).fold(0, |length: u64, byte| length << 8 | u64::from(*byte));
        let payload = short.saturating_add(long);
        self.ends_message = flags & 0x80 != 0;
        self.is_data = flags & 0x08 == 0;
        self.payload = Some(payload);
        if self.is_data {
            self.in_message = true;
            arrived.push(Arrived::Data(payload));
        }
        debug_assert!(self.header.len() <= HEADER_BYTES);
    }

    /// Ends the frame if its payload is complete.
    fn end(&mut self, arrived: &mut Vec<Arrived>) {
        if self.payload != Some(0) {
            return;
        }
        self.payload = None;
        self.header.clear();
        if self.is_data && self.ends_message {
            self.in_message = false;
            arrived.push(Arrived::Message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text, a ping inside of a message of two frames, and a binary of 300 bytes, masked with zeros.
    fn stream() -> Vec<u8> {
        let mask = [0; 4];
        let text = [[0x81, 0x82].as_slice(), &mask, b"hi"].concat();
        let first = [[0x01, 0x81].as_slice(), &mask, b"a"].concat();
        let ping = [[0x89, 0x80].as_slice(), &mask].concat();
        let last = [[0x80, 0x80].as_slice(), &mask].concat();
        let binary = [[0x82, 0xfe, 1, 44].as_slice(), &mask, &[7; 300]].concat();
        [text, first, ping, last, binary].concat()
    }

    #[test]
    fn messages_are_found_however_the_bytes_are_split() {
        use Arrived::{Data, Message};
        let expected = [Data(2), Message, Data(1), Data(0), Message, Data(300), Message];
        for size in [1, 2, 3, 7, 100, 1000] {
            let mut frames = Frames::default();
            let arrived: Vec<_> = stream().chunks(size).flat_map(|bytes| frames.follow(bytes)).collect();
            assert_eq!(arrived, expected, "in pieces of {size} bytes");
            assert!(frames.is_between());
        }
    }

    #[test]
    fn a_message_has_begun_with_its_first_byte_and_goes_on_between_its_frames() {
        let mut frames = Frames::default();
        let mut between = Vec::new();
        for byte in stream().into_iter().take(27) {
            frames.follow(&[byte]);
            between.push(frames.is_between());
        }
        let text = [false, false, false, false, false, false, false, true];
        assert_eq!(between, [text.as_slice(), &[false; 18], &[true]].concat());
    }
}
