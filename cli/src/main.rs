//! The `cardlake` command: see [`cardlake::cli`].

fn main() -> std::process::ExitCode {
    cardlake::cli::main()
}
