//! To be written.

use super::super::Context;
use crate::cli::{Exit, Silence, Unsilence};

pub(super) fn begin(_: &Silence, _: &mut Context<'_>) -> anyhow::Result<Exit> {
    anyhow::bail!("could not silence yet")
}

pub(super) fn end(_: &Unsilence, _: &mut Context<'_>) -> anyhow::Result<Exit> {
    anyhow::bail!("could not unsilence yet")
}
