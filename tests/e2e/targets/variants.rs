// SPDX-License-Identifier: Apache-2.0
//! Enums of every kind: without data, with names, with places, by niches, in structures.
/// What goes through here must be in memory (std::hint::black_box came with Rust 1.66).
#[inline(never)]
fn keep<T>(x: T) -> T {
    let kept = unsafe { std::ptr::read_volatile(&x) };
    std::mem::forget(x);
    kept
}
pub enum Event { Idle, Click { x: i32, y: i64 }, Key(u8, u16), Name(&'static str) }
#[inline(never)]
pub fn handle(e: &Event, o: Option<i32>, b: Option<&u64>, r: Result<u32, u64>, c: std::cmp::Ordering) -> i64 {
    keep((&o, &b, &r, &c));
    match e { Event::Idle => 0, Event::Click { x, y } => *x as i64 + *y, Event::Key(a, b) => *a as i64 + *b as i64, Event::Name(s) => s.len() as i64 }
}
pub struct Holder { pub id: u32, pub ev: Event, pub opt: Option<Box<u32>> }
#[inline(never)]
pub fn hold(h: &Holder) -> u32 { keep(h).id }
fn main() {
    let v = 77u64;
    println!("{}", handle(&Event::Idle, None, None, Ok(5), std::cmp::Ordering::Less));
    println!("{}", handle(&Event::Click { x: 3, y: -4 }, Some(9), Some(&v), Err(6), std::cmp::Ordering::Equal));
    println!("{}", handle(&Event::Key(1, 2), Some(-1), None, Ok(7), std::cmp::Ordering::Greater));
    println!("{}", handle(&Event::Name("hey"), None, Some(&v), Ok(8), std::cmp::Ordering::Less));
    println!("{}", hold(&Holder { id: 4, ev: Event::Key(7, 8), opt: Some(Box::new(5)) }));
    println!("{}", hold(&Holder { id: 5, ev: Event::Idle, opt: None }));
}
