//! The CRC-32 of zlib, PNG and gzip.

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0xEDB8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// The CRC of what `before` is the CRC of, followed by `data`; `before` is 0 at the start.
pub fn crc32(data: &[u8], before: u32) -> u32 {
    !data.iter().fold(!before, |crc, &byte| TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}
