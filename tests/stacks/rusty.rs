// SPDX-License-Identifier: Apache-2.0
// Closures, trait objects, collections, a panic that is caught.
use std::collections::HashMap;
use std::hint::black_box;

trait Shape {
    fn area(&self, n: u64) -> u64;
}
struct Square;
struct Circle;
impl Shape for Square {
    #[inline(never)]
    fn area(&self, n: u64) -> u64 {
        black_box(n * n)
    }
}
impl Shape for Circle {
    #[inline(never)]
    fn area(&self, n: u64) -> u64 {
        if n == 7 {
            panic!("seven");
        }
        black_box(3 * n * n)
    }
}

#[inline(never)]
fn measure(s: &dyn Shape, n: u64) -> u64 {
    s.area(n) + 1
}

#[inline(never)]
fn count(n: u64) -> usize {
    let mut m: HashMap<String, u64> = HashMap::new();
    for i in 0..n {
        *m.entry(format!("{}", i % 7)).or_insert(0) += i;
    }
    let mut v: Vec<_> = m.into_iter().collect();
    v.sort_by(|a, b| black_box(a.1).cmp(&b.1));
    v.len()
}

fn main() {
    let shapes: Vec<Box<dyn Shape>> = vec![Box::new(Square), Box::new(Circle)];
    let mut sum = 0;
    for i in 0..6 {
        sum += measure(shapes[i % 2].as_ref(), i as u64);
    }
    let caught = std::panic::catch_unwind(|| measure(&Circle, 7));
    println!("{} {} {}", sum, count(50), caught.is_err());
}
