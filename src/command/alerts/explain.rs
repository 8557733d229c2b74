//! To be written.

use super::super::Context;
use crate::cli::{Exit, Explain};

pub(super) fn run(_: &Explain, _: &mut Context<'_>) -> anyhow::Result<Exit> {
    anyhow::bail!("could not explain yet")
}
