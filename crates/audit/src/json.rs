//! A strict JSON cursor (RFC 8259) made for speed: it checks everything and builds nothing.
//!
//! Nothing here recurses, so depth costs memory in proportion to the input and never the stack: a body nested
//! thousands deep, which the API server accepts, cannot hide the event around it.

use crate::{
    reject::{Reason, Reject},
    text::Text,
};

/// A place in a piece of JSON text.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// One entry an open array or object while skipping; kept to save the allocation.
    open: Vec<u8>,
}

type Result<T> = std::result::Result<T, Reject>;

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, open: Vec::new() }
    }

    /// The next byte, 0 at the end: NUL is no JSON outside strings, so the two need not be told apart here.
    #[inline]
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    pub(crate) fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\t' | b'\r') {
            self.at += 1;
        }
    }

    /// Takes `byte` if it is next.
    #[inline]
    fn eat(&mut self, byte: u8) -> bool {
        let hit = self.peek() == byte && self.at < self.bytes.len();
        self.at += usize::from(hit);
        hit
    }

    /// An error here: cut off where the input ends, no JSON otherwise.
    #[cold]
    pub(crate) fn unexpected(&self, what: &'static str) -> Reject {
        let reason = if self.at >= self.bytes.len() { Reason::CutOff } else { Reason::NotJson };
        Reject::new(reason, self.at, what)
    }

    #[cold]
    pub(crate) fn wrong_type(&self, what: &'static str) -> Reject {
        Reject::new(Reason::WrongType, self.at, what)
    }

    /// True if nothing but white space is left.
    pub(crate) fn at_end(&mut self) -> bool {
        self.skip_space();
        self.at == self.bytes.len()
    }

    /// A string whose value is wanted: its escapes decode to whole characters.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Text<'a>> {
        let start = self.at + 1;
        let (escaped, unicode) = self.skip_string()?;
        let raw = self.text.get(start..self.at - 1).unwrap_or_default();
        if unicode {
            whole_characters(raw.as_bytes(), start)?;
        }
        Ok(Text::checked(raw, escaped))
    }

    /// Passes a string, checking it; returns whether it had escapes, and `\u` ones among them.
    #[inline]
    fn skip_string(&mut self) -> Result<(bool, bool)> {
        if !self.eat(b'"') {
            return Err(self.unexpected("expected a string"));
        }
        let (mut escaped, mut unicode) = (false, false);
        loop {
            self.at += plain_run(&self.bytes[self.at..]);
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Ok((escaped, unicode));
                }
                b'\\' => {
                    escaped = true;
                    unicode |= self.skip_escape()?;
                }
                _ if self.at < self.bytes.len() => {
                    return Err(self.unexpected("control character in a string"));
                }
                _ => return Err(self.unexpected("string without an end")),
            }
        }
    }

    /// Passes one escape; returns whether it was `\u`.
    fn skip_escape(&mut self) -> Result<bool> {
        self.at += 1;
        match self.peek() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {
                self.at += 1;
                Ok(false)
            }
            b'u' => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_ascii_hexdigit() {
                        return Err(self.unexpected("expected four hex digits"));
                    }
                    self.at += 1;
                }
                Ok(true)
            }
            _ => Err(self.unexpected("unknown escape")),
        }
    }

    /// Enters an object and calls `member` for each key, with the cursor at the value; `member` must pass the value.
    #[inline]
    pub(crate) fn object(&mut self, mut member: impl FnMut(&mut Self, Text<'a>) -> Result<()>) -> Result<()> {
        if !self.eat(b'{') {
            return Err(self.other_type("expected an object"));
        }
        self.skip_space();
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            self.skip_space();
            let key = self.string()?;
            self.skip_space();
            if !self.eat(b':') {
                return Err(self.unexpected("expected `:`"));
            }
            self.skip_space();
            member(self, key)?;
            self.skip_space();
            if self.eat(b',') {
                continue;
            }
            return if self.eat(b'}') { Ok(()) } else { Err(self.unexpected("expected `,` or `}`")) };
        }
    }

    /// Enters an array and calls `element` at each value; `element` must pass it.
    #[inline]
    pub(crate) fn array(&mut self, mut element: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if !self.eat(b'[') {
            return Err(self.other_type("expected an array"));
        }
        self.skip_space();
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            self.skip_space();
            element(self)?;
            self.skip_space();
            if self.eat(b',') {
                continue;
            }
            return if self.eat(b']') { Ok(()) } else { Err(self.unexpected("expected `,` or `]`")) };
        }
    }

    /// Takes `null` if it is next.
    #[inline]
    pub(crate) fn null(&mut self) -> bool {
        let hit = self.peek() == b'n' && self.bytes[self.at..].starts_with(b"null");
        if hit {
            self.at += 4;
        }
        hit
    }

    /// A string, or null for the empty one.
    #[inline]
    pub(crate) fn string_or_null(&mut self) -> Result<Text<'a>> {
        if self.peek() == b'"' {
            return self.string();
        }
        if self.null() {
            return Ok(Text::default());
        }
        Err(self.other_type("expected a string"))
    }

    /// An integer of 32 bits, or null for 0.
    pub(crate) fn i32_or_null(&mut self) -> Result<i32> {
        if self.null() {
            return Ok(0);
        }
        let start = self.at;
        if !matches!(self.peek(), b'-' | b'0'..=b'9') {
            return Err(self.other_type("expected a whole number"));
        }
        self.skip_number()?;
        let digits = &self.text[start..self.at];
        // `-0` is a float to serde_json, and so to every consumer that keeps the sign.
        digits.parse().ok().filter(|_| digits != "-0").ok_or(Reject::new(
            Reason::WrongType,
            start,
            "expected a whole number of 32 bits",
        ))
    }

    /// The raw text of the next value, checked and passed; none for null.
    pub(crate) fn raw(&mut self) -> Result<Option<&'a str>> {
        let start = self.at;
        self.skip_value()?;
        let raw = &self.text[start..self.at];
        Ok((raw != "null").then_some(raw))
    }

    /// A value of another type than the wanted one, or no JSON at all.
    #[cold]
    fn other_type(&mut self, what: &'static str) -> Reject {
        let wrong = self.wrong_type(what);
        match self.skip_value() {
            Ok(()) => wrong,
            Err(no_json) => no_json,
        }
    }

    /// Passes one value of any type, checking it whole.
    pub(crate) fn skip_value(&mut self) -> Result<()> {
        self.open.clear();
        loop {
            self.skip_space();
            match self.peek() {
                b'"' => {
                    self.skip_string()?;
                }
                b'{' => {
                    self.at += 1;
                    self.skip_space();
                    if !self.eat(b'}') {
                        self.open.push(b'}');
                        self.skip_key()?;
                        continue;
                    }
                }
                b'[' => {
                    self.at += 1;
                    self.skip_space();
                    if !self.eat(b']') {
                        self.open.push(b']');
                        continue;
                    }
                }
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                b'-' | b'0'..=b'9' => self.skip_number()?,
                _ => return Err(self.unexpected("expected a value")),
            }
            if self.close_or_next()? {
                return Ok(());
            }
        }
    }

    /// After a value: closes what ends here and goes to the next value. True when the outermost has ended.
    #[inline]
    fn close_or_next(&mut self) -> Result<bool> {
        while let Some(&close) = self.open.last() {
            self.skip_space();
            if self.eat(b',') {
                if close == b'}' {
                    self.skip_space();
                    self.skip_key()?;
                }
                return Ok(false);
            }
            if !self.eat(close) {
                return Err(self.unexpected("expected `,` or the end of an array or object"));
            }
            self.open.pop();
        }
        Ok(true)
    }

    #[inline]
    fn skip_key(&mut self) -> Result<()> {
        self.skip_string()?;
        self.skip_space();
        if self.eat(b':') { Ok(()) } else { Err(self.unexpected("expected `:`")) }
    }

    fn word(&mut self, word: &str) -> Result<()> {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        let same = rest.iter().zip(word.as_bytes()).take_while(|(a, b)| a == b).count();
        self.at += same;
        Err(self.unexpected("expected a value"))
    }

    fn skip_number(&mut self) -> Result<()> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(())
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.unexpected("expected a digit")) }
    }
}

