//! What is to be signed, from the command line.

use countersign_domain::digest::HashScheme;
use countersign_domain::intent::{MAX_MESSAGE, SignPayload};

use crate::args::PayloadArgs;
use crate::failure::{Failure, Outcome};

/// The payload that the arguments name; none when they name none.
pub(super) fn read(args: &PayloadArgs) -> Outcome<Option<SignPayload>> {
    if let Some(digest) = args.digest {
        return Ok(Some(SignPayload::Digest {
            hash: args.hash,
            digest,
        }));
    }
    let message = match (&args.message, &args.message_file) {
        (Some(text), _) => text.clone().into_bytes(),
        (None, Some(path)) => std::fs::read(path).map_err(|error| {
            Failure::usage(format!(
                "--message-file: cannot read {}: {error}",
                path.display()
            ))
        })?,
        (None, None) => return Ok(None),
    };
    if message.len() > MAX_MESSAGE {
        return Err(Failure::usage(format!(
            "the message has {} bytes, more than the {MAX_MESSAGE} that an intent carries: hash \
             it yourself and pass --digest",
            message.len()
        )));
    }
    let hash = args.hash.unwrap_or(HashScheme::Eip191);
    Ok(Some(SignPayload::Message { hash, message }))
}
