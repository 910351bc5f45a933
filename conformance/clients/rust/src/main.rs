//! A reader and client of `.plada` files, after spec/plada-1.md, with the standard library alone.
//!
//! Without arguments it speaks the protocol of the conformance suite. With
//! `[--pool FILE] [--codes FILE] FILE` it reads one file, and its exit status is 0 if it is valid.

#![forbid(unsafe_code)]

mod block;
mod bytes;
mod checksum;
mod content;
mod dense;
mod file;
mod fse;
mod head;
mod huffman;
mod json;
mod positions;
mod protocol;
mod refusal;
mod reverse;
mod rule;
mod sha256;
mod split;
mod text;
mod tree;
mod zstd;

use std::process::ExitCode;

use file::Holdings;
use refusal::{Limits, Result};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        let served = protocol::serve(std::io::stdin().lock(), std::io::stdout().lock());
        return match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("plada-client: {error}");
                ExitCode::from(2)
            }
        };
    }
    match read(&arguments) {
        Some(result) => {
            println!("{{{}}}", protocol::reading(result));
            ExitCode::from(u8::from(result.is_err()))
        }
        None => {
            eprintln!("usage: plada-client [[--pool FILE] [--codes FILE] FILE]");
            ExitCode::from(2)
        }
    }
}

/// What a command line asks for, or None if it is no such command line.
fn read(arguments: &[String]) -> Option<Result<[u8; 32]>> {
    let [options @ .., path] = arguments else { return None };
    let mut holdings = Holdings::default();
    for option in options.chunks(2) {
        let [name, path] = option else { return None };
        let Ok(text) = std::fs::read_to_string(path) else { return Some(Err("x-unreadable")) };
        let read = match name.as_str() {
            "--pool" => protocol::digests(text.lines()).map(|pool| holdings.pool = Some(pool)),
            "--codes" => protocol::codes(text.lines()).map(|codes| holdings.codes = Some(codes)),
            _ => return None,
        };
        if let Err(code) = read {
            return Some(Err(code));
        }
    }
    let data = std::fs::read(path).map_err(|_| "x-unreadable");
    Some(data.and_then(|data| file::read(&data, &Limits::default(), &holdings)))
}
