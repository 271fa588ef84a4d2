//! What is no event: broken and over-long input, and what sources say besides lines.

use std::sync::atomic::Ordering;

use sundew_audit::{Event, Reason, Reject};
use sundew_detect::sensor;

use super::Pipeline;
use crate::{intake::Origin, source::file::Notice};

/// How far the pieces of an over-long line overlap when they are searched: no name is longer.
const OVERLAP: usize = 512;
/// How much of a rejected piece is kept, in bytes.
const SAMPLE: usize = 4096;

/// An over-long line that is being searched piece by piece.
#[derive(Default)]
pub(super) struct LongLine {
    tail: Vec<u8>,
    told: bool,
}

impl Pipeline {
    pub(super) fn reject(
        &mut self,
        origin: &Origin,
        reject: &Reject,
        raw: &[u8],
        bytes: u64,
        partial: Option<&Event<'_>>,
    ) {
        let now = self.clock.now();
        self.put_aside(origin, reject.reason, raw, bytes);
        if let Some(finding) = self.detectors.read_reject(&origin.cluster, reject, raw, partial, now) {
            self.finding(&finding);
        }
    }

    pub(super) fn long_piece(&mut self, origin: &Origin, piece: &[u8], first: bool) {
        let mut line = self.long_lines.remove(origin).filter(|_| !first).unwrap_or_default();
        let mut text = std::mem::take(&mut line.tail);
        text.extend_from_slice(piece);
        if !line.told {
            let reject = Reject::new(Reason::TooLong, 0, "longer than the limit of 16 MiB");
            let finding = self.detectors.read_reject(&origin.cluster, &reject, &text, None, self.clock.now());
            line.told = finding.is_some();
            finding.iter().for_each(|finding| self.finding(finding));
        }
        line.tail = text.split_off(text.len().saturating_sub(OVERLAP));
        self.long_lines.insert(origin.clone(), line);
    }

    /// An over-long line has ended. Its names were looked for piece by piece.
    pub(super) fn long_line(&mut self, origin: &Origin, head: &[u8], bytes: u64) {
        self.long_lines.remove(origin);
        self.put_aside(origin, Reason::TooLong, head, bytes);
    }

    fn put_aside(&mut self, origin: &Origin, reason: Reason, raw: &[u8], bytes: u64) {
        self.counters.rejects.fetch_add(1, Ordering::Relaxed);
        self.pending.rejects.push(sundew_store::Reject {
            cluster: origin.cluster.clone(),
            source: origin.source.clone(),
            reason: reason.as_str().to_owned(),
            at: self.clock.now(),
            sample: raw[..raw.len().min(SAMPLE)].to_vec(),
            bytes,
        });
    }

    /// What a source says besides lines. A gap is an alert of its own: an intruder may have made it.
    pub(super) fn notice(&mut self, origin: &Origin, notice: &Notice) {
        let source = origin.source.as_str();
        match notice {
            Notice::CaughtUp { .. } | Notice::Rotated { .. } | Notice::Appeared { .. } => {
                tracing::info!(source, "{notice}");
            }
            _ => tracing::warn!(source, "{notice}"),
        }
        let rule = match notice {
            Notice::Missed { .. } | Notice::Shrunk { .. } => sensor::rules::GAP,
            Notice::Unreadable { .. } | Notice::Gone { .. } => sensor::rules::BLIND,
            _ => return,
        };
        let what = format!("source `{source}`: {notice}");
        self.finding(&sensor::finding(&origin.cluster, source, &rule, &what, None, self.clock.now()));
    }
}
