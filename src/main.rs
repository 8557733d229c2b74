//! Clock, arguments, run, print the error, exit code. Nothing else.

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use hostwatch::cli::{self, Cli, Exit};
use hostwatch::collector::apart;
use hostwatch::command::{self, Context};
use hostwatch::render::Terminal;
use hostwatch::render::wording::one_line;
use hostwatch::{clock, terminal};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // One run asks another about a mount that may never answer.
    if let Some(answer) = apart::answer(&arguments) {
        _ = io::stdout().write_all(answer.as_bytes());
        return ExitCode::SUCCESS;
    }
    let cli = match cli::parse(&arguments, &|name| std::env::var_os(name)) {
        Ok(cli) => cli,
        Err(usage) if usage.is_error => return failed(&usage.text),
        // A reader that went away is no failure.
        Err(usage) => {
            _ = io::stdout().write_all(usage.text.as_bytes());
            return ExitCode::SUCCESS;
        }
    };
    match run(&cli) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("{error:#}")),
    }
}

fn run(cli: &Cli) -> anyhow::Result<Exit> {
    let variable = |name: &str| -> Option<OsString> { std::env::var_os(name) };
    let root = cli.global.root.as_deref().unwrap_or(Path::new("/"));
    #[expect(clippy::disallowed_methods, reason = "here the clock is read")]
    let wall = chrono::Utc::now();
    let now = clock::read(root, cli.global.now.as_deref(), wall)?;
    let mut out = Output(BufWriter::new(io::stdout().lock()));
    let mut err = io::stderr().lock();
    let is_terminal = io::stdout().is_terminal();
    let stdout = Terminal {
        is_terminal,
        width: terminal::width(is_terminal.then(io::stdout), &variable),
        color: terminal::wants_color(cli.global.color, is_terminal, &variable),
    };
    let stderr_is_terminal = io::stderr().is_terminal();
    let mut context = Context {
        global: &cli.global,
        now,
        root,
        variable: &variable,
        out: &mut out,
        err: &mut err,
        stdout,
        stderr_is_terminal,
        input: &mut io::stdin().lock(),
        stdin_is_terminal: io::stdin().is_terminal(),
    };
    let exit = command::run(cli.command.as_ref(), &mut context)?;
    out.flush()?;
    Ok(exit)
}

/// Standard output whose failures say what failed.
struct Output<W: Write>(W);

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(|error| explained(&error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(|error| explained(&error))
    }
}

fn explained(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("could not write the result: {error}"))
}

fn failed(text: &str) -> ExitCode {
    // Where even this cannot be written, the exit code says it.
    _ = writeln!(io::stderr(), "hostwatch: {}", one_line(text));
    ExitCode::from(Exit::Failed as u8)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
