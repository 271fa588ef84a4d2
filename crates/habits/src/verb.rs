//! A request's verb in one byte.

/// The verbs of Kubernetes' API, and the lower-case HTTP methods of requests that name no resource.
const VERBS: [&str; 14] = [
    "",
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "post",
    "put",
    "head",
    "options",
    "connect",
];

/// A verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Verb(u8);

impl Verb {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const GET: Self = Self(1);
    pub(crate) const LIST: Self = Self(2);
    pub(crate) const WATCH: Self = Self(3);
    pub(crate) const CREATE: Self = Self(4);
    pub(crate) const UPDATE: Self = Self(5);
    pub(crate) const PATCH: Self = Self(6);
    /// Whatever else there is: an API server has no such verb, but a line of a log may.
    const OTHER: Self = Self(u8::MAX);

    pub(crate) fn of(verb: &str) -> Self {
        let known = (0..).zip(VERBS).find(|(_, known)| *known == verb);
        known.map_or(Self::OTHER, |(at, _)| Self(at))
    }

    pub(crate) fn as_str(self) -> &'static str {
        VERBS.get(usize::from(self.0)).copied().unwrap_or("use")
    }

    /// Whether it reads one object or many.
    pub(crate) fn reads(self) -> bool {
        matches!(self, Self::GET | Self::LIST | Self::WATCH)
    }

    /// Whether it reads all objects that there are.
    pub(crate) fn lists(self) -> bool {
        matches!(self, Self::LIST | Self::WATCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_is_told_from_others() {
        for (verb, name) in [
            (Verb::NONE, ""),
            (Verb::GET, "get"),
            (Verb::LIST, "list"),
            (Verb::WATCH, "watch"),
            (Verb::CREATE, "create"),
            (Verb::UPDATE, "update"),
            (Verb::PATCH, "patch"),
        ] {
            assert_eq!((Verb::of(name), verb.as_str()), (verb, name));
        }
        assert_eq!(Verb::of("approve").as_str(), "use");
    }
}
