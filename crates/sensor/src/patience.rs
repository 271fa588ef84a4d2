//! How long the sensor waits for others.

use std::time::Duration;

/// How long the sensor waits for others, and how many it lets wait. [`Default`] is for production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a webhook client's handshake, and for a request's head; 10 s.
    pub head: Duration,
    /// For a request's body; 20 s.
    pub body: Duration,
    /// For a request's place among the batches that wait to be judged; 5 s. Without it, a log file that is caught up
    /// with would take every place.
    pub place: Duration,
    /// For what a request means to be written, before its sender is told to come again; 15 s. The API server's own
    /// patience is 30 s.
    pub write: Duration,
    /// How many connections a webhook source holds at a time; 64. An API server holds one or a few.
    pub connections: usize,
    /// For a log that was read and is gone to come back, before that is an alert; 30 s. A rotation leaves no log for
    /// a moment, and an API server that is restarted for some seconds.
    pub absence: Duration,
    /// For a cluster's API to answer for the first time, before that is an alert; 30 s. Its credential may come from a
    /// program.
    pub answer: Duration,
    /// For the connections at hand, and for a store that cannot be written, once the sensor is told to stop; 5 s.
    pub farewell: Duration,
    /// For a delivery on its way, once its sink is gone or the sensor is told to stop; 12 s. Sinks give up after 10 s.
    pub delivery: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            head: seconds(10),
            body: seconds(20),
            place: seconds(5),
            write: seconds(15),
            connections: 64,
            absence: seconds(30),
            answer: seconds(30),
            farewell: seconds(5),
            delivery: seconds(12),
        }
    }
}
