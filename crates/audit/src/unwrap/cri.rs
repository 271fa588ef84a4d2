//! The CRI log format: `<RFC 3339 time> stdout|stderr P|F <text>`, where P marks a part of a line.

/// A line is given up when its parts grow past this, so that a stream of endless parts costs bounded memory.
const MAX_LINE: usize = 32 << 20;

/// One line of a CRI log.
pub(super) struct Part<'a> {
    stderr: bool,
    last: bool,
    text: &'a [u8],
}

/// Reads a line as CRI, if it is of that form.
pub(super) fn parse(line: &[u8]) -> Option<Part<'_>> {
    let mut fields = line.splitn(4, |b| *b == b' ');
    let (time, stream, tags) = (fields.next()?, fields.next()?, fields.next()?);
    let text = fields.next().unwrap_or_default();
    let dated = time.len() >= 20 && time[4] == b'-' && time[10] == b'T';
    let stderr = match stream {
        b"stdout" => false,
        b"stderr" => true,
        _ => return None,
    };
    // Tags are separated by colons; the first says whether the line goes on.
    let last = match tags.split(|b| *b == b':').next()? {
        b"F" => true,
        b"P" => false,
        _ => return None,
    };
    dated.then_some(Part { stderr, last, text })
}

/// The parts of lines that have not ended yet, one for each stream.
#[derive(Debug, Default)]
pub(super) struct Partial {
    streams: [Vec<u8>; 2],
}

impl Partial {
    pub(super) fn is_waiting(&self) -> bool {
        self.streams.iter().any(|line| !line.is_empty())
    }

    /// What has no end yet.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Vec<u8>> {
        std::mem::take(&mut self.streams).into_iter().filter(|line| !line.is_empty())
    }

    /// Adds a part; gives the whole line where it was the last one, or where the line has grown past all bounds.
    pub(super) fn push(&mut self, part: &Part<'_>) -> Option<Vec<u8>> {
        let line = &mut self.streams[usize::from(part.stderr)];
        line.extend_from_slice(part.text);
        (part.last || line.len() > MAX_LINE).then(|| std::mem::take(line))
    }
}
