//! Why something could not be read, in words that hold no credential.

use std::{error::Error, fmt, time::Duration};

use kube::client::AuthError;

/// How much of a server's own words is shown.
const LONGEST_MESSAGE: usize = 400;

/// Why a list, or the answer to one request, is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The account may not (403).
    Forbidden {
        /// What the server said.
        message: String,
    },
    /// The credential is not accepted (any more) (401).
    Unauthorized,
    /// The server answered with another status that is no success, again and again where that is worth a try.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the server said.
        message: String,
    },
    /// No whole answer came in time.
    Silent {
        /// How long was waited, each time.
        waited: Duration,
    },
    /// The connection failed.
    Unreachable {
        /// How.
        why: String,
    },
    /// The credential that the kubeconfig names could not be had.
    Credential {
        /// Why.
        why: String,
    },
    /// Even one object is larger than a page may be.
    TooLarge {
        /// The most bytes that a page may have.
        limit: usize,
    },
    /// What came is no list of this kind.
    Damaged {
        /// What is wrong with it.
        what: String,
    },
    /// The server sent whole Secrets although only their metadata was asked for; they were thrown away unread.
    ValuesSent,
    /// The list grew too old while it was read (410), each time that it was begun.
    Expired,
    /// There is no namespace of that name.
    NoSuchNamespace,
    /// Not asked for: the server had stopped to answer.
    NotAsked,
}

impl Reason {
    /// Whether what is to be done about it is the same; the words may differ each time.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        use std::mem::discriminant;
        match (self, other) {
            (Self::Refused { status, .. }, Self::Refused { status: other, .. }) => status == other,
            (
                Self::Silent { .. } | Self::Unreachable { .. },
                Self::Silent { .. } | Self::Unreachable { .. },
            ) => true,
            _ => discriminant(self) == discriminant(other),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden { message } => write!(
                f,
                "the account may not list it or watch it ({message}); give it the role that Sundew prints for \
                 collecting, or the rights that docs/api-requests.md names for watching"
            ),
            Self::Unauthorized => write!(f, "the server does not accept the credential (401); sign in again"),
            Self::Refused { status, message } => {
                write!(f, "the server answered {status} ({message}); see the API server's log")
            }
            Self::Silent { waited } => write!(
                f,
                "no whole answer came within {waited:?}; allow more time for a request, or ask for smaller pages"
            ),
            Self::Unreachable { why } => {
                write!(f, "the connection failed ({why}); see whether the server can be reached from here")
            }
            Self::Credential { why } => write!(f, "{why}"),
            Self::TooLarge { limit } => {
                write!(f, "an object is larger than {limit} bytes; allow larger pages")
            }
            Self::Damaged { what } => write!(
                f,
                "the answer is no such list ({what}); see whether a proxy stands between here and the server"
            ),
            Self::ValuesSent => write!(
                f,
                "the server sent Secrets with their values although only metadata was asked for; they were thrown \
                 away; leave Secrets out, or ask the server without a proxy between"
            ),
            Self::Expired => write!(f, "it changes faster than it can be read (410); ask for larger pages"),
            Self::NoSuchNamespace => write!(f, "there is no such namespace; see how its name is written"),
            Self::NotAsked => {
                write!(f, "not asked for, because the server had stopped to answer; try again later")
            }
        }
    }
}

/// What the kube crate said, as a reason. Its own words are used only where they cannot hold a credential.
pub(crate) fn of_kube(error: &kube::Error) -> Reason {
    let mut deepest: &dyn Error = error;
    loop {
        if let Some(auth) = deepest.downcast_ref::<AuthError>() {
            return Reason::Credential { why: of_credential(auth) };
        }
        let Some(source) = deepest.source() else { break };
        deepest = source;
    }
    Reason::Unreachable { why: cut(&deepest.to_string()) }
}

/// Why there is no credential. A plugin's output is never shown: it may hold the token.
pub(crate) fn of_credential(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecStart(why) => format!(
            "the credential plugin that the kubeconfig names cannot be run ({why}); install it, or correct its path"
        ),
        AuthError::AuthExecRun { out, .. } => format!(
            "the credential plugin that the kubeconfig names failed ({}); run `kubectl get --raw /version` to see why",
            out.status
        ),
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => {
            "the credential plugin that the kubeconfig names printed no ExecCredential; see its manual".into()
        }
        AuthError::MissingCommand => {
            "the kubeconfig names a credential plugin with no command; add `command` under `exec`".into()
        }
        AuthError::ReadTokenFile(why, path) => {
            format!("the token file {} cannot be read ({why}); see that it is there", path.display())
        }
        AuthError::InvalidBearerToken(_) | AuthError::InvalidBasicAuth(_) => {
            "the kubeconfig's token or password has characters that no HTTP header can have; make it anew".into()
        }
        _ => "the kubeconfig's user has no credential that can be used; a credential plugin (`exec`), a token and a \
              client certificate can, and a session that has ended is begun again with the provider's own login"
            .into(),
    }
}

/// Where and how an answer is no JSON of the shape expected. The parser's own words can quote what it read.
pub(crate) fn where_broken(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Eof => "it ends too early",
        Category::Syntax | Category::Io => "it is not JSON",
        Category::Data => "its fields are not a list's",
    };
    format!("{what}, at line {} column {}", error.line(), error.column())
}

/// Words from outside, fit to be shown: one line, not long.
pub(crate) fn cut(words: &str) -> String {
    let mut short: String =
        words.chars().take(LONGEST_MESSAGE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < words.len() {
        short.push('…');
    }
    short
}
