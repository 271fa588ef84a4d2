//! What the detectors have learnt, written now and then: it is worth a minute of learning, not a write for each event.

use std::time::{Duration, Instant};

use sundew_store::Remembered;

use super::Pipeline;
use crate::learnt::{WINDOWS, remembered};

/// How often what was learnt is written.
const EVERY: Duration = Duration::from_secs(60);
/// How many pieces are written at a time, so that no transaction holds up alerts for long.
const AT_ONCE: usize = 2_000;

/// What was written of it, and what was said.
pub(super) struct Learnt {
    written: Instant,
    windows: Vec<u8>,
    forgotten: u64,
}

impl Default for Learnt {
    fn default() -> Self {
        Self { written: Instant::now(), windows: Vec::new(), forgotten: 0 }
    }
}

impl Pipeline {
    /// Puts what was learnt to what is owed to the store, where it is time or the sensor is ending.
    pub(super) fn keep_learnt(&mut self, ending: bool) {
        if !ending && self.learnt.written.elapsed() < EVERY {
            return;
        }
        let most = if ending { usize::MAX } else { AT_ONCE };
        let pieces = self.watch.memory.take_changed(most);
        // More than are written at once go on at the next turn.
        if pieces.len() < AT_ONCE {
            self.learnt.written = Instant::now();
        }
        self.pending.memory.extend(pieces.into_iter().map(remembered));
        let windows = self.watch.save_windows(&self.detectors);
        if windows != self.learnt.windows {
            let (kind, key) = WINDOWS;
            self.pending.memory.push(Remembered {
                cluster: String::new(),
                kind: kind.to_owned(),
                key: key.to_owned(),
                body: windows.clone(),
            });
            self.learnt.windows = windows;
        }
    }

    /// Says what was let go of for want of room, and what throttled rules did not tell.
    pub(super) fn say_held(&mut self) {
        for held in self.watch.held(self.clock.now()) {
            tracing::warn!(cluster = held.cluster, "{}", held.note());
        }
        let memory = &self.watch.memory;
        let forgotten = memory.forgotten() + memory.tokens().forgotten();
        if forgotten > self.learnt.forgotten {
            let news = forgotten - self.learnt.forgotten;
            tracing::warn!(
                "forgot {news} identities or tokens to keep within `habits.identities` and the bounds of token checks; they \
                 are learnt anew"
            );
            self.learnt.forgotten = forgotten;
        }
    }
}
