//! Lengths of time in the configuration: text such as `10s`, `500ms` or `5m`.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de::Error};

/// The longest time that makes sense for one delivery.
const MAX: Duration = Duration::from_secs(300);

/// Reads a time limit: more than nothing, at most five minutes.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn parse(text: &str) -> Result<Duration, String> {
    let parsed: SignedDuration =
        text.parse().map_err(|_| format!("`{text}` is no length of time; write it like 10s, 500ms or 5m"))?;
    let length = Duration::try_from(parsed).map_err(|_| format!("`{text}` is negative"))?;
    if length.is_zero() || length > MAX {
        return Err(format!("`{text}` is out of range; use more than 0s and at most 5m"));
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_milliseconds_and_minutes_are_read() {
        assert_eq!(parse("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("5m"), Ok(MAX));
    }

    #[test]
    fn what_is_no_time_limit_is_named_in_the_error() {
        for bad in ["", "10", "ten seconds", "0s", "-3s", "1h"] {
            assert!(parse(bad).unwrap_err().contains(&format!("`{bad}`")), "{bad}");
        }
    }
}
