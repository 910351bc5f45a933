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
mod stream;
mod text;
mod tree;
mod zstd;
mod zstd_block;

use std::collections::HashMap;
use std::io::{stdin, stdout};
use std::process::ExitCode;

use json::Value;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.split_last() {
        None => protocol::serve(stdin().lock(), stdout().lock()).map(|()| true),
        Some((path, options)) => request(path, options).map(|request| {
            let reading = protocol::read(&request);
            println!("{{{}}}", protocol::members(&reading));
            reading.is_ok()
        }),
    };
    match done {
        Ok(valid) => ExitCode::from(u8::from(!valid)),
        Err(error) => {
            eprintln!("plada-client: {error}");
            ExitCode::from(2)
        }
    }
}

/// A command line as a request of the protocol.
fn request(path: &str, options: &[String]) -> std::io::Result<Value> {
    let mut request = HashMap::from([("file".into(), Value::Text(path.into()))]);
    for option in options.chunks(2) {
        match option {
            [name, path] if matches!(name.as_str(), "--pool" | "--codes") => {
                let text = std::fs::read_to_string(path)?;
                let lines = text.lines().map(|line| Value::Text(line.into())).collect();
                request.insert(name[2..].into(), Value::Array(lines));
            }
            _ => return Err(std::io::Error::other("usage: [--pool FILE] [--codes FILE] FILE")),
        }
    }
    Ok(Value::Object(request))
}
