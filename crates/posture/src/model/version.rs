//! A version of Kubernetes, as far as rules differ by it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Major and minor version, as 1.35.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 1, so far.
    pub major: u16,
    /// 35 of 1.35.
    pub minor: u16,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Version {
    type Err = String;

    /// Reads `1.35`, `v1.35.2` and what distributions make of it, such as `v1.31.4+k3s1` and `1.29+`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| {
            let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            part[..digits].parse().ok()
        };
        let mut parts = text.trim().trim_start_matches('v').splitn(3, '.');
        let read = parts.next().and_then(number).zip(parts.next().and_then(number));
        let (major, minor) =
            read.ok_or_else(|| format!("`{text}` is no version of Kubernetes; write it as 1.35"))?;
        Ok(Self { major, minor })
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_of_distributions_are_read() {
        for text in ["1.35", "v1.35.2", "1.35+", "v1.35.0-eks-1234", "v1.35.1+k3s1"] {
            assert_eq!(text.parse(), Ok(Version { major: 1, minor: 35 }), "{text}");
        }
        for text in ["", "1", "v1", "x.y", "1."] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
