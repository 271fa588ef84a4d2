//! Exit codes, and how an error is said.

use std::{
    io::{self, Write},
    process::ExitCode,
};

/// What a command ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and nothing was found that was asked for.
    Clean,
    /// Done, and something was found.
    Found,
    /// Not done.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Clean => Self::SUCCESS,
            Exit::Found => Self::from(1),
            Exit::Failed => Self::from(2),
        }
    }
}

/// True if the error is that nobody reads our output any more, as with `| head`.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

/// The error and its causes in one sentence. An error that already says its cause does not say it twice.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        _ if said.contains(&cause) => said,
        _ => format!("{said}: {cause}"),
    })
}

/// Says what went wrong, in one line on standard error.
pub(crate) fn explain(error: &anyhow::Error) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "sundew: {}", sentence(error));
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::sentence;

    #[test]
    fn a_cause_is_said_once() {
        let error =
            anyhow!("no such file").context("cannot read x: no such file").context("no configuration");
        assert_eq!(sentence(&error), "no configuration: cannot read x: no such file");
    }
}
