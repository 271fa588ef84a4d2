//! Finds the documents of input that is not one event a line: pretty-printed JSON, and envelopes that fill a file.
//!
//! The elements of the lists that carry events are handed out one by one, so that a file that is a single object
//! costs no more memory than its largest event.

/// The keys of an envelope whose list is handed out element by element.
const LISTS: [&[u8]; 4] = [b"items", b"events", b"records", b"logEvents"];

/// How input is cut into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One event or envelope a line.
    Lines,
    /// JSON documents that run over several lines, or have none.
    Documents,
}

impl Framing {
    /// Tells from the first bytes of the input; `whole` says that there are no more.
    pub fn of(head: &[u8], whole: bool) -> Self {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let (first, ended) = match memchr::memchr(b'\n', head) {
            Some(end) => (head[..end].trim_ascii(), true),
            None => (head.trim_ascii(), whole),
        };
        if !matches!(first.first(), Some(b'{' | b'[')) {
            return Self::Lines;
        }
        if ended {
            // A cut-off line in a file of lines starts like an event; a pretty-printed document breaks off sooner.
            let broken = Splitter::new(usize::MAX).left_open_by(first);
            let pretty =
                first.len() < 2 || first.ends_with(b"{") || first.ends_with(b"[") || first.ends_with(b",");
            return if broken && pretty { Self::Documents } else { Self::Lines };
        }
        let list = first.starts_with(b"[")
            || LISTS.iter().any(|key| {
                let quoted = [b"\"", *key, b"\""].concat();
                memchr::memmem::find(&first[..first.len().min(512)], &quoted).is_some()
            });
        if list { Self::Documents } else { Self::Lines }
    }
}

/// A piece of input.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A document, or an element of an envelope's list.
    Document(&'a [u8]),
    /// A document that grew past the limit: its first bytes.
    TooLong(&'a [u8]),
}

/// Cuts a stream of JSON documents into pieces.
#[derive(Debug)]
pub struct Splitter {
    limit: usize,
    piece: Vec<u8>,
    too_long: bool,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The key of the outermost object that stands before the cursor.
    key: Vec<u8>,
    reading_key: bool,
    /// The depth at which elements are handed out, where that is not the outermost document.
    element_depth: Option<usize>,
    /// The document's elements were handed out, so the rest of it is framing.
    opened: bool,
}

impl Splitter {
    /// A splitter whose pieces hold at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            piece: Vec::new(),
            too_long: false,
            depth: 0,
            in_string: false,
            escaped: false,
            key: Vec::new(),
            reading_key: false,
            element_depth: None,
            opened: false,
        }
    }

    /// Reads on; calls `each` for every piece that ends in `bytes`.
    pub fn feed(&mut self, bytes: &[u8], each: &mut dyn FnMut(Piece<'_>)) {
        for &byte in bytes {
            self.byte(byte, each);
        }
    }

    /// The input has ended: hands out what is left, which is cut off.
    pub fn finish(&mut self, each: &mut dyn FnMut(Piece<'_>)) {
        let rest = std::mem::take(&mut self.piece);
        let rest = rest.trim_ascii();
        if !rest.is_empty() && (!self.opened || self.element_depth.is_some_and(|d| self.depth > d)) {
            each(if self.too_long { Piece::TooLong(rest) } else { Piece::Document(rest) });
        }
        *self = Self::new(self.limit);
    }

    fn left_open_by(mut self, bytes: &[u8]) -> bool {
        self.feed(bytes, &mut |_| {});
        self.depth > 0 || self.in_string
    }

    fn byte(&mut self, byte: u8, each: &mut dyn FnMut(Piece<'_>)) {
        if self.in_string {
            self.keep(byte);
            return self.string_byte(byte);
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.reading_key = self.depth == 1;
                self.key.clear();
                self.keep(byte);
            }
            b'{' | b'[' => self.open(byte),
            b'}' | b']' => self.close(byte, each),
            b',' if self.element_depth == Some(self.depth) => self.piece.clear(),
            b'\n' | b' ' | b'\t' | b'\r' if self.piece.is_empty() => {}
            // Outside a document, a line end is the end of whatever stood there.
            b'\n' if self.depth == 0 => self.hand_out(each),
            _ => self.keep(byte),
        }
    }

    fn string_byte(&mut self, byte: u8) {
        let escaped = std::mem::take(&mut self.escaped);
        match byte {
            b'\\' if !escaped => self.escaped = true,
            b'"' if !escaped => self.in_string = false,
            _ if self.reading_key && self.key.len() < 16 => self.key.push(byte),
            _ => {}
        }
    }

    fn open(&mut self, byte: u8) {
        self.keep(byte);
        let list =
            byte == b'[' && (self.depth == 0 || self.depth == 1 && LISTS.contains(&self.key.as_slice()));
        self.depth += 1;
        if list && self.element_depth.is_none() {
            self.element_depth = Some(self.depth);
            self.opened = true;
            self.piece.clear();
        }
    }

    fn close(&mut self, byte: u8, each: &mut dyn FnMut(Piece<'_>)) {
        self.keep(byte);
        self.depth = self.depth.saturating_sub(1);
        if self.element_depth == Some(self.depth) {
            self.hand_out(each);
        } else if self.element_depth == Some(self.depth + 1) {
            self.element_depth = None;
            self.piece.clear();
        }
        if self.depth == 0 {
            if self.opened {
                self.piece.clear();
            } else {
                self.hand_out(each);
            }
            self.opened = false;
            self.too_long = false;
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.piece.len() < self.limit {
            self.piece.push(byte);
        } else {
            self.too_long = true;
        }
    }

    fn hand_out(&mut self, each: &mut dyn FnMut(Piece<'_>)) {
        let piece = self.piece.trim_ascii();
        if !piece.is_empty() {
            each(if self.too_long { Piece::TooLong(piece) } else { Piece::Document(piece) });
        }
        self.piece.clear();
        self.too_long = false;
    }
}
