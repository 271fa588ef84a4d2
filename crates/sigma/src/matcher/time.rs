//! Parts of a time, such as the hour, in UTC.

use jiff::{Timestamp, tz::TimeZone};

/// A part of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Minute,
    Hour,
    Day,
    /// The week of ISO 8601.
    Week,
    Month,
    Year,
}

/// The part of an RFC 3339 time; none where `text` is no such time.
pub(super) fn part_of(text: &str, part: Part) -> Option<i64> {
    let time = text.parse::<Timestamp>().ok()?.to_zoned(TimeZone::UTC);
    Some(match part {
        Part::Minute => time.minute().into(),
        Part::Hour => time.hour().into(),
        Part::Day => time.day().into(),
        Part::Week => time.date().iso_week_date().week().into(),
        Part::Month => time.month().into(),
        Part::Year => time.year().into(),
    })
}
