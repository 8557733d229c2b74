//! hostwatch: a single-shot host monitor. One run of `collect` takes a sample, appends it as one JSON line to the
//! day's file, judges it against rules and mails what changed; the other commands read the files.
//!
//! ```text
//! main ─→ cli, command          command ─→ collector, bench, store, notify, render, config, core
//! config ─→ core, collector     render ─→ core     notify ─→ core, config     store ─→ core     collector ─→ core
//! core: alert, expression, summary, rates, shutdown, continuity, gap, template ─→ sample ─→ metric, quantity, series, time ─→ (nothing)
//! ```
//!
//! Invariants, held by lints and by `tests/tidy.rs`:
//! * `sysinfo` is named only under `collector/`, `lettre` and `ureq` only under `notify/`, `comfy_table` only in
//!   `render/table.rs`, `clap` only in `cli.rs`.
//! * The clock is read once, in `main`, and passed down. Nothing but `main` touches stdout, stderr or the exit.
//! * Only `store/` opens data files. Readers never write. A line, once written, is never changed.
//! * A metric is declared once, beside the code that reads it; everything else iterates the registry.
//! * Numbers are formatted only when shown.

pub mod cli;
pub mod clock;
pub mod terminal;

// Core: pure.
pub mod alert;
pub mod continuity;
pub mod event;
pub mod expression;
pub mod gap;
pub mod metric;
pub mod quantity;
pub mod rates;
pub mod sample;
pub mod series;
pub mod shutdown;
pub mod sparkline;
pub mod summary;
pub mod template;
pub mod time;

// Shell: one door each.
pub mod bench;
pub mod child;
pub mod collector;
pub mod config;
pub mod notify;
pub mod regular;
pub mod store;

// Showing.
pub mod command;
pub mod render;
