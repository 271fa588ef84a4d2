//! An audit policy (`audit.k8s.io/v1` `types.go`, `Policy` and `PolicyRule`).

/// How much is logged of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing.
    None,
    /// Who asked for what, and what came of it.
    Metadata,
    /// The request's body as well.
    Request,
    /// The answer's body as well.
    RequestResponse,
}

impl Level {
    /// All of them, least first.
    pub const ALL: [Self; 4] = [Self::None, Self::Metadata, Self::Request, Self::RequestResponse];

    /// The word that policies use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Metadata => "Metadata",
            Self::Request => "Request",
            Self::RequestResponse => "RequestResponse",
        }
    }
}

/// A moment of a request at which an event is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The request arrived. Nothing is known that a later stage does not repeat.
    RequestReceived,
    /// The answer began: of long requests such as watches and exec, and of 401s, which have no other stage.
    ResponseStarted,
    /// The answer ended.
    ResponseComplete,
    /// The server panicked.
    Panic,
}

impl Stage {
    /// All of them, in order of time.
    pub const ALL: [Self; 4] =
        [Self::RequestReceived, Self::ResponseStarted, Self::ResponseComplete, Self::Panic];

    /// The word that policies and events use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestReceived => "RequestReceived",
            Self::ResponseStarted => "ResponseStarted",
            Self::ResponseComplete => "ResponseComplete",
            Self::Panic => "Panic",
        }
    }
}

/// An audit policy: the first rule that fits a request decides; a request that none fits is not logged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Stages that no rule logs.
    pub omit_stages: Vec<Stage>,
    /// Whether `metadata.managedFields` are left out of bodies, where a rule does not say.
    pub omit_managed_fields: bool,
    /// The rules, in order.
    pub rules: Vec<Rule>,
}

/// One rule. An empty list asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// How much is logged.
    pub level: Level,
    /// Names of users, exactly: who authenticated, not whom they act as. Never fits a 401.
    pub users: Vec<String>,
    /// Groups, of which the user must be in one. Never fits a 401.
    pub groups: Vec<String>,
    /// Verbs, exactly.
    pub verbs: Vec<String>,
    /// Resources; then paths that are no resources do not fit.
    pub resources: Vec<Resources>,
    /// Namespaces; the empty one is that of objects of the cluster, and of requests for all namespaces.
    pub namespaces: Vec<String>,
    /// Paths that are no resources, such as `/healthz*`; only looked at where neither resources nor namespaces are given.
    pub urls: Vec<String>,
    /// Stages that this rule does not log, besides those of the policy.
    pub omit_stages: Vec<Stage>,
    /// Whether `metadata.managedFields` are left out of bodies; as the policy says where it is not given.
    pub omit_managed_fields: Option<bool>,
    /// Where it begins in the file it was read from, from 1; 0 where it was not read.
    pub line: usize,
    /// Why it is there: printed above it. Not kept by reading.
    pub comment: String,
}

impl Rule {
    /// A rule that fits everything.
    pub fn new(level: Level) -> Self {
        Self {
            level,
            users: Vec::new(),
            groups: Vec::new(),
            verbs: Vec::new(),
            resources: Vec::new(),
            namespaces: Vec::new(),
            urls: Vec::new(),
            omit_stages: Vec::new(),
            omit_managed_fields: None,
            line: 0,
            comment: String::new(),
        }
    }
}

/// Resources of one API group (`GroupResources`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    /// The group; the core group is empty. There is no wildcard.
    pub group: String,
    /// `pods`, `pods/log`, `pods/*`, `*/scale`, `*`; all of the group, subresources too, where there are none. `pods`
    /// does not fit `pods/log`.
    pub resources: Vec<String>,
    /// Names of objects. A request without a name, such as list or create, fits none.
    pub names: Vec<String>,
}
