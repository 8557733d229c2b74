//! Links the part of libgcc that unwinds into the program. A shared `libgcc_s` would be found, mapped, relocated and
//! asked for the CPU's abilities at every start: a tenth of what a whole `collect` costs.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=src/build.rs");
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let is_static = target("FEATURE").split(',').any(|feature| feature == "crt-static");
    if target("OS") == "linux" && target("ENV") == "gnu" && !is_static {
        // A linker script of the library's name, found before the library.
        let directory = env::var("OUT_DIR")?;
        fs::write(Path::new(&directory).join("libgcc_s.so"), "INPUT(-lgcc_eh -lgcc)\n")?;
        println!("cargo:rustc-link-search=native={directory}");
    }
    Ok(())
}
