//! Standard input as a source: lines until it ends.

use std::{
    io::{self, BufRead, BufReader, Read},
    sync::Arc,
};

use crate::{
    intake::{Batch, Input, Intake, Origin, Payload},
    replay::MAX_LINE,
};

/// How much is handed on at once.
const BATCH: usize = 1 << 20;

/// Reads standard input on a thread of its own, which ends with the input or with the process: a blocked read cannot
/// be called back.
pub(crate) fn start(origin: Origin, intake: Intake) {
    std::thread::spawn(move || {
        let origin = Arc::new(origin);
        if let Err(error) = read(&mut BufReader::with_capacity(BATCH, io::stdin()), &origin, &intake) {
            tracing::error!(source = %origin.source, %error, "standard input broke off");
        }
        let _ = intake.blocking_send(Input::Batch(Batch::new(&origin, Payload::End)));
    });
}

fn read(input: &mut BufReader<impl Read>, origin: &Arc<Origin>, intake: &Intake) -> io::Result<()> {
    let mut lines = Vec::new();
    loop {
        let start = lines.len();
        let read = input.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut lines)?;
        let too_long = read == MAX_LINE && lines.last() != Some(&b'\n');
        if too_long {
            let mut head = lines.split_off(start);
            hand_on(&mut lines, origin, intake);
            let bytes = skip_line(input, origin, intake, &head)?;
            head.truncate(64 << 10);
            let _ = intake.blocking_send(Input::Batch(Batch::new(origin, Payload::LongLine(head, bytes))));
        }
        // Hand on as soon as reading would wait, so that a line written alone is judged alone.
        let more = !input.buffer().is_empty();
        if read == 0 || lines.len() >= BATCH || !more {
            hand_on(&mut lines, origin, intake);
        }
        if read == 0 {
            return Ok(());
        }
    }
}

fn hand_on(lines: &mut Vec<u8>, origin: &Arc<Origin>, intake: &Intake) {
    if !lines.is_empty() {
        let payload = Payload::Lines(std::mem::take(lines));
        let _ = intake.blocking_send(Input::Batch(Batch::new(origin, payload)));
    }
}

/// Passes the rest of an over-long line, handing its pieces on to be searched. Returns the line's length.
fn skip_line(
    input: &mut impl BufRead,
    origin: &Arc<Origin>,
    intake: &Intake,
    head: &[u8],
) -> io::Result<u64> {
    let mut bytes = head.len() as u64;
    let send = |piece: Vec<u8>, first| {
        let _ = intake.blocking_send(Input::Batch(Batch::new(origin, Payload::LongPiece(piece, first))));
    };
    send(head.to_vec(), true);
    loop {
        let mut piece = Vec::new();
        let read = input.by_ref().take(BATCH as u64).read_until(b'\n', &mut piece)?;
        let ended = read == 0 || piece.last() == Some(&b'\n');
        bytes += read as u64;
        send(piece, false);
        if ended {
            return Ok(bytes);
        }
    }
}