/// Refuses escapes of half a surrogate pair: such a string has no value. `raw` is otherwise checked.
fn whole_characters(raw: &[u8], start: usize) -> Result<()> {
    let code = |at: usize| {
        let digits = std::str::from_utf8(raw.get(at..at + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let lone = |at| Reject::new(Reason::NotJson, start + at, "half of a surrogate pair");
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &raw[at..]) {
        at += found;
        if raw.get(at + 1) != Some(&b'u') {
            at += 2;
            continue;
        }
        match code(at + 2) {
            Some(0xD800..=0xDBFF) => {
                let low = raw.get(at + 6..at + 8) == Some(b"\\u");
                if !low || !matches!(code(at + 8), Some(0xDC00..=0xDFFF)) {
                    return Err(lone(at));
                }
                at += 12;
            }
            Some(0xDC00..=0xDFFF) => return Err(lone(at)),
            _ => at += 6,
        }
    }
    Ok(())
}

/// How many bytes from the start of `bytes` are neither `"`, `\` nor a control character.
#[inline]
fn plain_run(bytes: &[u8]) -> usize {
    const LANES: usize = 16;
    let mut at = 0;
    while let Some(block) = bytes.get(at..at + LANES) {
        let mask = special_mask(block);
        if mask != 0 {
            return at + mask.trailing_zeros() as usize;
        }
        at += LANES;
    }
    at + bytes[at..].iter().take_while(|b| !is_special(**b)).count()
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Bit `i` is set where byte `i` of the 16 ends a plain run.
#[cfg(target_arch = "x86_64")]
#[inline]
fn special_mask(block: &[u8]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
    };
    let half = |at: usize| i64::from_le_bytes(block[at..at + 8].try_into().unwrap_or_default());
    // SAFETY: SSE2, which these need, is part of x86_64 itself.
    unsafe {
        let v = _mm_set_epi64x(half(8), half(0));
        let quote = _mm_cmpeq_epi8(v, _mm_set1_epi8(b'"' as i8));
        let slash = _mm_cmpeq_epi8(v, _mm_set1_epi8(b'\\' as i8));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control)).cast_unsigned()
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn special_mask(block: &[u8]) -> u32 {
    block.iter().rev().fold(0, |mask, b| mask << 1 | u32::from(is_special(*b)))
}
