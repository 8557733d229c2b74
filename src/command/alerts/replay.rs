//! To be written.

use super::super::Context;
use crate::cli::{Exit, Replay};

pub(super) fn run(_: &Replay, _: &mut Context<'_>) -> anyhow::Result<Exit> {
    anyhow::bail!("could not replay yet")
}
