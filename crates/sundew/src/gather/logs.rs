//! Audit logs, read to their end: each event is handed over, and what is none is counted and said.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::PathBuf,
};

use anyhow::{Context, Result, bail};
use sundew_audit::{
    Event, Item, Unwrapper, decompress,
    documents::{Framing, Piece, Splitter},
};
use sundew_posture::usage::Usage;
use sundew_sensor::replay::{Input, MAX_LINE};

use super::{progress, say};
use crate::table::counted;

/// How much is read at once, and looked at to tell how the input is cut.
const CHUNK: usize = 256 << 10;

/// What each identity used of what it has.
pub(crate) fn usage(paths: &[PathBuf]) -> Result<Usage> {
    let mut usage = Usage::new();
    read(paths, &mut |event, _| usage.record(event))?;
    Ok(usage)
}

/// Hands over each event of the logs with the JSON that it was read from. Input that is no event is counted and said.
pub(crate) fn read(paths: &[PathBuf], take: &mut dyn FnMut(&Event<'_>, &str)) -> Result<()> {
    let expanded = Input::expand(paths).map_err(|(path, error)| {
        anyhow::Error::new(error).context(format!("cannot read the audit log {}", path.display()))
    });
    let inputs = expanded?;
    let bar = progress(inputs.iter().map(Input::size).sum());
    let mut reading = Reading { take, events: 0, rejects: 0 };
    for input in &inputs {
        let file: Box<dyn Read + Send> = match input {
            Input::Stdin => Box::new(io::stdin()),
            Input::File(path) => Box::new(File::open(path).with_context(|| format!("cannot read {input}"))?),
        };
        let file: Box<dyn Read + Send> = match &bar {
            Some(bar) => Box::new(bar.wrap_read(file)),
            None => file,
        };
        reading.input(file).with_context(|| format!("cannot read {input} to its end"))?;
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    if reading.events == 0 {
        bail!(
            "the audit logs hold no event: give --logs files with events of audit.k8s.io/v1, in any known envelope"
        );
    }
    if reading.rejects > 0 {
        say(&format!("{} of the audit logs could not be read as events", counted(reading.rejects, "piece")));
    }
    Ok(())
}

struct Reading<'t> {
    take: &'t mut dyn FnMut(&Event<'_>, &str),
    events: u64,
    rejects: u64,
}

impl Reading<'_> {
    fn input(&mut self, input: Box<dyn Read + Send>) -> io::Result<()> {
        let (_, input) = decompress::reader(input)?;
        let mut input = BufReader::with_capacity(CHUNK, input);
        let mut unwrapper = Unwrapper::new();
        let head = input.fill_buf()?;
        match Framing::of(head, head.len() < CHUNK) {
            Framing::Lines => self.lines(&mut input, &mut unwrapper)?,
            Framing::Documents => self.documents(&mut input, &mut unwrapper)?,
        }
        unwrapper.finish(&mut |item| self.item(&item));
        Ok(())
    }

    fn lines(&mut self, input: &mut impl BufRead, unwrapper: &mut Unwrapper) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            // One more than the longest, to tell the two apart.
            let limit = MAX_LINE as u64 + 1;
            if input.take(limit).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            if line.len() > MAX_LINE && line.last() != Some(&b'\n') {
                self.rejects += 1;
                input.skip_until(b'\n')?;
                continue;
            }
            unwrapper.line(&line, &mut |item| self.item(&item));
        }
    }

    fn documents(&mut self, input: &mut impl BufRead, unwrapper: &mut Unwrapper) -> io::Result<()> {
        let mut splitter = Splitter::new(MAX_LINE);
        loop {
            let bytes = input.fill_buf()?;
            let read = bytes.len();
            let mut each = |piece: Piece<'_>| match piece {
                Piece::Document(document) => unwrapper.line(document, &mut |item| self.item(&item)),
                Piece::TooLong(_) => self.rejects += 1,
            };
            if read == 0 {
                splitter.finish(&mut each);
                return Ok(());
            }
            splitter.feed(bytes, &mut each);
            input.consume(read);
        }
    }

    fn item(&mut self, item: &Item<'_, '_>) {
        match item {
            Item::Event(event, raw) => {
                self.events += 1;
                (self.take)(event, raw);
            }
            Item::Reject { .. } => self.rejects += 1,
        }
    }
}
