//! To be written.

use super::super::Context;
use crate::cli::{Exit, Suggest};

pub(super) fn run(_: &Suggest, _: &mut Context<'_>) -> anyhow::Result<Exit> {
    anyhow::bail!("could not suggest yet")
}
