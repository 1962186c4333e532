// SPDX-License-Identifier: Apache-2.0
// Panics through ten functions, caught; with an argument one more that nobody catches.
use std::panic;

struct Guard;
static mut DROPPED: u32 = 0;
impl Drop for Guard {
    fn drop(&mut self) {
        unsafe { DROPPED += 1 }
    }
}

#[no_mangle]
#[inline(never)]
pub fn f_deep(n: u64) -> u64 {
    let _g = Guard;
    if n == 0 {
        panic!("bottom");
    }
    let r = f_deep(n - 1);
    unsafe { std::ptr::read_volatile(&r) + 1 }
}

#[no_mangle]
#[inline(never)]
pub fn f_catches(n: u64) -> u64 {
    match panic::catch_unwind(|| f_deep(n)) {
        Ok(v) => v,
        Err(e) => e.downcast_ref::<&str>().map_or(0, |s| s.len() as u64),
    }
}

fn main() {
    panic::set_hook(Box::new(|_| {}));
    let mut sum = 0;
    for _ in 0..100 {
        sum += f_catches(10);
    }
    let t = std::thread::spawn(|| f_deep(3));
    println!("caught {} thread {} dropped {}", sum, t.join().is_err(), unsafe { DROPPED });
    if std::env::args().count() > 1 {
        f_deep(2);
    }
}
