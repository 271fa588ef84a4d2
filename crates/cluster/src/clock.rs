//! What time it is for the server, by the `Date` of its answers: the clock here may be wrong.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::{HeaderMap, header};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

/// The latest time that the server named, and when that was.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    latest: Mutex<Option<(Timestamp, Instant)>>,
}

impl Clock {
    /// Notes the time of an answer, where it names one (RFC 9110 §6.6.1).
    pub(crate) fn note(&self, headers: &HeaderMap) {
        let Some(date) = headers.get(header::DATE).and_then(|date| date.to_str().ok()) else { return };
        let Ok(date) = DateTimeParser::new().parse_timestamp(date) else { return };
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some((date, Instant::now()));
    }

    /// What the server's clock shows now.
    pub(crate) fn now(&self) -> Option<Timestamp> {
        let (date, then) = (*self.latest.lock().unwrap_or_else(PoisonError::into_inner))?;
        let passed = Duration::from_secs(then.elapsed().as_secs());
        date.checked_add(passed).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_the_one_that_the_latest_answer_named() {
        let clock = Clock::default();
        let mut headers = HeaderMap::new();
        clock.note(&headers);
        assert_eq!(clock.now(), None);
        for (date, shown) in [
            ("Fri, 20 Nov 2026 21:33:11 GMT", "2026-11-20T21:33"),
            ("yesterday", "2026-11-20T21:33"),
            ("Sat, 21 Nov 2026 05:00:02 GMT", "2026-11-21T05:00"),
        ] {
            headers.insert(header::DATE, date.parse().unwrap());
            clock.note(&headers);
            assert!(clock.now().unwrap().to_string().starts_with(shown), "{date}");
        }
    }
}
