//! How a frame is laid out: version (1 byte), length of the header (2 bytes,
//! big-endian), header (postcard), and what the channel adds.

use super::{FrameError, FrameHeader, MAX_FRAME};

const VERSION: u8 = 2;
const PREFIX: usize = 3;

/// The parts of a frame.
pub(super) struct Wire<'a> {
    pub(super) header: FrameHeader,
    /// Everything up to the body, as it was sealed with it.
    pub(super) head: &'a [u8],
    /// What follows it.
    pub(super) rest: &'a [u8],
}

/// Everything up to the body.
pub(super) fn encode(header: &FrameHeader) -> Vec<u8> {
    let encoded = postcard::to_stdvec(header).expect("encoding into memory cannot fail");
    let length = u16::try_from(encoded.len()).expect("two names of 63 bytes and a few numbers");
    let mut head = Vec::with_capacity(PREFIX + encoded.len());
    head.push(VERSION);
    head.extend_from_slice(&length.to_be_bytes());
    head.extend_from_slice(&encoded);
    head
}

impl<'a> Wire<'a> {
    /// Takes a frame apart; verifies nothing.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        if bytes.len() > MAX_FRAME {
            return Err(FrameError::TooLarge(bytes.len()));
        }
        let truncated = FrameError::Truncated(bytes.len());
        let Some((&[version, high, low], _)) = bytes.split_first_chunk::<PREFIX>() else {
            return Err(truncated);
        };
        if version != VERSION {
            return Err(FrameError::Version(version));
        }
        let length = PREFIX + usize::from(u16::from_be_bytes([high, low]));
        let Some((head, rest)) = bytes.split_at_checked(length) else {
            return Err(truncated);
        };
        let header: FrameHeader =
            postcard::from_bytes(&head[PREFIX..]).map_err(FrameError::Malformed)?;
        // One header, one encoding: two frames that read the same are the same.
        if encode(&header) != head {
            return Err(FrameError::NotCanonical);
        }
        Ok(Self { header, head, rest })
    }
}
