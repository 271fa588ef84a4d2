//! Plain, gzip and zstd input, told apart by their first bytes.

use std::io::{self, BufRead, BufReader, Cursor, Read};

/// How input is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952; several members in a row are one stream.
    Gzip,
    /// RFC 8878; several frames in a row are one stream.
    Zstd,
}

impl Compression {
    /// Tells from the first four bytes.
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Reads `input`, decompressed where its first bytes say that it is compressed.
///
/// # Errors
///
/// Where `input` cannot be read, or zstd cannot be set up.
pub fn reader<'r>(mut input: impl Read + Send + 'r) -> io::Result<(Compression, Box<dyn Read + Send + 'r>)> {
    let mut head = [0; 4];
    let mut have = 0;
    while have < head.len() {
        match input.read(&mut head[have..])? {
            0 => break,
            n => have += n,
        }
    }
    let compression = Compression::of(&head[..have]);
    let whole = Cursor::new(head).take(have as u64).chain(input);
    Ok((compression, decoder(compression, whole)?))
}

fn decoder<'r>(
    compression: Compression,
    input: impl Read + Send + 'r,
) -> io::Result<Box<dyn Read + Send + 'r>> {
    Ok(match compression {
        Compression::None => Box::new(input),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered(input))),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(buffered(input))?),
    })
}

fn buffered(input: impl Read + Send) -> impl BufRead + Send {
    BufReader::with_capacity(128 * 1024, input)
}
